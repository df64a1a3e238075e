"""How a column's times are written: which expression reads them, and what their texts leave open."""

import re
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import duckdb

from likely_buyers.inspecting.vocabulary import words
from likely_buyers.sql_text import literal, quoted

# of the column's values; a few broken ones are for the quarantine
_ENOUGH = 0.9
_PLAUSIBLE = "between timestamp '1995-01-01' and current_date + interval 400 days"
_CLOCKS = (
    *("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S", "T%H:%M:%S"),
    *(" %H:%M:%S.%f", " %H:%M %z", " %H:%M:%S %z", " %H:%M:%S.%f %Z", " %H:%M:%S %Z"),
)
_NUMBER_DAYS = tuple(
    (first.join(("%d", "%m", year)), first.join(("%m", "%d", year)))
    for first, year in product("/.-", ("%y", "%Y"))
)
_OTHER_DAYS = (
    *("%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y"),
    *("%d-%b-%Y", "%d-%b-%y", "%b-%d-%y", "%b-%d-%Y", "%a, %d %b %Y", "%Y%m%d"),
)
_OTHERS = ("%Y%m%d%H%M%S", "%Y-%m-%d %H.%M.%S", "%Y-%m-%d %H:%M:%S %Z")
# of a time of day in a column of its own
_CLOCKS_ALONE = ("%H:%M:%S", "%H:%M", "%I:%M %p", "%I:%M:%S %p")
# epochs, where as_utc does not read them
_EPOCHS = (
    ("to_timestamp(cast({} as double))", 8e8, 1e11),
    ("epoch_ms(cast({} as bigint))", 8e11, 1e14),
    ("make_timestamp(cast({} as bigint))", 8e14, 1e17),
)


@dataclass(frozen=True)
class Times:
    """A column that tells times."""

    column: str
    expression: str
    """Reads it, for a mapping."""
    other_expression: str | None
    """Reads all of them, too, with day and month the other way round; where both are possible."""
    example: str
    """A value, such as one that can be read either way."""
    zoned: float
    """Share of the values that say their offset; epochs do, and what a column of UTC's name holds."""
    is_day: bool
    """Whether they tell no time of day."""

    @property
    def silent(self) -> str:
        """Which of the values say no time zone, in words; '' where all say it."""
        return "" if self.zoned == 1 else "Some of its values" if self.zoned else "Its values"


def times_of(
    name: str, connection: duckdb.DuckDBPyConnection, *, is_named_so: bool, day_first: bool
) -> Times | None:
    """How a column of `lines` is read as times; None where its values are none.

    is_named_so: whether its name says that it tells times; bare numbers are believed only then.
    day_first: which reading to take where both are possible and the order of the lines does not tell.
    """
    column = quoted(name)
    type_ = connection.execute(f"select typeof(any_value({column})) from lines").fetchone()
    kind = str(type_[0]) if type_ else "NULL"
    if kind.startswith(("TIMESTAMP", "DATE")):
        return _described(name, plain(name), None, connection)
    connection.execute(
        f"create or replace temp table given as select cast({column} as varchar) as v, count(*) as n,"
        f" min(rowid) as first_row from lines where {column} is not null group by 1 order by 3"
    )
    looks = connection.execute(
        "select sum(n), sum(n) filter (regexp_full_match(trim(v), '-?[0-9]+([.][0-9]+)?')),"
        " sum(n) filter (regexp_matches(v, '[0-9]{1,4}[-/. ][0-9A-Za-z]{1,9}[-/. ,]+[0-9]{1,4}') and length(v) < 45)"
        " from given"
    ).fetchone()
    total, numbers, dates = (int(value or 0) for value in looks or (0, 0, 0))
    if not total or max(dates, numbers if is_named_so else 0) < _ENOUGH * total:
        return None

    def by_formats(*formats: str) -> list[str]:
        return [f"as_utc({plain(name)}, {literal(form)})" for form in formats]

    expressions = [f"as_utc({plain(name)})"]
    if numbers > dates:
        expressions += [
            form.format(plain(name))
            for form, low, high in _EPOCHS
            if _between(low, high, connection)
        ] or by_formats("%Y%m%d", "%Y%m%d%H%M%S")
    else:
        expressions += by_formats(*_likely_formats(connection))
    best, share = None, 0.0
    for expression in expressions:
        read = _share(name, expression, total, connection)
        if read > share + 0.001:
            best, share = expression, read
    if best is None or share < _ENOUGH:
        return _of_two_formats(name, expressions, total, connection)
    other = _other_way_round(best)
    if other and _share(name, other, total, connection) < share - 0.001:
        other = None
    if other:
        here, there = (_disorder(name, one, connection) for one in (best, other))
        if there < here or (there == here and _is_day_first(other) == day_first):
            best, other = other, best
    return _described(name, best, other, connection)


def with_clock(day: Times, clock: str, connection: duckdb.DuckDBPyConnection) -> Times | None:
    """The days with the time of day that another column tells; None where no expression reads both."""
    both = f"concat_ws(' ', {plain(day.column)}, {plain(clock)})"
    for form in _CLOCKS_ALONE:
        formats = _formats(day.expression)
        # what is read without a format may need none with a time of day, either
        tried = [f"as_utc({both})"] if not formats else []
        tried += [
            _formatted(both, [f"{one} {form}" for one in days])
            for days in ([formats] if formats else [["%Y-%m-%d"], ["%Y/%m/%d"], ["%Y%m%d"]])
        ]
        for expression in tried:
            if _reads_both(expression, day, clock, form, connection):
                other = day.other_expression
                if other:
                    other = _formatted(both, [f"{one} {form}" for one in _formats(other)])
                return replace(day, expression=expression, other_expression=other, is_day=False)
    return None


def _formats(expression: str) -> list[str]:
    return re.findall("'(%[^']*)'", expression)


def _formatted(given: str, formats: list[str]) -> str:
    shown = ", ".join(literal(form) for form in formats)
    return f"as_utc({given}, {shown if len(formats) == 1 else f'[{shown}]'})"


def _reads_both(
    expression: str, day: Times, clock: str, form: str, connection: duckdb.DuckDBPyConnection
) -> bool:
    """Whether it gives the day and the time of day, where a line tells both."""
    row = connection.execute(
        "select count(*) filter (cast(t as timestamp) = cast(cast(d as timestamp) as date) + cast(c as time)), count(*)"
        f" from (select try({_sql(expression)}) as t, try({_sql(day.expression)}) as d,"
        f" try_strptime(trim(cast({quoted(clock)} as varchar)), {literal(form)}) as c, {quoted(clock)} as given"
        " from lines) where d is not null and given is not null"
    ).fetchone()
    return bool(row and row[1]) and row[0] >= _ENOUGH * row[1]  # type: ignore[index]


@cache
def _keywords() -> frozenset[str]:
    rows = duckdb.sql("select keyword_name from duckdb_keywords()").fetchall()
    return frozenset(row[0] for row in rows)


def plain(name: str) -> str:
    """A column's name for an expression, quoted where SQL asks for it."""
    is_plain = re.fullmatch("[a-z_][a-z0-9_]*", name) and name not in _keywords()
    return name if is_plain else quoted(name)


def _between(low: float, high: float, connection: duckdb.DuckDBPyConnection) -> bool:
    row = connection.execute(
        "select avg(case when try_cast(v as double) between ? and ? then 1 else 0 end) from given",
        [low, high],
    ).fetchone()
    return bool(row and row[0] and row[0] >= _ENOUGH)


def _likely_formats(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Formats that read some of the first values, day first and month first both."""
    forms = [day + clock for days in _NUMBER_DAYS for day in days for clock in _CLOCKS]
    forms += [day + clock for day in _OTHER_DAYS for clock in _CLOCKS] + list(_OTHERS)
    counted = ", ".join(f"count(try_strptime(trim(v), {literal(form)}))" for form in forms)
    row = connection.execute(f"select {counted} from (select v from given limit 300)").fetchone()
    found = sorted(zip(row or (), forms, strict=False), key=lambda pair: -pair[0])
    return [form for count, form in found if count][:8]


def _sql(expression: str) -> str:
    """An expression of a mapping as the models have it, in UTC."""
    return expression.replace("as_utc(", "as_utc_in('UTC', ")


def _share(name: str, expression: str, total: int, connection: duckdb.DuckDBPyConnection) -> float:
    sql = _sql(expression)
    try:
        row = connection.execute(
            f"select sum(n) filter (cast(t as timestamp) {_PLAUSIBLE}) from (select try({sql}) as t, n"
            f" from (select v as {quoted(name)}, n from given))"
        ).fetchone()
    except duckdb.Error:
        return 0.0
    return float((row[0] or 0) if row else 0) / total


def _of_two_formats(
    name: str, expressions: list[str], total: int, connection: duckdb.DuckDBPyConnection
) -> Times | None:
    """Where one format reads a part of the values and another one the rest."""
    forms = [one.rpartition(", ")[2].rstrip(")") for one in expressions if ", '" in one]
    for second in forms[1:]:
        both = f"as_utc({plain(name)}, [{forms[0]}, {second}])"
        if _share(name, both, total, connection) >= _ENOUGH:
            return _described(name, both, None, connection)
    return None


def _is_day_first(expression: str) -> bool:
    return expression.find("%d") < expression.find("%m")


def _other_way_round(expression: str) -> str | None:
    if not any(day in expression for days in _NUMBER_DAYS for day in days) or "[" in expression:
        return None
    return expression.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")


def _disorder(name: str, expression: str, connection: duckdb.DuckDBPyConnection) -> int:
    """How often a time goes back from one value to the next: files are mostly written in order."""
    row = connection.execute(
        "select least(count(*) filter (t < earlier), count(*) filter (t > earlier)) from (select t,"
        f" lag(t) over (order by first_row) as earlier from (select try({_sql(expression)}) as t, first_row"
        f" from (select v as {quoted(name)}, first_row from given)))"
    ).fetchone()
    return int(row[0]) if row else 0


def _described(
    name: str, expression: str, other: str | None, connection: duckdb.DuckDBPyConnection
) -> Times:
    column = quoted(name)
    row = connection.execute(
        "select bool_and(t = date_trunc('day', t)), min(v),"
        " avg(case when regexp_matches(v, '[0-9] ?([AP]M )?(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{0,2})$') and"
        " length(v) > 12 then 1"
        " else 0 end) filter (v is not null), bool_and(regexp_full_match(trim(v), '[0-9]+([.][0-9]+)?') and"
        " length(trim(v)) >= 9)"
        f" from (select cast(try({_sql(expression)}) as timestamp) as t, cast({column} as varchar) as v from lines)"
    ).fetchone()
    is_day, example, offsets, is_epoch = row or (False, "", 0, False)
    kind = connection.execute(f"select typeof(any_value({column})) from lines").fetchone()
    is_zoned = bool(kind and "TIME ZONE" in str(kind[0]))
    is_epoch = bool(is_epoch) and "%Y" not in expression
    is_zoned |= is_epoch or {"utc", "gmt"} & set(words(name).split()) != set()
    return Times(
        name, expression, other, str(example), 1.0 if is_zoned else float(offsets or 0), bool(is_day) and not is_epoch
    )  # fmt: skip
