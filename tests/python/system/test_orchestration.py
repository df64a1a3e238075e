"""The Airflow DAGs, parsed by Airflow itself in its own environment (`make .venv-airflow/.installed`)."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.installation import PROJECT

DAGS = PROJECT / "python" / "orchestration"
AIRFLOW = Path(os.environ.get("AIRFLOW_ENVIRONMENT") or PROJECT / ".venv-airflow")
PARSED = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
print(json.dumps({
    "errors": {path: str(error) for path, error in bag.import_errors.items()},
    "dags": {
        dag.dag_id: {
            "schedule": getattr(dag.timetable, "expression", None) or getattr(dag.timetable, "_expression", None),
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "tasks": {
                task.task_id: {
                    "command": task.bash_command,
                    "cwd": task.cwd,
                    "downstream": sorted(task.downstream_task_ids),
                    "retries": task.retries,
                    "pool": task.pool,
                }
                for task in dag.tasks
            },
        }
        for dag in bag.dags.values()
    },
}))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    python = AIRFLOW / "bin" / "python"
    assert python.exists(), f"Airflow's environment is missing: run make {AIRFLOW.name}/.installed"
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SCARF_ANALYTICS": "false",
        "LIKELY_BUYERS_HOME": "/srv/likely_buyers",
    }
    finished = subprocess.run(
        [str(python), "-c", PARSED, str(DAGS)],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found


def test_airflow_reads_both_dags(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert parsed["dags"].keys() == {"likely_buyers_daily", "likely_buyers_weekly"}


def test_a_day_is_built_then_checked_and_published_and_reported(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["likely_buyers_daily"]["tasks"]
    assert {name: task["command"] for name, task in tasks.items()} == {
        "build": "dbt build --exclude-resource-type unit_test",
        "publish": "likely-buyers publish",
        "report": "likely-buyers report",
        "check": "likely-buyers check",
    }
    assert {name: task["downstream"] for name, task in tasks.items()} == {
        "build": ["check", "publish"],
        "publish": ["report"],
        "report": [],
        "check": [],
    }
    retries = {name: task["retries"] for name, task in tasks.items()}
    assert retries == {"build": 3, "publish": 3, "report": 3, "check": 0}


def test_a_week_trains_once(parsed: dict[str, Any]) -> None:
    (train,) = parsed["dags"]["likely_buyers_weekly"]["tasks"].values()
    assert train["command"] == "likely-buyers train --promote"
    assert train["retries"] == 0


def test_no_two_runs_overlap_or_write_at_once(parsed: dict[str, Any]) -> None:
    schedules = {name: dag["schedule"] for name, dag in parsed["dags"].items()}
    assert schedules == {"likely_buyers_daily": "0 4 * * *", "likely_buyers_weekly": "0 6 * * 0"}
    for dag in parsed["dags"].values():
        assert dag["max_active_runs"] == 1
        assert dag["catchup"] is False
        assert {task["pool"] for task in dag["tasks"].values()} == {"likely_buyers"}
        assert {task["cwd"] for task in dag["tasks"].values()} == {"/srv/likely_buyers"}
