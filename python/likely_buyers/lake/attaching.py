"""Opening the lake: with the limits of the profile, waited for while another process has its catalog.

A catalog that is a file has one process at a time, readers included where somebody writes; several may read it. One
on a server has one writer at a time, and any readers.
"""

import re
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.lake.bucket import reach_bucket
from likely_buyers.lake.errors import LakeInUse, LakeUnusable
from likely_buyers.lake.extensions import load_extension
from likely_buyers.lake.postgres import Session, connection_string, refused
from likely_buyers.settings import LOCK_ATTEMPTS, Lake, Settings
from likely_buyers.sql_text import literal
from likely_buyers.terminal import say

LAKE = "likely_buyers"
"""What the lake is called in SQL, as `database` of the profile has it."""

_SECONDS_BETWEEN_ATTEMPTS = 1.0


def attach(
    connection: duckdb.DuckDBPyConnection, lake: Lake, attempts: int, *, read_only: bool = False
) -> Session | None:
    """Attach the lake to a connection as `LAKE`, waited for while another process holds it: one attempt a second.

    It is made where it is not there, unless it is only read. Who writes to one on a server is given the lock's session.

    Raises:
        LakeInUse: it was held at every attempt.
        LakeUnusable: its server or its bucket cannot be reached, or its version is another.
        ExtensionMissing: a package is not installed.
        duckdb.Error: it cannot be read.
    """
    catalog, lock = lake.catalog, None
    load_extension(connection, "ducklake", "")
    if lake.data.startswith("s3://"):
        reach_bucket(connection, lake.data)
    options = {
        "data_path": literal(f"{lake.data.rstrip('/')}/"),
        # small changes are files, too: DuckLake 1.0 loses deletions that lie in the catalog when files are merged
        "data_inlining_row_limit": "0",
    }
    if read_only:
        options["read_only"] = "true"
        if lake.snapshot is not None:
            options["snapshot_version"] = str(lake.snapshot)
    if lake.file is None:
        load_extension(connection, "postgres_scanner", "[postgres]")
        catalog = f"postgres:{connection_string(lake)}"
        session = Session.of(lake)
        if not read_only:
            lock = session
            # until the connection is gone, or the process
            weakref.finalize(connection, lambda kept: None, lock)
    else:
        # the state folder may be moved: the catalog names files relative to this one
        options["override_data_path"] = "true"
        if not read_only:
            lake.file.parent.mkdir(parents=True, exist_ok=True)
    told = ", ".join(f"{name} {value}" for name, value in options.items())
    statement = f"attach {literal(f'ducklake:{catalog}')} as {LAKE} ({told})"
    attempt = 1
    while holder := _held(connection, lake, statement, lock):
        if attempt >= attempts:
            raise LakeInUse(_in_use(lake, holder, attempts))
        if attempt == 1:
            say(
                f"the database {lake.catalog} is in use by {holder}. Waiting for it: up to {attempts} attempts, a"
                f" second apart ({LOCK_ATTEMPTS})."
            )
        attempt += 1
        time.sleep(_SECONDS_BETWEEN_ATTEMPTS)
    return lock


def limits(lake: Lake) -> dict[str, Any]:
    """DuckDB's configuration as the profile has it, which says why."""
    return {
        "memory_limit": Settings.of().memory_limit,
        "temp_directory": str(lake.state / "spill"),
        "preserve_insertion_order": "false",
        "disabled_optimizers": "common_subplan",
    }


def connect(
    lake: Lake, *, read_only: bool = False, config: Mapping[str, Any] | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection whose database is the lake, with the limits that dbt's profile gives it; UTC, as there.

    Raises:
        BadSetting: the environment gives no usable number of attempts.
        LakeUnusable: it cannot be reached; `LakeInUse`: another process holds it and did not end while we waited.
        duckdb.Error: it cannot be read.
    """
    attempts = Settings.of().lock_attempts()
    connection = duckdb.connect(config=dict(config or limits(lake)))
    try:
        connection.execute("set TimeZone = 'UTC'")
        attach(connection, lake, attempts, read_only=read_only)
        connection.execute(f"use {LAKE}.main")
    except BaseException:
        connection.close()
        raise
    return connection


def opened(lake: Lake, refusal: type[Exception], *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """`connect` to a lake that is there.

    Raises:
        refusal: there is no lake, it cannot be reached, or another process holds it.
    """
    if lake.file and not lake.file.exists():
        raise refusal(
            f"there is no database {lake.catalog}, and so no score in it. Make one: dbt build; or set"
            " LIKELY_BUYERS_STATE to the folder that has it."
        )
    try:
        return connect(lake, read_only=read_only)
    except LakeUnusable as error:
        raise refusal(str(error)) from error


def _held(
    connection: duckdb.DuckDBPyConnection, lake: Lake, statement: str, lock: Session | None
) -> str:
    """Who holds the catalog; '' if it is attached now. The `lock` of a server is taken before."""
    if lock and (holder := lock.holder()):
        return holder
    try:
        connection.execute(statement)
    except duckdb.Error as error:
        if lock:
            lock.give_back()
        said = " ".join(str(error).split())
        if "Could not set lock" in said:
            return _holder(error)
        if "creating a new DuckLake is explicitly disabled" in said:
            raise LakeUnusable(
                f"there is no lake in {lake.catalog} yet. Make one: dbt build."
            ) from error
        if "version mismatch" in said:
            raise LakeUnusable(
                f"the catalog {lake.catalog} was written by another version of DuckLake, so nothing was read or"
                f" written. Take the version of likely_buyers that wrote it last. DuckDB says: {said}"
            ) from error
        if lake.file is None:
            raise LakeUnusable(refused(lake, said)) from error
        raise
    return ""


def _in_use(lake: Lake, holder: str, attempts: int) -> str:
    waited = f"It did not end within {attempts} attempts, a second apart. " if attempts > 1 else ""
    a_file = (
        "" if lake.file is None
        else ", close the tool that has the file open (point BI tools at the published copy instead)"
    )  # fmt: skip
    return (
        f"the database {lake.catalog} is in use by {holder}, and a catalog has one writer. {waited}Wait for it to end"
        f" (with {LOCK_ATTEMPTS}=600 a command waits by itself, ten minutes at most){a_file}, or set"
        " LIKELY_BUYERS_STATE to another folder."
    )


def _holder(error: Exception) -> str:
    """Who holds the file, as far as DuckDB and the system say it."""
    named = re.search(r"held in (?P<program>.+?) \(PID (?P<pid>[0-9]+)\)", str(error))
    if not named:
        return "another process"
    try:
        # most of ours are "python": what it runs says more; only Linux has this file
        words = Path(f"/proc/{named['pid']}/cmdline").read_bytes().decode(errors="replace")
        command = " ".join(words.replace("\0", " ").split())[:120]
    except OSError:
        command = ""
    return f"another process: PID {named['pid']}, {command or named['program']}"
