"""One publish: every destination of `vars.publish`, each whole."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from likely_buyers.errors import from_extra, without_secrets
from likely_buyers.libpq import connection_options
from likely_buyers.publishing.duckdb_file import publish_duckdb
from likely_buyers.publishing.errors import PublishingError, unfit
from likely_buyers.publishing.folders import file_at, folder_at
from likely_buyers.publishing.gold import Gold, Published, opened_gold
from likely_buyers.publishing.parquet import publish_parquet
from likely_buyers.settings import Lake
from likely_buyers.variables import PUBLISH


def publish(
    lake: Lake,
    settings: Mapping[str, Any],
    base: Path,
    tell: Callable[[Published], None],
    progress: Callable[[int], Callable[[int], None]] = lambda _: lambda _: None,
) -> None:
    """Publish gold of the last build that passed to every destination; `tell` hears of each that is done.

    `settings` are `vars.publish`: null leaves a destination out, and relative paths are relative to `base`.
    `progress` is given the rows to publish, and gives a function to call with the rows published so far.
    What a destination needs is checked before anything is written. One that fails keeps what stood there, and the
    others are published all the same.

    Raises:
        PublishingError: nothing was published, or the message begins with how many destinations were not.
    """
    failed = []
    with _locked(base):
        jobs = list(_jobs(settings, base))
        with opened_gold(lake) as gold:
            rows = gold.total_rows()
            gold.advance = progress(rows * len(jobs))
            for name, job in jobs:
                gold.done, gold.limit = gold.limit, gold.limit + rows
                try:
                    published = job(gold)
                    gold.count(rows)
                    tell(published)
                except Exception as error:
                    # five client libraries, each with errors of its own: all mean that nothing was written there
                    kind = "" if isinstance(error, PublishingError) else f"{type(error).__name__}: "
                    failed.append(f"  {name}: {kind}{error}")
    if failed:
        some = f"{len(failed)} of {len(jobs)} destinations were not published"
        kept = "what stood there stands, each table whole:"
        again = "Mend it and run likely-buyers publish again; what is published costs little."
        raise PublishingError(without_secrets("\n".join([f"{some}; {kept}", *failed, again])))


def _jobs(
    settings: Mapping[str, Any], base: Path
) -> Iterator[tuple[str, Callable[[Gold], Published]]]:
    """The name of each destination and what publishes there; PublishingError where it cannot be or lacks something."""
    duckdb, parquet, delta, keep_days, postgres = (settings.get(name) for name in PUBLISH)
    if duckdb is not None:
        yield duckdb, partial(publish_duckdb, *file_at("duckdb", duckdb, base))
    if parquet is not None:
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
            import likely_buyers.publishing.postgres as server

        schema, role = server.schema_and_role(postgres)
        options = connection_options(
            os.environ, "likely-buyers publish", "vars.publish names PostgreSQL", PublishingError
        )
        yield "PostgreSQL", partial(server.publish_postgres, schema, role, options)


def _locked(base: Path) -> IO[str]:
    """A file that is locked while it is open: two publishes of one installation would write the same files."""
    base.mkdir(parents=True, exist_ok=True)
    lock = (base / ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise PublishingError(
            f"another likely-buyers publish is at work on {base}. Wait for it to end."
        ) from error
    return lock
