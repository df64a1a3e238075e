"""Scoring: only the table that the model knows is scored, batch by batch."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from likely_buyers.registry import LoadedModel
from likely_buyers.scoring import (
    PREDICTIONS_SCHEMA,
    FeatureTableMismatch,
    HorizonMismatch,
    Scoring,
    score_batches,
)


class Rising:
    """Probability rises with the first feature; nulls arrive as NaN."""

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        p = np.nan_to_num(X[:, 0]) / 100
        return np.column_stack([1 - p, p])


SCORING = Scoring(
    model=LoadedModel(
        estimator=Rising(),
        feature_names=("views", "days"),
        feature_types=("double", "double"),
        horizon_days=30,
        as_of=date(2020, 1, 1),
        model_name="m",
        version=3,
        model_digest="d",
    ),
    horizon_days=30,
    scored_at=datetime(2020, 2, 1),
    run_id="r",
)


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


def test_another_horizon_is_refused() -> None:
    with pytest.raises(HorizonMismatch, match=r"looks 30 days ahead, and vars.horizon_days is 7"):
        score_batches(FEATURES.to_reader(), replace(SCORING, horizon_days=7))


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
