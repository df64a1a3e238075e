"""How an expression is made safe, and what the engine says of SQL."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from likely_buyers.sources.sql_helpers import use_helpers

_BARE_COLUMN = re.compile(r'[A-Za-z_"][A-Za-z0-9_" ]*')
_MISSING = re.compile(
    r'Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"'
)
AGGREGATE = "function_type = 'aggregate'"
"""A condition for `DuckDB.functions`."""
TEXT = "VARCHAR"
FLOATING = ("DOUBLE", "FLOAT")
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


def tried(expression: str) -> str:
    """The value of a scalar expression, or null where evaluating it fails: a dirty line must not stop a load.

    A bare column cannot fail, and stays as it is.
    """
    expression = expression.strip()
    return expression if _BARE_COLUMN.fullmatch(expression) else f"try({expression})"


def tried_as_text(value: str) -> str:
    """What `tried` gave, as text: 'unreadable' where the expression failed rather than gave null.

    DuckDB takes an expression that occurs twice out of its try(...) and fails on it: it stands in one place.
    """
    if not value.startswith("try("):
        return f"cast({value} as varchar)"
    expression = value[len("try(") : -1]
    return f"coalesce(try(coalesce(cast(({expression}) as varchar), '')), 'unreadable')"


class DuckDB:
    """What the engine says of SQL, asked over a cursor of its own."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        use_helpers(cursor)
        self._cursor = cursor

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query; none where a relation in it is not there."""
        try:
            return self._cursor.execute(query).fetchall()
        except duckdb.CatalogException:
            return []

    def describe(self, query: str) -> Described:
        """The columns of a relation, or of a query, which may call the SQL helpers; by the binder, nothing is run."""
        try:
            rows = self._cursor.execute(f"describe {query}").fetchall()
        except duckdb.Error as error:
            return Described(failure=str(error))
        return Described(tuple(Column(row[0], row[1]) for row in rows))

    def missing_column(self, failure: str) -> str:
        """The column for which a query failed, since nothing has it; '' if that was not why. One is named at a time."""
        found = _MISSING.search(failure)
        return found[1] or found[2] if found else ""

    def columns_read(self, expression: str) -> list[str]:
        """Names of the columns that an expression reads, in their order; the last part of each, by the engine's parser.

        Raises:
            NoSql: it is none.
        """
        names = (
            str(node["column_names"][-1])
            for node in nodes(self.parsed(expression))
            if node.get("column_names")
        )
        return list(dict.fromkeys(names))

    def functions(self, condition: str) -> set[str]:
        """Names of the engine's functions of which a condition on duckdb_functions() holds."""
        query = f"select distinct function_name from duckdb_functions() where {condition}"
        return {name for (name,) in self._cursor.execute(query).fetchall()}

    def parsed(self, expression: str) -> Any:
        """The tree of `select` and an expression.

        Raises:
            NoSql: it is none.
        """
        return parsed(f"select {expression}", self._cursor)

    def is_by_line(self, rows: str) -> bool:
        """Whether a SELECT over `lines` makes its rows of one line each: no join, group, window, sort or limit."""
        try:
            tree = parsed(rows, self._cursor)
        except NoSql:
            return False
        aggregates = self.functions(AGGREGATE)
        tables = 0
        for node in nodes(tree):
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
