"""The state folder: everything that a checkout writes, in one git-ignored place; and its database, of one writer."""

import os
import re
import time
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.terminal import say

DATABASE_FILE = "likely_buyers.duckdb"
# what dbt writes: its artifacts, and its log
ARTIFACTS = "target"
LOGS = "logs"
MEMORY_LIMIT = "LIKELY_BUYERS_MEMORY_LIMIT"
LOCK_ATTEMPTS = "LIKELY_BUYERS_LOCK_ATTEMPTS"
# as in profiles.yml
_DEFAULT_LOCK_ATTEMPTS = "5"
_SECONDS_BETWEEN_ATTEMPTS = 1.0


class DatabaseInUse(Exception):
    """Another process holds the database; the message says which one and what to do."""


class BadSetting(Exception):
    """An environment variable has a value that cannot be meant."""


def state_folder(project_dir: Path | None = None) -> Path:
    """The folder `LIKELY_BUYERS_STATE` names, or `warehouse/` of the project.

    A relative path is relative to `project_dir`, from wherever a command is called. None is the current folder, where
    dbt has the models of a project run.
    """
    folder = Path(os.environ.get("LIKELY_BUYERS_STATE") or "warehouse")
    return (project_dir or Path.cwd()) / folder


def artifacts_folder(project_dir: Path) -> Path:
    """Where dbt leaves its artifacts: in the state folder, unless dbt's own variable names another."""
    named = os.environ.get("DBT_ENGINE_TARGET_PATH") or os.environ.get("DBT_TARGET_PATH")
    return project_dir / named if named else state_folder(project_dir) / ARTIFACTS


def memory_limit() -> str:
    """What DuckDB may use before it spills, as profiles.yml has it."""
    return os.environ.get(MEMORY_LIMIT, "4GB")


def lock_attempts(value: object = None) -> int:
    """How often to try to open a database that another process holds, a second apart.

    value: as the profile has it; None reads `LIKELY_BUYERS_LOCK_ATTEMPTS` itself.

    Raises:
        BadSetting: it is no whole number of at least 1.
    """
    given = os.environ.get(LOCK_ATTEMPTS, _DEFAULT_LOCK_ATTEMPTS) if value is None else value
    if not re.fullmatch(r"[0-9]{1,9}", str(given)) or int(str(given)) < 1:
        raise BadSetting(
            f"{LOCK_ATTEMPTS} (retries.connect_attempts in profiles.yml) must be a whole number of at"
            f" least 1: how often to try to open the database, a second apart. Found:"
            f" {os.environ.get(LOCK_ATTEMPTS, given)}."
        )
    return int(str(given))


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
    path, name = str(database).replace("'", "''"), database.stem.replace('"', '""')
    with duckdb.connect() as connection:
        # under the name that the log knows
        connection.execute(f"attach '{path}' as \"{name}\"")
        connection.execute(f'checkpoint "{name}"')
    return not log.exists()


def limits(database: Path) -> dict[str, Any]:
    """DuckDB's configuration as the profile has it, which says why."""
    return {
        "memory_limit": memory_limit(),
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
        lock_attempts(),
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
