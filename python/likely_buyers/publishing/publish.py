"""One publish: every place of `vars.publish`, each whole."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from likely_buyers.errors import from_extra
from likely_buyers.publishing.build import PassedBuild
from likely_buyers.publishing.errors import (
    PlaceFailed,
    PublishingError,
    PublishingMisconfigured,
    without_secrets,
)
from likely_buyers.publishing.folders import Folder, folder_at
from likely_buyers.publishing.gold import Gold, opened_gold
from likely_buyers.publishing.receipts import Published
from likely_buyers.variables import PUBLISH, did_you_mean

if TYPE_CHECKING:
    from likely_buyers.publishing.postgres import PostgresPlace


@dataclass(frozen=True)
class Places:
    """Where gold goes, as `vars.publish` says; None leaves a place out. Relative paths are relative to `base`."""

    base: Path
    duckdb: str | None
    parquet: str | None
    delta: str | None
    delta_keep_days: int
    postgres: PostgresPlace | None

    @classmethod
    def of(cls, settings: Mapping[str, Any], base: Path) -> Places:
        """The places of `vars.publish`.

        Raises:
            PublishingMisconfigured: an unknown setting, or a value that is none.
        """
        unknown = sorted(set(settings) - set(PUBLISH))
        if unknown:
            raise PublishingMisconfigured(
                f"vars.publish has no setting {', '.join(unknown)}. {did_you_mean(unknown[0], PUBLISH)}"
            )
        for name in ("duckdb", "parquet", "delta"):
            value = settings.get(name)
            if value is not None and not (isinstance(value, str) and value.strip()):
                raise PublishingMisconfigured(
                    f"vars.publish.{name} must be a path, s3://bucket/prefix or null, found: {value!r}"
                )
        keep_days = settings.get("delta_keep_days")
        if not isinstance(keep_days, int) or keep_days < 0:
            raise PublishingMisconfigured(
                f"vars.publish.delta_keep_days must be a whole number of days, found: {keep_days!r}"
            )
        return cls(
            base,
            settings.get("duckdb"),
            settings.get("parquet"),
            settings.get("delta"),
            keep_days,
            _postgres_place(settings.get("postgres")),
        )


def _postgres_place(settings: Any) -> PostgresPlace | None:
    if settings is None:
        return None
    if not isinstance(settings, dict) or set(settings) - {"schema", "reader_role"}:
        raise PublishingMisconfigured(
            "vars.publish.postgres must be null or {schema: gold, reader_role: NAME}; the server and the credentials"
            " are told by PGHOST, PGDATABASE, PGUSER and PGPASSWORD."
        )
    for name, value in settings.items():
        # names are quoted; what PostgreSQL would cut or keeps to itself is refused
        if value is not None and (
            not isinstance(value, str)
            or not 0 < len(value.encode()) < 64
            or value.startswith("pg_")
            or value in ("public", "none", "information_schema")
        ):
            raise PublishingMisconfigured(
                f"vars.publish.postgres.{name} must be a name of at most 63 bytes that PostgreSQL does not reserve,"
                f" found: {value!r}"
            )
    with from_extra("postgres", "vars.publish.postgres"):
        from likely_buyers.publishing.postgres import PostgresPlace

    return PostgresPlace(settings.get("schema") or "gold", settings.get("reader_role"))


def publish(
    database: Path,
    build: PassedBuild,
    places: Places,
    tell: Callable[[Published], None],
    progress: Callable[[int], Callable[[int], None]] | None = None,
) -> None:
    """Publish the gold of a build to every place; `tell` hears of each that is done.

    progress: given the rows to publish, a function to call with the rows published so far.

    What a place needs is checked before anything is written. A place that fails keeps what stood there, and the
    others are published all the same.

    Raises:
        PublishingError: nothing was published, or, PlaceFailed, some place was not.
    """
    failed = []
    with _one_at_a_time(places.base):
        jobs = list(_jobs(places))
        with opened_gold(database, build) as opened:
            rows = opened.rows()
            advance = progress(rows * len(jobs)) if progress else lambda _: None
            for number, (place, job) in enumerate(jobs):
                gold = replace(opened, count=_Counting(advance, rows * number))
                try:
                    published = job(gold)
                    advance(rows * (number + 1))
                    tell(published)
                except PublishingError as error:
                    failed.append(f"{place}: {error}")
                except Exception as error:
                    # five client libraries, each with errors of its own: all mean that this place was not written
                    failed.append(f"{place}: {type(error).__name__}: {error}")
    if failed:
        raise PlaceFailed(
            without_secrets(
                f"{len(failed)} of {len(jobs)} places were not published; what stood there stands, each table whole:\n"
                + "\n".join(f"  {problem}" for problem in failed)
                + "\nMend it and run likely-buyers publish again; what is published already costs little."
            )
        )


class _Counting:
    """Adds up the rows of a job after those of earlier jobs."""

    def __init__(self, advance: Callable[[int], None], before: int) -> None:
        self._advance, self._done = advance, before

    def __call__(self, rows: int) -> None:
        self._done += rows
        self._advance(self._done)


_Job = Callable[[Gold], Published]


def _jobs(places: Places) -> Iterator[tuple[str, _Job]]:
    at = datetime.now(UTC)
    if places.duckdb is not None:
        yield places.duckdb, _duckdb_job(places, at)
    if places.parquet is not None:
        from likely_buyers.publishing.parquet import publish_parquet

        parquet = folder_at(places.parquet, places.base)
        yield places.parquet, lambda gold: publish_parquet(gold, parquet, at)
    if places.delta is not None:
        # a shop that wants no Delta tables says so, and needs no package for them
        with from_extra("publish", "vars.publish.delta"):
            from likely_buyers.publishing.delta import publish_delta

        delta, days = folder_at(places.delta, places.base), places.delta_keep_days
        yield places.delta, lambda gold: publish_delta(gold, delta, days, at)
    if places.postgres is not None:
        import os

        from likely_buyers.publishing.postgres import connection_options, publish_postgres

        connection_options(os.environ)
        postgres = places.postgres
        yield "PostgreSQL", lambda gold: publish_postgres(gold, postgres, at)


def _duckdb_job(places: Places, at: datetime) -> _Job:
    from likely_buyers.publishing.duckdb_file import publish_duckdb

    place = places.duckdb or ""
    parent, _, name = place.rpartition("/")
    if not name or (place.startswith("s3:") and len(PurePosixPath(place).parts) < 3):
        raise PublishingMisconfigured(
            f"vars.publish.duckdb must name a file, such as gold.duckdb or s3://bucket/gold.duckdb, found: {place}"
        )
    folder: Folder = folder_at(parent or ("/" if place.startswith("/") else "."), places.base)
    return lambda gold: publish_duckdb(gold, folder, name, at)


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
