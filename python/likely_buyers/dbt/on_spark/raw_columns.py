"""The columns of bronze.raw_events on Spark: new ones are added, and one that changes its type is made anew.

A row keeps its id through an update, by which silver knows it. Delta has no transaction over an alteration and an
update, so a column is made anew beside the one that stands, and takes its name when it is whole.
"""

import re
from collections.abc import Mapping
from typing import Any

from likely_buyers.sources.register import RAW_EVENTS
from likely_buyers.spark.arrow import quoted, text_of
from likely_buyers.spark.kept import comment_of, type_in_files
from likely_buyers.spark.texts import TEXT_OF, register_text_of

ROW_TRACKING = "'delta.enableRowTracking' = 'true'"
# which files have rows of a load: bounds of the other columns, which nobody asks for, would take a third of the writing
_BOUNDS = "'delta.dataSkippingStatsColumns' = 'load_id'"
# columns of Parquet files then have names of their own, and can be dropped and renamed; deltalake reads such a table by
# its QueryBuilder alone
_ANY_NAMES = "'delta.columnMapping.mode' = 'name'"
_RETYPED = " (retyped)"


def settle_columns(session: Any, fields: Mapping[str, Any], types: Mapping[str, str]) -> None:
    """Have raw_events with these columns, and with what it has beside them.

    Args:
        fields: name -> field of Spark.
        types: name -> type in the files, as DuckDB names it; of the source's columns. A comment keeps one that Spark
            has not.
    """
    for name, type_ in types.items():
        fields[name].metadata = {"comment": comment_of(type_)}
    if not session.catalog.tableExists(RAW_EVENTS):
        mapping = [_ANY_NAMES] if _needs_any_names(fields) else []
        properties = ", ".join([ROW_TRACKING, _BOUNDS, *mapping])
        session.sql(
            f"create table {RAW_EVENTS} ({_columns(fields)}) using delta tblproperties ({properties})"
        )
        return
    known = {field.name: _type(field) for field in session.table(RAW_EVENTS).schema}
    changed = {n: f for n, f in fields.items() if n in known and known[n] != _type(f)}
    new = {
        name + (_RETYPED if name in changed else ""): field
        for name, field in fields.items()
        if name in changed or name not in known
    }
    if _needs_any_names(new):
        session.sql(f"alter table {RAW_EVENTS} set tblproperties ({_ANY_NAMES})")
    if new:
        session.sql(f"alter table {RAW_EVENTS} add columns ({_columns(new)})")
    if changed:
        register_text_of(session)
        values = ", ".join(
            f"{quoted(name + _RETYPED)} = {_as_type(name, field)}"
            for name, field in changed.items()
        )
        session.sql(f"update {RAW_EVENTS} set {values}")
        for name in changed:
            _replace(session, name)


def types_in_files(schema: Any) -> dict[str, str]:
    """Name -> type in the files, of columns of raw_events that Spark keeps as another."""
    told = {field.name: type_in_files(_comment(field)) for field in schema}
    return {name: type_ for name, type_ in told.items() if type_}


def finish_settling(session: Any) -> None:
    """What a build that was stopped left: a column that is whole takes its name, another goes."""
    if not session.catalog.tableExists(RAW_EVENTS):
        return
    names = session.table(RAW_EVENTS).columns
    for made in [name for name in names if name.endswith(_RETYPED)]:
        name = made.removesuffix(_RETYPED)
        if name in names:
            session.sql(f"alter table {RAW_EVENTS} drop column {quoted(made)}")
        else:
            _rename(session, name)


def _replace(session: Any, name: str) -> None:
    session.sql(f"alter table {RAW_EVENTS} drop column {quoted(name)}")
    _rename(session, name)


def _rename(session: Any, name: str) -> None:
    session.sql(
        f"alter table {RAW_EVENTS} rename column {quoted(name + _RETYPED)} to {quoted(name)}"
    )


def _type(field: Any) -> tuple[Any, str | None]:
    return field.dataType, type_in_files(_comment(field))


def _comment(field: Any) -> str:
    return str((field.metadata or {}).get("comment", ""))


def _as_type(name: str, field: Any) -> str:
    type_ = field.dataType.simpleString()
    return f"{TEXT_OF}({quoted(name)})" if type_ == "string" else f"cast({quoted(name)} as {type_})"


def _columns(fields: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{quoted(name)} {_in_sql(field.dataType)}"
        + (f" comment {text_of(comment)}" if (comment := _comment(field)) else "")
        for name, field in fields.items()
    )


def _in_sql(type_: Any) -> str:
    """As Spark's SQL has it, with any names within structs."""
    kind = type_.typeName()
    if kind == "struct":
        fields = ", ".join(f"{quoted(part.name)}: {_in_sql(part.dataType)}" for part in type_)
        return f"struct<{fields}>"
    if kind == "array":
        return f"array<{_in_sql(type_.elementType)}>"
    if kind == "map":
        return f"map<{_in_sql(type_.keyType)}, {_in_sql(type_.valueType)}>"
    return str(type_.simpleString())


def _needs_any_names(fields: Mapping[str, Any]) -> bool:
    """Whether a name of a column, or within one, has characters that Delta refuses."""
    names = [*fields, *(name for field in fields.values() for name in _names_in(field.dataType))]
    return any(set(" ,;{}()\n\t=") & set(name) for name in names)


def _names_in(type_: Any) -> list[str]:
    return re.findall("`((?:[^`]|``)*)`", _in_sql(type_))
