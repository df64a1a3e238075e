"""The examples of Prefect, Luigi and Dagster, run by each of them (`make .venv-orchestrators/.installed`).

The commands of the checkout's environment are replaced by ones that note when they were called, and fail as often as
they are told; one run builds a real, small shop.
"""

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from support.installation import PROJECT, Installation
from support.trained_shop import TrainedShop

EXAMPLES = PROJECT / "docs" / "examples"
ENVIRONMENT = Path(os.environ.get("ORCHESTRATORS_ENVIRONMENT") or PROJECT / ".venv-orchestrators")
# how each is told to run a day
COMMANDS = {
    "prefect": ["python", "schedule_with_prefect.py"],
    "luigi": ["python", "schedule_with_luigi.py"],
    "dagster": [
        "dagster",
        "job",
        "execute",
        "-f",
        "schedule_with_dagster.py",
        "-j",
        "likely_buyers_daily",
    ],
}
# notes its call, and ends with the first number that is left for it, or 0
COMMAND = """#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
left="$STATUSES/$(basename "$0") $1"
status=$(head -n 1 "$left" 2> /dev/null || echo 0)
[ -f "$left" ] && sed -i 1d "$left"
exit "${status:-0}"
"""
BUILD = "dbt build --exclude-resource-type unit_test"
CHECK, PUBLISH, REPORT = (f"likely-buyers {name}" for name in ("check", "publish", "report"))


@dataclass
class Checkout:
    """A folder with an environment that only seems to have our commands."""

    folder: Path

    def run(self, command: list[str], **statuses: list[int]) -> tuple[bool, list[str], str]:
        """Whether it ended well, what was called in which order, and what was said."""
        scripts = self.folder / ".venv" / "bin"
        scripts.mkdir(parents=True)
        for name in ("dbt", "likely-buyers"):
            (scripts / name).write_text(COMMAND)
            (scripts / name).chmod(0o755)
        left = self.folder / "statuses"
        left.mkdir()
        for name, numbers in statuses.items():
            program = "dbt" if name == "build" else "likely-buyers"
            (left / f"{program} {name}").write_text("".join(f"{number}\n" for number in numbers))
        calls = self.folder / "calls"
        calls.touch()
        finished = self.started(command, CALLS=str(calls), STATUSES=str(left))
        said = finished.stdout
        return finished.returncode == 0, calls.read_text().splitlines(), said

    def started(self, command: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
        assert ENVIRONMENT.exists(), (
            f"its environment is missing: make {ENVIRONMENT.name}/.installed"
        )
        (self.folder / "dagster").mkdir()
        (self.folder / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        environment = {
            "PATH": f"{ENVIRONMENT / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LIKELY_BUYERS_HOME": str(self.folder),
            "LIKELY_BUYERS_STATE": str(self.folder / "state"),
            "LIKELY_BUYERS_RETRY_SECONDS": "0.1",
            "DAGSTER_HOME": str(self.folder / "dagster"),
            "DO_NOT_TRACK": "1",
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            # on a busy computer
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.run(
            [str(ENVIRONMENT / "bin" / command[0]), *command[1:]],
            cwd=EXAMPLES,
            env=environment | settings | {"PATH": environment["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize("orchestrator", COMMANDS)
def test_what_fails_is_tried_again_and_what_is_wrong_keeps_nobody_from_the_scores(
    checkout: Checkout, orchestrator: str
) -> None:
    passed, calls, said = checkout.run(COMMANDS[orchestrator], build=[1, 2], publish=[1], check=[1])
    assert calls[:3] == [BUILD] * 3, said
    # each after what it needs, and the check once: it would find the same
    assert sorted(calls[3:]) == sorted([CHECK, PUBLISH, PUBLISH, REPORT])
    assert calls.index(REPORT) > max(place for place, call in enumerate(calls) if call == PUBLISH)
    # Dagster's word for it is a check that failed, of a run that did not
    assert passed == (orchestrator == "dagster"), said
    assert orchestrator != "dagster" or "nothing_is_wrong" in said


# the others take five to twenty seconds to start
def test_what_fails_again_and_again_is_given_up(checkout: Checkout) -> None:
    passed, calls, said = checkout.run(COMMANDS["luigi"], build=[1] * 9)
    assert not passed, said
    assert calls == [BUILD] * 4


def test_a_refused_version_is_not_trained_again(checkout: Checkout) -> None:
    passed, calls, said = checkout.run([*COMMANDS["luigi"], "Train"], train=[1])
    assert not passed, said
    assert calls == ["likely-buyers train --promote"]


def test_a_real_day(shop_with_champion: TrainedShop, tmp_path: Path) -> None:
    """Of a shop whose days are long over, which is what `check` finds."""
    installation = Installation.with_own_seeds(tmp_path)
    assert installation.folder
    state = shop_with_champion.copied(tmp_path / "state").state
    (state / "demo_shop").symlink_to(shop_with_champion.events)
    (installation.folder / ".venv").symlink_to(sys.prefix)
    settings = replace(installation, state=state).environment()
    settings |= {"LIKELY_BUYERS_HOME": str(installation.folder)}
    finished = Checkout(tmp_path).started(COMMANDS["luigi"], **settings)
    assert "stale_scores (purchase_30d)" in finished.stdout, finished.stdout
    marks = {path.name.partition("_")[2] for path in (state / "luigi").iterdir()}
    assert marks == {"Build", "Publish", "Report"}
    assert (state / "published" / "gold.duckdb").exists()
    assert (state / "report.html").exists()
