"""The rows of a relation that are to be read, copied in one snapshot."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from likely_buyers.errors import said_by
from likely_buyers.sources.databases import FILES, opened
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.relation.setting import Relation
from likely_buyers.sql_text import literal, quoted

_INTEGERS = "U?(TINYINT|SMALLINT|INTEGER|BIGINT)|U?HUGEINT"
_NUMBER = re.compile(rf"({_INTEGERS}|DECIMAL\(\d+,\d+\))")
TIME_TYPE = re.compile(r"(DATE|TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE)")
# what Parquet gives back as it got it, alone or in lists and structs
_KEPT = re.compile(
    r"(BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|DATE|TIME|BLOB|UUID|VARCHAR"
    r"|TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE)(\[\])*"
)
_MEMORY = "1GB"


class Source:
    """A database in which a relation is, in one snapshot: that of a connection of DuckDB."""

    errors: tuple[type[Exception], ...] = (duckdb.Error,)
    """What it raises when it refuses."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def types(self, relation: Relation) -> dict[str, str]:
        """The relation's columns with their types, as DuckDB names them."""
        rows = self.connection.execute(f"describe select * from {relation.table}").fetchall()
        return {row[0]: row[1] for row in rows}

    def copy(
        self,
        relation: Relation,
        types: Mapping[str, str],
        cursor: str | None,
        since: str | None,
        window: Path,
    ) -> tuple[int, int]:
        """Write the rows from a value on; how many it counts, and how many were written.

        since: SQL of DuckDB; None for all.
        """
        columns = ", ".join(_as_kept(name, type_) for name, type_ in types.items())
        parts = _parts(relation, cursor, since)
        counted = sum(one_number(self.connection, count) for _, count in parts)
        selects = " union all ".join(f"select {columns} from {source}" for source, _ in parts)
        copied = f"copy ({selects}) to {literal(window)} (format parquet)"
        return counted, one_number(self.connection, copied)


class Warehouse:
    """Where the relations of dbt are, and bronze: that of a connection of DuckDB."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, raw_events: str | None) -> None:
        """raw_events: SQL name of the rows in bronze; None where none are to be compared with."""
        self.connection = connection
        self.raw_events = raw_events

    @contextmanager
    def snapshot(self) -> Iterator[Source]:
        """What is read within is of one moment."""
        self.connection.execute("begin")
        try:
            yield Source(self.connection)
        finally:
            self.connection.execute("rollback")

    def loaded(self, relation: Relation, window: Path, since: str | None) -> str:
        """SQL name of the rows in bronze that rows in the window may be, or may replace."""
        return str(self.raw_events)

    def has_lost_rows(self, relation: Relation) -> bool:
        """Whether a load that was stopped has removed rows that it was to replace: a transaction keeps from that."""
        return False


@contextmanager
def _reading(relation: Relation, warehouse: Warehouse) -> Iterator[Source]:
    if relation.kind == "model":
        with warehouse.snapshot() as source:
            yield source
        return
    with opened(relation.kind, relation.path, _MEMORY) as connection:
        yield Source(connection)


def copy_rows(relation: Relation, mark: str | None, window: Path, warehouse: Warehouse) -> None:
    """The rows of the relation from the mark on, and those without a cursor value, in one snapshot."""
    with _reading(relation, warehouse) as source:
        try:
            types = source.types(relation)
        except source.errors as error:
            raise SourceProblem(
                f"the relation '{relation.name}' of vars.events_relation cannot be read. Nothing was loaded."
                f" Found: {_tables(relation, source.connection)}. It says: {said_by(error).split(' LINE 1')[0]}"
            ) from error
        cursor = _check_columns(relation, types)
        try:
            since = first_value(relation, mark, types, source.connection)
            counted, copied = source.copy(relation, types, cursor, since, window)
        except source.errors as error:
            raise SourceProblem(
                f"the relation '{relation.name}' of vars.events_relation could not be read to its end. Nothing was"
                f" loaded: run dbt build again. It says: {said_by(error)}"
            ) from error
    if copied != counted:
        raise SourceProblem(
            f"the relation '{relation.name}' of vars.events_relation has {counted:,} rows to read by its own count, and"
            f" {copied:,} were read. Nothing was loaded: run dbt build again."
        )


def _parts(relation: Relation, cursor: str | None, since: str | None) -> list[tuple[str, str]]:
    """FROM clauses with their conditions, each with the select by which the database counts its rows."""
    column = quoted(cursor or "")
    conditions = [f"where {column} >= {since}", f"where {column} is null"] if since else [""]
    if relation.kind != "postgres":
        sources = [f"{relation.table} {condition}" for condition in conditions]
        return [(source, f"select count(*) from {source}") for source in sources]
    remote = relation.table.removeprefix("source.")
    parts = []
    for condition in conditions:
        # without the types that DuckDB gives to values
        there = re.sub(r"cast\((.*) as [^']*\)$", r"\1", condition)

        def asked(what: str, there: str = there) -> str:
            return f"postgres_query('source', {literal(f'select {what} from {remote} {there}')})"

        # DuckDB hands PostgreSQL a comparison, not `is null`: it would fetch the table
        is_null = condition.endswith("is null")
        source = asked("*") if is_null else f"{relation.table} {condition}"
        parts.append((source, f"select * from {asked('count(*)')}"))
    return parts


def _tables(relation: Relation, connection: duckdb.DuckDBPyConnection) -> str:
    """What there is instead, for who misspelt it."""
    if relation.kind == "model":
        return "no such table; dbt builds it before raw_events, unless --select leaves it out or it is ephemeral"
    try:
        rows = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_catalog = 'source'"
            " and table_schema not in ('information_schema', 'pg_catalog', 'mysql', 'performance_schema', 'sys')"
            " order by 1 limit 20"
        ).fetchall()
    except duckdb.Error:
        return "nothing that can be listed"
    return ", ".join(row[0] for row in rows) or "no table"


def _check_columns(relation: Relation, types: Mapping[str, str]) -> str | None:
    """The cursor's name as the relation spells it."""
    by_name = {name.lower(): name for name in types}
    odd = next((name for name in types if '"' in name), None)
    if odd:
        # dbt quotes the columns that it inserts, and does not double a quote
        raise SourceProblem(
            f"the relation '{relation.name}' has a column {odd!r}, a name with a double quote in it. Nothing was"
            " loaded. Give it another name in a view, and read that."
        )
    for what, name in [("cursor", relation.cursor), *(("key", name) for name in relation.key)]:
        if name is not None and name.lower() not in by_name:
            raise SourceProblem(
                f"the relation '{relation.name}' has no column '{name}', which vars.events_relation names as its"
                f" {what}. Found: {', '.join(types)}. Nothing was loaded."
            )
    if relation.cursor is None:
        return None
    cursor = by_name[relation.cursor.lower()]
    type_ = types[cursor]
    is_ordered = _NUMBER.fullmatch(type_) or TIME_TYPE.fullmatch(type_)
    # a server may order texts otherwise than by their bytes
    is_text = type_ == "VARCHAR" and relation.kind in (*FILES, "model")
    if not is_ordered and not is_text:
        raise SourceProblem(
            f"the column '{cursor}' of the relation '{relation.name}', which vars.events_relation names as its cursor,"
            f" is of type {type_}, which gives no safe order. Expected whole or decimal numbers, dates or timestamps."
            " Nothing was loaded. Name another column, or a view that casts it."
        )
    if relation.lookback is not None and isinstance(relation.lookback, str) != bool(
        TIME_TYPE.fullmatch(type_)
    ):
        raise SourceProblem(
            f"vars.events_relation: lookback {relation.lookback!r} does not fit the cursor '{cursor}' of type {type_}."
            " Give a time such as '1 hour' for times, a whole number for numbers, none for texts."
        )
    if relation.lookback is not None and is_text:
        raise SourceProblem(
            f"vars.events_relation: lookback needs a cursor of times or numbers; '{cursor}' is text. Leave it out."
        )
    return cursor


def _as_kept(name: str, type_: str) -> str:
    """A column as Parquet can hold it: what it would change becomes text."""
    if _KEPT.fullmatch(type_):
        return quoted(name)
    is_nested = re.match(r"(STRUCT|MAP)\(", type_)
    if is_nested and not re.search(
        r"HUGEINT|INTERVAL|ENUM|BIT|UNION|JSON|TIME WITH TIME ZONE|VARIANT", type_
    ):
        return quoted(name)
    kept = "decimal(38, 0)" if re.fullmatch("U?HUGEINT", type_) else "varchar"
    return f"cast({quoted(name)} as {kept}) as {quoted(name)}"


def first_value(
    relation: Relation,
    mark: str | None,
    types: Mapping[str, str],
    connection: duckdb.DuckDBPyConnection,
) -> str | None:
    """SQL of the value from which rows are read; None reads all."""
    if mark is None or relation.cursor is None:
        return None
    type_ = next(type_ for name, type_ in types.items() if name.lower() == relation.cursor.lower())
    lookback = relation.lookback or 0
    less = f" - interval {literal(lookback)}" if isinstance(lookback, str) else f" - {lookback}"
    value = f"cast({literal(mark)} as {type_})" + (less if lookback else "")
    try:
        row = connection.execute(f"select cast(cast({value} as {type_}) as varchar)").fetchone()
    except duckdb.Error:
        # the column's type is another now: what is loaded is told by comparing all of it
        return None
    return f"cast({literal(row[0])} as {type_})" if row else None


def one_number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The only number of a query."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
