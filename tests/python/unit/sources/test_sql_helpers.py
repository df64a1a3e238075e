"""What event mappings may call: every instant as it was meant, and null for what cannot be read whole."""

import csv
import email.utils
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from likely_buyers.dbt.plugin import Plugin
from likely_buyers.settings import Lake
from likely_buyers.sources.sql_helpers import create_helpers, use_helpers
from likely_buyers.sources.time_zones import UnknownZone, known_zone
from support.tries import tries

ZONES = [
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
]
ABBREVIATIONS = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8}
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_helpers(connection)
        use_helpers(connection)
        yield connection


def evaluated(cursor: duckdb.DuckDBPyConnection, expression: str, *values: Any) -> Any:
    return cursor.execute(f"select {expression}", list(values)).fetchone()[0]  # type: ignore[index]


def as_utc(cursor: duckdb.DuckDBPyConnection, zone: str, *texts: str) -> list[Any]:
    """By a table, as in a build; a query of its own for each text would take milliseconds."""
    rows = cursor.execute(
        f"select as_utc_in('{zone}', text) from (select unnest($1::varchar[]) as text)",
        [list(texts)],
    )
    return [instant for (instant,) in rows.fetchall()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # ISO 8601
        ("2026-01-01T10:00:00Z", "2026-01-01 10:00:00"),
        ("2026-01-01T10:00:00z", "2026-01-01 10:00:00"),
        ("2026-01-01 10:00:00 UTC", "2026-01-01 10:00:00"),
        ("2026-01-01 10:00:00 utc", "2026-01-01 10:00:00"),
        ("2026-01-01 10:0:00Z", "2026-01-01 10:00:00"),
        ("2026-01-01 10:00:00.5 UTC ", "2026-01-01 10:00:00.5"),
        ("2026-01-01 10:00:00 gmt", "2026-01-01 10:00:00"),
        ("2026-01-01T10:00:00+05:30", "2026-01-01 04:30:00"),
        ("2026-01-01T10:00:00.123456789+05:30", "2026-01-01 04:30:00.123456"),
        ("2026-01-01T10:00:00,5Z", "2026-01-01 10:00:00.5"),
        ("2026-01-01 10:00:00.25 UTC", "2026-01-01 10:00:00.25"),
        ("2026-01-01 10:00:00-0800", "2026-01-01 18:00:00"),
        ("2026-01-01 10:00:00 -0400", "2026-01-01 14:00:00"),
        ("2026-01-01 10:00:00 +05:30", "2026-01-01 04:30:00"),
        ("2026-01-01 10:00:00+05", "2026-01-01 05:00:00"),
        ("2026-01-01 10:00 -05", "2026-01-01 15:00:00"),
        ("2026-01-01T10:00:00-00:00", "2026-01-01 10:00:00"),
        ("2026-01-01 10:00:00+15:59", "2025-12-31 18:01:00"),
        ("2026-01-01 10:00:00.123-04", "2026-01-01 14:00:00.123"),
        ("2026-1-1 1:00:00-05", "2026-01-01 06:00:00"),
        ("2026-01-01 10:00:00 GMT+0530", "2026-01-01 04:30:00"),
        ("20260101T100000Z", "2026-01-01 10:00:00"),
        ("20260101T1000-0330", "2026-01-01 13:30:00"),
        ("20260101T100000.5Z", "2026-01-01 10:00:00.5"),
        # local time of Paris
        ("2026-01-01 10:00:00", "2026-01-01 09:00:00"),
        ("2026-07-01T10:00:00", "2026-07-01 08:00:00"),
        ("2026-01-01 10:00:00.123", "2026-01-01 09:00:00.123"),
        ("2026/01/01 10:00:00", "2026-01-01 09:00:00"),
        ("2026-02-03 00:20", "2026-02-02 23:20:00"),
        ("2026-02-03", "2026-02-02 23:00:00"),
        ("20260203", "2026-02-02 23:00:00"),
        ("20260203104500", "2026-02-03 09:45:00"),
        ("2026-03-29 02:30:00", "2026-03-29 01:30:00"),
        ("2026-10-25 02:30:00", "2026-10-25 01:30:00"),
        # blanks around
        (" 2026-01-01 10:00:00\t", "2026-01-01 09:00:00"),
        ("2026-01-01 10:00:00 +0200\u00a0", "2026-01-01 08:00:00"),
        ("2026-01-01T10:00:00Z\r\n", "2026-01-01 10:00:00"),
        # named zones
        ("2026-07-01 10:00:00 America/New_York", "2026-07-01 14:00:00"),
        ("2026-07-01T10:00:00.5 america/new_york", "2026-07-01 14:00:00.5"),
        ("2026-01-01 10:00:00 Etc/GMT+5", "2026-01-01 15:00:00"),
        ("2026-07-01 10:00:00 Eastern Time (US & Canada)", "2026-07-01 14:00:00"),
        ("2026-07-01 10:00:00 W. Europe Standard Time", "2026-07-01 08:00:00"),
        ("2026-01-01 10:00:00 EST", "2026-01-01 15:00:00"),
        ("2026-07-01 10:00:00 PDT", "2026-07-01 17:00:00"),
        ("2026-07-01 10:00:00 PST", "2026-07-01 18:00:00"),
        # RFC 2822
        ("Fri, 09 Aug 2013 13:18:20 +0000", "2013-08-09 13:18:20"),
        ("fri, 9 aug 2013 13:18:20 -0700", "2013-08-09 20:18:20"),
        ("09 Aug 2013 13:18:20 EDT", "2013-08-09 17:18:20"),
        ("Fri, 09 Aug 2013 13:18 GMT", "2013-08-09 13:18:00"),
        ("9 Aug 2013 13:18:20", "2013-08-09 11:18:20"),
        # epochs
        ("1767225600", "2026-01-01 00:00:00"),
        ("1767225600.5", "2026-01-01 00:00:00.5"),
        ("1.7672256E9", "2026-01-01 00:00:00"),
        ("1767225600123", "2026-01-01 00:00:00.123"),
        ("1.767225600123e12", "2026-01-01 00:00:00.123"),
        ("1767225600123456", "2026-01-01 00:00:00.123456"),
        ("1767225600123456789", "2026-01-01 00:00:00.123456"),
        (" 1767225600 ", "2026-01-01 00:00:00"),
        ("-1", "1969-12-31 23:59:59"),
        ("0", "1970-01-01 00:00:00"),
    ],
)
def test_a_text_is_the_instant_it_says(
    cursor: duckdb.DuckDBPyConnection, text: str, expected: str
) -> None:
    instant = datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert as_utc(cursor, "Europe/Paris", text) == [instant]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "\u00a0",
            "null",
            "yesterday",
            "epoch",
            "infinity",
            "-infinity",
            "nan",
            "inf",
            "-",
        ),
        # offsets and zones that nobody knows
        "2026-01-01 10:00:00+25:00",
        "2026-01-01 10:00:00 -2500",
        "2026-01-01 10:00:00+16:00",
        "2026-01-01 10:00:00+05:75",
        "2026-01-01 10:00:00 +0575",
        "2026-01-01 10:00:00+05:30:",
        "2026-01-01 10:00:00.-04:",
        "2026-01-01 10:00:00 Foo/Bar",
        "2026-01-01 10:00:00 Europe/Paris!",
        "2026-01-01 10:00:00 utc=UTC\nfoo",
        "2026-01-01 10:00:00 BST",
        "2026-01-01 10:00:00 IST",
        "2026-01-01 10:00:00 CEST",
        "2026-01-01 10:00:00 +05:00 Europe/Paris",
        "Fri, 09 Aug 2013 13:18:20 +2500",
        "Fri, 09 Aug 2013 13:18:20 A",
        # what needs a format, or says more than was read
        "2026-01-01 10:00:00 PM",
        "26-01-01 10:00:00",
        "26-01-01 10:00:00 UTC",
        "01/02/2026 10:00",
        "2026-01-01 10:00:00 and more",
        "2026-01-01x10:00:00",
        # no dates, or not the date of this weekday
        "2026-02-30",
        "2026-02-30 10:00:00",
        "2026-01-01 25:00:00",
        "20261301",
        "0000-00-00 00:00:00",
        "Mon, 09 Aug 2013 13:18:20 +0000",
        "Fri, 39 Aug 2013 13:18:20 +0000",
        # no epochs
        "99999999999999999999999",
        "1e400",
        "1_767_225_600",
        "0x6955B900",
        "1767225600 s",
    ],
)
def test_what_cannot_be_read_whole_is_null(cursor: duckdb.DuckDBPyConnection, text: str) -> None:
    assert as_utc(cursor, "Europe/Paris", text) == [None]
    assert as_utc(cursor, "UTC", text) == [None]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("timestamp '2026-01-01 10:00:00'", "2026-01-01 09:00:00"),
        ("timestamp_ms '2026-01-01 10:00:00.5'", "2026-01-01 09:00:00.5"),
        ("date '2026-07-01'", "2026-06-30 22:00:00"),
        ("timestamptz '2026-01-01 10:00:00+00'", "2026-01-01 10:00:00"),
        ("1767225600", "2026-01-01 00:00:00"),
        ("1767225600123456::bigint", "2026-01-01 00:00:00.123456"),
        ("1767225600123456789::hugeint", "2026-01-01 00:00:00.123456"),
        ("1767225600.5::double", "2026-01-01 00:00:00.5"),
        ("1767225600123.0::double", "2026-01-01 00:00:00.123"),
        ("1767225600.123456::decimal(20, 6)", "2026-01-01 00:00:00.123456"),
        ("20260101", "1970-08-23 11:48:21"),
    ],
)
def test_values_that_are_no_texts(
    cursor: duckdb.DuckDBPyConnection, value: str, expected: str
) -> None:
    instant = datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert evaluated(cursor, f"as_utc_in('Europe/Paris', {value})") == instant


@pytest.mark.parametrize(
    "value",
    [
        "null",
        "null::timestamp",
        "'nan'::double",
        "'inf'::double",
        "1e300::double",
        "true",
        "{'a': 1}",
    ],
)
def test_values_that_are_no_times_are_null(cursor: duckdb.DuckDBPyConnection, value: str) -> None:
    assert evaluated(cursor, f"as_utc_in('Europe/Paris', {value})") is None


@pytest.mark.parametrize(
    ("text", "time_format", "expected"),
    [
        ("05/01/2026 10:00 PM", "'%d/%m/%Y %I:%M %p'", "2026-01-05 21:00:00"),
        (" 05/01/26 ", "'%d/%m/%y'", "2026-01-04 23:00:00"),
        ("2026.01.05", "['%d/%m/%Y', '%Y.%m.%d']", "2026-01-04 23:00:00"),
        # the first that fits
        ("05/01/2026", "['%d/%m/%Y', '%m/%d/%Y']", "2026-01-04 23:00:00"),
        ("05/13/2026", "['%d/%m/%Y', '%m/%d/%Y']", "2026-05-12 22:00:00"),
        # with and without an offset
        ("05/01/2026 +0300", "['%d/%m/%Y', '%d/%m/%Y %z']", "2026-01-04 21:00:00"),
        ("05/01/2026 10:00Z", "'%d/%m/%Y %H:%M%z'", "2026-01-05 10:00:00"),
        ("Fri Aug 09 13:18:20 +0200 2013", "'%a %b %d %H:%M:%S %z %Y'", "2013-08-09 11:18:20"),
        ("Jul 5, 2026 10:00:00 AM PDT", "'%b %d, %Y %I:%M:%S %p %Z'", "2026-07-05 17:00:00"),
        ("Jul 5, 2026 10:00:00 AM PST", "'%b %d, %Y %I:%M:%S %p %Z'", "2026-07-05 18:00:00"),
        (
            "5 Jul 2026 10:00 Asia/Tokyo",
            "['%d %b %Y %H:%M', '%d %b %Y %H:%M %Z']",
            "2026-07-05 01:00:00",
        ),
        # what is not read
        ("05/13/2026", "'%d/%m/%Y'", None),
        ("05/01/2026 10:00", "'%d/%m/%Y'", None),
        ("05/01/2026 +2500", "'%d/%m/%Y %z'", None),
        ("05/01/2026 +05:75", "'%d/%m/%Y %z'", None),
        ("Fri Aug 09 13:18:20 +2500 2013", "'%a %b %d %H:%M:%S %z %Y'", None),
        ("5 Jul 2026 10:00 BST", "'%d %b %Y %H:%M %Z'", None),
        ("5 Jul 2026 10:00 Foo", "['%d %b %Y %H:%M', '%d %b %Y %H:%M %Z']", None),
        ("epoch", "'%Y'", None),
        ("Infinity", "'%Y%z'", None),
        ("", "'%Y'", None),
    ],
)
def test_a_format(
    cursor: duckdb.DuckDBPyConnection, text: str, time_format: str, expected: str | None
) -> None:
    instant = expected and datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert evaluated(cursor, f"as_utc_in('Europe/Paris', $1, {time_format})", text) == instant


instants = st.datetimes(
    datetime(1975, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC)
)  # before 1975 milliseconds are fewer than seconds may be


@st.composite
def written_times(draw: st.DrawFn) -> tuple[str, datetime]:
    """An instant and one of the ways in which Python writes it, with its zone."""
    moment = draw(instants)
    whole = moment.replace(microsecond=0)
    zone = draw(
        st.one_of(
            st.sampled_from(ZONES).map(ZoneInfo),
            st.integers(-15 * 60 - 59, 15 * 60 + 59).map(lambda m: timezone(timedelta(minutes=m))),
        )
    )
    local = moment.astimezone(zone)
    style = draw(
        st.sampled_from(["iso", "numeric", "basic", "mail", "gmt", "abbreviated", "epoch"])
    )
    blank = draw(st.sampled_from(["", " "]))
    if style == "iso":
        unit = draw(st.sampled_from(["auto", "milliseconds", "microseconds"]))
        if unit == "milliseconds":
            local = local.replace(microsecond=local.microsecond // 1000 * 1000)
        text = local.isoformat(draw(st.sampled_from("T ")), timespec=unit)
        sign = max(text.rfind("+"), text.rfind("-"))
        written = text[:sign] + blank + text[sign:], local.astimezone(UTC)
    elif style == "numeric":
        written = local.strftime(f"%Y-%m-%d %H:%M:%S.%f{blank}%z"), moment
    elif style == "basic":
        written = local.strftime("%Y%m%dT%H%M%S%z"), whole
    elif style == "mail":
        written = email.utils.format_datetime(local), whole
    elif style == "gmt":
        written = email.utils.format_datetime(moment, usegmt=True), whole
    elif style == "abbreviated":
        name, hours = draw(st.sampled_from(sorted(ABBREVIATIONS.items())))
        local = moment.astimezone(timezone(timedelta(hours=hours)))
        written = local.strftime(f"%d %b %Y %H:%M:%S {name}"), whole
    else:
        microseconds = (moment - EPOCH) // timedelta(microseconds=1)
        in_a_unit = draw(st.sampled_from([1, 1000, 1000_000]))
        count = microseconds // in_a_unit
        written = draw(
            st.sampled_from(
                [
                    (str(count), EPOCH + timedelta(microseconds=count * in_a_unit)),
                    (str(Decimal(microseconds) / in_a_unit), moment),
                    (f"{Decimal(microseconds) / in_a_unit:E}", moment),
                    (str(microseconds * 1000), moment),
                ]
            )
        )
    return written


@settings(
    deadline=None,
    max_examples=tries(60),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(written_times(), min_size=1, max_size=80), st.sampled_from(ZONES))
def test_what_python_writes_comes_back(
    cursor: duckdb.DuckDBPyConnection, written: list[tuple[str, datetime]], zone: str
) -> None:
    texts, moments = zip(*written, strict=True)
    assert dict(zip(texts, as_utc(cursor, zone, *texts), strict=True)) == dict(written), moments


@pytest.mark.slow
@settings(deadline=None, max_examples=tries(60))
@given(
    st.lists(instants, min_size=1, max_size=80),
    st.sampled_from(ZONES),
    st.sampled_from(ZONES),
    st.sampled_from(
        ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M", "%a, %d %b %Y %H:%M:%S"]
    ),
)
@example([datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)], "Europe/Paris", "UTC", "%Y-%m-%d %H:%M")
def test_local_times_are_of_their_zone(
    cursor: duckdb.DuckDBPyConnection,
    moments: list[datetime],
    zone: str,
    other_zone: str,
    style: str,
) -> None:
    local = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    texts = [time.strftime(style) for time in local]
    # what is written is all that can come back; fold 1 is the later of two
    told = [datetime.strptime(text, style).replace(tzinfo=ZoneInfo(zone), fold=1) for text in texts]
    expected = [time.astimezone(UTC) for time in told]
    assert as_utc(cursor, zone, *texts) == expected
    # a name behind the text counts more than the zone of the mapping
    assert as_utc(cursor, other_zone, *(f"{text} {zone}" for text in texts)) == expected


@pytest.mark.slow
@settings(deadline=None, max_examples=tries(100))
@given(
    st.lists(
        st.text()
        | st.from_regex(
            r"\A\d{1,5}[-/]?\d{1,2}[-/]?\d{1,2}([T ]\d\d?:?\d\d(:?\d\d([.,]\d*)?)?)?"
            r"[ ]?([A-Z]{1,4}|[+-][\d:]{0,9}|\w+/\w+)?\Z"
        )
        | st.from_regex(r"\A[(+-]?[$€]?[\d.,' ]{0,40}(e[+-]?\d{1,4})?[-)]?\Z"),
        max_size=50,
    )
)
def test_no_text_is_an_error(cursor: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    # a text with NUL is none that a reader of files would hand on, and no parameter either
    texts = [text for text in texts if "\0" not in text and text.isascii() | text.isprintable()]
    rows = cursor.execute(
        """
        select
            as_utc_in('Europe/Paris', text), as_utc_in('UTC', text), as_utc_in('UTC', text, ['%d/%m/%Y', '%Y %z']),
            as_text(text), as_email(text), as_number(text), as_number(text, ','), zone_name(text)
        from (select unnest($1::varchar[]) as text)
        """,
        [texts],
    ).fetchall()
    assert len(rows) == len(texts)


def test_names_of_zones(cursor: duckdb.DuckDBPyConnection) -> None:
    with resources.files("likely_buyers.sources").joinpath("zone_names.csv").open() as file:
        names = {row["name"]: row["zone"] for row in csv.DictReader(file)}
    assert len(names) > 250
    known = {row[0] for row in cursor.execute("select name from pg_timezone_names()").fetchall()}
    assert set(names.values()) <= known
    assert set(names.values()) <= zoneinfo.available_timezones()
    names |= {zone: zone for zone in zoneinfo.available_timezones() & known - {"Factory"}}
    rows = cursor.execute(
        "select name, zone_name(name), zone_name(' ' || upper(name)) from (select unnest($1) as name)",
        [list(names)],
    ).fetchall()
    assert {name: zone for name, zone, _ in rows} == names
    assert {name: zone for name, _, zone in rows} == names
    assert {name: known_zone(name.lower()) for name in names} == names


def test_names_that_icu_alone_knows_are_no_zones(cursor: duckdb.DuckDBPyConnection) -> None:
    known = {row[0] for row in cursor.execute("select name from pg_timezone_names()").fetchall()}
    strange = sorted(name for name in known - zoneinfo.available_timezones() if "/" not in name)
    assert "BST" in strange
    assert {name: evaluated(cursor, "zone_name($1)", name) for name in strange} == dict.fromkeys(
        strange
    )
    formatted = {
        name: evaluated(cursor, "as_utc_in('UTC', $1, '%Y-%m-%d %Z')", f"2026-07-01 {name}")
        for name in set(strange) - ABBREVIATIONS.keys()
    }
    assert not any(formatted.values())


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("Europe/Pariss", "Europe/Paris"),
        ("berlín", "Europe/Berlin"),
        ("Eastern Time", "US/Eastern"),
    ],
)
def test_an_unknown_zone_is_told_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownZone, match=f"Did you mean '{nearest}'"):
        known_zone(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            (none, None)
            for none in ("", " \t\n", "\u00a0", "\u200b\ufeff", "null", " NaN ", "NULL", None)
        ),
        *((text, text) for text in ("0", " 5.00", "nullable", "nan 5", "n/a", "null null", "Ä €")),
    ],
)
def test_as_text_is_null_for_what_exports_write_for_none(
    cursor: duckdb.DuckDBPyConnection, text: str | None, expected: str | None
) -> None:
    assert evaluated(cursor, "as_text($1::varchar)", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" Ann@Shop.Example\t", "ann@shop.example"),
        ("\u00a0\u200bann@shop.example\ufeff\r\n", "ann@shop.example"),
        ("ÄNN@shop.example", "änn@shop.example"),
        ("", None),
        (" \u00a0\u200b", None),
        (None, None),
    ],
)
def test_as_email(
    cursor: duckdb.DuckDBPyConnection, text: str | None, expected: str | None
) -> None:
    assert evaluated(cursor, "as_email($1::varchar)", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            ("1250", "1250"),
            ("1250.5", "1250.5"),
            (".5", ".5"),
            ("5.", "5"),
            ("+5", "5"),
            ("-.5", "-.5"),
        ),
        *(("1,250.00", "1250"), ("1'250.00", "1250"), ("1 250.00", "1250"), ("1\u00a0250", "1250")),
        *(("1\u202f250\u202f000", "1250000"), ("1,00,000", "100000"), ("1,250", "1250")),
        *(("$1,036.00", "1036"), ("-$36.00", "-36"), ("$-36.00", "-36"), ("($5.00)", "-5")),
        *(("(5.00)", "-5"), ("12-", "-12"), ("\u2212" + "12", "-12"), ("5 €-", "-5")),
        *(
            ("€5", "5"),
            ("5 €", "5"),
            ("EUR 90.00", "90"),
            ("90 usd", "90"),
            ("US$ 5", "5"),
            ("kr 5", "5"),
        ),
        *(
            (" 12\t", "12"),
            ("1e3", "1000"),
            ("12345678901234567890.123456", "12345678901234567890.123456"),
        ),
        *(
            (None, None),
            ("", None),
            ("abc", None),
            ("$", None),
            ("-", None),
            ("nan", None),
            ("infinity", None),
        ),
        *(
            ("12,50", None),
            ("1.250,00", None),
            ("--5", None),
            ("-5-", None),
            ("(5", None),
            ("(-5)", None),
        ),
        *(
            ("5 %", None),
            ("5 pieces", None),
            ("1_2", None),
            ("0x10", None),
            ("1.2.3", None),
            ("1e400", None),
        ),
    ],
)
def test_as_number(
    cursor: duckdb.DuckDBPyConnection, text: str | None, expected: str | None
) -> None:
    number = None if expected is None else Decimal(expected)
    assert evaluated(cursor, "as_number($1::varchar)", text) == number
    assert evaluated(cursor, "as_number($1::varchar, '.')", text) == number
    swapped = text and text.translate(str.maketrans(",.", ".,"))
    assert evaluated(cursor, "as_number($1::varchar, ',')", swapped) == number


def test_a_number_stays_what_it_is(cursor: duckdb.DuckDBPyConnection) -> None:
    assert evaluated(cursor, "as_number(1.5::double, ',')") == Decimal("1.5")
    assert evaluated(cursor, "as_number(1.005::double)") == Decimal("1.005")
    assert evaluated(cursor, "as_number(7)") == 7


@given(st.decimals(-(10**25), 10**25, places=2))
@settings(deadline=None, max_examples=tries(50))
def test_money_is_exact(cursor: duckdb.DuckDBPyConnection, amount: Decimal) -> None:
    assert evaluated(cursor, "as_number($1::varchar)", f"{amount:,}") == amount


def test_every_cursor_of_dbt_has_them(tmp_path: Path) -> None:
    lake = Lake.in_folder(tmp_path)
    attached = SimpleNamespace(
        path=f"ducklake:{lake.catalog}", alias="likely_buyers", options={"data_path": lake.data}
    )
    with duckdb.connect() as connection:
        plugin = Plugin.__new__(Plugin)
        plugin.update_connection_config(SimpleNamespace(attach=[attached], retries=None), {})
        plugin.configure_connection(connection)
        for cursor in (connection.cursor(), connection.cursor()):
            plugin.configure_cursor(cursor)
            plugin.configure_cursor(cursor)
            assert evaluated(cursor, "as_utc_in('UTC', '2026-01-01')") == NEW_YEAR
            assert evaluated(cursor, "current_database()") == "likely_buyers"
