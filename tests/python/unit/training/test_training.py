"""Training: out of time, the same from the same data, and a clear no where nothing can be learned."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from likely_buyers.evaluation import bootstrap_intervals, evaluate
from likely_buyers.registry import model_bytes
from likely_buyers.training import (
    ConstantFeaturesError,
    OneClassError,
    TrainingSettings,
    fit,
    read_examples,
)
from likely_buyers.training.bgnbd import BgNbd, bgnbd_inputs

SETTINGS = TrainingSettings(horizon_days=30, seed=1, time_budget_seconds=5, evaluation_cutoffs=2)


def examples(
    seed: int = 0, users: int = 400, shuffled: bool = False, rate: float = 0.0
) -> pa.Table:
    """Users whose chance to buy rises with `purchase_days`, at four cutoffs 30 days apart."""
    rng = np.random.default_rng(seed)
    components = []
    for number in range(4):
        days = rng.poisson(2, users).astype(float)
        components.append(
            {
                "user_id": [f"u{n:05d}" for n in range(users)],
                "cutoff_date": [date(2020, 1, 1) + timedelta(days=30 * number)] * users,
                "label": rng.random(users) < 1 / (1 + np.exp(1.5 - 0.8 * (days - 2) - rate)),
                "purchase_days": days,
                "noise": rng.normal(size=users),
            }
        )
    table = pa.concat_tables([pa.table(part) for part in components])
    return table.take(rng.permutation(table.num_rows)) if shuffled else table


@pytest.mark.slow
def test_the_same_examples_in_any_order_give_the_same_model() -> None:
    table = examples()
    order = np.random.default_rng(5).permutation(table.num_rows)
    first, second = fit(table, SETTINGS), fit(table.take(order), SETTINGS)
    assert model_bytes(first.estimator) == model_bytes(second.estimator)


@pytest.mark.slow
def test_examples_read_already_and_any_number_of_cores_give_the_same_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = examples()
    first = model_bytes(fit(table, SETTINGS).estimator)
    for cores in (1, 5):
        monkeypatch.setattr("likely_buyers.parallel.cpu_count", lambda cores=cores: cores)
        assert model_bytes(fit(read_examples(table), SETTINGS).estimator) == first


def test_the_share_of_the_work_done_grows_to_all_of_it() -> None:
    told: list[float] = []
    fit(examples(), SETTINGS, advance=told.append)
    assert len(told) > 10
    assert told == sorted(told)
    assert told[0] > 0
    assert told[-1] == 1


def test_the_evaluation_lies_after_the_examples_it_was_fitted_on() -> None:
    model = fit(examples(), SETTINGS)
    assert model.windows.evaluate
    assert min(model.windows.evaluate) >= min(model.windows.fit) + timedelta(days=30)
    assert 0.6 < model.metrics["roc_auc"] < 0.85


def held_out_auc(table: pa.Table) -> tuple[float, float]:
    """Bootstrap interval of the AUC at the newest cutoff, of a model that saw the earlier ones only."""
    newest = pc.max(table["cutoff_date"])
    model = fit(table.filter(pc.less(table["cutoff_date"], newest)), SETTINGS)
    held_out = table.filter(pc.equal(table["cutoff_date"], newest))
    matrix = np.column_stack([held_out[name].to_numpy() for name in model.feature_names])
    probability = model.estimator.predict_proba(matrix)[:, 1]
    return bootstrap_intervals(held_out["label"].to_numpy(), probability, confidence=0.99)[
        "roc_auc"
    ]


@pytest.mark.slow
def test_shuffled_labels_teach_nothing() -> None:
    """A leak of the label into what a model sees would lift it above chance."""
    table = examples(users=1500)
    assert held_out_auc(table)[0] > 0.6
    labels = np.random.default_rng(7).permutation(table["label"].to_numpy())
    shuffled = table.set_column(table.column_names.index("label"), "label", pa.array(labels))
    low, high = held_out_auc(shuffled)
    assert low <= 0.5 <= high
    assert abs(fit(shuffled, SETTINGS).metrics["roc_auc"] - 0.5) < 0.05


def test_what_cannot_be_learned_is_said() -> None:
    table = examples()
    position = table.column_names.index("label")
    nobody = table.set_column(position, "label", pa.array([False] * table.num_rows))
    with pytest.raises(OneClassError, match="buyers and non-buyers"):
        fit(nobody, SETTINGS)
    constant = pa.array([1.0] * table.num_rows)
    same = table.set_column(3, "purchase_days", constant).set_column(4, "noise", constant)
    with pytest.raises(ConstantFeaturesError, match="constant"):
        fit(same, SETTINGS)


def test_metrics_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    p = np.round(rng.random(3000), 2)  # with ties
    y = rng.random(3000) < p
    ours = evaluate(y, p)
    assert ours["roc_auc"] == pytest.approx(roc_auc_score(y, p))
    assert ours["average_precision"] == pytest.approx(average_precision_score(y, p))
    assert ours["brier"] == pytest.approx(brier_score_loss(y, p))
    assert ours["expected_over_observed"] == pytest.approx(p.sum() / y.sum())
    assert ours["ece"] < 0.03


def test_bgnbd_predicts_a_shop_that_follows_it() -> None:
    """Purchases Poisson, rates gamma, dropping out geometric and beta (Fader, Hardie & Lee 2005)."""
    rng = np.random.default_rng(11)
    users, days, horizon = 4000, 360, 30
    rate = rng.gamma(0.8, 1 / 8.0, users) / 7  # purchases a day
    leaves = rng.beta(1.0, 5.0, users)
    frequency, last, later = np.zeros(users), np.zeros(users), np.zeros(users, bool)
    for user in range(users):
        at, alive = 0.0, rng.random() > leaves[user]
        while alive:
            at += rng.exponential(1 / rate[user])
            if at >= days:
                later[user] = at < days + horizon
                break
            frequency[user] += 1
            last[user] = at
            alive = rng.random() > leaves[user]
    table = pa.table(
        {
            "purchase_days": frequency + 1,
            "days_since_first_purchase": np.full(users, float(days)),
            "days_since_last_purchase": days - last,
        }
    )
    inputs = bgnbd_inputs(table)
    p = BgNbd.fit(inputs).probability_of_purchase(inputs, horizon)
    measured = evaluate(later, p)
    assert measured["expected_over_observed"] == pytest.approx(1, abs=0.12)
    assert measured["ece"] < 0.02
    assert measured["roc_auc"] > roc_auc_score(later, frequency)
