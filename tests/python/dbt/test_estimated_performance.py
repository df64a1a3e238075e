"""How good scores should be, before that is known: what SQL expects is the mean of what comes true."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from likely_buyers.evaluation import evaluate
from support.installation import Installation
from support.lakes import open_lake

HORIZON = 30
LAST_DAY = date(2020, 6, 30)
# by as_of: users, and digits of the probabilities (few make ties); the last horizon is not over
SETS = {
    date(2020, 3, 1): (600, 2),
    date(2020, 4, 1): (500, 15),
    date(2020, 6, 20): (400, 1),
}
FINISHED = list(SETS)[:2]


def probabilities(as_of: date) -> np.ndarray:
    users, digits = SETS[as_of]
    return np.round(np.random.default_rng(as_of.toordinal()).beta(0.6, 3.0, users), digits)


def bought(as_of: date) -> np.ndarray:
    chance = probabilities(as_of)
    return np.random.default_rng(as_of.toordinal() + 1).random(chance.size) < chance


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[date, dict[str, Any]]:
    """gold.estimated_performance by as_of, built twice: the first time before the later two sets were scored."""
    installation = Installation(tmp_path_factory.mktemp("estimated") / "state")
    installation.state.mkdir()
    history = pa.concat_tables(  # noqa: F841
        pa.table(
            {
                "user_id": [f"{as_of} {number}" for number in range(users)],
                "outcome": ["purchase_30d"] * users,
                "as_of_date": [as_of] * users,
                "horizon_days": pa.array([HORIZON] * users, pa.int32()),
                "probability": probabilities(as_of),
                "model_name": ["likely_buyers.purchase_30d"] * users,
                "model_version": pa.array([1] * users, pa.int32()),
            }
        )
        for as_of, (users, _) in SETS.items()
    )
    days = [
        (f"{as_of} {number}", as_of + timedelta(days=3), 1)
        for as_of in FINISHED
        for number in np.flatnonzero(bought(as_of))
    ]
    with open_lake(installation.state) as connection:
        connection.execute("create schema silver; create schema gold")
        connection.execute(
            "create table silver.user_days (user_id varchar, event_date date, purchases bigint)"
        )
        connection.executemany(
            "insert into silver.user_days values (?, ?, ?)", [*days, ("u", LAST_DAY, 0)]
        )
        connection.execute(
            "create table gold.expected_buyers (as_of_date date, model_name varchar, model_version integer,"
            " expected_buyers_low double, expected_buyers_high double)"
        )
        connection.execute(
            "create table gold.prediction_history as from history where as_of_date = $first",
            {"first": FINISHED[0]},
        )
    models = (
        *("model_performance_deciles", "model_performance"),
        *("expected_performance", "estimated_performance"),
    )
    assert (built := installation.dbt("run", "--select", *models)).succeeded, built.output
    with open_lake(installation.state) as connection:
        connection.execute(
            "insert into gold.prediction_history from history where as_of_date > $first",
            {"first": FINISHED[0]},
        )
    assert (built := installation.dbt("run", "--select", *models)).succeeded, built.output
    with open_lake(installation.state, read_only=True) as connection:
        found = connection.sql("from gold.estimated_performance").to_arrow_table().to_pylist()
    return {row["as_of_date"]: row for row in found}


@pytest.mark.parametrize("as_of", SETS)
def test_the_expected_auc_is_that_of_all_pairs(
    rows: dict[date, dict[str, Any]], as_of: date
) -> None:
    chance = probabilities(as_of)
    # a buyer and another user, each pair by its chance to be one; a tie is half right
    pairs = np.outer(chance, 1 - chance)
    np.fill_diagonal(pairs, 0)
    above = chance[:, None] - chance[None, :]
    expected = (pairs * ((above > 0) + 0.5 * (above == 0))).sum() / pairs.sum()
    assert rows[as_of]["estimated_roc_auc"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("as_of", SETS)
def test_what_is_expected_is_the_mean_of_what_comes_true(
    rows: dict[date, dict[str, Any]], as_of: date
) -> None:
    """Users buy by their probabilities, 400 times over."""
    chance, rng = probabilities(as_of), np.random.default_rng(7)
    came = [evaluate(rng.random(chance.size) < chance, chance) for _ in range(400)]
    for figure in ("roc_auc", "brier"):
        mean = np.mean([one[figure] for one in came])
        error = np.std([one[figure] for one in came]) / np.sqrt(len(came))
        assert rows[as_of][f"estimated_{figure}"] == pytest.approx(mean, abs=4 * error)
    for top in (1, 5, 10, 20):
        precision = [one[f"lift_{top}pct"] * one["base_rate"] for one in came]
        error = np.std(precision) / np.sqrt(len(came))
        assert rows[as_of][f"estimated_precision_{top}pct"] == pytest.approx(
            np.mean(precision), abs=4 * error
        )
    assert rows[as_of]["expected_buyers"] == pytest.approx(chance.sum(), rel=1e-12)


@pytest.mark.parametrize("as_of", FINISHED)
def test_what_came_true_stands_beside_it(rows: dict[date, dict[str, Any]], as_of: date) -> None:
    row, actual = rows[as_of], evaluate(bought(as_of), probabilities(as_of))
    assert row["actual_buyers"] == bought(as_of).sum()
    assert row["actual_roc_auc"] == pytest.approx(actual["roc_auc"])
    assert row["actual_precision_10pct"] == pytest.approx(
        actual["lift_10pct"] * actual["base_rate"]
    )


def test_past_estimates_are_those_that_were_over_by_then(rows: dict[date, dict[str, Any]]) -> None:
    first, second, last = (rows[as_of] for as_of in SETS)
    assert (first["past_sets"], second["past_sets"], last["past_sets"]) == (0, 1, 2)
    assert first["past_roc_auc_error"] is None
    errors = [abs(row["estimated_roc_auc"] - row["actual_roc_auc"]) for row in (first, second)]
    assert second["past_roc_auc_error"] == pytest.approx(errors[0], rel=1e-9)
    assert last["past_roc_auc_error"] == pytest.approx(np.mean(errors), rel=1e-9)
    factors = [
        max(row["expected_over_observed"], 1 / row["expected_over_observed"])
        for row in (first, second)
    ]
    assert last["past_level_factor"] == pytest.approx(np.sqrt(np.prod(factors)), rel=1e-9)
    assert (last["actual_buyers"], last["actual_roc_auc"]) == (None, None)
