"""A model laid out for rows says what the model says, to the last bit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from likely_buyers.scoring.rows import MOST_ROWS, RowModel
from likely_buyers.training.estimator import PurchaseModel
from support.tries import tries

FEATURES = 7
MEMBERS: dict[str, list[dict[str, Any]]] = {
    "rate": [{"kind": "rate"}],
    "regression": [{"kind": "linear"}],
    "BG/NBD": [{"kind": "bgnbd", "columns": [0, 1, 2]}],
    "small trees": [{"kind": "boosting", "trees": 40, "leaves": 8, "examples_per_leaf": 5}],
    "trees of many leaves": [
        {"kind": "boosting", "trees": 30, "leaves": 40, "examples_per_leaf": 2}
    ],
    "trees of too many leaves": [
        {"kind": "boosting", "trees": 5, "leaves": 100, "examples_per_leaf": 2}
    ],
    "all of them": [
        {"kind": "boosting", "share": 0.4, "trees": 30, "leaves": 4},
        {"kind": "linear", "share": 0.3, "columns": [6, 2, 4]},
        {"kind": "bgnbd", "share": 0.2, "columns": [0, 1, 2]},
        {"kind": "rate", "share": 0.1},
    ],
}


def examples(seed: int, rows: int = 900) -> np.ndarray:
    rng = np.random.default_rng(seed)
    days = rng.poisson(1.5, rows)
    first = rng.integers(1, 200, rows).astype(float)
    last = np.ceil(first * rng.random(rows))
    others = rng.lognormal(size=(rows, FEATURES - 3)) * rng.choice([-1, 1], (rows, FEATURES - 3))
    others[rng.random(others.shape) < 0.2] = np.nan
    bought = days > 0
    return np.column_stack(
        [days, np.where(bought, first, np.nan), np.where(bought, last, np.nan), others]
    )


@pytest.fixture(scope="module", params=MEMBERS)
def model(request: pytest.FixtureRequest) -> PurchaseModel:
    X = examples(0)
    rng = np.random.default_rng(1)
    buys = rng.random(len(X)) < 1 / (1 + np.exp(2 - X[:, 0] - np.nan_to_num(X[:, 3])))
    fitted = PurchaseModel(MEMBERS[request.param]).fit(X, buys)
    return fitted.calibrate(0.9, -0.2)


def same_bits(model: PurchaseModel, X: np.ndarray) -> None:
    expected = model.predict_proba(X)[:, 1]
    assert RowModel.of(model).probabilities(X).tobytes() == expected.tobytes()


def test_single_rows_have_the_bits_of_the_batch(model: PurchaseModel) -> None:
    X = examples(2, 300)
    batch = model.predict_proba(X)[:, 1]
    laid_out = RowModel.of(model)
    assert laid_out.is_laid_out
    alone = [laid_out.probabilities(X[place : place + 1])[0] for place in range(len(X))]
    assert np.array(alone).tobytes() == batch.tobytes()
    same_bits(model, np.asfortranarray(X[:MOST_ROWS]))
    assert laid_out.probabilities(X[:0]).size == 0


@settings(max_examples=tries(60), deadline=None)
@given(
    X=arrays(
        float,
        st.tuples(st.integers(1, 5), st.just(FEATURES)),
        elements=st.one_of(
            st.floats(0, 1e6), st.just(float("nan")), st.sampled_from([0.0, -0.0, 1.0])
        ),
    )
)
def test_any_rows_have_the_bits_of_the_batch(model: PurchaseModel, X: np.ndarray) -> None:
    same_bits(model, X)


def test_values_at_the_thresholds_go_where_the_model_sends_them(model: PurchaseModel) -> None:
    thresholds = [
        float(node["num_threshold"])
        for part in model.parts()
        for stage in getattr(getattr(part.component, "boosting_", None), "_predictors", [])
        for node in stage[0].nodes
        if not node["is_leaf"] and np.isfinite(node["num_threshold"])
    ][:200]
    for threshold in thresholds:
        near = [np.nextafter(threshold, -np.inf), threshold, np.nextafter(threshold, np.inf)]
        same_bits(model, np.abs(np.repeat(near, FEATURES).reshape(3, FEATURES)))


def test_another_kind_of_model_is_asked_itself() -> None:
    class Other:
        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            return np.column_stack([1 - X[:, 0], X[:, 0]])

    model = RowModel.of(Other())
    assert not model.is_laid_out
    assert model.probabilities(np.array([[0.25, 1.0]])).tolist() == [0.25]
