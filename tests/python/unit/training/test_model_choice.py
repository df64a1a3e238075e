"""Training chooses by evidence from later dates, and its model explains and stores itself whole."""

from __future__ import annotations

import re
import weakref
from datetime import date, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier

from likely_buyers.evaluation import roc_auc
from likely_buyers.registry import RegistryError
from likely_buyers.registry.skops_bytes import TRUSTED_TYPES, estimator_from_bytes
from likely_buyers.training import (
    Champion,
    ConstantFeaturesError,
    ExamplesSchemaError,
    FeatureMismatchError,
    NoCutoffsError,
    OneClassError,
    PurchaseModel,
    TrainedModel,
    TrainingError,
    TrainingSettings,
    fit,
)
from likely_buyers.training.boosted_scores import boosted_log_odds
from likely_buyers.training.components import BgNbdComponent, BoostingComponent, LinearComponent
from likely_buyers.training.library import BGNBD, FITS, PLAIN_RATE, RECENCY_AND_FREQUENCY, RULES
from likely_buyers.training.selection import LATER_CUTOFFS, OTHER_USERS
from support.examples import CUTOFFS, SETTINGS, a_shop, with_column


def test_what_only_the_call_holds_is_gone_while_members_are_fitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With many examples another copy of them is what memory is short of."""
    rng = np.random.default_rng(1)
    made: list[weakref.ref[np.ndarray]] = []
    gone = []

    def features() -> np.ndarray:
        X = rng.normal(size=(500, 3))
        made.append(weakref.ref(X))
        return X

    plainly = LinearComponent.fit

    def look(self: LinearComponent, *fitted_on: np.ndarray) -> LinearComponent:
        gone.append(made[0]() is None)
        return plainly(self, *fitted_on)

    monkeypatch.setattr(LinearComponent, "fit", look)
    PurchaseModel([{"kind": "linear"}]).fit(features(), rng.random(500) < 0.5)
    assert gone == [True]


def matrix(model: TrainedModel, examples: pa.Table) -> np.ndarray:
    return np.column_stack([examples[name].to_numpy() for name in model.feature_names])


@cache
def trained() -> TrainedModel:
    return fit(a_shop(), SETTINGS)


ALL_KINDS = [
    {"kind": "linear", "share": 0.4},
    {"kind": "bgnbd", "share": 0.2, "columns": (0, 1, 2)},
    {"kind": "boosting", "share": 0.3, "trees": 20, "half_life_days": 60.0},
    {"kind": "rate", "share": 0.1},
]


def a_model_of_all_kinds() -> PurchaseModel:
    examples = a_shop(seed=4)
    return PurchaseModel(ALL_KINDS).fit(
        matrix(trained(), examples), examples["label"].to_numpy(), np.arange(5400.0) % 90
    )


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


def test_the_evidence_names_every_candidate_and_the_chosen_has_the_lowest_log_loss_of_means_and_rules():
    scores = {row["candidate"]: row["log_loss"] for row in trained().candidates}
    assert set(RULES) < set(scores)
    for kind in ("logistic regression", "boosting"):
        assert {name for name in FITS if name.startswith(kind)} & set(scores)
    assert scores[trained().chosen] <= min(scores[rule] for rule in RULES)


def test_a_small_shop_where_a_simple_rule_is_the_truth_is_scored_by_it_for_a_good_part():
    lines: list[str] = []
    model = fit(a_shop(users=300, seed=8), SETTINGS, progress=lines.append)
    shares = {part.component.__class__: part.share for part in model.estimator.parts()}
    assert shares[BgNbdComponent] > 0.4
    assert shares.get(BoostingComponent, 0) < 0.2
    assert model.tells_buyers_apart
    assert re.search("[0-9]+ buyers among 900 examples at 3 later cutoffs", model.why)
    assert any("comparing models" in line for line in lines)
    assert lines[-1].startswith("fitting ")


def test_a_shop_of_one_cutoff_is_trained_and_judged_on_users_held_out():
    model = fit(a_shop(cutoffs=CUTOFFS[:1]), SETTINGS)
    assert model.held_out == OTHER_USERS
    assert model.windows.evaluate == (CUTOFFS[0],)
    assert "users held out at the only cutoff" in model.why
    assert model.metrics["users"] == 900
    assert 0.6 < model.metrics["roc_auc"] < 0.85
    # what the model of a user's group knows of others is all that its score may come from
    later = a_shop(users=4000, seed=11, cutoffs=[date(2024, 9, 15)])
    p = model.estimator.predict_proba(matrix(model, later))[:, 1]
    assert roc_auc(later["label"].to_numpy(), p) > 0.7
    assert trained().held_out == LATER_CUTOFFS


@pytest.mark.parametrize("users", [25, 300])
def test_ten_buyers_are_enough_for_a_model_that_keeps_close_to_the_rate(users: int):
    examples = a_shop(users=users, cutoffs=CUTOFFS)
    buyers = np.zeros(examples.num_rows, bool)
    buyers[np.random.default_rng(1).choice(examples.num_rows, 10, replace=False)] = True
    model = fit(with_column(examples, "label", buyers), SETTINGS)
    p = model.estimator.predict_proba(matrix(model, examples))[:, 1]
    assert p.mean() == pytest.approx(10 / examples.num_rows, rel=0.5)
    assert p.max() < 0.5


def of_buyers(examples: pa.Table, buyers: list[int]) -> pa.Table:
    labels = np.zeros(examples.num_rows, bool)
    labels[buyers] = True
    return with_column(examples, "label", labels)


@pytest.mark.parametrize("all_but", [False, True])
@pytest.mark.parametrize(("users", "cutoffs"), [(60, 1), (60, 6), (2, 1), (5, 1)])
def test_one_buyer_or_one_other_is_enough_for_a_model_that_keeps_close_to_the_rate(
    users: int, cutoffs: int, all_but: bool
):
    examples = of_buyers(a_shop(users=users, cutoffs=CUTOFFS[:cutoffs]), [1])
    if all_but:
        examples = with_column(examples, "label", ~examples["label"].to_numpy())
    model = fit(examples, SETTINGS)
    assert model.held_out == OTHER_USERS
    assert not model.tells_buyers_apart
    p = model.estimator.predict_proba(matrix(model, examples))[:, 1]
    of_the_one = np.abs(p - all_but)
    assert 0 < of_the_one.mean() < 3 / examples.num_rows


@pytest.mark.parametrize("customers_buy", [False, True])
def test_customers_who_never_or_always_buy_again_are_scored_near_to_their_rate(customers_buy: bool):
    """The first half of the users have not bought yet, and some of them do; of the others nobody does, or all."""
    examples = a_shop(users=60)
    of_cutoff = np.arange(examples.num_rows) % 60
    for name, value in {
        "purchase_days": 0.0,
        "days_since_first_purchase": np.nan,
        "days_since_last_purchase": np.nan,
    }.items():
        values = np.where(of_cutoff < 30, value, examples[name].to_numpy())
        examples = with_column(examples, name, values)
    buys = (of_cutoff % 10 == 1) & (of_cutoff < 30) | (of_cutoff >= 30) & customers_buy
    model = fit(with_column(examples, "label", buys), SETTINGS)
    assert BGNBD in {row["candidate"] for row in model.candidates}
    member = {"kind": "bgnbd", "columns": (0, 1, 2)}
    alone = PurchaseModel([member]).fit(matrix(model, examples), buys)
    p = alone.predict_proba(matrix(model, examples))[of_cutoff >= 30, 1]
    assert p.mean() == pytest.approx((180 * customers_buy + 0.5) / 181, rel=1e-6)
    assert p.std() > 0, "the level is learned, and the order stays that of the habits"


def test_customers_whom_their_habit_tells_apart_without_an_exception_are_not_certain_to_buy():
    """The likeliest line is the steepest one then, and has no end."""
    X = np.column_stack([np.tile([1.0, 5.0], 20), np.full(40, 90.0), np.tile([90.0, 3.0], 20)])
    component = BgNbdComponent().fit(X, (X[:, 0] == 5).astype(np.int8))
    p = 1 / (1 + np.exp(-component.decision_function(X)))
    assert p.mean() == pytest.approx(0.5)
    assert 0.001 < p.min() < p.max() < 0.999


@pytest.mark.parametrize("exceptions", [0, 6])
def test_customers_who_buy_against_their_habit_are_scored_at_their_rate(exceptions: int):
    """Those who bought lately have what they want, say. A line that falls would turn the order of the habits round."""
    X = np.column_stack([np.tile([1.0, 5.0], 50), np.full(100, 90.0), np.tile([80.0, 3.0], 50)])
    buys = (X[:, 0] == 1).astype(np.int8)
    buys[20:100:2] = 0
    buys[1 : 2 * exceptions : 4] = 1
    component = BgNbdComponent().fit(X, buys)
    p = 1 / (1 + np.exp(-component.decision_function(X)))
    assert p == pytest.approx((buys.sum() + 0.5) / 101)
    assert component.contributions(X) == pytest.approx(0)


def test_a_rare_outcome_of_which_a_sample_holds_nobody_is_trained_and_compared():
    rng = np.random.default_rng(1)
    users = 3000
    buyers = [users * n + rng.choice(users, 40 if n > 2 else 1, replace=False) for n in range(6)]
    examples = of_buyers(a_shop(users=users), list(np.concatenate(buyers)))
    hurried = TrainingSettings(horizon_days=30, evaluation_cutoffs=3, time_budget_seconds=1)
    model = fit(examples, hurried)
    assert model.held_out == LATER_CUTOFFS
    p = model.estimator.predict_proba(matrix(model, examples))[:, 1]
    assert 0 < p.mean() < 0.03
    champion = Champion(model.estimator, model.feature_names, date(2024, 9, 14))
    comparison = fit(examples, hurried, champion=champion).comparison
    assert comparison is not None
    assert comparison.kind == "refitted"


def test_a_fit_without_a_class_or_a_feature_that_varies_is_the_plain_rate():
    X = np.random.default_rng(0).normal(size=(50, 3))
    cases = [(X, np.zeros(50), 0.5 / 51), (X, np.ones(50), 50.5 / 51)]
    cases += [(np.ones((50, 3)), np.arange(50) < 10, 10.5 / 51)]
    for features, outcomes, rate in cases:
        for members in ([{"kind": "linear"}], [{"kind": "boosting"}]):
            model = PurchaseModel(members).fit(features, outcomes)
            assert model.predict_proba(X)[:, 1] == pytest.approx(rate)


@pytest.mark.parametrize("old_buys", [True, False])
def test_boosting_keeps_an_example_of_each_class_however_old(old_buys: bool):
    """Of one class alone scikit-learn says that nobody buys, for certain."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    is_old = np.arange(200) < 5
    weights = np.where(is_old, 1e-9, 1.0)
    boosting = BoostingComponent().fit(X, (is_old == old_buys).astype(np.int8), weights)
    p = 1 / (1 + np.exp(-boosting.decision_function(X)))
    assert np.abs(p - (not old_buys)) == pytest.approx(1 / 781, rel=0.5)


def test_a_champion_of_a_habit_is_compared_with_where_too_few_had_bought_by_then():
    """Its BG/NBD was fitted on users held out at one cutoff; at later ones fewer are known of."""
    few = a_shop(users=300, seed=8)
    first = (few["cutoff_date"].to_numpy() == np.datetime64(CUTOFFS[0])) & (
        np.arange(few.num_rows) % 300 > 5
    )
    few = with_column(few, "purchase_days", np.where(first, 0.0, few["purchase_days"].to_numpy()))
    X = np.column_stack([few[name].to_numpy() for name in few.column_names[3:]])
    champion = PurchaseModel(ALL_KINDS).fit(X, few["label"].to_numpy())
    known = Champion(champion, tuple(few.column_names[3:]), date(2024, 9, 14))
    two = TrainingSettings(horizon_days=30, evaluation_cutoffs=8)
    comparison = fit(few, two, champion=known).comparison
    assert comparison is not None
    assert comparison.kind == "refitted"
    assert comparison.champion["roc_auc"] > 0.5


@pytest.mark.slow
def test_labels_without_meaning_give_no_ranking():
    examples = a_shop(users=1500)
    rng = np.random.default_rng(2)
    model = fit(with_column(examples, "label", rng.permutation(examples["label"])), SETTINGS)
    assert model.metrics["roc_auc"] == pytest.approx(0.5, abs=0.05)
    assert not model.tells_buyers_apart
    assert "nothing beats the plain rate beyond noise" in model.why
    p = model.estimator.predict_proba(matrix(model, examples))[:, 1]
    assert p.std() < 0.1 * p.mean(), "no signal, so nobody is far from the rate"


def test_a_signal_that_is_beyond_noise_and_hardly_there_is_called_so():
    examples = a_shop(users=6000)
    rng = np.random.default_rng(3)
    chance = 0.3 + 0.033 * np.clip(examples["noise"].to_numpy(), -3, 3)
    model = fit(with_column(examples, "label", rng.random(examples.num_rows) < chance), SETTINGS)
    assert model.metrics["roc_auc"] < 0.55
    assert not model.tells_buyers_apart
    assert "hardly more than by chance" in model.why


@pytest.mark.slow
def test_without_the_features_of_a_habit_the_other_models_are_compared():
    model = fit(a_shop().drop_columns(["days_since_first_purchase"]), SETTINGS)
    names = {row["candidate"] for row in model.candidates}
    assert BGNBD not in names
    assert {PLAIN_RATE, RECENCY_AND_FREQUENCY, "logistic regression"} <= names


def test_members_add_up_to_the_raw_score_and_a_line_makes_it_a_probability():
    X = matrix(trained(), a_shop(seed=6))
    model = a_model_of_all_kinds().calibrate(slope=0.9, offset=-0.1)
    raw = model.decision_function(X)
    parts = list(model.parts())
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert sum(
        part.share * part.component.decision_function(X[:, part.columns]) for part in parts
    ) == pytest.approx(raw)
    assert model.predict_proba(X)[:, 1] == pytest.approx(1 / (1 + np.exp(-(0.9 * raw - 0.1))))


def test_a_stored_model_loads_with_the_trusted_types_and_scores_the_same():
    X = matrix(trained(), a_shop(seed=5))
    model = a_model_of_all_kinds()
    stored = skops.io.dumps(model)
    assert set(skops.io.get_untrusted_types(data=stored)) <= set(TRUSTED_TYPES)
    loaded = skops.io.loads(stored, trusted=list(TRUSTED_TYPES))
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_a_model_of_an_earlier_release_is_refused_with_the_remedy():
    model = a_model_of_all_kinds()
    del model.members
    with pytest.raises(RegistryError, match=r"of an earlier release.*Train a new version"):
        estimator_from_bytes(skops.io.dumps(model), "version 1")


def test_the_score_of_a_user_does_not_depend_on_who_else_is_scored():
    rng = np.random.default_rng(1)
    X = rng.gamma(1.0, 30.0, (2001, 73))
    model = PurchaseModel(ALL_KINDS).fit(X, rng.random(2001) < 0.4)
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


def constant(table: pa.Table) -> pa.Table:
    for name in table.column_names[3:]:
        table = with_column(table, name, np.ones(table.num_rows))
    return table


@pytest.mark.parametrize(
    ("examples", "error", "message"),
    [
        (with_column(a_shop(), "label", [False] * 5400), OneClassError, "0 of 5400 examples"),
        (of_buyers(a_shop(), list(range(4500, 5400))), OneClassError, "at each cutoff all of them"),
        (constant(a_shop()), ConstantFeaturesError, "all 7 features are constant"),
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
