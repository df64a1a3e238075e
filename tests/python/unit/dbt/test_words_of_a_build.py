"""The words of what a build finds: SQL asks for all of them, and gives what they are filled with."""

from string import Formatter

import duckdb
import pytest

from likely_buyers.dbt.jobs.score import with_nobody
from likely_buyers.dbt.words import _WORDS, in_words
from likely_buyers.outcomes import Outcome
from support.installation import PROJECT

ASKING = "\n".join(
    path.read_text("utf-8")
    for room in ("macros", "models")
    for path in (PROJECT / room).rglob("*.sql")
)
NAMES = [(what, words) for known in _WORDS.values() for what, words in known.items()]


@pytest.mark.parametrize(("what", "words"), NAMES)
def test_some_query_asks_for_the_words_and_names_their_columns(what: str, words: str) -> None:
    assert f"'{what}'" in ASKING
    columns = {name for _, name, _, _ in Formatter().parse(words) if name} - {"at_least"}
    assert {name for name in columns if name not in ASKING} == set()


def test_a_row_says_how_and_with_which_words() -> None:
    selected = {"what": "top_buyers", "selected": 7, "percent": 10.0, "places": 9, "users": 90}
    selected["of_outcome"] = ""
    words = "7 users in gold.top_buyers: the top 10 % (9 of 90 users)"
    assert in_words(selected | {"low": 0}) == {"told": [f"{words}."]}
    bounded = in_words(selected | {"low": 0.25})
    assert bounded == {"told": [f"{words} with a probability of at least 0.25."]}


def test_braces_of_what_was_found_stay() -> None:
    found = {"what": "campaigns", "problems": "campaign '{x}' has no start_date"}
    assert "campaign '{x}' has no start_date." in in_words(found)["problem"][0]


def test_an_outcome_is_without_users_where_its_population_holds_of_none() -> None:
    outcomes = [
        Outcome("all", 7),
        Outcome("some", 7, population="days > 1"),
        Outcome("none", 7, population="days > 2"),
        Outcome("unknown", 7, population="since < 9"),
    ]
    users = "select unnest([0, 1, 2]) as days, cast(null as integer) as since"
    with duckdb.connect() as connection:
        assert with_nobody(outcomes, connection.sql(users)) == outcomes[2:]
