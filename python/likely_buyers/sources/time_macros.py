"""SQL that reads moments as shops write them."""

from likely_buyers.sources.macro_text import bound_late, let, trimmed
from likely_buyers.sources.time_zones import misleading_names

# Hours of the names of RFC 822. It gives letters to other zones, which RFC 2822 forbids to read.
_NAMED_HOURS = {
    **dict.fromkeys(("Z", "UT", "UTC", "GMT"), 0),
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
}

# settled when a query is planned, as are the branches that depend on it
_IN_UTC = "upper(zone) in ('UTC', 'ETC/UTC')"


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
    return (
        f"coalesce(map {{{hours}}}[upper({place})] * 3600::bigint, {let('part', written, seconds)})"
    )


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
    instant = let("place", "iso.place || mail.place", instant)
    instant = let("wall_time", f"coalesce({iso_time}, {mail_time})", instant)
    return let("iso", iso, let("mail", mail, instant))


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
    return let("number", f"try_cast({txt} as decimal(28, 9))", microseconds)


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
    slow = let(
        "bare", trimmed(txt), f"coalesce({_time_of_parts('bare')}, {_epoch_of_text('bare')})"
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
    strange = "|".join(name for name in misleading_names() if name not in _NAMED_HOURS)
    no_offset = f"list_filter({formats}, lambda f: not contains(f, '%z') and not contains(f, '%Z'))"
    offset = f"list_filter({formats}, lambda f: contains(f, '%z'))"
    # %z first: a list is given up at the first %Z that meets what is no name
    name = f"list_filter({formats}, lambda f: contains(f, '%Z'))"
    name = f"list_concat(list_transform({name}, lambda f: replace(f, '%Z', '%z')), {name})"
    # no lambda around `strptime`, since in one its format would be no constant
    txt = trimmed("cast(value as varchar)")
    zulu = f"regexp_replace({txt}, '[Zz]$', '+0000')"
    return rf"""coalesce(
        {_in_zone(_formatted(txt, no_offset, "timestamp"))},
        {_formatted_with_offset(zulu, offset)},
        case
            when not regexp_matches({txt}, '\b(?i:{strange})\b')
                then {_formatted_with_offset(_with_offset_for_name(txt), name)}
        end
    )"""


def time_of_value() -> str:
    """The moment that `value`, of any type, says in `zone`."""
    integers = "'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER'"
    wall_times = "'TIMESTAMP', 'DATE', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS'"
    return f"""
        case
            {bound_late("value")}
            when typeof(value) = 'TIMESTAMP WITH TIME ZONE' then try_cast(value as timestamptz)
            when typeof(value) in ({wall_times}) then {_in_zone("try_cast(value as timestamp)")}
            when typeof(value) in ({integers}) then {_epoch_of_integer("try_cast(value as bigint)")}
            when typeof(value) in ('HUGEINT', 'UBIGINT', 'UHUGEINT', 'FLOAT', 'DOUBLE') or typeof(value) like 'DECIMAL%'
                then {_epoch_of_decimal("cast(value as varchar)")}
            else {_time_of_text("cast(value as varchar)")}
        end"""


def time_of_formatted() -> str:
    """`format` as a list; `case typeof(format)` would want one type of a text and a list."""
    as_list = """
        from_json(
            case typeof(given) when 'VARCHAR' then to_json([cast(given as varchar)]) else to_json(given) end,
            '["VARCHAR"]'
        )"""
    # in a lambda, since otherwise DuckDB wants the format of `strptime` when it creates the macro
    formats = let("given", "format", as_list)
    return f"case {bound_late('value')} else {_time_by_format(formats)} end"
