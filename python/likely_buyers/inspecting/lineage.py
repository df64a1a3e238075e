"""Which columns of the source a mapping reads, asked of the engine's own parser."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from likely_buyers.sources.columns import LOAD_COLUMNS
from likely_buyers.sources.mapping.contract import COLUMNS
from likely_buyers.sources.mapping.dialect import NoSql, nodes, parsed

_DEEPEST = 20


@dataclass(frozen=True)
class Lineage:
    """A mapping's expressions, parsed, with the names that its `rows` gives to others."""

    expressions: Mapping[str, Sequence[Any]]
    """Contract column -> parsed expressions; several for user_id."""
    named: Mapping[str, Sequence[Any]]
    """Name in lower case -> what `rows` has under it, at any depth."""
    used: frozenset[str]
    """All columns that it may read, in lower case."""

    def can_give(self, column: str, available: frozenset[str]) -> bool:
        """Whether the column is made of one of these columns (in lower case), or of none at all."""
        made_of = set(self._base(self.expressions.get(column, ()), ()))
        return not made_of or not made_of.isdisjoint(available)

    def columns_of(self, column: str, available: frozenset[str]) -> list[str]:
        """Those of `available` that the column is made of, in lower case."""
        made_of = self._base(self.expressions.get(column, ()), ())
        return [name for name in dict.fromkeys(made_of) if name in available]

    def _base(self, node: Any, passed: tuple[str, ...]) -> Iterator[str]:
        if isinstance(node, list | tuple):
            for child in node:
                yield from self._base(child, passed)
        elif isinstance(node, dict):
            key = _key_of_line(node, self.named)
            if key is not None:
                yield key
                return
            name = _column(node)
            if name is None:
                for child in node.values():
                    yield from self._base(child, passed)
                return
            inner = self._inner(name, passed)
            if not inner:
                yield name
            for one in inner:
                yield from self._base(one, (*passed, name))

    def _inner(self, name: str, passed: tuple[str, ...]) -> Sequence[Any]:
        """What `rows` calls so, unless that is the column itself."""
        if name in passed or len(passed) > _DEEPEST:
            return ()
        return [one for one in self.named.get(name, ()) if _column(one) != name]


def lineage_of(mapping: Mapping[str, Any]) -> Lineage | None:
    """None where an expression of the mapping is no SQL."""
    expressions: dict[str, list[Any]] = {}
    with duckdb.connect() as connection:
        try:
            for column in (*COLUMNS, "dedupe_on", "leave_out"):
                for expression in _texts(mapping.get(column)):
                    node = parsed(f"select {expression}", connection)
                    expressions.setdefault(column, []).append(node["select_list"][0])
            rows = parsed(mapping["rows"], connection) if mapping.get("rows") else {}
        except NoSql:
            return None
    named: dict[str, list[Any]] = {}
    for node in nodes(rows):
        for item in node.get("select_list", ()) if node.get("type") == "SELECT_NODE" else ():
            name = item.get("alias") or _column(item)
            if name:
                named.setdefault(name.lower(), []).append(item)
    used: set[str] = set()
    for node in nodes([rows, list(expressions.values())]):
        key = _key_of_line(node, named)
        name = _column(node)
        if key is not None:
            used.add(key)
        elif name and name not in LOAD_COLUMNS and not _is_made(name, named):
            used.add(name)
    return Lineage(expressions, named, frozenset(used) - _lambda_names(rows) - {"lines", "chosen"})


def _texts(given: Any) -> Iterable[Any]:
    """The expressions that a key of a mapping gives: one, a list, or some by name."""
    if not given or given == "none":
        return ()
    if isinstance(given, dict):
        return given.values()
    return given if isinstance(given, list) else (given,)


def _is_made(name: str, named: Mapping[str, Sequence[Any]]) -> bool:
    """Whether `rows` makes what it calls so, rather than passing a column on."""
    return any(_column(one) != name for one in named.get(name, ()))


def _column(node: Any) -> str | None:
    """The last part of a column's name; a struct's field is looked up by its struct."""
    if isinstance(node, dict) and node.get("class") == "COLUMN_REF":
        return str(node["column_names"][-1]).lower()
    return None


def _key_of_line(node: Mapping[str, Any], named: Mapping[str, Sequence[Any]]) -> str | None:
    """The column that `to_json(lines) ->> 'name'` reads, with a name for the left side or not."""
    if node.get("function_name") not in ("->>", "->") or len(node.get("children", ())) != 2:
        return None
    left, right = node["children"]
    if right.get("class") != "CONSTANT" or not isinstance(right["value"].get("value"), str):
        return None
    name = _column(left)
    lefts = named.get(name, ()) if name else (left,)
    if any(
        one.get("function_name") == "to_json" and _column(one["children"][0]) in ("lines", "chosen")
        for one in lefts
    ):
        return str(right["value"]["value"]).lower()
    return None


def _lambda_names(rows: Any) -> frozenset[str]:
    names = set()
    for node in nodes(rows):
        if node.get("class") == "LAMBDA":
            names |= {name for part in nodes(node["lhs"]) if (name := _column(part))}
            # e.field of a lambda's own variable
            names |= {
                str(part["column_names"][-1]).lower()
                for part in nodes(node["expr"])
                if part.get("class") == "COLUMN_REF" and len(part["column_names"]) > 1
            }
    return frozenset(names)
