"""Upkeep: small files merged, deleted rows left out of files, old snapshots and files that nobody needs forgotten.

DuckLake does it. What it must not change is looked at before and after: rows and checksum of each table now, and at the
oldest snapshot that is kept.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.lake.attaching import CATALOG_TABLES, LAKE
from likely_buyers.lake.builds import last_builds
from likely_buyers.lake.locked import transaction
from likely_buyers.sql_text import literal, quoted

# what DuckLake calls the changes of its own upkeep
_OWN = ("merge_adjacent", "rewrite_delete")
# what another process may be writing is no file that was left behind
_DAYS_OF_A_WRITER = 1
# nor is one that was merged into another, while a query may be reading it
_DAYS_OF_A_READER = 1
# what a build merges: a file of a day or two of a small table
_MANY_FILES = 30
_SMALL_BYTES = 1_000_000


class LakeChanged(LikelyBuyersError):
    """Upkeep has changed what a table holds, which it never may."""


@dataclass(frozen=True)
class Size:
    """Files of data in use, their bytes, and the snapshots that can be read."""

    files: int
    bytes: int
    snapshots: int


@dataclass(frozen=True)
class Upkeep:
    """What was there before and after. So many `tables` were compared; also as of the oldest snapshot kept, `past`.

    None were where another program, which asks for no lock, wrote meanwhile.
    """

    before: Size
    after: Size
    tables: int
    past: int | None


def maintain(connection: duckdb.DuckDBPyConnection, keep_days: int, now: datetime) -> Upkeep:
    """Merge, rewrite, expire and clean.

    Args:
        connection: whose database is the lake, with nothing else at work in this process.
        keep_days: days for which snapshots are kept; the latest and the published one are in any case.
        now: with a time zone.

    Raises:
        LakeChanged: a table is not what it was.
        duckdb.Error: the lake cannot be written.
    """
    oldest_kept = now - timedelta(days=keep_days)
    before = _size(connection)
    past = next(iter(_kept(connection, oldest_kept)), None)
    start = _latest(connection)
    told = _checksums(connection, start)
    told_past = {} if past is None else _checksums(connection, past)
    _call(connection, "merge_adjacent_files")
    _call(connection, "rewrite_data_files", "delete_threshold => 0")
    _call(connection, "merge_adjacent_files")
    expire(connection, oldest_kept)
    orphans = now - timedelta(days=_DAYS_OF_A_WRITER)
    _call(connection, "delete_orphaned_files", f"older_than => {_moment(orphans)}")
    end = _latest(connection)
    if is_alone := not _others_wrote(connection, start, end):
        _compare("now", told, _checksums(connection, end))
    if past is not None:
        _compare(f"at snapshot {past}", told_past, _checksums(connection, past))
    return Upkeep(before, _size(connection), len(told) if is_alone else 0, past)


def tidy(connection: duckdb.DuckDBPyConnection, before: datetime) -> None:
    """What a build does of it by itself, being cheap: small files are merged where a table has many, and `expire`."""
    many = connection.execute(
        f"select table_id from {CATALOG_TABLES}.ducklake_data_file where end_snapshot is null and file_size_bytes < ?"  # noqa: S608
        " group by table_id having count(*) > ?",
        [_SMALL_BYTES, _MANY_FILES],
    ).fetchone()
    if many:
        _call(connection, "merge_adjacent_files", f"max_file_size => {_SMALL_BYTES}")
    expire(connection, before)


def expire(connection: duckdb.DuckDBPyConnection, before: datetime) -> None:
    """Forget the snapshots from before a moment, but for the latest and the published one, and what only they need."""
    kept = _kept(connection, before)
    found = connection.execute(
        "select snapshot_id from ducklake_snapshots(?) order by all", [LAKE]
    ).fetchall()
    old = [snapshot for (snapshot,) in found[:-1] if snapshot not in kept]
    if old:
        _call(connection, "expire_snapshots", f"versions => {old}")
        _call(connection, "cleanup_old_files", _unread(connection))


def _unread(connection: duckdb.DuckDBPyConnection) -> str:
    """The files that nobody reads any more: all, but under a server, where readers go on while somebody writes."""
    kind = connection.execute("select catalog_type from ducklake_settings(?)", [LAKE]).fetchone()
    if kind != ("postgres",):
        return "cleanup_all => true"
    return f"older_than => {_moment(datetime.now(UTC) - timedelta(days=_DAYS_OF_A_READER))}"


def _compare(
    when: str, before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]
) -> None:
    for table in before.keys() | after.keys():
        if before.get(table) != after.get(table):
            raise LakeChanged(
                f"after its upkeep the table {table} {when} has rows and checksum {after.get(table)}, and had"
                f" {before.get(table)}. Do not build on it: restore the catalog and its data from a backup, and"
                " report this with the version of duckdb-extension-ducklake."
            )


def _call(connection: duckdb.DuckDBPyConnection, function: str, *arguments: str) -> None:
    # counted, since times with a zone ask for one more package when they are fetched
    given = ", ".join([literal(LAKE), *arguments])
    with transaction(connection):
        connection.execute(f"select count(*) from ducklake_{function}({given})").fetchall()  # noqa: S608


def _moment(moment: datetime) -> str:
    return f"cast({literal(moment.isoformat())} as timestamptz)"


def _size(connection: duckdb.DuckDBPyConnection) -> Size:
    row = connection.execute(
        "select sum(file_count + delete_file_count), sum(file_size_bytes + delete_file_size_bytes),"
        " (select count(*) from ducklake_snapshots(?)) from ducklake_table_info(?)",
        [LAKE, LAKE],
    ).fetchone()
    return Size(*(int(number or 0) for number in row or (0, 0, 0)))


def _latest(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute(
        "select max(snapshot_id) from ducklake_snapshots(?)", [LAKE]
    ).fetchone()
    return int(row[0]) if row else 0


def _others_wrote(connection: duckdb.DuckDBPyConnection, start: int, end: int) -> bool:
    row = connection.execute(
        "select count(*) from ducklake_snapshots(?) where snapshot_id > ? and snapshot_id <= ?"
        " and not list_has_all(?, map_keys(changes))",
        [LAKE, start, end, list(_OWN)],
    ).fetchone()
    return bool(row and row[0])


def _kept(connection: duckdb.DuckDBPyConnection, oldest: datetime) -> list[int]:
    """Snapshots that stay, in their order: since a moment, and that of the last build that passed."""
    passed, _ = last_builds(connection)
    found = connection.execute(
        "select snapshot_id from ducklake_snapshots(?) where snapshot_time >= cast(? as timestamptz) or snapshot_id = ?"
        " order by all",
        [LAKE, oldest.isoformat(), passed and passed.snapshot],
    ).fetchall()
    return [snapshot for (snapshot,) in found]


def _checksums(connection: duckdb.DuckDBPyConnection, version: int) -> dict[str, tuple[int, int]]:
    """Table -> (rows, sum of the hashes of its rows) of the tables there are now, as far as they were there then."""
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ? order by all",
        [LAKE],
    ).fetchall()
    found = {}
    for schema, table in tables:
        query = f"select * from {quoted(schema)}.{quoted(table)} at (version => {version})"  # noqa: S608
        with suppress(duckdb.CatalogException):
            found[f"{schema}.{table}"] = rows_and_checksum(connection, query)
    return found


def rows_and_checksum(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, int]:
    """Rows of a query, and the sum of their hashes."""
    ((rows, checksum),) = connection.execute(
        f"select count(*), coalesce(sum(hash(whole)), 0) from ({query}) as whole"  # noqa: S608
    ).fetchall()
    return int(rows), int(checksum)
