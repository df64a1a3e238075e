"""Opening the lake: with the limits of the profile, waited for while another process has its catalog.

A catalog that is a file has one process at a time, readers included where somebody writes; several may read it. One
on a server has one writer at a time, and any readers.
"""

import gc
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.errors import said_by
from likely_buyers.lake.bucket import reach_bucket
from likely_buyers.lake.encryption import read_key
from likely_buyers.lake.errors import LakeInUse, LakeProblem
from likely_buyers.lake.extensions import load_extension
from likely_buyers.lake.locked import keep_lock
from likely_buyers.lake.postgres import Session, connection_string, refused
from likely_buyers.settings import CATALOG, DATA, KEY_FILE, LOCK_ATTEMPTS, STATE, Lake, Settings
from likely_buyers.sql_text import literal
from likely_buyers.terminal import say

LAKE = "likely_buyers"
"""What the lake is called in SQL, as `database` of the profile has it."""
CATALOG_TABLES = f"__ducklake_metadata_{LAKE}"
"""What its catalog is called there."""

_SECONDS_BETWEEN_ATTEMPTS = 1.0
# of a DuckDB file without a table, as a process leaves it that was killed early
_EMPTY_BYTES = 3 * 4096
# what DuckDB says of a catalog that it does not open, and what that is
_REFUSALS = {
    "without a key": f"is encrypted, and no key is given. Set {KEY_FILE} to the file that holds its key.",
    "Wrong encryption key": f"is encrypted with another key than that of {KEY_FILE}. Name the file with its key.",
    "is not encrypted": (
        f"is not encrypted, and {KEY_FILE} names a key. Leave it out; or, for an encrypted lake, set {STATE} to a new"
        " folder and run: likely-buyers carry-over {catalog}"
    ),
    "catalog version mismatch": (
        "was written by another version of DuckLake. Use the version of likely_buyers that wrote it, or a later one."
    ),
    "is explicitly disabled": (
        f"is a database of DuckDB but no catalog of a lake. Name another file ({CATALOG}); what it holds of scores and"
        " campaigns comes into a new lake with: likely-buyers carry-over {catalog}"
    ),
    "Corrupt database file": "is damaged. Restore it and its data from one backup, or remove both and run dbt build.",
    "not a valid DuckDB database": (
        "is no catalog of a lake. Restore it from a backup, or remove it and its data and run dbt build."
    ),
}


def attach(
    connection: duckdb.DuckDBPyConnection, lake: Lake, attempts: int, *, read_only: bool = False
) -> Session | None:
    """Attach the lake to a connection as `LAKE`, waited for while another process holds it: one attempt a second.

    It is made where it is not there, unless it is only read. Who writes to one on a server is given the lock's session.

    Raises:
        LakeInUse: it was held at every attempt.
        LakeProblem: catalog, data and key do not fit, or cannot be reached or written.
        ExtensionMissing: a package is not installed.
        duckdb.Error: it cannot be read.
    """
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
    lock = None
    if lake.file is None:
        load_extension(connection, "postgres_scanner", "[postgres]")
        source = f"postgres:{connection_string(lake)}"
        session = Session.of(lake)
        if not read_only:
            lock = session
            keep_lock(connection, lock)
    else:
        source = lake.catalog
        # the state folder may be moved: the catalog names files relative to this one
        options["override_data_path"] = "true"
        if lake.file.exists() and lake.file.stat().st_size > _EMPTY_BYTES:
            options["create_if_not_exists"] = "false"
    if not read_only:
        _make_place(connection, lake, lock)
    if key_file := Settings.of().key_file:
        options["encrypted"] = "true"
        source = _give_key(connection, lake, read_key(key_file), source)
    told = ", ".join(f"{name} {value}" for name, value in options.items())
    statement = f"attach {literal(f'ducklake:{source}')} as {LAKE} ({told})"
    try:
        _attach_when_free(connection, lake, statement, attempts, lock)
    finally:
        connection.execute(f"drop secret if exists {LAKE}")
    # beside a server somebody else may remove a file between the two looks
    if lake.file and "://" not in lake.data:
        _check_data(connection, lake)
        if not read_only:
            _make_writable(Path(lake.data))
    return lock


def _attach_when_free(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    statement: str,
    attempts: int,
    lock: Session | None,
) -> None:
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


def _give_key(connection: duckdb.DuckDBPyConnection, lake: Lake, key: str, source: str) -> str:
    """What to attach, so that what is written is encrypted. The key of a catalog on a server lies there."""
    # its OpenSSL writes, DuckDB's own code only reads
    load_extension(connection, "httpfs", "[encryption]")
    connection.execute("set temp_file_encryption = true")
    if lake.file is None:
        return source
    # not as an option: duckdb_databases() tells those to who asks
    connection.execute(
        f"create or replace temporary secret {LAKE} (type ducklake, metadata_path {literal(source)},"
        f" metadata_parameters map {{'encryption_key': {literal(key)}}})"
    )
    return LAKE


def _make_place(connection: duckdb.DuckDBPyConnection, lake: Lake, lock: Session | None) -> None:
    """The folder of a catalog that may be written. None is begun over files of others: its upkeep would remove them.

    Raises:
        LakeProblem: it cannot be, or the data are those of another lake.
    """
    if lake.file:
        _make_writable(lake.file.parent)
    # looked at again: who made the lake meanwhile has written the files
    if _is_new(lake, lock) and (found := _any_file(connection, lake)) and _is_new(lake, lock):
        raise LakeProblem(
            f"there is no lake in {lake.catalog} yet, and {lake.data} holds files of another one, such as {found}. Name"
            f" an empty place ({DATA}), or the catalog that the files belong to ({CATALOG})."
        )


def _is_new(lake: Lake, lock: Session | None) -> bool:
    return not lock.has_lake() if lock else not Path(lake.catalog).exists()


def _any_file(connection: duckdb.DuckDBPyConnection, lake: Lake) -> object:
    if "://" not in lake.data:
        return next(Path(lake.data).rglob("*.parquet"), None)
    places = f"{lake.data.rstrip('/')}/**/*.parquet"
    row = connection.execute("select file from glob(?) limit 1", [places]).fetchone()
    return row and row[0]


def _make_writable(folder: Path) -> None:
    """Make a folder of the lake, where it is not there.

    Raises:
        LakeProblem: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        problem = "" if os.access(folder, os.W_OK) else "no right to write there"
    except OSError as error:
        problem = str(error.strerror)
    if problem:
        raise LakeProblem(
            f"the folder {folder} of the lake cannot be written: {problem}. Give the user who builds that right, or"
            f" name another folder ({STATE}, {DATA})."
        )


def _check_data(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Catalog and files belong together: else what is written now would be half of a lake.

    Raises:
        LakeProblem: a file is not there.
    """
    rows = connection.execute(
        "select any_value(schemas.path || tables.path), files.path"  # noqa: S608
        f" from {CATALOG_TABLES}.ducklake_data_file as files"
        f" inner join {CATALOG_TABLES}.ducklake_table as tables using (table_id)"
        f" inner join {CATALOG_TABLES}.ducklake_schema as schemas using (schema_id)"
        " where files.end_snapshot is null group by files.path"
    ).fetchall()
    missing = [
        path for folder, name in rows if not (path := Path(lake.data, folder, name)).exists()
    ]
    if missing:
        raise LakeProblem(
            f"the catalog {lake.catalog} names {len(rows)} files of data, of which {len(missing)} are not in"
            f" {lake.data}, the first: {missing[0]}. Is this the folder of another lake? Name the one that belongs to"
            f" the catalog ({DATA}), or restore both from one backup."
        )


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
        LakeProblem: as `attach`.
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
        refusal: there is no lake, or it cannot be opened.
    """
    if lake.file and not lake.file.exists():
        raise refusal(
            f"there is no database {lake.catalog}, and so no score in it. Make one: dbt build; or set"
            " LIKELY_BUYERS_STATE to the folder that has it."
        )
    try:
        return connect(lake, read_only=read_only)
    except LakeProblem as error:
        raise refusal(str(error)) from error


def _attach(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Attach, past a connection of this process that nobody uses any longer: the frames of an exception may hold it."""
    try:
        connection.execute(statement)
    except duckdb.BinderException as error:
        if "Unique file handle conflict" not in said_by(error):
            raise
        gc.collect()
        connection.execute(statement)


def _held(
    connection: duckdb.DuckDBPyConnection, lake: Lake, statement: str, lock: Session | None
) -> str:
    """Who holds the catalog; '' if it is attached now. The `lock` of a server is taken before."""
    if lock and (holder := lock.holder()):
        return holder
    try:
        _attach(connection, statement)
    except duckdb.Error as error:
        if lock:
            lock.give_back()
        said = said_by(error)
        if "Could not set lock" in said:
            return _holder(error)
        if lake.file is None and "is explicitly disabled" in said:
            raise LakeProblem(
                f"there is no lake in {lake.catalog} yet. Make one: dbt build."
            ) from error
        for sign, refusal in _REFUSALS.items():
            if sign in said:
                raise LakeProblem(
                    f"the lake {lake.catalog} {refusal.format(catalog=lake.catalog)} DuckDB says: {said}"
                ) from error
        if lake.file is None:
            raise LakeProblem(refused(lake, said)) from error
        raise
    return ""


def _in_use(lake: Lake, holder: str, attempts: int) -> str:
    waited = f"It did not end within {attempts} attempts, a second apart. " if attempts > 1 else ""
    a_file = (
        "" if lake.file is None
        else ", close the tool that has the file open (point BI tools at the published copy instead)"
    )  # fmt: skip
    # the folder says nothing of a catalog that is named
    is_named = lake.file is None or lake.state not in lake.file.parents
    elsewhere = (
        f"{CATALOG} and {DATA} to other places" if is_named else f"{STATE} to another folder"
    )
    return (
        f"the database {lake.catalog} is in use by {holder}, and a catalog has one writer. {waited}Wait for it to end"
        f" (with {LOCK_ATTEMPTS}=600 a command waits by itself, ten minutes at most){a_file}, or set"
        f" {elsewhere}."
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
