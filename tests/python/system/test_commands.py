"""The console scripts themselves; and that what the tests run in their place knows the same project."""

import json
from pathlib import Path
from typing import Any

from support.installation import Installation

# what models are configured with, and what one depends on
VARIABLES = {
    "horizon_days": 7,
    "model_name": "another",
    "training_seed": 99,
    "training_cutoffs": 3,
    "backtest_cutoffs": ["2020-01-01", "2020-02-01"],
    "events_path": None,
    "events_relation": "ref('event_types')",
}


def parsed(installation: Installation) -> dict[str, Any]:
    """What a manifest says of the project, but not when it was made."""
    manifest = json.loads((installation.state / "target" / "manifest.json").read_text())
    told: dict[str, Any] = {}
    for kind in ("nodes", "sources", "unit_tests", "exposures"):
        for name, node in manifest[kind].items():
            told[name] = {key: value for key, value in node.items() if key != "created_at"}
    return told


def test_a_command_of_the_tests_knows_the_project_as_the_console_script_does(
    tmp_path: Path,
) -> None:
    """Else every test that gives a variable would try another project than its users have."""
    script, forked = Installation(tmp_path / "script"), Installation(tmp_path / "forked")
    typed = script.typed("dbt", "parse", variables=VARIABLES)
    assert typed.succeeded, typed.output
    run = forked.run("dbt", "parse", variables=VARIABLES)
    assert run.succeeded, run.output
    expected, found = parsed(script), parsed(forked)
    assert found.keys() == expected.keys()
    for name, node in expected.items():
        assert found[name] == node
    raw_events = found["model.likely_buyers.raw_events"]
    assert raw_events["depends_on"]["nodes"] == ["seed.likely_buyers.event_types"]
    assert found["model.likely_buyers.predictions"]["config"]["meta"]["predicted"] == (
        '{"model_name": "another", "outcomes": {"purchase_30d": {"event": "purchase", "horizon_days": 30}},'
        ' "horizon_days": 7}'
    )


def test_the_console_scripts_end_with_the_code_of_what_they_ran(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "state")
    assert "No version yet" in installation.typed("likely-buyers", "models").output
    for start in (installation.typed, installation.run):
        refused = start("likely-buyers", "promote", "latest")
        assert not refused.succeeded
        assert "Traceback" not in refused.output
    failed = installation.typed("dbt", "build", "--select", "event_types", variables={"as_of": "?"})
    assert not failed.succeeded
    assert "vars.as_of must be a date as YYYY-MM-DD" in " ".join(failed.output.split())


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("a file where a folder should be")
    refused = Installation(state).dbt("build", "--select", "event_types")
    assert not refused.succeeded
    assert f"log cannot be written to {state}/logs: Not a directory" in refused.output
