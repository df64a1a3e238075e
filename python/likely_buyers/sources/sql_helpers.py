"""SQL functions for the expressions of event mappings: times, numbers, texts and e-mail addresses as shops write them.

They are macros of DuckDB, and a macro's parameter is pasted in as often as it is named. A long argument is therefore
named once, in a list of one element whose lambda names it again. That is too slow for the commonest texts, which are
told apart by tests of nanoseconds. What macros share is pasted in here instead.

They stand in the lake itself: a view that calls one can be read by whoever opens the lake, under whatever name.
"""

import functools
import hashlib
from typing import Any

import duckdb

from likely_buyers.lake import LAKE
from likely_buyers.sources.macro_text import bound_late, let, trimmed
from likely_buyers.sources.time_macros import time_of_formatted, time_of_value
from likely_buyers.sources.time_zones import zones_by_name
from likely_buyers.sql_text import literal

_THOUSANDS = "[,''\u2019 \u00a0\u2007\u2009\u202f]"
_CURRENCY = (
    r"(?i:(?:US|CA|AU|NZ|HK|NT|MX|[ACRS])?\$|\p{Sc}|kr\.?|zł|Kč|Ft|lei|Rs\.?|S?Fr\.?|лв\.?|"
    "AED|ARS|AUD|BDT|BGN|BHD|BRL|CAD|CHF|CLP|CNY|COP|CRC|CZK|DKK|DOP|EGP|EUR|GBP|GEL|GHS|HKD|HRK|HUF|IDR|ILS|INR|"
    "ISK|JOD|JPY|KES|KRW|KWD|KZT|LKR|MAD|MXN|MYR|NGN|NOK|NZD|OMR|PEN|PHP|PKR|PLN|QAR|RON|RSD|RUB|SAR|SEK|SGD|THB|"
    "TND|TRY|TWD|TZS|UAH|UGX|USD|UYU|UZS|VND|XAF|XOF|ZAR)?"
)

# with any blank and any character that shows nothing around it
_NONE = r"(?i)^[\s\pZ\pC]*(null|nan)?[\s\pZ\pC]*$"


def create_helpers(connection: Any) -> None:
    """Create the macros in the lake that is attached, where it has not these already; else in the database itself.

    as_utc_in(zone, value), as_utc_in(zone, value, format):
        The instant (TIMESTAMP WITH TIME ZONE) that `value` says. Null where it cannot be read, or where a part of it
        cannot: an offset or a zone that nobody knows, a weekday that is not the date's.

        - Texts: ISO 8601 with T or a blank, to the day, minute, second or fraction (what is smaller than a microsecond
          is cut off); its basic form; RFC 2822; behind them an offset to 15:59, `UTC`, or a name of RFC 822, IANA,
          Rails or Windows; epochs. What says no offset is local time of `zone`.
        - A local time that does not exist is read as if the clock had not yet been put forward (02:30 is 03:30); one
          that exists twice is the later of the two.
        - Epochs, as numbers or texts, are told apart by size: seconds below 1e11, milliseconds below 1e14, microseconds
          below 1e17, else nanoseconds. As a text, 20260101 and 20260101100000 are dates; as a number they are epochs.
        - TIMESTAMP and DATE are local time of `zone`, TIMESTAMP WITH TIME ZONE is as it is.
        - format: codes of `strptime`, or a list of which the first that fits counts; those without an offset are tried
          first, those with %z before those with %Z. Must be a constant.

    zone_name(name): the IANA name of an IANA, Rails or Windows name in any case; null when nobody knows it.
    as_text(txt): as it is; null for what exports write where there is none: '', blanks, null and NaN in any case.
    as_email(txt): in lower case, without blanks around it, visible or not; null for ''.
    as_number(txt), as_number(txt, decimal_sign): DECIMAL(38, 6), by which money stays exact. Without signs and codes of
        currencies and separators of thousands; negative by a minus on either side or by brackets. `decimal_sign` is '.'
        or ','; of what is a number already it changes nothing. Null for what is no number, or has 33 digits or more
        before its point.
    """
    with connection.cursor() as cursor:
        use_helpers(cursor)
        version = hashlib.sha256(_statements().encode()).hexdigest()
        try:
            if cursor.execute("select helpers_version()").fetchone() == (version,):
                return
        except duckdb.CatalogException:
            pass
        cursor.execute(
            f"begin; {_statements()} create or replace macro main.helpers_version() as {literal(version)}; commit"
        )


def use_helpers(cursor: Any) -> None:
    """Have a cursor, whose time zone must be UTC, find the macros and the tables of the lake, where there is one."""
    lake = "select 1 from duckdb_databases() where database_name = ?"
    if cursor.execute(lake, [LAKE]).fetchone():
        cursor.execute(f"use {LAKE}.main")


def zone_name_macro() -> str:
    """A search in one long text: a map of 900 names takes ten times as long to be created.

    The text is named once, and not by a lambda, which would copy it for each row.
    """
    lines = literal("".join(f"\n{name}={zone}" for name, zone in zones_by_name().items()) + "\n")
    line = f"chr(10) || lower({trimmed('name')}) || '='"
    return f"nullif(split_part(split_part({lines}, {line}, 2), chr(10), 1), '')"


def _number_with_point(txt: str) -> str:
    """Thousands must stand in groups, so that 12,50 is no 1250."""
    pattern = (
        rf"^([-+(]?)\s*{_CURRENCY}\s*(-?)\s*"
        rf"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+|\d{{1,3}}(?:{_THOUSANDS}\d{{2,3}})*{_THOUSANDS}\d{{3}}(?:\.\d*)?)"
        rf"\s*{_CURRENCY}\s*(-?)\s*(\)?)$"
    )
    number = f"""
        case
            when (part.before = '(') <> (part.closed = ')') then null
            else try_cast(regexp_replace(part.digits, '{_THOUSANDS}', '', 'g') as decimal(38, 6))
                * case replace(part.before, '+', '') || part.inner || part.after
                    when '' then 1 when '-' then -1 when '(' then -1
                end
        end"""
    groups = "['before', 'inner', 'digits', 'after', 'closed']"
    parts = f"regexp_extract(replace({txt}, chr(8722), '-'), '{pattern}', {groups})"
    return let("part", parts, number)


def _number(decimal_sign: str) -> str:
    text = "cast(txt as varchar)"
    point = f"case {decimal_sign} when '.' then bare when ',' then translate(bare, ',.', '.,') end"
    written = let("bare", trimmed(text), _number_with_point(point))
    return f"""
        case
            {bound_late("txt")}
            when typeof(txt) <> 'VARCHAR' then try_cast({text} as decimal(38, 6))
            -- a cast takes 1_2 for 12
            when {decimal_sign} = '.' and not contains({text}, '_')
                then coalesce(try_cast({text} as decimal(38, 6)), {written})
            else {written}
        end"""


@functools.cache
def _statements() -> str:
    number = "(txt) as {}, (txt, decimal_sign) as {}".format(
        _number("'.'"), _number("decimal_sign")
    )
    text = f"nullif(regexp_replace(cast(txt as varchar), {literal(_NONE)}, ''), '')"
    time = f"(zone, value) as {time_of_value()}, (zone, value, format) as {time_of_formatted()}"
    return f"""
        create or replace macro main.zone_name(name) as {zone_name_macro()};
        create or replace macro main.as_utc_in {time};
        create or replace macro main.as_text(txt) as {text};
        create or replace macro main.as_email(txt) as nullif(lower({trimmed("txt")}), '');
        create or replace macro main.as_number {number};
    """
