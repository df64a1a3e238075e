"""Variables: a misspelt name is refused with the nearest one; a user's own are left alone."""

from typing import Any

import pytest
import yaml

from likely_buyers.variables import PUBLISH, VARIABLES, UnknownVariable, check_variables
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
    with pytest.raises(UnknownVariable, match=rf"'{given}'.* Did you mean '{meant}'\?"):
        check_variables({given: 1}, SHIPPED)
    with pytest.raises(UnknownVariable, match=rf"'{given}'.* Did you mean '{meant}'\?"):
        check_variables({"likely_buyers": {given: 1}}, SHIPPED)


def test_a_name_like_no_other_is_refused_on_the_command_line_with_what_there_is() -> None:
    with pytest.raises(UnknownVariable, match="Expected one of: events_path, "):
        check_variables({"xyzzy": 1}, SHIPPED)


def test_a_misspelt_variable_of_the_project_file_is_refused() -> None:
    with pytest.raises(UnknownVariable, match=r"dbt_project.yml .*Did you mean 'top_fraction'"):
        check_variables({}, {**SHIPPED, "top_fractoin": 0.2})


def test_variables_of_ones_own_are_taken_with_the_project_file() -> None:
    own = {**SHIPPED, "newsletter_day": "monday", "dbt_utils": {"anything": 1}}
    check_variables({"newsletter_day": "tuesday"}, own)


def test_a_misspelt_setting_of_publish_is_refused() -> None:
    with pytest.raises(UnknownVariable, match=r"'detla'\. Did you mean 'delta'\?"):
        check_variables({"publish": {"detla": None}}, SHIPPED)
    with pytest.raises(UnknownVariable, match=r"'parket'\. Did you mean 'parquet'\?"):
        check_variables({}, {**SHIPPED, "publish": {"parket": "there"}})
