"""The endpoint does what its own description says: schemathesis makes up requests by it, sound and unsound ones.

Without its plugin of pytest, which reads what the pytest here does not have.
"""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import positive_data_acceptance
from schemathesis.generation import GenerationMode

from likely_buyers.serving.app import application
from likely_buyers.serving.gate import App, Limits
from likely_buyers.serving.state import Serving
from support.small_stage import small_stage
from support.tries import tries


def described(app: App) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", app)


# what is described does not depend on what is served
OPERATIONS = [
    (found.ok().method.upper(), found.ok().path)
    for found in described(
        application(Serving("production", [], Path("none")), Limits(), None)
    ).get_all_operations()
]


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Any:
    serving = small_stage(tmp_path_factory.mktemp("described"))
    return described(application(serving, Limits(), None))


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_described(
    description: Any, method: str, path: str, mode: GenerationMode
) -> None:
    operation = description[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        pytest.skip("nothing that could be unsound")

    @settings(
        max_examples=tries(40),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
        # what is found is found: to look for a smaller one takes minutes
        phases=[Phase.generate],
    )
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        for name in {"user_id", "name"} & set(case.path_parameters or ()):
            # one that is there, now and then
            known = {"user_id": "ann", "name": "purchase_7d"}[name]
            case.path_parameters[name] = data.draw(
                st.sampled_from([case.path_parameters[name], known])
            )
        # which columns a champion takes no description says: other names are sound, and refused
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    holds()
