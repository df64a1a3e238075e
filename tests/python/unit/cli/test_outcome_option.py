"""Outcomes: what can be meant is taken, all else is refused by name, with what would do."""

from typing import Any

import duckdb
import pytest

from likely_buyers.dbt.conditions import check_conditions
from likely_buyers.outcomes import (
    BadOutcome,
    Outcome,
    Predicted,
    chosen,
    nested_chains,
    outcomes_of,
)

COLUMNS = {
    "events": {"category": "varchar", "price": "decimal(18, 4)", "event_time": "timestamp"},
    "features": {"purchase_days": "double", "active_days_90d": "double"},
}
MONTH = {"event": "purchase", "horizon_days": 30}


def test_outcomes_are_taken_as_they_are_written() -> None:
    assert outcomes_of({"a": {"horizon_days": 7}}) == [Outcome("a", 7)]
    shoes = {"event": "cart", "where": "price > 10", "at_least": 2, "horizon_days": 60.0}
    assert outcomes_of({"purchase_30d": MONTH, "shoes": shoes}) == [
        Outcome("purchase_30d", 30),
        Outcome("shoes", 60, "cart", "price > 10", 2),
    ]


def test_horizon_days_is_short_for_a_purchase_within_them() -> None:
    assert outcomes_of({"shoes": MONTH}, 7) == [Outcome("purchase_7d", 7)]
    told = Predicted.of('{"model_name": "m", "outcomes": null, "horizon_days": 7}')
    assert told.model_name(told.outcomes[0]) == "m.purchase_7d"


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ({}, "at least one outcome"),
        ({"Shoes!": MONTH}, "'Shoes!' needs another name"),
        ({"a": 30}, "must be a dictionary"),
        ({"a": {"event": "purchase"}}, "'a' has no horizon_days"),
        ({"a": MONTH | {"horizon_days": 0}}, "at least 1 and at most 365; found: 0"),
        ({"a": MONTH | {"horizon_days": True}}, "found: True"),
        ({"a": MONTH | {"event": "purchse"}}, "Did you mean 'purchase'?"),
        ({"a": MONTH | {"at_least": 0}}, "at_least 0"),
        ({"a": MONTH | {"horizon": 3}}, "Did you mean 'horizon_days'?"),
        ({"a": MONTH | {"where": "  "}}, "has where '  '"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(outcomes: Any, told: str) -> None:
    with pytest.raises(BadOutcome) as refused:
        outcomes_of(outcomes)
    assert told in str(refused.value)


def test_a_command_takes_the_outcomes_that_it_is_told_or_all() -> None:
    outcomes = [Outcome("purchase_7d", 7), Outcome("purchase_30d", 30)]
    assert chosen(outcomes, []) == outcomes
    assert chosen(outcomes, ["purchase_30d"]) == outcomes[1:]
    with pytest.raises(BadOutcome, match="Did you mean 'purchase_7d'"):
        chosen(outcomes, ["purchase_7"])


def test_only_the_same_events_within_more_days_are_nested() -> None:
    outcomes = [
        Outcome("month", 30),
        Outcome("shoes", 60, where="category = 'shoes'"),
        Outcome("week", 7, population="purchase_days > 0"),
        Outcome("twice", 30, at_least=2),
        Outcome("views", 7, event="view"),
    ]
    assert nested_chains(outcomes) == [[2, 0]]


def test_outcomes_of_one_horizon_and_other_populations_are_not_nested() -> None:
    outcomes = [
        Outcome("month", 30),
        Outcome("regulars_month", 30, population="purchase_days > 1"),
        Outcome("week", 7),
        Outcome("regulars_year", 365, population="purchase_days > 1"),
    ]
    assert nested_chains(outcomes[:2]) == []
    assert nested_chains(outcomes) == [[2, 0], [1, 3]]


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"where": "categorie like 'shoes%'"}, "reads 'categorie', which is no column of silver"),
        ({"where": "categorie like 'shoes%'"}, "Did you mean 'category'?"),
        ({"where": "category like"}, "is no SQL"),
        ({"where": "price"}, "gives DECIMAL(18,4), and must be true or false"),
        ({"where": "price > 'x"}, "is no SQL"),
        ({"where": "price > 1, true"}, "must be one condition"),
        ({"where": "true from events"}, "must be one condition"),
        ({"where": "price > (select 1)"}, "no subquery"),
        ({"where": "sum(price) > 1"}, "aggregate"),
        ({"where": "event_time > now() - interval 1 day"}, "calls now: the clock or chance"),
        ({"where": "random() < 0.5"}, "calls random"),
        ({"where": "year(category) > 1"}, "DuckDB does not take"),
        ({"population": "label_week"}, "reads 'label_week', which is no column of the features"),
        ({"population": "purchase_day = 1"}, "Did you mean 'purchase_days'?"),
        ({"population": "category = 'shoes'"}, "all that is known as of a cutoff"),
    ],
)
def test_conditions_are_checked_before_anything_is_written(
    condition: dict[str, str], told: str
) -> None:
    with pytest.raises(BadOutcome) as refused:
        check_conditions([Outcome("week", 7, **condition)], COLUMNS, duckdb.connect())
    assert "the outcome 'week' has " in str(refused.value)
    assert told in str(refused.value)


def test_conditions_that_can_be_meant_are_taken() -> None:
    outcomes = [
        Outcome("a", 7, where="Category like 'shoes%' and price between 1 and 20"),
        Outcome("b", 7, population="purchase_days = 1 or coalesce(active_days_90d, 0) > 0"),
        Outcome("c", 7),
    ]
    check_conditions(outcomes, COLUMNS, duckdb.connect())
