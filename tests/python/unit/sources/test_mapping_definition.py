"""What an event mapping may say: whatever cannot be meant is refused in words, before anything is built."""

from typing import Any

import pytest

from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.mapping import EventMapping, chosen_mapping

MAPPING = {"event_time": "as_utc(t)", "event_type": "kind", "user_id": "u"}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no user": ({"user_id": None}, "lacks the required column 'user_id'. Give a SQL expression over the"),
    "no time": ({"event_time": ""}, "lacks the required column 'event_time'"),
    "unknown column": ({"prize": "p"}, "has an unknown column 'prize'. Expected some of: event_id, event_time,"),
    "all keys": ({"prize": "p"}, "quantity, currency, format, files, sources, delimiter, quote, escape, encoding,"
                 " skip_lines, header, columns, decimal, nulls, time_zone, rows, leave_out, dedupe_on, keep."),
    "a list": ({"price": ["p"]}, "must give one SQL expression for 'price', found: ['p']."),
    "a dictionary": ({"user_id": {"a": "u"}}, "must give one SQL expression for 'user_id', found: {'a': 'u'}."),
    "no users": ({"user_id": []}, "user_id must be a SQL expression, or a list of them to fall back on; found: []."),
    "a number of users": ({"user_id": ["u", 1]}, "user_id must be a SQL expression, or a list of them to fall back"),
    "dedupe_on": ({"dedupe_on": "uuid"}, "dedupe_on must be a list of SQL expressions, or the word none; found: uuid."),
    "dedupe_on nothing": ({"dedupe_on": []}, "Leave it out where all columns together tell events apart."),
    "two keys": ({"event_id": "a", "dedupe_on": ["b"]}, "gives an event_id and another dedupe_on, and both say which"),
    "an id and none": ({"event_id": "a", "dedupe_on": "none"}, "gives an event_id and another dedupe_on"),
    "keep": ({"keep": "newest", "dedupe_on": ["o"]}, "keep must be first or last, which version of an event is kept;"),
    "keep of what": ({"keep": "last"}, "says which version of an event to keep (keep), and not what makes two rows"),
    "keep of none": ({"keep": "last", "dedupe_on": "none"}, "Give dedupe_on, a list of SQL expressions."),
    "leave_out": ({"leave_out": ["cancelled"]}, "leave_out must give a SQL condition for each name; found:"),
    "leave_out what": ({"leave_out": {"cancelled": True}}, "leave_out must give a SQL condition for each name"),
    "rows": ({"rows": ["select"]}, "rows must be one SELECT over lines; found: ['select']."),
    "sources": ({"sources": {"a": "*.csv", "b": "*"}}, "no rows that say how they are joined. Give rows: a SELECT"),
    "a model": ({"rows": "from a", "sources": {"a": "ref(customers)"}}, "the source 'a' must be ref('model'), "),
    "a version": ({"rows": "from a", "sources": {"a": "ref('c', v=2)"}}, "pattern of files; found: ref('c', v=2)."),
    "header": ({"header": False}, "header is false, so columns must name them"),
    "encoding": ({"encoding": "latin-17"}, "encoding must be the name of an encoding"),
    "decimal": ({"decimal": "comma"}, "decimal must be '.' or ','"),
    "time zone": ({"time_zone": "Europe/Pari"}, "time_zone: 'Europe/Pari' is no time zone"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_key_that_cannot_be_meant(case: str) -> None:
    keys, message = REFUSED[case]
    with pytest.raises(SourceProblem) as refused:
        EventMapping.of("mine", MAPPING | keys)
    assert message in str(refused.value)
    assert str(refused.value).startswith("event mapping 'mine'")


@pytest.mark.parametrize(
    ("mappings", "name", "message"),
    [
        ({"b": MAPPING, "A": MAPPING}, "magento", "unknown event mapping 'magento'. vars.event_mappings has: A, b."),
        ({"b": MAPPING}, None, "unknown event mapping 'None'"),
        ({}, "b", "vars.event_mappings must be a dictionary of event mappings, found: {}. See docs/map_events.md."),
        ([MAPPING], "b", "vars.event_mappings must be a dictionary of event mappings, found: ["),
        ({"b": "x"}, "b", "event mapping 'b' must give a SQL expression per contract column, found: x."),
    ],
)  # fmt: skip
def test_a_mapping_that_is_not_there(mappings: Any, name: Any, message: str) -> None:
    with pytest.raises(SourceProblem) as refused:
        chosen_mapping(mappings, name)
    assert str(refused.value).startswith(message)


def test_what_is_left_out_is_what_most_sources_need() -> None:
    mapping = chosen_mapping({"mine": MAPPING}, "mine")
    assert mapping.user_ids == ("u",)
    assert mapping.time_zone == "UTC"
    assert mapping.compares_whole_lines
    assert not mapping.keeps_equal_lines_apart


@pytest.mark.parametrize(
    ("keys", "whole_lines"),
    [
        ({"event_id": "id"}, False),
        ({"event_id": "id", "dedupe_on": ["id"]}, False),
        ({"dedupe_on": ["a", "b"]}, False),
        ({"dedupe_on": "none"}, True),
    ],
)
def test_what_makes_two_rows_the_same_event(keys: dict[str, Any], whole_lines: bool) -> None:
    assert EventMapping.of("mine", MAPPING | keys).compares_whole_lines is whole_lines


def test_a_zone_goes_into_every_call_of_as_utc() -> None:
    mapping = EventMapping.of("mine", MAPPING | {"time_zone": "eastern time (us & canada)"})
    assert mapping.in_its_zone("as_utc(a), as_utc (b, '%d'), has_utc(c)") == (
        "as_utc_in('America/New_York', a), as_utc_in('America/New_York', b, '%d'), has_utc(c)"
    )
