"""One publish: every destination of `vars.publish`, each whole."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from likely_buyers.errors import from_extra
from likely_buyers.publishing.build import PassedBuild
from likely_buyers.publishing.errors import (
    DestinationFailed,
    PublishingError,
    unfit,
    without_secrets,
)
from likely_buyers.publishing.folders import file_at, folder_at
from likely_buyers.publishing.gold import Gold, opened_gold
from likely_buyers.publishing.manifests import Published
from likely_buyers.variables import PUBLISH, did_you_mean

_Job = Callable[[Gold], Published]


def publish(
    database: Path,
    build: PassedBuild,
    settings: Mapping[str, Any],
    base: Path,
    tell: Callable[[Published], None],
    progress: Callable[[int], Callable[[int], None]] | None = None,
) -> None:
    """Publish the gold of a build to every destination; `tell` hears of each that is done.

    `settings` are `vars.publish`: null leaves a destination out, and relative paths are relative to `base`.
    `progress` is given the rows to publish, and gives a function to call with the rows published so far.
    What a destination needs is checked before anything is written. One that fails keeps what stood there, and the
    others are published all the same.

    Raises:
        PublishingError: nothing was published, or, DestinationFailed, some destination was not.
    """
    failed = []
    with _one_at_a_time(base):
        jobs = list(_jobs(settings, base))
        with opened_gold(database, build) as opened:
            rows = opened.total_rows()
            advance = progress(rows * len(jobs)) if progress else lambda _: None
            for number, (name, job) in enumerate(jobs):
                gold = replace(opened, count=_Counting(advance, rows * number, rows))
                try:
                    published = job(gold)
                    advance(rows * (number + 1))
                    tell(published)
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


class _Counting:
    """Adds up the rows of a job after those of earlier jobs."""

    def __init__(self, advance: Callable[[int], None], before: int, rows: int) -> None:
        self._advance, self._before, self._rows, self._done = advance, before, rows, 0

    def __call__(self, rows: int) -> None:
        # the manifest is written as a table, too, and is none of the rows to publish
        self._done = min(self._done + rows, self._rows)
        self._advance(self._before + self._done)


def _jobs(settings: Mapping[str, Any], base: Path) -> Iterator[tuple[str, _Job]]:
    """The name of each destination and what publishes there; PublishingError where it cannot be or lacks something."""
    unknown = sorted(set(settings) - set(PUBLISH))
    if unknown:
        raise PublishingError(
            f"vars.publish has no setting {', '.join(unknown)}. {did_you_mean(unknown[0], PUBLISH)}"
        )
    duckdb, parquet, delta, keep_days, postgres = (settings.get(name) for name in PUBLISH)
    if duckdb is not None:
        from likely_buyers.publishing.duckdb_file import publish_duckdb

        yield duckdb, partial(publish_duckdb, *file_at("duckdb", duckdb, base))
    if parquet is not None:
        from likely_buyers.publishing.parquet import publish_parquet

        yield parquet, partial(publish_parquet, folder_at("parquet", parquet, base))
    if delta is not None:
        # a shop that wants no Delta tables says so, and needs no package for them
        with from_extra("publish", "vars.publish.delta"):
            from likely_buyers.publishing.delta import publish_delta

        if not isinstance(keep_days, int) or keep_days < 0:
            raise unfit("delta_keep_days", keep_days, "a whole number of days")
        yield delta, partial(publish_delta, folder_at("delta", delta, base), keep_days)
    if postgres is not None:
        with from_extra("postgres", "vars.publish.postgres"):
            from likely_buyers.publishing.postgres import (
                PostgresSchema,
                connection_options,
                publish_postgres,
            )

        schema = PostgresSchema.of(postgres)
        yield "PostgreSQL", partial(publish_postgres, schema, connection_options())


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
