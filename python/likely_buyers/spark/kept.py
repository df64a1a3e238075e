"""Types that a source's columns have and Spark's tables have not: how bronze keeps their values, and gives them back.

A mapping's SQL then sees the types that the files have, as on one machine, and makes the same ids of them.
"""

import re
from collections.abc import Mapping
from typing import Any

import duckdb

from likely_buyers.sources import SourceProblem
from likely_buyers.sql_text import quoted

_AS_THEY_ARE = {
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BLOB"),
    *("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
}
# Spark has no number without a sign
_WIDER = {
    "UTINYINT": "SMALLINT",
    "USMALLINT": "INTEGER",
    "UINTEGER": "BIGINT",
    "UBIGINT": "DECIMAL(20,0)",
    "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP",
}
_LOST = re.compile(r"\bVARIANT\b")
_WORDS = "in the files: "


def kept_as(type_: str) -> str:
    """The type of DuckDB in which Spark's tables keep such values: the same, a wider one, or text."""
    return _kept(duckdb.sqltype(type_))


def as_kept(columns: Mapping[str, str]) -> str:
    """What stands behind `select *` so that columns (name -> type in the files) become those of Spark's tables.

    Raises:
        SourceProblem: values of a type have neither text nor number from which they come back.
    """
    for name, type_ in columns.items():
        if _LOST.search(type_):
            raise SourceProblem(
                f"the column '{name}' is of type {type_}, which a load on Spark cannot keep. Nothing was loaded."
                " Deliver it as text (JSON), a list or a struct; of vars.events_relation name a view that does so."
            )
    return _replaced(
        {name: kept_as(type_) for name, type_ in columns.items() if not _is_alike(type_)}
    )


def as_in_files(columns: Mapping[str, str]) -> str:
    """What stands there so that they become those of the files again."""
    return _replaced({name: type_ for name, type_ in columns.items() if not _is_alike(type_)})


def comment_of(type_: str) -> str:
    """What the column of Spark's table has as its comment, so that its type in the files is known; '' for the same."""
    return "" if _is_alike(type_) else _WORDS + type_


def type_in_files(comment: str) -> str | None:
    """What `comment_of` told."""
    return comment.removeprefix(_WORDS) if comment.startswith(_WORDS) else None


def _is_alike(type_: str) -> bool:
    return duckdb.sqltype(kept_as(type_)) == duckdb.sqltype(type_)


def _replaced(types: Mapping[str, str]) -> str:
    casts = ", ".join(
        f"cast({quoted(name)} as {type_}) as {quoted(name)}" for name, type_ in types.items()
    )
    return f"replace ({casts})" if casts else ""


def _kept(type_: Any) -> str:
    if type_.id == "decimal":
        return str(type_)
    if type_.id not in ("list", "array", "struct", "map"):
        name = str(type_)
        return name if name in _AS_THEY_ARE else _WIDER.get(name, "VARCHAR")
    parts = {name: _kept(part) for name, part in type_.children if not isinstance(part, int)}
    if type_.id == "struct":
        return f"STRUCT({', '.join(f'{quoted(name)} {part}' for name, part in parts.items())})"
    if type_.id == "map":
        return f"MAP({parts['key']}, {parts['value']})"
    return f"{parts['child']}[]"
