"""Scoring: only the table that the model knows is scored, batch by batch."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import isotonic_regression

from likely_buyers.outcomes import Outcome
from likely_buyers.registry import LoadedModel
from likely_buyers.scoring import (
    PREDICTIONS_SCHEMA,
    FeatureTableMismatch,
    OutcomeMismatch,
    Scorer,
    Scoring,
    score_batches,
)
from likely_buyers.scoring.stream import nested
from support.champions import Rising

MODEL = LoadedModel(
    estimator=Rising(),
    feature_names=("views", "days"),
    feature_types=("double", "double"),
    horizon_days=30,
    as_of=date(2020, 1, 1),
    model_name="m.month",
    version=3,
    model_digest="d",
)
MONTH = Scorer(Outcome("month", 30), MODEL)
SCORING = Scoring([MONTH], scored_at=datetime(2020, 2, 1), run_id="r")


def table(**columns: pa.Array) -> pa.Table:
    rows = len(next(iter(columns.values())))
    keys = {
        "user_id": pa.array([f"u{n}" for n in range(rows)]),
        "as_of_date": pa.array([date(2020, 2, 1)] * rows),
    }
    return pa.table(keys | columns)


FEATURES = table(views=pa.array([1.0, None, 50.0]), days=pa.array([1.0, 2.0, 3.0]))


def test_one_prediction_per_user_whatever_the_batches() -> None:
    whole = score_batches(FEATURES.to_reader(), SCORING).read_all()
    assert whole.schema == PREDICTIONS_SCHEMA
    assert whole["probability"].to_pylist() == [0.01, 0.0, 0.5]
    assert whole["user_id"].to_pylist() == ["u0", "u1", "u2"]
    done: list[int] = []
    single = score_batches(FEATURES.to_reader(max_chunksize=1), SCORING, progress=done.append)
    assert single.read_all().equals(whole)
    assert done == [1, 2, 3]


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (FEATURES.drop_columns(["days"]), "missing: days"),
        (FEATURES.append_column("extra", pa.array([1.0] * 3)), "not known to it: extra"),
        (FEATURES.select(["user_id", "as_of_date", "days", "views"]), "in another order"),
        (table(views=pa.array([1]), days=pa.array([1.0])), "views (int64 for double)"),
    ],
    ids=["missing", "unknown", "order", "type"],
)
def test_a_table_that_does_not_fit_is_refused(features: pa.Table, expected: str) -> None:
    with pytest.raises(FeatureTableMismatch, match="Train on the table as it is") as error:
        score_batches(features.to_reader(), SCORING)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (Outcome("month", 7), "horizon_days is 7, and it was trained for 30"),
        (
            Outcome("month", 30, where="price > 9"),
            "where is price > 9, and it was trained for None",
        ),
    ],
)
def test_a_model_of_another_outcome_is_refused(now: Outcome, told: str) -> None:
    trained = replace(MODEL, definition=Outcome("month", 30).definition)
    with pytest.raises(OutcomeMismatch, match=told) as refused:
        score_batches(FEATURES.to_reader(), replace(SCORING, scorers=[Scorer(now, trained)]))
    assert "likely-buyers train --promote --outcome month" in str(refused.value)


def test_each_outcome_scores_the_users_of_its_population() -> None:
    loyal = Scorer(Outcome("loyal", 30, population="days > 1"), replace(MODEL, version=4))
    inside = pa.array([False, True, True])
    features = FEATURES.append_column("in_population_of_loyal", inside)
    scores = score_batches(
        features.to_reader(max_chunksize=2), replace(SCORING, scorers=[MONTH, loyal])
    ).read_all()
    of = {
        name: scores.filter(pa.compute.equal(scores["outcome"], name))
        for name in ("month", "loyal")
    }
    assert of["month"]["user_id"].to_pylist() == ["u0", "u1", "u2"]
    assert of["loyal"]["user_id"].to_pylist() == ["u1", "u2"]
    assert of["loyal"]["model_version"].to_pylist() == [4, 4]
    # two outcomes of a purchase within 30 days, but for whom: the same horizon, nothing to nest
    assert of["loyal"]["probability"].to_pylist() == [0.0, 0.5]


def test_who_buys_within_a_week_buys_within_a_month() -> None:
    class Falling(Rising):
        """The wrong way round: the likelier within a week, the unlikelier within a month."""

        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            return super().predict_proba(100 - X)

    week = Scorer(
        Outcome("week", 7), replace(MODEL, estimator=Falling(), model_name="m.week", horizon_days=7)
    )
    scores = score_batches(FEATURES.to_reader(), replace(SCORING, scorers=[MONTH, week])).read_all()
    found = {}
    for name in ("month", "week"):
        own = scores.filter(pa.compute.equal(scores["outcome"], name))
        found[name] = own["probability"].to_pylist()
        other = {"month": "m.week 3", "week": "m.month 3"}[name]
        assert own["scored_with"].to_pylist() == [other] * 3
    # .01 and .99 meet in the middle, as do .5 and .5; of the user without views .0 and .0 stay
    assert found["month"] == pytest.approx([0.5, 0.0, 0.5])
    assert found["week"] == pytest.approx([0.5, 0.0, 0.5])


@given(
    arrays(
        float,
        st.tuples(st.integers(2, 4), st.integers(1, 8)),
        elements=st.one_of(st.just(float("nan")), st.floats(0, 1)),
    )
)
def test_nested_probabilities_never_fall_and_are_the_nearest_such(p: np.ndarray) -> None:
    found = nested(p)
    for user in range(p.shape[1]):
        known = ~np.isnan(p[:, user])
        own = found[:, user]
        assert np.array_equal(~np.isnan(own), known)
        assert (np.diff(own[known]) >= 0).all()
        if known.any():
            nearest = isotonic_regression(p[known, user]).x
            assert own[known] == pytest.approx(nearest, abs=1e-12)


@pytest.mark.slow
def test_libraries_are_loaded_beside_the_features_and_only_for_them(tmp_path: Path) -> None:
    """dbt opens the database and lists promotions without them, since that is all of a build with nothing new."""
    code = """
import sys
import likely_buyers.dbt.plugin
from likely_buyers.dbt.jobs import list_promotions, load_scoring

heavy = {"sklearn", "scipy", "skops.io", "shap"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
load_scoring(["nobody trained it yet"])
from likely_buyers.dbt.jobs import score_users

assert heavy <= set(sys.modules), heavy - set(sys.modules)
"""
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "LIKELY_BUYERS_STATE": str(tmp_path)},
        check=True,
        timeout=120,
    )
