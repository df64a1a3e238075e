"""The columns of bronze.raw_events: what files of different columns and types have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

LOAD_COLUMNS = ("source_file", "load_id", "loaded_at")
"""Those that a load adds to the source's."""
ROW_ID = "rowid"
"""What the lake calls the id of a row: a column of this name would take its place."""
NARROW = ("TINYINT", "UTINYINT", "SMALLINT", "USMALLINT", "INTEGER", "UINTEGER", "BIGINT")
# HUGEINT is a floating number in the files of a lake
_WIDEST = "DECIMAL(38,0)"
_WIDE = (*NARROW, "UBIGINT", _WIDEST)


def raw_columns(
    files: Sequence[Mapping[str, Any]], known: Sequence[Sequence[str]]
) -> tuple[dict[str, dict[str, str | None]], list[str]]:
    """{name in lower case: {name, type, known_type}} once the files are loaded, and what is to be said of them.

    A name keeps the spelling it came with first. A type that differs between files becomes text, integers the wider
    integer: what a value is as text stays the same by this, and so do the ids made of it, whichever file came first.

    known: (name, type) of the columns that are there; known_type is None for one that is new.
    """
    columns: dict[str, dict[str, str | None]] = {
        name.lower(): {"name": name, "type": type_, "known_type": type_} for name, type_ in known
    }
    told = []
    for file in files:
        types = file["types"] or ["VARCHAR"] * len(file["columns"])
        for name, type_ in zip(file["columns"], types, strict=True):
            column = columns.setdefault(
                name.lower(), {"name": name, "type": type_, "known_type": None}
            )
            earlier = str(column["type"])
            column["type"] = _common_type(earlier, type_)
            if column["type"] == "VARCHAR" != earlier:
                told.append(
                    f"the column '{name}' of the file '{file['path']}' is {type_}, and was {earlier} in files before"
                    " it. bronze.raw_events keeps it as text from now on, each value as it is written: 42 and 42.0 are"
                    " two values. If that is not meant, deliver the file with the type of before."
                )
    return columns, told


def _common_type(one: str, other: str) -> str:
    if one == other:
        return one
    if one in NARROW and other in NARROW:
        return "BIGINT"
    return _WIDEST if one in _WIDE and other in _WIDE else "VARCHAR"
