"""The backtest: every method at a past cutoff, with models that knew nothing from it on."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from likely_buyers.dbt.jobs import run_backtest
from likely_buyers.evaluation import evaluate
from likely_buyers.training import BacktestRow, backtest_cutoff, fit
from support.examples import CUTOFFS, SETTINGS, a_shop
from support.installation import Installation
from support.trained_shop import TrainedShop

CUTOFF = date(2024, 9, 15)
METHODS = {"recency", "frequency", "bg_nbd", "logistic_regression", "gradient_boosting"}


def test_every_method_is_measured_on_the_users_of_the_cutoff() -> None:
    later = a_shop(seed=9, cutoffs=[CUTOFF])
    bought = later.sort_by("user_id")["label"].to_numpy(zero_copy_only=False).astype(float)
    rows = backtest_cutoff(CUTOFF, a_shop(), later, SETTINGS, further={"oracle": bought})
    found = {(r.population, r.method, r.metric): r for r in rows}
    assert len(found) == len(rows)
    assert {r.method for r in rows} >= METHODS | {"champion", "oracle"}
    assert found["users", "oracle", "roc_auc"].value == 1.0
    assert found["users", "champion", "users"].value == 900
    assert found["customers", "champion", "users"].value == 900  # all of them bought before
    champion = fit(a_shop(), SETTINGS).estimator
    names = [n for n in later.column_names if n not in ("user_id", "cutoff_date", "label")]
    p = champion.predict_proba(np.column_stack([later[n].to_numpy() for n in names]))[:, 1]
    expected = evaluate(later["label"].to_numpy(zero_copy_only=False), p)
    for metric in ("roc_auc", "average_precision", "ece", "expected_over_observed"):
        row = found["users", "champion", metric]
        assert row.value == pytest.approx(expected[metric])
        assert row.low is not None
        assert row.high is not None
        assert row.low < row.high
    expected_buyers = found["users", "champion", "expected_buyers"].value
    assert expected_buyers == pytest.approx(p.sum())
    low, high = (
        found["users", "champion", f"expected_buyers_{end}"].value for end in ("low", "high")
    )
    assert low < found["users", "champion", "buyers"].value < high
    assert ("users", "recency", "brier") not in found
    assert found["users", "champion", "roc_auc"].value > found["users", "recency", "roc_auc"].value


def made_for(examples: pa.Table, as_of: date) -> pa.Table:
    days = pa.array([as_of] * examples.num_rows, pa.date32())
    return examples.append_column("as_of_date", days)


def test_a_model_is_trained_only_on_cutoffs_whose_horizon_was_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[date, tuple[list[date], list[date]]] = {}

    def look(cutoff: date, known: pa.Table, later: pa.Table, *_: Any, **__: Any) -> list[Any]:
        seen[cutoff] = tuple(sorted(set(t["cutoff_date"].to_pylist())) for t in (known, later))
        return [BacktestRow(cutoff, "users", "champion", "roc_auc", 0.5, None, None, None)]

    monkeypatch.setattr("likely_buyers.dbt.jobs.backtest.backtest_cutoff", look)
    examples = a_shop(users=5)
    labels = {"label": "label_purchase_30d"}
    examples = examples.rename_columns([labels.get(n, n) for n in examples.column_names])
    examples = made_for(examples, CUTOFFS[-1] + timedelta(days=30))
    connection = duckdb.connect()
    table = run_backtest(
        connection.from_arrow(examples),
        connection,
        evaluate_at="4",
        most_cutoffs=2,
        step_days="15",
        predicted={"model_name": "m", "outcomes": None, "horizon_days": 30},
        seed=0,
        events_path="",
    )
    assert sorted(seen) == CUTOFFS[-4:]
    assert seen[CUTOFFS[-1]] == (CUTOFFS[-4:-2], CUTOFFS[-1:])
    assert seen[CUTOFFS[-4]] == (CUTOFFS[:1], CUTOFFS[2:3])
    assert table.num_rows == 4


def test_each_outcome_is_held_against_its_own_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(cutoff: date, known: pa.Table, later: pa.Table, *_: Any, **__: Any) -> list[Any]:
        share = np.mean(later["label"].to_numpy(zero_copy_only=False))
        return [BacktestRow(cutoff, "users", "champion", "base_rate", share, None, None, None)]

    monkeypatch.setattr("likely_buyers.dbt.jobs.backtest.backtest_cutoff", look)
    examples = a_shop(users=5).drop_columns(["label"])
    for outcome, label in (("view_30d", True), ("purchase_30d", False)):
        labels = pa.array([label] * examples.num_rows)
        examples = examples.append_column(f"label_{outcome}", labels)
    examples = made_for(examples, CUTOFFS[-1] + timedelta(days=30))
    connection = duckdb.connect()
    outcomes = {
        "purchase_30d": {"horizon_days": 30},
        "view_30d": {"event": "view", "horizon_days": 30},
    }
    table = run_backtest(
        connection.from_arrow(examples),
        connection,
        evaluate_at="1",
        most_cutoffs=2,
        step_days="15",
        predicted={"model_name": "m", "outcomes": outcomes, "horizon_days": None},
        seed=0,
        events_path="",
    )
    assert table.select(["outcome", "value"]).to_pylist() == [
        {"outcome": "purchase_30d", "value": 0.0},
        {"outcome": "view_30d", "value": 1.0},
    ]


def test_a_number_of_cutoffs_are_evaluated_and_not_those_that_are_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A step of a week does not divide a horizon of ten days: each cutoff has a grid of its own to be trained on."""
    trained_on: dict[date, list[date]] = {}

    def look(cutoff: date, known: pa.Table, later: pa.Table, *_: Any, **__: Any) -> list[Any]:
        assert "as_of_date" not in known.column_names + later.column_names
        trained_on[cutoff] = sorted(set(known["cutoff_date"].to_pylist()))
        return [BacktestRow(cutoff, "users", "champion", "roc_auc", 0.5, None, None, None)]

    monkeypatch.setattr("likely_buyers.dbt.jobs.backtest.backtest_cutoff", look)
    as_of = date(2024, 9, 25)
    wanted = [as_of - timedelta(days=10 + 7 * step) for step in range(4)]
    before = {day - timedelta(days=10 + 7 * step) for day in wanted for step in range(3)}
    # at the second nobody was of the population, and no older one takes its place
    present = sorted({*wanted, *before} - {wanted[1]})
    examples = a_shop(users=5, cutoffs=present).rename_columns(
        ["label_purchase_10d" if n == "label" else n for n in a_shop(users=5).column_names]
    )
    connection = duckdb.connect()
    run_backtest(
        connection.from_arrow(made_for(examples, as_of)),
        connection,
        evaluate_at="4",
        most_cutoffs=3,
        step_days="7",
        predicted={"model_name": "m", "outcomes": None, "horizon_days": 10},
        seed=0,
        events_path="",
    )
    assert sorted(trained_on) == sorted({*wanted} - {wanted[1]})
    for cutoff, cutoffs in trained_on.items():
        steps = {cutoff - timedelta(days=10 + 7 * step) for step in range(3)}
        assert cutoffs == sorted(steps - {wanted[1]})


@pytest.fixture(scope="module")
def shop(
    shop_with_champion: TrainedShop, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Installation, Path]:
    return Installation(tmp_path_factory.mktemp("backtest")), shop_with_champion.events


def test_the_command_prints_the_backtest_of_a_simulated_shop_up_to_its_oracle(
    shop: tuple[Installation, Path],
) -> None:
    installation, folder = shop
    finished = installation.run(
        "likely-buyers", "backtest", "--cutoffs", "2", variables={"events_path": str(folder)}
    )
    assert finished.succeeded, finished.output
    assert "Means over 2 cutoffs, users" in finished.output
    assert "of the way in AUC from frequency to the oracle" in finished.output
    best = dict(
        installation.query(
            "select method, avg(value) from training.backtest"
            " where population = 'users' and metric = 'roc_auc' group by method"
        )
    )
    assert set(best) >= METHODS | {"champion", "oracle"}
    assert max(best, key=lambda method: best[method]) == "oracle"
    assert best["champion"] > max(best["recency"], best["frequency"], best["bg_nbd"])
    # nothing was trained or promoted by looking back
    assert not (installation.state / "registry.db").exists()


def test_a_cutoff_that_cannot_be_evaluated_is_named(shop: tuple[Installation, Path]) -> None:
    installation, folder = shop
    finished = installation.run(
        "likely-buyers",
        "backtest",
        "--cutoffs",
        "2030-01-01",
        variables={"events_path": str(folder)},
    )
    assert not finished.succeeded
    assert "no backtest at 2030-01-01: no cutoff has its horizon of 30 days over" in " ".join(
        finished.output.split()
    )
