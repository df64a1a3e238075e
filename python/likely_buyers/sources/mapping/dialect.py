"""How an expression is made safe, and what the engine says of SQL."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from likely_buyers.sources.macro_text import let, trimmed
from likely_buyers.sources.sql_helpers import use_helpers

_BARE_COLUMN = re.compile(r'[A-Za-z_"][A-Za-z0-9_" ]*')
_MISSING = re.compile(
    r'Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"'
)
AGGREGATE = "function_type = 'aggregate'"
"""A condition for `DuckDB.functions`."""
TEXT = "VARCHAR"
FLOATING = ("DOUBLE", "FLOAT")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NUMBERS = (*_WHOLE, *(f"U{name}" for name in _WHOLE), *FLOATING, "DECIMAL")
_NOTHING = "''"
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


def tried_as_text(value: str, unread: str = "") -> str:
    """What `tried` gave, as text: 'unreadable' where the expression failed rather than gave null.

    Where the value is null it is `unread`, of `DuckDB.unread_number`.

    DuckDB takes an expression that occurs twice out of its try(...) and fails on it: it stands in one place, and its
    parts stand again in a lambda only, out of which nothing is taken.
    """
    if not value.startswith("try("):
        return f"cast({value} as varchar)"
    expression = value[len("try(") : -1]
    absent = let("_read_again", "0", unread) if unread else "''"
    return f"coalesce(try(coalesce(cast(({expression}) as varchar), {absent})), 'unreadable')"


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

    def unread_number(self, expression: str) -> str:
        """SQL of the text that as_number or try_cast could not read for a number, 'unreadable: ' before it, or ''.

        Of what counts alone: the branch of a CASE that is taken, and no condition. '' where the expression has neither;
        a lambda or a query is not looked into, whose names are their own.
        """
        try:
            tree = self.parsed(expression)
        except NoSql:
            return ""

        def unread(node: Any) -> str:
            if isinstance(node, list):
                return _first_of([unread(child) for child in node])
            if not isinstance(node, dict) or node.get("class") in ("LAMBDA", "SUBQUERY"):
                return ""
            if node.get("class") == "CASE":
                branches = [
                    (self._sql_of(tree, check["when_expr"]), unread(check["then_expr"]))
                    for check in node["case_checks"]
                ]
                other = unread(node["else_expr"])
                if not other and not any(then for _, then in branches):
                    return ""
                whens = " ".join(f"when {when} then {then or _NOTHING}" for when, then in branches)
                return f"case {whens} else {other or _NOTHING} end"
            if node.get("function_name") == "as_number":
                read = node["children"][0]
            elif node.get("try_cast") and node["cast_type"]["id"] in _NUMBERS:
                read = node["child"]
            else:
                return _first_of([unread(child) for child in node.values()])
            text = f"cast({self._sql_of(tree, read)} as varchar)"
            # the text first: most of what is null has none, and reading is dear
            return (
                f"case when lower({trimmed(text)}) not in ('', 'null', 'nan') then case when {self._sql_of(tree, node)}"
                f" is null then 'unreadable: ' || {text} else {_NOTHING} end else {_NOTHING} end"
            )

        return unread(tree["select_list"])

    def _sql_of(self, select: dict[str, Any], node: dict[str, Any]) -> str:
        """A node of the tree of a `select`, as SQL."""
        statement = {"node": select | {"select_list": [node]}, "named_param_map": []}
        row = self._cursor.execute(
            "select json_deserialize_sql(?)",
            [json.dumps({"error": False, "statements": [statement]})],
        ).fetchone()
        return str(row[0]).removeprefix("SELECT ") if row else ""

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


def _first_of(texts: Sequence[str]) -> str:
    """SQL of the first of some texts, as SQL, that is not empty."""
    told = [text for text in texts if text]
    if len(told) < 2:
        return "".join(told)
    return f"coalesce({', '.join(f'nullif({text}, {_NOTHING})' for text in told)}, {_NOTHING})"


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
