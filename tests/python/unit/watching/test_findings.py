"""What is wrong is found, at its limit and not before, and the alert rules have the same limits."""

import re
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import yaml

from likely_buyers.watching import BuildRecord, Finding, Limits, State, findings
from support.installation import PROJECT

NOW = datetime(2026, 11, 30, 4, tzinfo=UTC)
VARIABLES = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
LIMITS = Limits.of(VARIABLES.__getitem__)
OUTCOME: dict[str, Any] = {
    "outcome": "purchase_30d",
    "as_of_date": date(2026, 11, 29),
    "users": 1_000,
    "listed_users": 100,
    "earlier_users": 1_000,
    "earlier_as_of_date": date(2026, 11, 28),
    "finished_as_of_date": date(2026, 10, 1),
    "finished_expected_buyers": 100.0,
    "actual_buyers": 100,
    "expected_over_observed": 1.0,
    "actual_roc_auc": 0.8,
    "finished_estimated_roc_auc": 0.8,
    "score_drift": 0.1,
    "feature_drift": 0.1,
    "moved_features": ["views", "carts"],
}
ROWS = {("files", "line"): 100, ("bronze", "raw"): 98, ("bronze", "rejected"): 2}
LOAD = {"lines": 100, "rejected": 2, "quarantined": 3}
FINE = State(NOW - timedelta(hours=25), "", ROWS, LOAD, [OUTCOME], [])
RECORD = BuildRecord("id", "", "", None, {}, {"test": {"pass": 40, "fail": 2, "warn": 1}}, 0)


def found(state: State, limits: Limits = LIMITS) -> list[Finding]:
    return findings(state, RECORD, limits, NOW)


def with_outcome(**changed: Any) -> State:
    return replace(FINE, outcomes=[OUTCOME | changed])


WRONG: dict[str, State] = {
    "build_failed": replace(FINE, failure="the last build, x, did not pass: test y"),
    "no_build": replace(FINE, passed_at=None),
    "stale_build": replace(FINE, passed_at=NOW - timedelta(hours=26.1)),
    "unaccounted_lines": replace(FINE, rows=ROWS | {("bronze", "raw"): 97}),
    "left_over": replace(FINE, last_load=LOAD | {"quarantined": 4}),
    "no_scores": replace(FINE, outcomes=[]),
    "stale_scores": with_outcome(as_of_date=date(2026, 11, 27)),
    "fewer_users": with_outcome(users=899),
    "empty_list": with_outcome(listed_users=0),
    "level_off": with_outcome(expected_over_observed=1.51),
    "auc_below_estimate": with_outcome(actual_roc_auc=0.749),
    "score_drift": with_outcome(score_drift=0.51),
    "feature_drift": with_outcome(feature_drift=1.01),
}


def test_nothing_is_wrong() -> None:
    assert found(FINE) == []
    at_the_limits = with_outcome(
        users=900, expected_over_observed=1.5, score_drift=0.5, feature_drift=1.0
    )
    assert found(at_the_limits) == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found_with_a_remedy(name: str) -> None:
    (one,) = found(WRONG[name])
    assert one.name == name
    assert one.told
    assert one.remedy


def test_too_few_expected_is_as_wrong_as_too_many() -> None:
    (one,) = found(with_outcome(expected_over_observed=0.66))
    assert one.name == "level_off"


def test_lines_that_are_there_twice_are_told_as_such() -> None:
    (one,) = found(replace(FINE, rows=ROWS | {("bronze", "raw"): 99}))
    assert one.told == "1 lines of the files are there twice"


def test_failed_tests_are_counted() -> None:
    (one,) = found(WRONG["build_failed"])
    assert "(2 tests failed)" in one.told


def test_what_is_not_known_is_not_wrong() -> None:
    unknown = dict.fromkeys(OUTCOME) | {
        key: OUTCOME[key] for key in ("outcome", "as_of_date", "users", "listed_users")
    }
    assert found(replace(FINE, outcomes=[unknown], last_load=None)) == []


def test_a_limit_can_be_left_out() -> None:
    none = Limits(**{one.name: None for one in fields(Limits)})
    for name in (
        "stale_build",
        "stale_scores",
        "fewer_users",
        "level_off",
        "score_drift",
        "left_over",
    ):
        assert found(WRONG[name], none) == []


def test_every_finding_has_an_alert_rule_with_the_same_limit() -> None:
    rules = yaml.safe_load((PROJECT / "ops/prometheus/likely_buyers.rules.yml").read_text())
    alerts = {rule["alert"]: rule["expr"] for rule in rules["groups"][0]["rules"]}
    named = {"LikelyBuyers" + name.title().replace("_", ""): name for name in WRONG}
    assert set(alerts) == set(named)
    limits = {
        **{"stale_build": "check_build_hours", "stale_scores": "check_scores_hours"},
        **{"fewer_users": "check_fewer_users", "level_off": "check_level"},
        **{"auc_below_estimate": "check_auc_loss", "left_over": "warn_left_over"},
        **{"score_drift": "check_score_drift", "feature_drift": "check_feature_drift"},
    }
    for alert, name in named.items():
        if name in limits:
            (limit,) = re.findall(r"> ([0-9.]+)", alerts[alert])
            assert float(limit) == VARIABLES[limits[name]]
