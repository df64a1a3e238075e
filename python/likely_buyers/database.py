"""The warehouse's database, of one writer: opened with the limits of the profile, waited for while another has it."""

import re
import time
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.settings import LOCK_ATTEMPTS, Settings
from likely_buyers.terminal import say

_SECONDS_BETWEEN_ATTEMPTS = 1.0


class DatabaseInUse(LikelyBuyersError):
    """Another process holds the database; the message says which one and what to do."""


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """A text in SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def opened_when_free(
    database: Path, attempts: int, *, read_only: bool = False, config: dict[str, Any]
) -> duckdb.DuckDBPyConnection:
    """A connection, waited for while another process holds the database: one attempt a second.

    Raises:
        DatabaseInUse: it was held at every attempt.
        duckdb.IOException: it cannot be read.
    """
    attempt = 1
    while True:
        try:
            return duckdb.connect(str(database), read_only=read_only, config=config)
        except duckdb.InternalException as error:
            if "replaying WAL" not in str(error) or not _finish_log(database):
                raise
        except duckdb.IOException as error:
            if "lock" not in str(error):
                raise
            if attempt >= attempts:
                raise DatabaseInUse(_in_use(database, error, attempts)) from error
            if attempt == 1:
                say(
                    f"the database {database} is in use by {_holder(error)}. Waiting for it: up to"
                    f" {attempts} attempts, a second apart ({LOCK_ATTEMPTS})."
                )
            attempt += 1
            time.sleep(_SECONDS_BETWEEN_ATTEMPTS)


def _finish_log(database: Path) -> bool:
    """Take over what a killed process left in the log beside the database; whether there was any.

    DuckDB fails to open a database whose log alters a table with an expression in its definition: it looks up
    functions before there is a default database (duckdb #19712, #22124). Attached beside another one it can.
    """
    log = database.with_name(database.name + ".wal")
    if not log.exists():
        return False
    name = quoted(database.stem)
    with duckdb.connect() as connection:
        # under the name that the log knows
        connection.execute(f"attach {literal(str(database))} as {name}")
        connection.execute(f"checkpoint {name}")
    return not log.exists()


def limits(database: Path) -> dict[str, Any]:
    """DuckDB's configuration as the profile has it, which says why."""
    return {
        "memory_limit": Settings.of().memory_limit,
        "temp_directory": str(database.parent / "spill"),
        "preserve_insertion_order": "false",
        "disabled_optimizers": "common_subplan",
        "disabled_compression_methods": "alprd",
    }


def connect(database: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """The database with the limits that dbt's profile gives it; UTC, as there.

    Raises:
        BadSetting: the environment gives no usable number of attempts.
        DatabaseInUse: another process holds it and did not end while we waited.
        duckdb.IOException: it cannot be read.
    """
    connection = opened_when_free(
        database,
        Settings.of().lock_attempts(),
        read_only=read_only,
        config=limits(database),
    )
    connection.execute("set TimeZone = 'UTC'")
    return connection


def opened(
    database: Path, refusal: type[Exception], *, read_only: bool
) -> duckdb.DuckDBPyConnection:
    """`connect` to a database that is there.

    Raises:
        refusal: there is no database, or another process holds it.
    """
    if not database.exists():
        raise refusal(
            f"there is no database {database}, and so no score in it. Make one: dbt build; or set"
            " LIKELY_BUYERS_STATE to the folder that has it."
        )
    try:
        return connect(database, read_only=read_only)
    except DatabaseInUse as error:
        raise refusal(str(error)) from error


def _in_use(database: Path, error: Exception, attempts: int) -> str:
    waited = f"It did not end within {attempts} attempts, a second apart. " if attempts > 1 else ""
    return (
        f"the database {database} is in use by {_holder(error)}, and DuckDB allows one writer. {waited}Wait"
        f" for it to end (with {LOCK_ATTEMPTS}=600 a command waits by itself, ten minutes at most), close the"
        " tool that has the file open (point BI tools at the published copy instead), or set"
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
