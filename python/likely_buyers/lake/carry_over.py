"""What an earlier state holds and nobody can compute again, brought into the lake."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from likely_buyers.lake.attaching import LAKE, connect
from likely_buyers.lake.errors import LakeProblem
from likely_buyers.lake.locked import transaction
from likely_buyers.lake.upkeep import rows_and_checksum
from likely_buyers.settings import DATA_FOLDER, Lake
from likely_buyers.sql_text import literal, quoted

_OLD = "earlier"
# columns of today -> what they are of rows from before there were several outcomes
_SINCE_OUTCOMES = {"outcome": "concat('purchase_', horizon_days, 'd')", "scored_with": "null"}

Columns = Mapping[str, str]
"""Column -> its type, and `not null` where that is asked for."""


class CarryOverImpossible(LakeProblem):
    """The earlier tables cannot be read, or the lake holds others; nothing was written."""


@dataclass(frozen=True)
class Carried:
    """A table, its `rows` there, which are as many in the lake now, and whether those were `known` before."""

    table: str
    rows: int
    known: bool


def carry_over(lake: Lake, old: Path, tables: Mapping[str, Columns]) -> list[Carried]:
    """Copy tables of an earlier DuckDB file, or of another lake, into the lake: all of them, or nothing.

    Args:
        lake: it is made where it is not there.
        old: the file, or the catalog of a lake (*.ducklake), its data beside it or where they were made.
        tables: schema.table -> its columns; one that is not there is passed over.

    Raises:
        CarryOverImpossible: the file cannot be read, its columns are others, or the lake has other rows.
        LakeProblem: the lake cannot be opened.
    """
    if not old.is_file():
        raise CarryOverImpossible(
            f"there is no file {old}. Name the file of the earlier tables: likely-buyers carry-over FILE"
        )
    with connect(lake) as connection:
        _attach(connection, old)
        with transaction(connection):
            done = [
                _carried(connection, old, table, columns)
                for table, columns in tables.items()
                if _columns(connection, _OLD, table)
            ]
            if not done:
                raise CarryOverImpossible(
                    f"{old} has none of the tables {', '.join(tables)}: there is nothing to carry over."
                )
    return done


def _attach(connection: duckdb.DuckDBPyConnection, old: Path) -> None:
    source, options = str(old), "read_only"
    if old.suffix == ".ducklake":
        source = f"ducklake:{old}"
        options += ", create_if_not_exists false"
        # a state folder may have been moved
        if (data := old.parent / DATA_FOLDER).is_dir():
            options += f", override_data_path true, data_path {literal(f'{data}/')}"
    try:
        connection.execute(f"attach {literal(source)} as {_OLD} ({options})")
    except duckdb.Error as error:
        raise CarryOverImpossible(
            f"{old} cannot be opened. If another process has it open, let that end; if {old.name}.wal"
            f" lies beside it, a build was killed: run one more with the version that wrote it. DuckDB says: {error}"
        ) from error


def _carried(
    connection: duckdb.DuckDBPyConnection, old: Path, table: str, columns: Columns
) -> Carried:
    schema, name = table.split(".")
    found = _columns(connection, _OLD, table)
    since = {name: text for name, text in _SINCE_OUTCOMES.items() if name in columns.keys() - found}
    found |= since.keys()
    if found != columns.keys():
        raise CarryOverImpossible(
            f"{table} of {old} has other columns: without {sorted(columns.keys() - found)}, and with"
            f" {sorted(found - columns.keys())}. Rename them in a copy of the file, or have the latest version before"
            " the lake build there once more. Nothing was carried over."
        )
    ours, theirs = (f"{database}.{quoted(schema)}.{quoted(name)}" for database in (LAKE, _OLD))
    if since:
        added = ", ".join(f"{text} as {column}" for column, text in since.items())
        theirs = f"(select *, {added} from {theirs})"  # noqa: S608 (texts of this module)
    defined = ", ".join(f"{quoted(column)} {type_}" for column, type_ in columns.items())
    connection.execute(
        f"create schema if not exists {LAKE}.{quoted(schema)}; create table if not exists {ours} ({defined})"
    )
    # as the lake's types have them, whose hashes differ from those of others
    values = ", ".join(
        f"cast({quoted(column)} as {type_.removesuffix(' not null')}) as {quoted(column)}"
        for column, type_ in columns.items()
    )
    wanted, present = (
        f"select {values} from {relation}"  # noqa: S608 (names and types of the project)
        for relation in (theirs, ours)
    )
    known = bool(rows_and_checksum(connection, present)[0])
    if known:
        lacking = f"select count(*) from ({wanted} except all {present})"  # noqa: S608
        ((rows,),) = connection.execute(lacking).fetchall()
        if rows:
            raise CarryOverImpossible(
                f"{table} of the lake holds rows already, and not {rows:,} of those of {old}: which would count? Carry"
                " over into a lake that has not been built yet: move catalog and data folder away, run this again, and"
                " then dbt build. Nothing was carried over."
            )
    else:
        connection.execute(f"insert into {ours} by name {wanted}")
        before, after = (
            rows_and_checksum(connection, wanted),
            rows_and_checksum(connection, present),
        )
        if before != after:
            raise CarryOverImpossible(
                f"{table} has rows and checksum {after} in the lake, and {before} in {old}. Nothing was carried over."
            )
    return Carried(table, rows_and_checksum(connection, wanted)[0], known)


def _columns(connection: duckdb.DuckDBPyConnection, database: str, table: str) -> set[str]:
    rows = connection.execute(
        "select column_name from duckdb_columns() where database_name = ? and schema_name || '.' || table_name = ?",
        [database, table],
    ).fetchall()
    return {column for (column,) in rows}
