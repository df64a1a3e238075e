"""Past days are scored as a build of that day would have scored them, once, whatever stops the backfill."""

import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from likely_buyers.demo_shop import SimulationSettings, simulate_shop
from support.installation import PROJECT, Installation

SCORES = "user_id, horizon_days, probability, model_name, model_version, model_digest"


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Installation, dict[str, str]]:
    folder = tmp_path_factory.mktemp("shop")
    simulate_shop(SimulationSettings(users=2_000, days=120, seed=5), folder, "parquet")
    variables = {"events_path": str(folder)}
    installation = Installation(tmp_path_factory.mktemp("backfill"))
    trained = installation.run("likely-buyers", "train", "--promote", variables=variables)
    assert trained.succeeded, trained.output
    installation.built(variables=variables | {"as_of": "2020-01-10"})
    return installation, variables


def history(installation: Installation) -> dict[date, int]:
    return dict(
        installation.query(
            "select as_of_date, count(*) from gold.prediction_history group by 1 order by 1"
        )
    )


def test_a_backfill_scores_as_the_builds_of_those_days_would_have(
    scored: tuple[Installation, dict[str, str]],
) -> None:
    installation, variables = scored
    command = ("likely-buyers", "backfill", "--from", "2020-01-08", "--to", "2020-01-12")
    finished = installation.run(*command, "--every", "2", variables=variables)
    assert finished.succeeded, finished.output
    assert "as of 2 days were added to the history; 1 days were there already" in finished.output
    assert "gold.model_performance is too good for them" in finished.output
    assert list(history(installation)) == [date(2020, 1, day) for day in (8, 10, 12)]

    again = installation.run(*command, "--every", "2", variables=variables)
    assert "0 scores of version 1 of likely_buyers as of 0 days" in again.output

    before = history(installation)
    of_day = f"select {SCORES} from gold.prediction_history where as_of_date = '2020-01-12'"
    installation.built(variables=variables | {"as_of": "2020-01-12"})
    assert history(installation) == before
    assert installation.query(f"{of_day} order by user_id") == installation.query(
        f"select {SCORES} from gold.predictions order by user_id"
    )


def test_a_backfill_that_was_killed_goes_on_where_it_was(
    scored: tuple[Installation, dict[str, str]],
) -> None:
    installation, _ = scored
    before = history(installation)
    environment = installation.environment()
    command = [str(Path(sys.executable).with_name("likely-buyers")), "backfill"]
    # it tells of each day
    command += ["--from", "2019-11-01", "--to", "2019-11-20", "--verbose"]
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE) as killed:
        assert killed.stderr is not None
        for line in killed.stderr:
            if b"backfill 15 % (3 of 20 days)" in line:
                time.sleep(0.05)
                killed.send_signal(signal.SIGKILL)
                break
    reached = {day: users for day, users in history(installation).items() if day not in before}
    assert 3 <= len(reached) < 20

    finished = installation.run(*command[0:0], "likely-buyers", *command[1:])
    assert finished.succeeded, finished.output
    assert f"{len(reached)} days were there already" in finished.output
    whole = history(installation)
    assert len(whole) == len(before) + 20
    assert all(whole[day] == users for day, users in reached.items())
    twice = "select count(*) - count(distinct (user_id, as_of_date)) from gold.prediction_history"
    assert installation.query(twice) == [(0,)]
    replayed = installation.run(
        "likely-buyers", "replay", "--as-of", "2019-11-05", "--version", "1"
    )
    assert "identical" in replayed.output


@pytest.mark.parametrize(
    ("days", "message"),
    [
        (("2019-09-01", "2019-09-02"), "lie outside of the events"),
        (("2020-01-02", "2020-01-01"), "no day lies between"),
        (("1 May", "2020-01-01"), "--from must be a date as YYYY-MM-DD"),
    ],
)
def test_days_that_cannot_be_scored_are_refused(
    scored: tuple[Installation, dict[str, str]], days: tuple[str, str], message: str
) -> None:
    installation, _ = scored
    before = history(installation)
    refused = installation.run("likely-buyers", "backfill", "--from", days[0], "--to", days[1])
    assert not refused.succeeded
    assert message in " ".join(refused.output.split())
    assert "Traceback" not in refused.output
    assert history(installation) == before
