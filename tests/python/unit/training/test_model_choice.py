"""Training chooses by evidence from later dates, and its model explains and stores itself whole."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier

from likely_buyers.evaluation import roc_auc
from likely_buyers.registry.skops_bytes import TRUSTED_TYPES
from likely_buyers.training import (
    ConstantFeaturesError,
    ExamplesSchemaError,
    FeatureMismatchError,
    NoCutoffsError,
    OneClassError,
    PurchaseModel,
    TooFewBuyersError,
    TrainedModel,
    TrainingError,
    TrainingSettings,
    fit,
)
from likely_buyers.training.boosted_scores import boosted_log_odds
from likely_buyers.training.calibration import METHODS, ScoredCutoff, choose_calibration
from likely_buyers.training.selection import BOOSTING_CANDIDATES, LINEAR_CANDIDATES
from support.examples import CUTOFFS, SETTINGS, a_shop, with_column


def matrix(model: TrainedModel, examples: pa.Table) -> np.ndarray:
    return np.column_stack([examples[name].to_numpy() for name in model.feature_names])


@cache
def trained() -> TrainedModel:
    return fit(a_shop(), SETTINGS)


def a_model_of_three_components() -> PurchaseModel:
    examples = a_shop(seed=4)
    model = PurchaseModel(linear_weight=0.4, bgnbd_weight=0.3, bgnbd_columns=(0, 1, 2), trees=20)
    return model.fit(matrix(trained(), examples), examples["label"].to_numpy())


@pytest.mark.slow
def test_the_model_ranks_later_buyers_and_its_probabilities_add_up_to_them():
    later = a_shop(users=4000, seed=11, cutoffs=[date(2024, 9, 15)])
    p = trained().estimator.predict_proba(matrix(trained(), later))
    assert p.shape == (4000, 2)
    assert p.sum(axis=1) == pytest.approx(1.0)
    bought = later["label"].to_numpy()
    assert roc_auc(bought, p[:, 1]) > 0.7
    assert p[:, 1].sum() == pytest.approx(bought.sum(), rel=0.12)


@pytest.mark.slow
def test_the_same_examples_in_any_order_give_the_same_model_to_the_bit():
    shuffled = a_shop().take(np.random.default_rng(0).permutation(900 * len(CUTOFFS)))
    again = fit(shuffled, SETTINGS)
    X = matrix(again, a_shop(seed=9))
    assert np.array_equal(again.estimator.predict_proba(X), trained().estimator.predict_proba(X))
    assert again.metrics == trained().metrics
    assert again.candidates == trained().candidates


def test_every_evaluation_cutoff_is_later_than_a_whole_horizon_of_examples():
    windows = trained().windows
    assert windows.fit == tuple(CUTOFFS)
    assert windows.evaluate == tuple(CUTOFFS[-3:])
    assert all(cutoff - timedelta(days=30) >= min(windows.fit) for cutoff in windows.evaluate)
    assert set(trained().metrics_by_cutoff) == set(windows.evaluate)
    assert "refitted" in trained().notes


def test_the_evidence_names_every_candidate_and_the_chosen_is_among_the_best():
    scores = {row["candidate"]: row["log_loss"] for row in trained().candidates}
    assert "BG/NBD" in scores
    for family in (LINEAR_CANDIDATES, BOOSTING_CANDIDATES):
        assert set(family) & set(scores)
    assert scores[trained().chosen] <= min(scores.values()) + 0.0003


def test_a_small_shop_where_a_simple_rule_is_the_truth_gets_a_simple_model():
    lines: list[str] = []
    model = fit(a_shop(users=300, seed=8), SETTINGS, progress=lines.append)
    assert model.estimator.component_weights.get("boosting", 0.0) <= 0.5
    assert any("comparing models" in line for line in lines)
    assert lines[-1].startswith("fitting ")


@pytest.mark.slow
def test_labels_without_meaning_give_no_ranking():
    examples = a_shop(users=1500)
    rng = np.random.default_rng(2)
    model = fit(with_column(examples, "label", rng.permutation(examples["label"])), SETTINGS)
    assert model.metrics["roc_auc"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.slow
def test_without_the_features_of_a_habit_the_other_models_are_compared():
    model = fit(a_shop().drop_columns(["days_since_first_purchase"]), SETTINGS)
    names = {row["candidate"] for row in model.candidates}
    assert "BG/NBD" not in names
    assert "logistic regression" in names


def test_parts_and_contributions_add_up_to_the_raw_score():
    X = matrix(trained(), a_shop(seed=6))
    model = a_model_of_three_components().calibrate(slope=0.9, offset=-0.1)
    raw = model.decision_function(X)
    components = model.components(X)
    assert set(components) == {"boosting", "linear", "bgnbd"}
    assert sum(components.values()) == pytest.approx(raw)
    contributions, base = model.additive_contributions(X)
    assert contributions.shape == X.shape
    assert base + contributions.sum(axis=1) == pytest.approx(
        components["linear"] + components["bgnbd"]
    )
    assert model.predict_proba(X)[:, 1] == pytest.approx(1 / (1 + np.exp(-(0.9 * raw - 0.1))))


def test_a_stored_model_loads_with_the_trusted_types_and_scores_the_same():
    X = matrix(trained(), a_shop(seed=5))
    model = a_model_of_three_components()
    stored = skops.io.dumps(model)
    assert set(skops.io.get_untrusted_types(data=stored)) <= set(TRUSTED_TYPES)
    loaded = skops.io.loads(stored, trusted=list(TRUSTED_TYPES))
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_the_score_of_a_user_does_not_depend_on_who_else_is_scored():
    rng = np.random.default_rng(1)
    X = rng.gamma(1.0, 30.0, (2001, 73))
    model = PurchaseModel(linear_weight=0.4, bgnbd_weight=0.3, bgnbd_columns=(0, 1, 2), trees=20)
    model.fit(X, rng.random(2001) < 0.4)
    together = model.predict_proba(X)
    assert np.array_equal(model.predict_proba(X[::-1]), together[::-1])
    assert np.array_equal(model.predict_proba(np.asfortranarray(X)), together)
    for start, end in ((0, 1), (5, 18), (100, 1237)):
        assert np.array_equal(model.predict_proba(X[start:end]), together[start:end])


@pytest.mark.parametrize("leaves", [2, 4, 9, 24])
def test_boosted_trees_say_what_scikit_learn_says_to_the_bit(leaves: int):
    rng = np.random.default_rng(leaves)
    X = np.round(rng.normal(size=(20_000, 6)), 1)
    X[rng.random(X.shape) < 0.2] = np.nan
    y = np.nan_to_num(X[:, 0], nan=1.0) * np.nan_to_num(X[:, 1]) + rng.normal(size=len(X)) > 0
    boosting = HistGradientBoostingClassifier(max_leaf_nodes=leaves, max_iter=30).fit(X, y)
    # on the thresholds themselves, beyond all of them, and in batches of any size
    X[:6] = [[np.inf], [-np.inf], [np.nan], [0.0], [-0.0], [1e300]]
    X[6:1000, 0] = np.resize(
        np.concatenate([stage[0].nodes["num_threshold"] for stage in boosting._predictors]), 994
    )
    for rows in (1, 1_000, 16_385, 20_000):
        expected = boosting.decision_function(X[:rows])
        assert np.array_equal(boosted_log_odds(boosting, X[:rows]), expected)


def test_a_model_that_is_fitted_again_is_read_again():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(500, 3))
    boosting = HistGradientBoostingClassifier(max_leaf_nodes=4, max_iter=5, warm_start=True)
    for column, trees in ((0, 5), (0, 8), (1, 8)):
        if column:
            boosting.set_params(warm_start=False)
        boosting.set_params(max_iter=trees).fit(X, X[:, column] > 0)
        assert np.array_equal(boosted_log_odds(boosting, X), boosting.decision_function(X))


def test_a_matrix_of_another_width_is_refused():
    with pytest.raises(FeatureMismatchError, match=r"trained on 7 features.*\(2, 3\)"):
        trained().estimator.predict_proba(np.zeros((2, 3)))


def scored_cutoffs(offsets: list[float]) -> list[ScoredCutoff]:
    """Cutoffs 30 days apart at which the true log-odds are the raw ones plus an offset."""
    rng = np.random.default_rng(7)
    cutoffs = []
    for number, offset in enumerate(offsets):
        raw = rng.normal(-1, 1.2, 6000)
        labels = rng.random(6000) < 1 / (1 + np.exp(-(raw + offset)))
        day = np.datetime64("2024-01-01") + 30 * number
        cutoffs.append(ScoredCutoff(day, raw, labels.astype(np.int8)))
    return cutoffs


def test_a_lasting_bias_is_calibrated_away():
    choice = choose_calibration(scored_cutoffs([-0.6] * 8), 30)
    assert choice.method != "none"
    assert choice.line.offset == pytest.approx(-0.6, abs=0.15)


def test_a_level_that_swings_is_left_alone_because_its_last_window_points_the_wrong_way():
    assert choose_calibration(scored_cutoffs([0.4, -0.4] * 4), 30).method == "none"


def test_honest_scores_are_left_alone():
    choice = choose_calibration(scored_cutoffs([0.0] * 8), 30)
    assert (choice.method, choice.line.slope, choice.line.offset) == ("none", 1.0, 0.0)


def test_a_line_far_from_the_scores_is_found():
    rng = np.random.default_rng(1)
    raw = rng.normal(-2.0, 2.8, 9_000)
    labels = (rng.random(raw.size) < 1 / (1 + np.exp(-(0.4 * raw + 2.0)))).astype(np.int8)
    line = METHODS["line"]([ScoredCutoff(np.datetime64("2024-01-01"), raw, labels)])
    assert (line.slope, line.offset) == pytest.approx((0.4, 2.0), abs=0.1)


def constant(table: pa.Table) -> pa.Table:
    for name in table.column_names[3:]:
        table = with_column(table, name, np.ones(table.num_rows))
    return table


@pytest.mark.parametrize(
    ("examples", "error", "message"),
    [
        (with_column(a_shop(), "label", [False] * 5400), OneClassError, "0 of 5400 examples"),
        (a_shop(users=25), TooFewBuyersError, "at least 100 buyers.*found"),
        (constant(a_shop()), ConstantFeaturesError, "all 7 features are constant"),
        (a_shop(cutoffs=CUTOFFS[:1]), NoCutoffsError, "evaluated later"),
        (a_shop().slice(0, 0), NoCutoffsError, "no examples"),
        (a_shop().drop_columns(["label"]), ExamplesSchemaError, "lack label"),
        (a_shop().append_column("shop", pa.array(["a"] * 5400)), ExamplesSchemaError, "shop is"),
        (pa.concat_tables([a_shop(), a_shop()]), ExamplesSchemaError, "5400 rows repeat a key"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_examples_that_cannot_be_trained_on_are_refused_with_the_reason(examples, error, message):
    with pytest.raises(error, match=message):
        fit(examples, SETTINGS)
    assert issubclass(error, TrainingError)


def test_settings_out_of_range_are_refused():
    with pytest.raises(TrainingError, match="horizon_days must be at least 1: found 0"):
        TrainingSettings(horizon_days=0)
