"""Variables: a misspelt name is refused with the nearest one; a user's own are left alone."""

import re
from datetime import date
from typing import Any

import pytest
import yaml

from likely_buyers.variables import (
    PUBLISH,
    VARIABLES,
    BadVariable,
    check_names_differ,
    check_variables,
)
from support.installation import PROJECT

SHIPPED: dict[str, Any] = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]


def test_the_known_names_are_those_of_the_shipped_project() -> None:
    assert set(VARIABLES) == set(SHIPPED)
    assert set(PUBLISH) == set(SHIPPED["publish"])


def test_the_shipped_names_pass() -> None:
    check_variables({"top_fraction": 0.2, "publish": {"delta": None}}, SHIPPED)
    check_variables({"likely_buyers": {"top_fraction": 0.2}}, {"likely_buyers": SHIPPED})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("top_fractoin", "top_fraction"),
        ("asof", "as_of"),
        ("horizon", "horizon_days"),
        ("event_path", "events_path"),
        ("event_maping", "event_mapping"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_nearest(given: str, meant: str) -> None:
    with pytest.raises(BadVariable, match=rf"'{given}'.* Did you mean '{meant}'\?"):
        check_variables({given: 1}, SHIPPED)
    with pytest.raises(BadVariable, match=rf"'{given}'.* Did you mean '{meant}'\?"):
        check_variables({"likely_buyers": {given: 1}}, SHIPPED)


def test_a_name_like_no_other_is_refused_on_the_command_line_with_what_there_is() -> None:
    with pytest.raises(BadVariable, match="Expected one of: events_path, "):
        check_variables({"xyzzy": 1}, SHIPPED)


def test_a_misspelt_variable_of_the_project_file_is_refused() -> None:
    with pytest.raises(BadVariable, match=r"dbt_project.yml .*Did you mean 'top_fraction'"):
        check_variables({}, {**SHIPPED, "top_fractoin": 0.2})


def test_variables_of_ones_own_are_taken_with_the_project_file() -> None:
    own = {**SHIPPED, "newsletter_day": "monday", "dbt_utils": {"anything": 1}}
    check_variables({"newsletter_day": "tuesday"}, own)


def test_a_misspelt_setting_of_publish_is_refused() -> None:
    with pytest.raises(BadVariable, match=r"'detla'\. Did you mean 'delta'\?"):
        check_variables({"publish": {"detla": None}}, SHIPPED)
    with pytest.raises(BadVariable, match=r"'parket'\. Did you mean 'parquet'\?"):
        check_variables({}, {**SHIPPED, "publish": {"parket": "there"}})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"top_fraction": 10}, "vars.top_fraction must be a number above 0 and at most 1; found: 10."),
        ({"top_fraction": 0}, "vars.top_fraction must be a number above 0 and at most 1; found: 0."),
        ({"horizon_days": 2.5}, "vars.horizon_days must be a whole number of at least 1 and at most 365; found: 2.5."),
        ({"horizon_days": True}, "vars.horizon_days must be a whole number of at least 1"),
        ({"min_lift": -1}, "vars.min_lift must be a number of at least 0, or null; found: -1."),
        ({"training_users": None}, "vars.training_users must be a whole number of at least 100"),
        ({"events_per_chunk": "many"}, "vars.events_per_chunk must be a whole number of at least 1; found: many."),
        ({"as_of": "9 November"}, "vars.as_of must be a date as YYYY-MM-DD (UTC midnight), found: 9 November."),
        ({"as_of": "2019-02-29"}, "vars.as_of is no date of the calendar: 2019-02-29."),
        ({"events_path": ["a.csv"]}, "vars.events_path must be the path of a file, a folder or a glob, found: ['a"),
        ({"backtest_cutoffs": []}, "vars.backtest_cutoffs must be a whole number of at least 1 and at most 60"),
        ({"backtest_cutoffs": ["2019-13-01"]}, "vars.backtest_cutoffs is no date of the calendar: 2019-13-01."),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_meant_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadVariable, match=re.escape(told)):
        check_variables(given, SHIPPED)
    with pytest.raises(BadVariable, match=re.escape(told)):
        check_variables({}, SHIPPED | given)


def test_values_that_can_be_meant_pass() -> None:
    check_variables({"as_of": date(2020, 2, 29), "min_lift": None, "horizon_days": 30.0}, SHIPPED)
    check_variables({"as_of": "2020-02-29", "backtest_cutoffs": ["2020-01-01"]}, SHIPPED)


@pytest.mark.parametrize(
    ("text", "where", "told"),
    [
        ("{as_of: 2020-01-01, as_of: 2021-01-01}", "--vars", "--vars has 'as_of' twice in vars,"),
        ("outcomes: {a: {horizon_days: 7}, a: {}}", "--vars", "'a' twice in vars.outcomes,"),
        ("name: x\nvars:\n  publish: {delta: a, delta: b}", "a.yml", "'delta' twice in vars.publish,"),
        ("{likely_buyers: {outcomes: {a: {}, a: {}}}}", "--vars", "vars.likely_buyers.outcomes,"),
    ],
)  # fmt: skip
def test_a_name_that_stands_twice_is_refused_with_its_place(
    text: str, where: str, told: str
) -> None:
    with pytest.raises(BadVariable, match=re.escape(told)):
        check_names_differ(text, where)


def test_a_name_that_stands_once_in_each_place_passes() -> None:
    check_names_differ("{outcomes: {a: {horizon_days: 7}, b: {horizon_days: 7}}}", "--vars")
    check_names_differ("", "--vars")
    # what is not under vars is dbt's
    check_names_differ("models: {a: 1, a: 2}\nvars: {as_of: null}", "dbt_project.yml")
    check_names_differ((PROJECT / "dbt_project.yml").read_text(), "dbt_project.yml")
