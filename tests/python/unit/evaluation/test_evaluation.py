"""Metrics agree with their definitions and references; baselines do what their papers say."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from likely_buyers.evaluation import (
    EvaluationInputError,
    average_precision,
    bootstrap_intervals,
    evaluate,
    expected_calibration_error,
    expected_over_observed,
    reliability_table,
    roc_auc,
)
from likely_buyers.training.baselines import frequency_score, recency_score
from likely_buyers.training.bgnbd import BgNbd, BgNbdFitError, BgNbdInputs, bgnbd_inputs

scored_users = st.lists(
    st.tuples(st.booleans(), st.integers(0, 20).map(lambda n: n / 20)), min_size=4, max_size=60
).filter(lambda users: 0 < sum(label for label, _ in users) < len(users))


def a_ranking(n: int = 4000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability = rng.beta(1.0, 3.0, n)
    return rng.random(n) < probability, probability


@pytest.mark.slow
@given(users=scored_users)
def test_metrics_equal_the_reference_implementation_with_ties(users):
    label, score = (np.array(column) for column in zip(*users, strict=True))
    assert roc_auc(label, score) == pytest.approx(reference.roc_auc_score(label, score))
    assert average_precision(label, score) == pytest.approx(
        reference.average_precision_score(label, score)
    )
    assert evaluate(label, score)["brier"] == pytest.approx(np.mean((score - label) ** 2))
    inside = np.clip(score, 0.01, 0.99)
    losses = -np.log(np.where(label, inside, 1 - inside))
    assert evaluate(label, inside)["log_loss"] == pytest.approx(losses.mean())


@given(users=scored_users, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_rows_never_changes_a_metric(users, shuffle):
    label, score = (np.array(column) for column in zip(*users, strict=True))
    shuffled = list(users)
    shuffle.shuffle(shuffled)
    other_label, other_score = (np.array(column) for column in zip(*shuffled, strict=True))
    assert evaluate(label, score) == pytest.approx(evaluate(other_label, other_score))


def test_lift_and_recall_count_buyers_in_the_top_of_the_list():
    score = np.arange(100)[::-1].astype(float)
    label = np.zeros(100, bool)
    label[:8] = True
    label[50:62] = True
    found = evaluate(label, score, are_probabilities=False)
    assert found["lift_10pct"] == pytest.approx((8 / 10) / (20 / 100))
    assert found["recall_10pct"] == pytest.approx(8 / 20)
    assert found["lift_1pct"] == pytest.approx(5.0)


def test_a_tie_on_the_edge_of_the_top_counts_by_its_share():
    label = np.array([1, 0, 1, 0, 0, 0, 0, 0, 0, 0], bool)
    score = np.array([9, 5, 5, 5, 5, 1, 1, 1, 1, 1], float)
    found = evaluate(label, score, are_probabilities=False)
    assert found["recall_20pct"] == pytest.approx((1 + 1 / 4) / 2)


def test_honest_probabilities_have_little_calibration_error_and_bent_ones_have_much():
    label, probability = a_ranking(20_000)
    assert expected_calibration_error(label, probability) < 0.02
    assert expected_calibration_error(label, probability / 2) == pytest.approx(
        probability.mean() / 2, abs=0.02
    )
    assert expected_over_observed(label, probability / 2) == pytest.approx(0.5, abs=0.03)


def test_the_reliability_table_accounts_for_every_user_and_buyer():
    label, probability = a_ranking(4003)
    table = reliability_table(label, probability)
    assert [row.decile for row in table] == list(range(1, 11))
    assert sum(row.users for row in table) == 4003
    assert sum(row.actual_buyers for row in table) == pytest.approx(label.sum())
    assert sum(row.predicted_buyers for row in table) == pytest.approx(probability.sum())
    means = [row.mean_probability for row in table]
    assert means == sorted(means, reverse=True)


def test_intervals_hold_the_value_repeat_with_the_seed_and_narrow_with_users():
    label, probability = a_ranking(1500)
    intervals = bootstrap_intervals(label, probability, resamples=200)
    assert intervals == bootstrap_intervals(label, probability, resamples=200)
    values = evaluate(label, probability)
    assert set(intervals) == set(values) - {"users", "buyers"}
    for name in set(intervals) - {"ece"}:
        low, high = intervals[name]
        assert low <= values[name] <= high, name
    more = bootstrap_intervals(*a_ranking(12_000), resamples=200)
    assert np.diff(more["roc_auc"]) < 0.6 * np.diff(intervals["roc_auc"])


def test_the_bootstrap_spread_of_the_auc_is_the_known_one():
    label, probability = a_ranking(2000)
    auc, positives, negatives = roc_auc(label, probability), label.sum(), (~label).sum()
    # Hanley and McNeil 1982
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (
        auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    ) / (positives * negatives)
    low, high = bootstrap_intervals(label, probability, resamples=400)["roc_auc"]
    assert high - low == pytest.approx(2 * 1.96 * variance**0.5, rel=0.25)


@pytest.mark.parametrize(
    ("label", "score", "message"),
    [
        ([1, 0], [0.5], "same length"),
        ([], [], "not empty"),
        ([1, 2], [0.5, 0.5], "only 0 and 1"),
        ([1, 0], [0.5, np.nan], "finite"),
        ([1, 1], [0.5, 0.4], "buyers and non-buyers"),
        ([1, 0], [0.5, 1.4], "lie in"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_by_name(label, score, message):
    with pytest.raises(EvaluationInputError, match=message):
        evaluate(label, score)


def a_bgnbd_shop(
    model: BgNbd, customers: int, weeks: float, ahead: float, seed: int
) -> tuple[BgNbdInputs, np.ndarray]:
    """Customers of a BG/NBD world, observed up to `weeks`, and whether they buy in `ahead` more."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(model.r, 1 / model.alpha, customers)
    drops = rng.beta(model.a, model.b, customers)
    ages = weeks - rng.uniform(0, weeks / 3, customers)
    repeats, last, later = np.zeros(customers), np.zeros(customers), np.zeros(customers, bool)
    for i in range(customers):
        time = 0.0
        while rng.random() >= (drops[i] if time > 0 else 0.0):
            time += rng.exponential(1 / rates[i])
            if time > ages[i]:
                later[i] = time <= ages[i] + ahead
                break
            repeats[i] += 1
            last[i] = time
    return BgNbdInputs(repeats=repeats, last=last, age=ages), later


def test_bgnbd_recovers_known_parameters_and_its_probabilities_come_true():
    truth = BgNbd(r=0.8, alpha=6.0, a=0.9, b=2.5)
    inputs, later = a_bgnbd_shop(truth, customers=12_000, weeks=60.0, ahead=6.0, seed=5)
    found = BgNbd.fit(inputs)
    assert found.r == pytest.approx(truth.r, rel=0.15)
    assert found.alpha == pytest.approx(truth.alpha, rel=0.2)
    assert found.a / (found.a + found.b) == pytest.approx(0.9 / 3.4, rel=0.15)
    p = found.probability_of_purchase(inputs, horizon_days=42)
    assert p.sum() == pytest.approx(later.sum(), rel=0.06)
    assert expected_calibration_error(later, p) < 0.015


def test_bgnbd_probability_agrees_with_the_paper_and_grows_with_the_horizon():
    model = BgNbd(r=0.5, alpha=5.0, a=0.8, b=2.0)
    inputs = BgNbdInputs(
        repeats=np.array([0.0, 4.0, 4.0, -1.0]),
        last=np.array([0.0, 20.0, 5.0, 0.0]),
        age=np.array([10.0, 22.0, 22.0, 0.0]),
    )
    active = model.probability_active(inputs)
    assert active[0] == 1.0
    assert active[1] > active[2] > active[3] == 0.0
    month, season = (model.probability_of_purchase(inputs, days) for days in (30, 90))
    assert (month[:3] < season[:3]).all()
    assert month[3] == 0.0
    # P(active) = 1 / (1 + a / (b + x - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x))
    odds = 0.8 / (2.0 + 4 - 1) * ((5 + 22) / (5 + 20)) ** (0.5 + 4)
    assert active[1] == pytest.approx(1 / (1 + odds))


def test_bgnbd_says_why_it_cannot_be_fitted():
    once = BgNbdInputs(repeats=np.zeros(50), last=np.zeros(50), age=np.full(50, 9.0))
    with pytest.raises(BgNbdFitError, match="0 of whom bought again"):
        BgNbd.fit(once)


def test_baselines_read_the_feature_table_and_put_never_buyers_last():
    features = pa.table(
        {
            "purchase_days": [3.0, 1.0, 0.0],
            "days_since_first_purchase": [71.0, 10.0, None],
            "days_since_last_purchase": [1.0, 10.0, None],
        }
    )
    assert recency_score(features).tolist() == [-1.0, -10.0, -11.0]
    assert frequency_score(features).tolist() == [3.0, 1.0, 0.0]
    inputs = bgnbd_inputs(features)
    assert inputs.repeats.tolist() == [2.0, 0.0, -1.0]
    assert inputs.last.tolist() == [10.0, 0.0, 0.0]
    with pytest.raises(EvaluationInputError, match="'purchase_days'"):
        frequency_score(features.drop_columns(["purchase_days"]))
