"""SQL functions for the expressions of event mappings: times, numbers and e-mail addresses as shops write them.

They are macros of DuckDB, and a macro's parameter is pasted in as often as it is named. A long argument is therefore
named once, in a list of one element whose lambda names it again. That is too slow for the commonest texts, which are
told apart by tests of nanoseconds. Each macro costs a tenth of a millisecond for each cursor: what macros share is
pasted in here instead.
"""

import csv
import difflib
import functools
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import duckdb

# Blanks of the keyboard, no-break blanks, blanks of no width
_BLANKS = " \t\n\v\f\r\u00a0\u2007\u202f\u200b\u2060\ufeff"
_THOUSANDS = "[,''\u2019 \u00a0\u2007\u2009\u202f]"
_CURRENCY = (
    r"(?i:(?:US|CA|AU|NZ|HK|NT|MX|[ACRS])?\$|\p{Sc}|kr\.?|zł|Kč|Ft|lei|Rs\.?|S?Fr\.?|лв\.?|"
    "AED|ARS|AUD|BDT|BGN|BHD|BRL|CAD|CHF|CLP|CNY|COP|CRC|CZK|DKK|DOP|EGP|EUR|GBP|GEL|GHS|HKD|HRK|HUF|IDR|ILS|INR|"
    "ISK|JOD|JPY|KES|KRW|KWD|KZT|LKR|MAD|MXN|MYR|NGN|NOK|NZD|OMR|PEN|PHP|PKR|PLN|QAR|RON|RSD|RUB|SAR|SEK|SGD|THB|"
    "TND|TRY|TWD|TZS|UAH|UGX|USD|UYU|UZS|VND|XAF|XOF|ZAR)?"
)
# The names of three letters that IANA knows. ICU's other ones are guesses: its BST is Bangladesh, its AST Alaska.
_SHORT_NAMES = frozenset(
    ["CET", "EET", "EST", "GMT", "HST", "MET", "MST", "PRC", "ROC", "ROK", "UCT", "UTC", "WET"]
)
# Hours of the names of RFC 822. It gives letters to other zones, which RFC 2822 forbids to read.
_NAMED_HOURS = {
    **dict.fromkeys(("Z", "UT", "UTC", "GMT"), 0),
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
}

# settled when a query is planned, as are the branches that depend on it
_IN_UTC = "upper(zone) in ('UTC', 'ETC/UTC')"


class UnknownZone(ValueError):
    """A name that is no time zone's."""


def create_helpers(cursor: Any) -> None:
    """Create the macros for one cursor, whose time zone must be UTC. They are gone with it.

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
    as_email(txt): in lower case, without blanks around it, visible or not; null for ''.
    as_number(txt), as_number(txt, decimal_sign): DECIMAL(38, 6), by which money stays exact. Without signs and codes of
        currencies and separators of thousands; negative by a minus on either side or by brackets. `decimal_sign` is '.'
        or ','; of what is a number already it changes nothing. Null for what is no number, or has 33 digits or more
        before its point.
    """
    cursor.execute(_statements())


def known_zone(text: str) -> str:
    """The IANA name of an IANA, Rails or Windows name, in any case.

    Raises:
        UnknownZone: nobody knows it; with the nearest name.
    """
    zones = _zones()
    name = text.strip().lower()
    if name in zones:
        return zones[name]
    # people name a zone by its city as often as by its whole name
    cities = {known.rpartition("/")[2]: known for known in zones}
    near = difflib.get_close_matches(name, [*zones, *cities], n=1)
    hint = f" Did you mean {zones[cities.get(near[0], near[0])]!r}?" if near else ""
    raise UnknownZone(
        f"{text!r} is no time zone; wanted is a name such as 'Europe/Paris', 'Eastern Time (US & Canada)' or"
        f" 'W. Europe Standard Time'.{hint}"
    )


@functools.cache
def _icu_names() -> tuple[str, ...]:
    with duckdb.connect() as connection:
        rows = connection.execute("select name from pg_timezone_names()").fetchall()
    return tuple(sorted(name for (name,) in rows))


def _is_strange(icu_name: str) -> bool:
    """Whether it is of ICU only, and means something else to most people."""
    return bool(re.fullmatch("[A-Z]{3}", icu_name)) and icu_name not in _SHORT_NAMES


@functools.cache
def _zones() -> Mapping[str, str]:
    """IANA names by every known name in lower case."""
    with resources.files(__package__).joinpath("zone_names.csv").open(encoding="utf-8") as file:
        other_names = {row["name"].lower(): row["zone"] for row in csv.DictReader(file)}
    # Factory is the zone of a computer that nobody has told its zone; SystemV's are of ICU only
    iana_names = (
        name
        for name in _icu_names()
        if not _is_strange(name) and name != "Factory" and not name.startswith("SystemV/")
    )
    return other_names | {name.lower(): name for name in iana_names}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _trimmed(txt: str) -> str:
    return f"trim({txt}, {_quoted(_BLANKS)})"


def _let(name: str, value: str, then: str) -> str:
    return f"list_transform([{value}], lambda {name}: {then})[1]"


def _bound_late(parameter: str) -> str:
    """The first branch of a long macro, by which creating it takes a third of the time.

    DuckDB binds a new macro as far as it gets, to what depends on the type of a parameter. The branch is none in use.
    """
    return f"when false and len([{parameter}]) = 0 then null"


def _zone_name() -> str:
    """A search in one long text: a map of 900 names takes ten times as long to be created for each cursor.

    The text is named once, and not by a lambda, which would copy it for each row.
    """
    lines = _quoted("".join(f"\n{name}={zone}" for name, zone in _zones().items()) + "\n")
    line = f"chr(10) || lower({_trimmed('name')}) || '='"
    return f"nullif(split_part(split_part({lines}, {line}, 2), chr(10), 1), '')"


def _in_utc(wall_time: str) -> str:
    """A TIMESTAMP read as UTC; a cast does so by a calendar, at twenty times the cost."""
    return f"make_timestamptz(epoch_us({wall_time}))"


def _in_zone(wall_time: str) -> str:
    """A TIMESTAMP read as local time of `zone`."""
    return f"""
        case
            when {_IN_UTC} then {_in_utc(wall_time)}
            else timezone(zone_name(zone), {wall_time})
        end"""


def _offset(place: str) -> str:
    """Seconds of PST, +05:30, -0800, +5, GMT+0530, +08:05:43; null for what no place ever had."""
    hours = ", ".join(f"'{name}': {offset}" for name, offset in _NAMED_HOURS.items())
    written = rf"""
        regexp_extract(
            {place},
            '^(?:(?i:UTC|GMT) ?)?([+-])(0?\d|1[0-5])(?::?([0-5]\d)(?::?([0-5]\d))?)?$',
            ['sign', 'hours', 'minutes', 'seconds']
        )"""
    seconds = """
        case part.sign when '+' then 1 when '-' then -1 end * (
            cast('0' || part.hours as bigint) * 3600
            + cast('0' || part.minutes as bigint) * 60
            + cast('0' || part.seconds as bigint)
        )"""
    return f"coalesce(map {{{hours}}}[upper({place})] * 3600::bigint, {_let('part', written, seconds)})"


def _time_of_parts(txt: str) -> str:
    """ISO 8601 or RFC 2822, with whatever place behind it."""
    with_hyphens = rf"regexp_replace({txt}, '^(\d{{4}})(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)?)?', '\1-\2-\3 \4:\5:\6')"
    iso = rf"""
        regexp_extract(
            {with_hyphens},
            '^(\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}})(?:[Tt ]\s*(?:(\d{{1,2}}:\d\d(?::\d\d)?)(?:[.,](\d+))?)?:*)?\s*(.*)$',
            ['day', 'clock', 'fraction', 'place']
        )"""
    mail = rf"""
        regexp_extract(
            {txt},
            '^(?:([A-Za-z]{{3}})(?:,\s*|\s+))?(\d{{1,2}})\s+([A-Za-z]{{3}})\s+(\d{{4}})\s+(\d{{1,2}}:\d\d)(:\d\d)?\s*(.*)$',
            ['weekday', 'day', 'month', 'year', 'minute', 'second', 'place']
        )"""
    iso_time = """
        try_cast(
            iso.day || ' ' || case iso.clock when '' then '00:00' else iso.clock end
            || case iso.fraction when '' then '' else '.' || left(iso.fraction, 6) end
            as timestamp
        )"""
    mail_time = """
        try_strptime(
            concat_ws(' ', mail.day, mail.month, mail.year, mail.minute)
            || case mail.second when '' then ':00' else mail.second end,
            '%d %b %Y %H:%M:%S'
        )"""
    zone = "case place when '' then zone else place end"
    # a weekday that is not the date's makes the text unreadable: one of the two is wrong. In a lambda `zone_name` takes
    # twenty times as long as a cast, which is right about names with a slash.
    instant = f"""
        case
            when wall_time is null then null
            when lower(mail.weekday) not in ('', lower(strftime(wall_time, '%a'))) then null
            when place = '' and {_IN_UTC} then {_in_utc("wall_time")}
            else coalesce(
                make_timestamptz(epoch_us(wall_time) - 1000000 * {_offset("place")}),
                case
                    when regexp_full_match({zone}, '[A-Za-z_]+(/[A-Za-z0-9_+-]+)+')
                        then try_cast(wall_time::varchar || ' ' || {zone} as timestamptz)
                end,
                timezone(zone_name({zone}), wall_time)
            )
        end"""
    instant = _let("place", "iso.place || mail.place", instant)
    instant = _let("wall_time", f"coalesce({iso_time}, {mail_time})", instant)
    return _let("iso", iso, _let("mail", mail, instant))


def _epoch_of_integer(number: str) -> str:
    return f"""
        case
            when {number} between -99999999999 and 99999999999 then make_timestamptz({number} * 1000000)
            when {number} between -99999999999999 and 99999999999999 then make_timestamptz({number} * 1000)
            when {number} between -99999999999999999 and 99999999999999999 then make_timestamptz({number})
            else make_timestamptz({number} // 1000)
        end"""


def _epoch_of_decimal(txt: str) -> str:
    """By way of text, since a double has no room for nanoseconds, and 0.1 as a double is no tenth."""
    microseconds = """
        make_timestamptz(case
            when abs(number) < 100000000000 then cast(floor(number * 1000000) as bigint)
            when abs(number) < 100000000000000 then cast(floor(number * 1000) as bigint)
            when abs(number) < 100000000000000000 then cast(floor(number) as bigint)
            when abs(number) < 9223372036854775807 then cast(floor(number * 0.001) as bigint)
        end)"""
    return _let("number", f"try_cast({txt} as decimal(28, 9))", microseconds)


def _epoch_of_text(txt: str) -> str:
    """Eight or fourteen digits that begin as a year does are a date: epochs, they would be of 1970 or 2600."""
    return rf"""
        case
            when not regexp_full_match({txt}, '[+-]?\d+(\.\d*)?([eE][+-]?\d+)?') then null
            when regexp_full_match({txt}, '(19|20|21)(\d{{6}}|\d{{12}})') then null
            when regexp_full_match({txt}, '-?\d{{1,18}}') then {_epoch_of_integer(f"try_cast({txt} as bigint)")}
            else {_epoch_of_decimal(txt)}
        end"""


def _time_of_text(txt: str) -> str:
    """The common shapes first.

    The first colon at 14 is that of 'YYYY-MM-DD HH:', behind which five characters have no room for an offset; the
    first hyphen at 5 ends a year of four digits. The cast to timestamp would drop an offset in silence, and outside UTC
    a Z or a UTC is as much of one. The cast to timestamptz is right about offsets only (it takes a BST for Bangladesh),
    reads +25:00 and +05:75, and is slow without one.
    """
    local = _in_zone(f"try_cast({txt} as timestamp)")
    offset = r"[+-](0\d|1[0-5])(:?[0-5]\d(:?[0-5]\d)?)?$"
    slow = _let(
        "bare", _trimmed(txt), f"coalesce({_time_of_parts('bare')}, {_epoch_of_text('bare')})"
    )
    return rf"""
        coalesce(
            case
                when strlen({txt}) = 19 and strpos({txt}, ':') = 14 and ({_IN_UTC} or not suffix({txt}, 'Z'))
                    then {local}
                when strpos({txt}, '-') <> 5 then null
                when strlen({txt}) = 10 then {local}
                when suffix({txt}, 'Z') or suffix({txt}, ' UTC') then {_in_utc(f"try_cast({txt} as timestamp)")}
                when strpos({txt}, ':') <> 14 then null
                when not contains({txt}, '+') and {txt} not like '%-%-%-%'
                    and ({_IN_UTC} or regexp_matches({txt}, '\d$'))
                    then {local}
                when regexp_matches({txt}, '\d{offset}') then try_cast({txt} as timestamptz)
                when regexp_matches({txt}, '\d {offset}')
                    then try_cast(replace(replace({txt}, ' -', '-'), ' +', '+') as timestamptz)
            end,
            {_epoch_of_text(txt)},
            {slow}
        )"""


def _formatted(txt: str, formats: str, as_type: str) -> str:
    """`try_strptime` reads 'epoch' and 'infinity' as 1900 whatever the format: a text without a digit is no time."""
    # an empty list would be an error; the text that stands in for one fits nothing that has a digit
    formats = f"case len({formats}) when 0 then ['no format'] else {formats} end"
    return rf"case when regexp_matches({txt}, '\d') then cast(try_strptime({txt}, {formats}) as {as_type}) end"


def _formatted_with_offset(txt: str, formats: str) -> str:
    """Without what `try_strptime` takes for offsets: +25:00, +05:75."""
    wrong = r"'[\s\d][+-](1[6-9]|[2-9]\d|\d\d:?[6-9]\d)(:?\d\d)*$|(^|\s)[+-](1[6-9]\d\d|[2-9]\d{3}|\d\d[6-9]\d)(\s|$)'"
    return f"case when not regexp_matches({txt}, {wrong}) then {_formatted(txt, formats, 'timestamptz')} end"


def _with_offset_for_name(txt: str) -> str:
    for hours in sorted(set(_NAMED_HOURS.values())):
        names = "|".join(name for name, offset in _NAMED_HOURS.items() if offset == hours)
        txt = rf"regexp_replace({txt}, '\b(?i:{names})\b', '{hours:+03d}00')"
    return txt


def _time_by_format(formats: str) -> str:
    strange = "|".join(
        name for name in _icu_names() if _is_strange(name) and name not in _NAMED_HOURS
    )
    no_offset = f"list_filter({formats}, lambda f: not contains(f, '%z') and not contains(f, '%Z'))"
    offset = f"list_filter({formats}, lambda f: contains(f, '%z'))"
    # %z first: a list is given up at the first %Z that meets what is no name
    name = f"list_filter({formats}, lambda f: contains(f, '%Z'))"
    name = f"list_concat(list_transform({name}, lambda f: replace(f, '%Z', '%z')), {name})"
    # no lambda around `strptime`, since in one its format would be no constant
    txt = _trimmed("cast(value as varchar)")
    zulu = f"regexp_replace({txt}, '[Zz]$', '+0000')"
    return rf"""coalesce(
        {_in_zone(_formatted(txt, no_offset, "timestamp"))},
        {_formatted_with_offset(zulu, offset)},
        case
            when not regexp_matches({txt}, '\b(?i:{strange})\b')
                then {_formatted_with_offset(_with_offset_for_name(txt), name)}
        end
    )"""


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
    return _let("part", parts, number)


def _number(decimal_sign: str) -> str:
    text = "cast(txt as varchar)"
    point = f"case {decimal_sign} when '.' then bare when ',' then translate(bare, ',.', '.,') end"
    written = _let("bare", _trimmed(text), _number_with_point(point))
    return f"""
        case
            {_bound_late("txt")}
            when typeof(txt) <> 'VARCHAR' then try_cast({text} as decimal(38, 6))
            -- a cast takes 1_2 for 12
            when {decimal_sign} = '.' and not contains({text}, '_')
                then coalesce(try_cast({text} as decimal(38, 6)), {written})
            else {written}
        end"""


def _time_of_value() -> str:
    integers = "'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER'"
    wall_times = "'TIMESTAMP', 'DATE', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS'"
    return f"""
        case
            {_bound_late("value")}
            when typeof(value) = 'TIMESTAMP WITH TIME ZONE' then try_cast(value as timestamptz)
            when typeof(value) in ({wall_times}) then {_in_zone("try_cast(value as timestamp)")}
            when typeof(value) in ({integers}) then {_epoch_of_integer("try_cast(value as bigint)")}
            when typeof(value) in ('HUGEINT', 'UBIGINT', 'UHUGEINT', 'FLOAT', 'DOUBLE') or typeof(value) like 'DECIMAL%'
                then {_epoch_of_decimal("cast(value as varchar)")}
            else {_time_of_text("cast(value as varchar)")}
        end"""


def _time_of_formatted() -> str:
    """`format` as a list; `case typeof(format)` would want one type of a text and a list."""
    as_list = """
        from_json(
            case typeof(given) when 'VARCHAR' then to_json([cast(given as varchar)]) else to_json(given) end,
            '["VARCHAR"]'
        )"""
    # in a lambda, since otherwise DuckDB wants the format of `strptime` when it creates the macro
    formats = _let("given", "format", as_list)
    return f"case {_bound_late('value')} else {_time_by_format(formats)} end"


@functools.cache
def _statements() -> str:
    number = "(txt) as {}, (txt, decimal_sign) as {}".format(
        _number("'.'"), _number("decimal_sign")
    )
    time = f"(zone, value) as {_time_of_value()}, (zone, value, format) as {_time_of_formatted()}"
    return f"""
        create or replace temp macro zone_name(name) as {_zone_name()};
        create or replace temp macro as_utc_in {time};
        create or replace temp macro as_email(txt) as nullif(lower({_trimmed("txt")}), '');
        create or replace temp macro as_number {number};
    """
