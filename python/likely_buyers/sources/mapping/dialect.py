"""What differs between engines: how an expression is made safe, and what the engine says of SQL. DuckDB's."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb

from likely_buyers.sources.sql_helpers import use_helpers

_BARE_COLUMN = re.compile(r'[A-Za-z_"][A-Za-z0-9_" ]*')
_MISSING = re.compile(
    r'Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"'
)
_OVER_SEVERAL_LINES = ("SET_OPERATION_NODE", "LIMIT_MODIFIER", "DISTINCT_MODIFIER")


@dataclass(frozen=True)
class Column:
    """A column and its type, as the engine names it."""

    name: str
    type: str


@dataclass(frozen=True)
class Described:
    """The columns of a query, or the failure for which it has none, in the engine's words."""

    columns: tuple[Column, ...] = ()
    failure: str = ""


class NoSql(Exception):
    """Text that the engine's parser does not take; the message is the engine's."""


class Dialect(Protocol):
    """An engine, as far as the compiler needs one."""

    text: str
    """The type of texts in SQL."""
    text_type: str
    """The same, as the engine names it in `Column`."""
    floating_types: tuple[str, ...]

    def tried(self, expression: str) -> str:
        """The value of a scalar expression, or null where evaluating it fails: a dirty line must not stop a load."""

    def tried_as_text(self, tried: str) -> str:
        """What `tried` gave, as text: 'unreadable' where the expression failed rather than gave null."""

    def try_cast(self, expression: str, type_name: str) -> str:
        """The expression as a type, null where it cannot be."""

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query; none where a relation in it is not there."""

    def columns_of(self, relation: str) -> tuple[Column, ...]:
        """The columns of a relation; none where it is not there."""

    def describe(self, query: str) -> Described:
        """The columns of a query, which may call the SQL helpers."""

    def missing_column(self, failure: str) -> str:
        """The column for which a query failed, since nothing has it; '' if that was not why."""

    def columns_read(self, expression: str) -> list[str]:
        """Names of the columns that an expression reads; the last part of each, by the engine's parser.

        Raises:
            NoSql: it is none.
        """

    def is_by_line(self, rows: str) -> bool:
        """Whether a SELECT over `lines` makes its rows of one line each: no join, group, window, sort or limit."""


class DuckDB:
    """DuckDB's dialect, asked over a cursor of its own."""

    text = "varchar"
    text_type = "VARCHAR"
    floating_types: tuple[str, ...] = ("DOUBLE", "FLOAT")

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        use_helpers(cursor)
        self._cursor = cursor

    def tried(self, expression: str) -> str:
        """A bare column cannot fail, and stays as it is."""
        expression = expression.strip()
        return expression if _BARE_COLUMN.fullmatch(expression) else f"try({expression})"

    def tried_as_text(self, tried: str) -> str:
        """DuckDB takes an expression that occurs twice out of its try(...) and fails on it: it stands in one place."""
        if not tried.startswith("try("):
            return f"cast({tried} as {self.text})"
        expression = tried[len("try(") : -1]
        return f"coalesce(try(coalesce(cast(({expression}) as {self.text}), '')), 'unreadable')"

    def try_cast(self, expression: str, type_name: str) -> str:
        """dbt's own `safe_cast` is a plain cast on DuckDB: it fails."""
        return f"try_cast({expression} as {type_name})"

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Without the SQL helpers."""
        try:
            return self._cursor.execute(query).fetchall()
        except duckdb.CatalogException:
            return []

    def columns_of(self, relation: str) -> tuple[Column, ...]:
        """None where there is no such relation."""
        try:
            rows = self._cursor.execute(f"describe {relation}").fetchall()
        except duckdb.Error:
            return ()
        return tuple(Column(row[0], row[1]) for row in rows)

    def describe(self, query: str) -> Described:
        """By the binder; nothing is run."""
        try:
            rows = self._cursor.execute(f"describe {query}").fetchall()
        except duckdb.Error as error:
            return Described(failure=str(error))
        return Described(tuple(Column(row[0], row[1]) for row in rows))

    def missing_column(self, failure: str) -> str:
        """The binder names one at a time."""
        found = _MISSING.search(failure)
        return found[1] or found[2] if found else ""

    def columns_read(self, expression: str) -> list[str]:
        """In the order in which they stand."""
        names = (
            str(node["column_names"][-1])
            for node in nodes(self._parsed(f"select {expression}"))
            if node.get("column_names")
        )
        return list(dict.fromkeys(names))

    def is_by_line(self, rows: str) -> bool:
        """By the parse tree."""
        try:
            parsed = self._parsed(rows)
        except NoSql:
            return False
        aggregates = {
            name
            for (name,) in self._cursor.execute(
                "select distinct function_name from duckdb_functions() where function_type = 'aggregate'"
            ).fetchall()
        }
        tables = 0
        for node in nodes(parsed):
            kind = str(node.get("type", ""))
            tables += kind == "BASE_TABLE"
            if (
                node.get("class") == "WINDOW"
                or (node.get("class") == "FUNCTION" and node.get("function_name") in aggregates)
                or node.get("group_expressions")
                # the tree has an order, of nothing, behind each call of a function
                or (kind == "ORDER_MODIFIER" and node.get("orders"))
                or node.get("qualify")
                or kind in _OVER_SEVERAL_LINES
            ):
                return False
        return tables == 1

    def _parsed(self, sql: str) -> Any:
        return parsed(sql, self._cursor)


def parsed(sql: str, connection: duckdb.DuckDBPyConnection) -> Any:
    """The tree that DuckDB's parser makes of a SELECT.

    Raises:
        NoSql: it is none.
    """
    row = connection.execute("select json_serialize_sql(?)", [sql]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree.get("error"):
        raise NoSql(str(tree.get("error_message", "")))
    return tree["statements"][0]["node"]


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """The nodes of a parse tree, each before those below it."""
    if isinstance(tree, list):
        for child in tree:
            yield from nodes(child)
    elif isinstance(tree, dict):
        yield tree
        for child in tree.values():
            yield from nodes(child)
