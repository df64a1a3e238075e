"""A version becomes champion by evidence, and who promotes sees what changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from likely_buyers.dbt.jobs.train import _champion, evidence_for_promotion
from likely_buyers.outcomes import Outcome
from likely_buyers.promotion import difference, judge
from likely_buyers.registry import ModelVersion, Registry
from likely_buyers.training import Champion, PurchaseModel, TrainedModel, fit
from support.examples import SETTINGS, a_shop, with_column
from support.installation import Installation
from support.lakes import open_lake

AT = datetime(2026, 1, 1, tzinfo=UTC)


def a_version(number: int = 2, auc: float = 0.75, ap: float = 0.6, **other: Any) -> ModelVersion:
    rules = {
        "recency": {"roc_auc": 0.66, "average_precision": 0.4},
        "bg_nbd": {"roc_auc": 0.73, "average_precision": 0.58},
    }
    own = {
        "model_name": "m",
        "version": number,
        "created_at": AT,
        "as_of": date(2026, 1, 1),
        "horizon_days": 30,
        "metrics": {"roc_auc": auc, "average_precision": ap},
        "windows": {},
        "parameters": {"rules": rules, "chosen": "a mean", "why": "it is the best of all"},
        "model_digest": "d",
        "feature_signature": "s",
        "scikit_learn_version": "1",
        "run_id": "r",
        "is_champion": False,
    }
    return ModelVersion(**(own | other))


def compared_with(
    champion: int, low: float, high: float, tells_buyers_apart: bool = True
) -> dict[str, Any]:
    """The log loss of the new version less that of the champion lies between the two."""
    return a_version().parameters | {
        "tells_buyers_apart": tells_buyers_apart,
        "against_champion": {
            "version": champion,
            "kind": "scored",
            "cutoffs": ["2025-12-01"],
            "champion": {"roc_auc": 0.74, "average_precision": 0.59},
            "challenger": {"roc_auc": 0.75, "average_precision": 0.6},
            "difference": {"mean": (low + high) / 2, "low": low, "high": high},
        },
    }


def test_the_first_version_is_the_best_of_what_was_compared_and_passes() -> None:
    for version in (a_version(), a_version(auc=0.729), a_version(parameters={})):
        assert judge(version, None).passed
    lines = judge(a_version(auc=0.729), None).lines
    assert lines[0] == "scores by a mean: it is the best of all"
    assert "AUC 0.7290, best simple rule (BG/NBD) 0.7300: -0.0010" in lines


@pytest.mark.parametrize(
    ("parameters", "passed", "words"),
    [
        (compared_with(1, -0.003, -0.001), True, "AUC 0.7500 for 0.7400"),
        (compared_with(1, -0.003, -0.001), True, "better beyond noise"),
        (compared_with(1, -0.001, 0.002), True, "equal within noise"),
        (compared_with(1, 0.001, 0.002), False, "WORSE beyond noise"),
        (compared_with(1, 1e-17, 2e-17), True, "log loss +0.00000 (+0.00000 to +0.00000), equal"),
        (compared_with(1, -0.001, 0.002, False), False, "does not tell buyers from others"),
        (compared_with(7, -0.1, -0.1), False, "compared with version 7, NOT with the present"),
        (a_version().parameters, False, "compared with no champion, NOT with the present"),
        ({"against_champion": {"version": 1}}, False, "before differences to the champion"),
    ],
)
def test_a_version_must_not_be_worse_than_the_champion_beyond_noise(
    parameters: dict[str, Any], passed: bool, words: str
) -> None:
    verdict = judge(a_version(parameters=parameters), a_version(1))
    assert verdict.passed == passed
    assert words in verdict.lines[-1]


def test_a_champion_that_cannot_score_the_present_features_is_no_obstacle() -> None:
    assert judge(a_version(), a_version(1, feature_signature="before")).passed


@pytest.mark.parametrize(
    ("parameters", "passed", "words"),
    [
        (a_version().parameters, True, "not compared with the champion, version 1, which cannot"),
        (a_version().parameters, True, "what this version scores: its file is gone"),
        (compared_with(7, 0.001, 0.002), True, "not compared with the champion"),
        (compared_with(1, 0.001, 0.002), False, "WORSE beyond noise"),
    ],
)
def test_a_champion_that_cannot_score_any_more_is_a_bar_where_it_was_compared_with(
    parameters: dict[str, Any], passed: bool, words: str
) -> None:
    verdict = judge(a_version(parameters=parameters), a_version(1), "its file is gone")
    assert verdict.passed == passed
    assert words in verdict.lines[-1]


PURCHASE = Outcome("purchase_30d", 30)


def two_registered(installation: Installation, *defined: Outcome) -> Registry:
    """Version 1, the champion, and version 2, for outcomes that each have a definition; they were not compared."""
    registry = Registry(installation.state)
    for outcome in defined:
        X = np.arange(20.0)[:, None]
        registry.register(
            PurchaseModel([{"kind": "rate"}]).fit(X, X[:, 0] > 9),
            feature_names=["purchase_days"],
            feature_types=["double"],
            metrics={"roc_auc": 0.5, "average_precision": 0.5},
            as_of=date(2024, 9, 14),
            horizon_days=30,
            at=AT,
            parameters={"outcome": outcome.definition, "against_champion": None},
        )
    registry.promote(1, reason="the first", by="ana", at=AT)
    return registry


def test_an_outcome_redefined_under_its_name_gets_a_champion_by_training_and_promoting(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    before = replace(PURCHASE, where="price > 6")
    registry = two_registered(installation, before, PURCHASE)
    # training did not compare them, and says why
    assert _champion(registry, PURCHASE) == (1, None)
    assert "where is None, and it was trained for price > 6" in capsys.readouterr().err
    promoted = installation.run("likely-buyers", "promote", "latest")
    assert promoted.succeeded, promoted.output
    told = " ".join(promoted.output.split())
    assert "not compared with the champion, version 1, which cannot score what this" in told
    assert "where is None, and it was trained for price > 6" in told
    # the other way round: the champion scores what is asked for, and version 1 does not
    back = installation.run("likely-buyers", "promote", "1")
    assert not back.succeeded
    assert "NOT with the present champion, version 2" in " ".join(back.output.split())


def test_a_champion_whose_file_is_gone_is_no_obstacle(installation: Installation) -> None:
    registry = two_registered(installation, PURCHASE, PURCHASE)
    refused = installation.run("likely-buyers", "promote", "2")
    assert not refused.succeeded
    assert "NOT with the present champion" in " ".join(refused.output.split())
    for file in installation.state.glob(f"artifacts/**/{registry.version(1).run_id}/**/*.skops"):
        file.unlink()
    promoted = installation.run("likely-buyers", "promote", "2")
    assert promoted.succeeded, promoted.output
    assert "model.skops of version 1 is missing" in " ".join(promoted.output.split())


def a_shop_with_carts(seed: int = 3) -> pa.Table:
    """A shop where carts tell more than a habit of buying can."""
    examples = a_shop(seed=seed)
    carts = np.random.default_rng(seed).poisson(0.5 + 0.7 * examples["label"].to_numpy())
    return examples.append_column("carts", pa.array(carts.astype(float)))


def fitted(examples: pa.Table, champion: Champion | None = None) -> TrainedModel:
    return fit(examples, SETTINGS, champion=champion)


def test_training_measures_the_rules_and_the_champion_at_the_same_cutoffs() -> None:
    first = fitted(a_shop())
    assert set(first.rules) == {"recency", "frequency", "bg_nbd"}
    assert first.comparison is None
    known = Champion(first.estimator, first.feature_names, date(2024, 7, 30))
    second = fitted(a_shop(), known)
    assert second.comparison is not None
    assert second.comparison.kind == "scored"
    assert min(second.comparison.cutoffs) >= known.as_of
    newest = Champion(first.estimator, first.feature_names, date(2024, 9, 14))
    third = fitted(a_shop(), newest).comparison
    assert third is not None
    assert third.kind == "refitted"
    assert third.champion["roc_auc"] == pytest.approx(third.challenger["roc_auc"], abs=0.01)


def registered(registry: Registry, model: TrainedModel, champion: int | None) -> ModelVersion:
    return registry.register(
        model.estimator,
        feature_names=model.feature_names,
        feature_types=["double"] * len(model.feature_names),
        metrics=model.metrics,
        as_of=date(2024, 9, 14),
        horizon_days=30,
        at=AT,
        parameters=evidence_for_promotion(model, champion),
    )


def test_the_command_refuses_a_model_trained_on_shuffled_labels(
    installation: Installation, tmp_path: Path
) -> None:
    registry = Registry(installation.state)
    honest = fitted(a_shop_with_carts())
    registered(registry, honest, None)
    assert installation.run("likely-buyers", "promote", "1").succeeded

    examples = a_shop_with_carts()
    labels = np.random.default_rng(2).permutation(examples["label"].to_numpy())
    champion = Champion(honest.estimator, honest.feature_names, date(2024, 9, 14))
    registered(registry, fitted(with_column(examples, "label", labels), champion), 1)
    refused = installation.run("likely-buyers", "promote", "latest")
    assert not refused.succeeded
    assert "nothing beats the plain rate beyond noise" in refused.output
    assert "does not tell buyers from others" in refused.output
    assert "nothing was changed" in refused.output
    assert "Traceback" not in refused.output
    champion_now = Registry(installation.state).champion()
    assert champion_now is not None
    assert champion_now.version == 1

    nameless = installation.run("likely-buyers", "promote", "2", "--force")
    assert not nameless.succeeded
    assert "--reason" in nameless.output
    # training makes the database, and no features for scoring
    open_lake(installation.state).close()
    forced = installation.run("likely-buyers", "promote", "2", "--force", "--reason", "a drill")
    assert forced.succeeded, forced.output
    assert "no dbt build has made features here yet" in forced.output
    last = Registry(installation.state).promotions()[-1]
    assert (last.version, last.replaces, last.reason) == (2, 1, "forced: a drill")
    again = installation.run("likely-buyers", "promote", "2")
    assert not again.succeeded
    assert "champion already" in again.output


def test_the_report_names_who_enters_and_who_leaves(installation: Installation) -> None:
    registry = Registry(installation.state)
    examples = a_shop_with_carts()
    first = fitted(examples)
    registered(registry, first, None)
    champion = Champion(first.estimator, first.feature_names, date(2024, 9, 14))
    second = fitted(a_shop_with_carts(seed=31), champion)
    registered(registry, second, 1)
    users = examples.drop_columns(["label"]).slice(0, 900)
    users = users.rename_columns({"cutoff_date": "as_of_date"})
    with open_lake(installation.state) as connection:
        connection.execute("create schema silver")
        connection.execute("create table silver.user_features as select * from users")
    assert installation.run("likely-buyers", "promote", "1").succeeded
    promoted = installation.run("likely-buyers", "promote", "2", "--force", "--reason", "a drill")
    assert "what changes for 900 users, version 1 to 2: rank correlation 0.9" in promoted.output
    assert "of 90 users in the top 10%" in promoted.output


def test_the_difference_counts_both_ways() -> None:
    before = np.linspace(0, 1, 100)
    after = before.copy()
    after[[0, 99]] = after[[99, 0]]
    found = difference(before, after, 0.1)
    assert (found.top, list(found.enter), list(found.leave)) == (10, [0], [99])
    assert found.mean_after == pytest.approx(found.mean_before)
    assert found.rank_correlation < 1
    assert difference(before, before, 0.1).rank_correlation == pytest.approx(1)
