"""What the columns of a sample hold: how full, how many values, of what kind."""

from dataclasses import dataclass, replace
from typing import Any

import duckdb

from likely_buyers.sql_text import quoted

_CURRENCY = (
    r"(?:US\$|R\$|C\$|A\$|\p{Sc}|kr\.?|zł|Kč|Ft|lei|Rs\.?|CHF|EUR|USD|GBP|JPY|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|"
    r"RON|BGN|TRY|BRL|MXN|INR|CNY|KRW|SGD|HKD|ZAR|ILS|AED|RUB|UAH|THB)"
)
_NUMBER = rf"-? ?\(?(?:{_CURRENCY})? ?[-+]?[0-9][0-9.,''\x{{2019}} \x{{00A0}}\x{{202F}}]*\)? ?(?:{_CURRENCY})? ?-?"


@dataclass(frozen=True)
class Column:
    """A column of the source."""

    name: str
    type: str
    """As the engine has it; VARCHAR in CSV and JSON."""
    filled: float
    """Share of lines with a value."""
    count: int
    """Values."""
    distinct: int
    kind: str
    """whole number, number, money, date, e-mail, true/false, nested, text or empty."""
    first: tuple[str | None, ...]
    """Of the first lines."""
    has_negatives: bool
    has_decimal_comma: bool

    @property
    def is_unique(self) -> bool:
        """Whether each line has another value."""
        return self.count > 1 and self.distinct >= 0.98 * self.count

    @property
    def is_number(self) -> bool:
        """Whether its values can be reckoned with, with signs of currencies or without."""
        return self.kind in ("whole number", "number", "money")


def profiled(connection: duckdb.DuckDBPyConnection) -> list[Column]:
    """The columns of `lines`, in the file's order."""
    described = connection.execute("describe lines").fetchall()
    total = (connection.execute("select count(*) from lines").fetchone() or (0,))[0]
    names = ", ".join(quoted(row[0]) for row in described)
    first = connection.execute(f"select {names} from lines limit 3").fetchall()
    columns = [
        _column(row[0], row[1], total, [values[number] for values in first], connection)
        for number, row in enumerate(described)
    ]
    # a column of another file, or one that is seldom filled, is shown by the first values that it has
    return [column if any(column.first) else _with_values(column, connection) for column in columns]


def _with_values(column: Column, connection: duckdb.DuckDBPyConnection) -> Column:
    name = quoted(column.name)
    rows = connection.execute(
        f"select cast({name} as varchar) from lines where {name} is not null limit 3"
    ).fetchall()
    return replace(column, first=tuple(str(row[0]) for row in rows))


def _column(
    name: str, type_: str, total: int, first: list[Any], connection: duckdb.DuckDBPyConnection
) -> Column:
    row = (
        connection.execute(
            "with given as (select cast("
            + quoted(name)
            + " as varchar) as v, count(*) as n from lines group by 1),"
            " trimmed as (select trim(v) as v, n from given where v is not null)"
            " select sum(n), count(*),"
            " sum(n) filter (regexp_full_match(v, '[-+]?[0-9]+')),"
            " sum(n) filter (try_cast(v as double) is not null),"
            f" sum(n) filter (regexp_full_match(v, '{_NUMBER}') and length(v) < 30),"
            " sum(n) filter (regexp_matches(v, '^[^@ ]+@[^@ ]+[.][^@ ]+$')),"
            " sum(n) filter (lower(v) in ('true', 'false', 'yes', 'no', 't', 'f')),"
            " sum(n) filter (v[1] in ('{', '[') and json_valid(v)),"
            " sum(n) filter (regexp_matches(v, '^[0-9]{1,4}[-/.][0-9A-Za-z]{1,3}[-/.][0-9]{1,4}') and"
            " length(v) < 45),"
            " sum(n) filter (v like '-%' or v like '(%' or v like '%-'),"
            " sum(n) filter (regexp_matches(v, ',[0-9]{1,2}( ?[^0-9.,]*)$') and not regexp_matches(v,"
            " '[.][0-9]{1,2}$')),"
            " sum(n) filter (regexp_matches(v, '[.][0-9]{1,2}( ?[^0-9.,]*)$'))"
            " from trimmed"
        ).fetchone()
        or (0,) * 12
    )
    count, distinct, whole, plain, loose, mail, flags, nested, dates, negative, comma, point = (
        int(value or 0) for value in row
    )
    comma = comma if comma > point else 0
    kind = "text"
    # a few broken values make no other kind of a column
    most = min(count - 0.05 * count, count - 1 if count >= 5 else count)
    if not count:
        kind = "empty"
    elif type_.startswith(("TIMESTAMP", "DATE")) or dates >= most:
        kind = "date"
    elif nested >= most or type_.endswith("[]") or type_.startswith(("STRUCT", "MAP")):
        kind = "nested"
    elif whole >= most:
        kind = "whole number"
    elif plain >= most and not comma:
        kind = "number"
    elif loose >= most:
        kind = "money"
    elif mail >= most:
        kind = "e-mail"
    elif flags >= most:
        kind = "true/false"
    return Column(
        name=name,
        type=type_,
        filled=count / total if total else 0.0,
        count=count,
        distinct=distinct,
        kind=kind,
        first=tuple(None if value is None else str(value) for value in first),
        has_negatives=kind in ("whole number", "number", "money") and negative > 0,
        has_decimal_comma=kind == "money" and comma > 0,
    )
