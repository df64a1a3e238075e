"""One publish: every destination of `vars.publish`, each whole."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from likely_buyers.publishing.build import PassedBuild
from likely_buyers.publishing.errors import DestinationFailed, PublishingError, without_secrets
from likely_buyers.publishing.folders import folder_at
from likely_buyers.publishing.gold import Gold, opened_gold
from likely_buyers.publishing.manifests import Published
from likely_buyers.publishing.postgres import (
    PostgresSchema,
    connection_options,
    publish_postgres,
)

_FOLDERS = ("duckdb", "parquet", "delta")
_SETTINGS = (*_FOLDERS, "delta_keep_days", "postgres")


@dataclass(frozen=True)
class Destinations:
    """Where gold goes, as `vars.publish` says; None leaves one out. Relative paths are relative to `base`."""

    base: Path
    duckdb: str | None
    parquet: str | None
    delta: str | None
    delta_keep_days: int
    postgres: PostgresSchema | None

    @classmethod
    def of(cls, settings: Mapping[str, Any], base: Path) -> Destinations:
        """The destinations of `vars.publish`.

        Raises:
            PublishingError: an unknown setting, or a value that is none.
        """
        given: dict[str, Any] = {**dict.fromkeys(_SETTINGS), **settings}
        unknown = sorted(set(given) - set(_SETTINGS))
        if unknown:
            raise PublishingError(
                f"vars.publish has no setting {', '.join(unknown)}: expected {', '.join(_SETTINGS)}."
            )
        for name in _FOLDERS:
            value = given[name]
            if value is not None and not (isinstance(value, str) and value.strip()):
                raise _misfit(name, value, "a path, s3://bucket/prefix or null")
        days = given["delta_keep_days"]
        if not isinstance(days, int) or days < 0:
            raise _misfit("delta_keep_days", days, "a whole number of days")
        return cls(base, **{**given, "postgres": _postgres_schema(given["postgres"])})


def _postgres_schema(settings: Any) -> PostgresSchema | None:
    if settings is None:
        return None
    if not isinstance(settings, dict) or set(settings) - {"schema", "reader_role"}:
        raise _misfit(
            "postgres",
            settings,
            "null or {schema: gold, reader_role: NAME} (PGHOST, PGDATABASE, PGUSER and PGPASSWORD tell the server and"
            " the credentials)",
        )
    for name, value in settings.items():
        # names are quoted; what PostgreSQL would cut or keeps to itself is refused
        if value is not None and (
            not isinstance(value, str)
            or not 0 < len(value.encode()) < 64
            or value.startswith("pg_")
            or value in ("public", "none", "information_schema")
        ):
            raise _misfit(
                f"postgres.{name}",
                value,
                "a name of at most 63 bytes that PostgreSQL does not reserve",
            )
    return PostgresSchema(settings.get("schema") or "gold", settings.get("reader_role"))


def _misfit(setting: str, value: Any, expected: str) -> PublishingError:
    return PublishingError(f"vars.publish.{setting} must be {expected}, found: {value!r}")


def publish(
    database: Path,
    build: PassedBuild,
    destinations: Destinations,
    tell: Callable[[Published], None],
) -> None:
    """Publish the gold of a build to every destination; `tell` hears of each that is done.

    What a destination needs is checked before anything is written. One that fails keeps what stood there, and the
    others are published all the same.

    Raises:
        PublishingError: nothing was published, or, DestinationFailed, some destination was not.
    """
    failed = []
    with _one_at_a_time(destinations.base):
        jobs = list(_jobs(destinations))
        with opened_gold(database, build) as gold:
            for name, job in jobs:
                try:
                    tell(job(gold))
                except PublishingError as error:
                    failed.append(f"{name}: {error}")
                except Exception as error:
                    # five client libraries, each with errors of its own: all mean that nothing was written there
                    failed.append(f"{name}: {type(error).__name__}: {error}")
    if failed:
        raise DestinationFailed(
            without_secrets(
                f"{len(failed)} of {len(jobs)} destinations were not published; what stood there stands, each table"
                " whole:\n"
                + "\n".join(f"  {problem}" for problem in failed)
                + "\nMend it and run likely-buyers publish again; what is published already costs little."
            )
        )


def _jobs(destinations: Destinations) -> Iterator[tuple[str, Callable[[Gold], Published]]]:
    """The name of each destination and what publishes there; raises PublishingError where something is missing."""
    if destinations.duckdb is not None:
        from likely_buyers.publishing.duckdb_file import publish_duckdb

        parent, slash, name = destinations.duckdb.rpartition("/")
        if not name or (parent.startswith("s3:") and len(PurePosixPath(parent).parts) < 2):
            raise PublishingError(
                "vars.publish.duckdb must name a file, such as gold.duckdb or s3://bucket/gold.duckdb, found:"
                f" {destinations.duckdb}"
            )
        file_folder = folder_at(parent or slash, destinations.base)
        yield destinations.duckdb, lambda gold: publish_duckdb(gold, file_folder, name)
    if destinations.parquet is not None:
        from likely_buyers.publishing.parquet import publish_parquet

        parquet = folder_at(destinations.parquet, destinations.base)
        yield destinations.parquet, lambda gold: publish_parquet(gold, parquet)
    if destinations.delta is not None:
        from likely_buyers.publishing.delta import publish_delta

        delta = folder_at(destinations.delta, destinations.base)
        yield (
            destinations.delta,
            lambda gold: publish_delta(gold, delta, destinations.delta_keep_days),
        )
    if destinations.postgres is not None:
        schema, options = destinations.postgres, connection_options()
        yield "PostgreSQL", lambda gold: publish_postgres(gold, schema, options)


@contextmanager
def _one_at_a_time(base: Path) -> Iterator[None]:
    """Two publishes of one installation would write the same files."""
    base.mkdir(parents=True, exist_ok=True)
    with (base / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PublishingError(
                f"another likely-buyers publish is at work on {base}. Wait for it to end."
            ) from error
        yield
