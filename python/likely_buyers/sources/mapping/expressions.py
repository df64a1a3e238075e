"""A mapping's expressions, made safe by wrapping and typed by asking the engine."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from likely_buyers.sources.columns import NARROW
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.mapping.contract import COLUMNS, NUMBERS
from likely_buyers.sources.mapping.definition import EventMapping
from likely_buyers.sources.mapping.dialect import (
    FLOATING,
    TEXT,
    Column,
    DuckDB,
    NoSql,
    tried,
    tried_as_text,
)
from likely_buyers.sources.mapping.rows import null_row
from likely_buyers.sql_text import literal, quoted

# whole numbers that a floating column can hold and a bigint, too
_GREATEST_WHOLE = "1e18"
_READ_AT_MOST = 200


def compiled_expressions(
    mapping: EventMapping, columns: Sequence[Column], engine: DuckDB
) -> dict[str, Any]:
    """Contract column -> {value, type, text}, over rows with these columns.

    value: the mapping's expression, made safe; null where it has none, or where no file so far had a column that it
        reads.
    type: as the engine has it.
    text: the value as text; of a number 'unreadable' where the expression failed, or what could not be read behind it.
    typed: of event_time, price and quantity: what the contract has, over given_<column> and source_<column>.
    reads: of event_time: the texts that it was read from.
    user_id: [{name, text}] of the expressions that it may be, without blanks around, null for ''.

    columns: none where the engine cannot be asked: all is text then.

    Raises:
        SourceProblem: the expression of event_time is no SQL.
    """
    single = [column for column in COLUMNS if column != "user_id"]
    expressions = [*(mapping.columns.get(column) for column in single), *mapping.user_ids]
    values = [
        tried(mapping.in_its_zone(expression)).strip() if expression else "null"
        for expression in expressions
    ]
    types = _types_of(values, columns, engine)
    if not types:
        # some read a column that no file has had so far
        values = [
            "null"
            if not expression or absent_column(mapping, expression, columns, engine)
            else value
            for expression, value in zip(expressions, values, strict=True)
        ]
        types = _types_of(values, columns, engine) or [TEXT] * len(values)
    found: dict[str, Any] = {}
    for column, value, type_ in zip(single, values, types, strict=False):
        given = "1" if column == "quantity" and value == "null" else value
        if column in NUMBERS:
            is_tried = given.startswith("try(")
            text = tried_as_text(given, engine.unread_number(given) if is_tried else "")
        else:
            text = _as_text(value, type_)
        found[column] = {"value": given, "type": type_, "text": text}
    for column, type_ in NUMBERS.items():
        found[column]["typed"] = _typed_number(mapping, column, type_, found[column])
    found["event_time"] |= {
        "typed": _typed_time(mapping, found["event_time"]["type"]),
        "reads": _read_texts(mapping, columns, engine),
    }
    found["user_id"] = [
        {"name": f"given_user_{number}", "text": _as_id(value, type_)}
        for number, (value, type_) in enumerate(
            zip(values[len(single) :], types[len(single) :], strict=True), 1
        )
    ]
    return found


def floating_ids(mapping: EventMapping, columns: Sequence[Column]) -> list[dict[str, str]]:
    """The columns of a floating type that are an id as they stand: [{name, id: the column of the contract}]."""
    ids = {column: [mapping.columns.get(column)] for column in ("session_id", "product_id")}
    return [
        {"name": column.name, "id": name}
        for column in columns
        if column.type in FLOATING
        for name, expressions in ({"user_id": list(mapping.user_ids)} | ids).items()
        if column.name in expressions or quoted(column.name) in expressions
    ]


def left_out_name(mapping: EventMapping, columns: Sequence[Column], engine: DuckDB) -> str:
    """The name of the first condition of `leave_out` that the row meets, or null.

    A condition on a column that no file has had so far is not met.
    """
    conditions = [
        f"when coalesce({tried(f'({mapping.in_its_zone(condition)})')}, false) then {literal(name)}"
        for name, condition in mapping.leave_out.items()
        if not columns or not absent_column(mapping, condition, columns, engine)
    ]
    return f"case {' '.join(conditions)} end" if conditions else "cast(null as varchar)"


def absent_column(
    mapping: EventMapping, expression: str, columns: Sequence[Column], engine: DuckDB
) -> str:
    """The first column that an expression over the rows reads and they have not; '' without one."""
    query = f"select ({mapping.in_its_zone(expression)}) as given from ({null_row(columns)}) as mapped_rows"
    return engine.missing_column(engine.describe(query).failure)


def _types_of(values: Sequence[str], columns: Sequence[Column], engine: DuckDB) -> list[str]:
    """The engine's types; none where it cannot evaluate one of them."""
    if not columns:
        return [TEXT] * len(values)
    named = ", ".join(f"{value} as c{number}" for number, value in enumerate(values))
    described = engine.describe(f"select {named} from ({null_row(columns)}) as mapped_rows")
    return [column.type for column in described.columns]


def _as_text(value: str, type_: str) -> str:
    """Text of an id: a whole number that came in a floating column is written as the number that it is."""
    text = f"cast({value} as varchar)"
    if type_ in FLOATING:
        return (
            f"case when {value} = trunc({value}) and abs({value}) < {_GREATEST_WHOLE}"
            f" then cast(cast({value} as bigint) as varchar) else {text} end"
        )
    return value if type_ == TEXT and value != "null" else text


def _as_id(value: str, type_: str) -> str:
    text = _as_text(value, type_)
    return text if type_ in NARROW else f"nullif(trim({text}), '')"


def _fits(given: str, wanted: str) -> bool:
    """Whether every value of a type is one of a decimal type, to the last digit."""
    sizes = [re.fullmatch(r"decimal\((\d+), ?(\d+)\)", type_.lower()) for type_ in (given, wanted)]
    if given in ("TINYINT", "SMALLINT", "INTEGER"):
        return True
    if not all(sizes):
        return False
    (given_digits, given_places), (digits, places) = (
        map(int, size.groups()) for size in sizes if size
    )
    return given_places <= places and given_digits - given_places <= digits - places


def _typed_number(mapping: EventMapping, column: str, type_: str, given: Mapping[str, str]) -> str:
    """A comma is the decimal sign of text where the mapping says so; a number that fits need not become text first."""
    if not given["value"].startswith("try(") and _fits(given["type"], type_):
        return f"cast(given_{column} as {type_})"
    text = f"source_{column}"
    has_comma = mapping.has_decimal_comma and given["type"] == TEXT
    # dbt's own `safe_cast` is a plain cast on DuckDB: it fails
    return (
        f"try_cast(as_number({text}, ',') as {type_})"
        if has_comma
        else f"try_cast({text} as {type_})"
    )


def _typed_time(mapping: EventMapping, type_: str) -> str:
    """The moment in UTC that the value tells; null where it cannot be read."""
    is_moment = type_ == "TIMESTAMP WITH TIME ZONE"
    is_local = type_.startswith("TIMESTAMP") and "TIME ZONE" not in type_
    if is_moment or (is_local and mapping.time_zone == "UTC"):
        return "cast(given_event_time as timestamp)"
    return f"cast(as_utc_in({literal(mapping.time_zone)}, given_event_time) as timestamp)"


def _read_texts(mapping: EventMapping, columns: Sequence[Column], engine: DuckDB) -> str:
    """What the time was read from, where it could not be."""
    known = {column.name.lower() for column in columns}
    expression = mapping.columns["event_time"]
    try:
        # an expression that is the name of a column need not be parsed, and may be no SQL
        is_column = not known or expression.lower() in known
        names = [expression] if is_column else engine.columns_read(expression)
    except NoSql as error:
        raise SourceProblem(
            f"the event mapping '{mapping.name}' has an expression that is no SQL: {expression} ({error})."
        ) from error
    texts = [f"cast({quoted(name)} as varchar)" for name in names if name.lower() in known]
    if not texts:
        return "cast(null as varchar)"
    return f"nullif(substring(concat_ws(' ', {', '.join(texts)}), 1, {_READ_AT_MOST}), '')"
