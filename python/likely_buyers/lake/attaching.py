"""Opening the lake: with the limits of the profile, waited for while another process has its catalog.

A catalog that is a file has one process at a time, readers included where somebody writes; several may read it.
"""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.lake.extensions import load_extension
from likely_buyers.settings import LOCK_ATTEMPTS, Lake, Settings
from likely_buyers.sql_text import literal
from likely_buyers.terminal import say

LAKE = "likely_buyers"
"""What the lake is called in SQL, as `database` of the profile has it."""

_SECONDS_BETWEEN_ATTEMPTS = 1.0


class LakeInUse(LikelyBuyersError):
    """Another process holds the catalog; the message says which one and what to do."""


def attach(
    connection: duckdb.DuckDBPyConnection, lake: Lake, attempts: int, *, read_only: bool = False
) -> None:
    """Attach the lake to a connection as `LAKE`, waited for while another process holds it: one attempt a second.

    It is made where it is not there, unless it is only read.

    Raises:
        LakeInUse: it was held at every attempt.
        duckdb.Error: it cannot be read.
    """
    load_extension(connection, "ducklake", "")
    options = {
        "data_path": literal(f"{lake.data.rstrip('/')}/"),
        # the state folder may be moved: the catalog names files relative to this one
        "override_data_path": "true",
        # small changes are files, too: DuckLake 1.0 loses deletions that lie in the catalog when files are merged
        "data_inlining_row_limit": "0",
    }
    if read_only:
        options["read_only"] = "true"
        if lake.snapshot is not None:
            options["snapshot_version"] = str(lake.snapshot)
    elif lake.file:
        lake.file.parent.mkdir(parents=True, exist_ok=True)
    told = ", ".join(f"{name} {value}" for name, value in options.items())
    statement = f"attach {literal(f'ducklake:{lake.catalog}')} as {LAKE} ({told})"
    attempt = 1
    while True:
        try:
            connection.execute(statement)
            return
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                raise
            if attempt >= attempts:
                raise LakeInUse(_in_use(lake, error, attempts)) from error
            if attempt == 1:
                say(
                    f"the database {lake.catalog} is in use by {_holder(error)}. Waiting for it: up to"
                    f" {attempts} attempts, a second apart ({LOCK_ATTEMPTS})."
                )
            attempt += 1
            time.sleep(_SECONDS_BETWEEN_ATTEMPTS)


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
        LakeInUse: another process holds it and did not end while we waited.
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
        refusal: there is no lake, or another process holds it.
    """
    if lake.file and not lake.file.exists():
        raise refusal(
            f"there is no database {lake.catalog}, and so no score in it. Make one: dbt build; or set"
            " LIKELY_BUYERS_STATE to the folder that has it."
        )
    try:
        return connect(lake, read_only=read_only)
    except LakeInUse as error:
        raise refusal(str(error)) from error


def _in_use(lake: Lake, error: Exception, attempts: int) -> str:
    waited = f"It did not end within {attempts} attempts, a second apart. " if attempts > 1 else ""
    return (
        f"the database {lake.catalog} is in use by {_holder(error)}, and a catalog that is a file has one writer."
        f" {waited}Wait for it to end (with {LOCK_ATTEMPTS}=600 a command waits by itself, ten minutes at most), close"
        " the tool that has the file open (point BI tools at the published copy instead), or set"
        f" LIKELY_BUYERS_STATE to another folder. DuckDB says: {error}"
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
