"""Past days are scored as a build of that day would have scored them, once, whatever stops the backfill."""

from datetime import date, timedelta

import pytest

from support.installation import Installation
from support.trained_shop import AS_OF, TrainedShop

SCORES = "user_id, horizon_days, probability, model_name, model_version, model_digest"


# kills the process while the fourth of the days is scored
KILLED = """
import os, signal, threading
from likely_buyers.scoring import backfill

score, scored = backfill.score_batches, []

def counted(*arguments):
    scored.append(1)
    if len(scored) == 4:
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return score(*arguments)

backfill.score_batches = counted
"""


@pytest.fixture(scope="module")
def scored(
    shop_with_champion: TrainedShop, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Installation, dict[str, str]]:
    state = tmp_path_factory.mktemp("backfill") / "state"
    return shop_with_champion.copied(state), shop_with_champion.variables


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
    days = [AS_OF + timedelta(days=day) for day in (-2, 0, 2)]
    command = ("likely-buyers", "backfill", "--from", str(days[0]), "--to", str(days[-1]))
    # the console script: what dbt leaves behind in its process is there when it runs again
    finished = installation.typed(*command, "--every", "2", variables=variables)
    assert finished.succeeded, finished.output
    assert "as of 2 days were added to the history; 1 days were there already" in finished.output
    assert "gold.model_performance is too good for them" in finished.output
    assert list(history(installation)) == days

    again = installation.run(*command, "--every", "2", variables=variables)
    assert "0 scores of version 1 of likely_buyers.purchase_30d as of 0 days" in again.output

    before = history(installation)
    of_day = f"select {SCORES} from gold.prediction_history where as_of_date = '{days[-1]}'"
    built = installation.build_models(variables=variables | {"as_of": str(days[-1])})
    assert built.succeeded, built.output
    assert history(installation) == before
    assert installation.query(f"{of_day} order by user_id") == installation.query(
        f"select {SCORES} from gold.predictions order by user_id"
    )


def test_a_backfill_that_was_killed_goes_on_where_it_was(
    scored: tuple[Installation, dict[str, str]],
) -> None:
    installation, _ = scored
    before = history(installation)
    command = ("likely-buyers", "backfill", "--from", "2019-11-01", "--to", "2019-11-20")
    assert installation.started(*command, first=KILLED).wait() is None
    reached = {day: users for day, users in history(installation).items() if day not in before}
    assert 3 <= len(reached) < 20

    finished = installation.run(*command)
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
