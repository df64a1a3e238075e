"""Backtest: what training, and everything it has to beat, would have been worth at a past cutoff."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from likely_buyers.evaluation import (
    EvaluationInputError,
    Floats,
    bootstrap_intervals,
    evaluate,
    reliability_table,
)
from likely_buyers.training.baselines import SIMPLE_RULES, simple_rules
from likely_buyers.training.examples import Examples, read_examples
from likely_buyers.training.fitting import TrainedModel, fit, rows_of_final_fit
from likely_buyers.training.level import Level, expected_buyers
from likely_buyers.training.selection import Advance, Progress, fitted
from likely_buyers.training.settings import TrainingSettings

_ONLY_RANK = ("recency", "frequency")
_CHAMPION = "champion"


@dataclass(frozen=True)
class BacktestRow:
    """A metric of a method at a cutoff, with its 95 % bootstrap interval (None for counts).

    The champion's `expected_buyers` has its 80 % interval in `expected_buyers_low` and `expected_buyers_high`.
    `population` is "users" (everyone seen before the cutoff) or "customers" (who had bought before it); `model` says
    what the method is made of, None for a rule.
    """

    cutoff: date
    population: str
    method: str
    metric: str
    value: float
    low: float | None
    high: float | None
    model: str | None


def backtest_cutoff(
    cutoff: date,
    known: pa.Table,
    later: pa.Table,
    settings: TrainingSettings,
    *,
    progress: Progress | None = None,
    further: Mapping[str, Floats] | None = None,
    advance: Advance | None = None,
) -> list[BacktestRow]:
    """Train on what was known at a cutoff, and hold every method against what came after it.

    Args:
        cutoff: the date.
        known: examples whose horizon was over by the cutoff.
        later: examples at the cutoff.
        settings: those of training.
        progress: called with a line of text now and then.
        further: probabilities (n,) by name of further methods, in the order of `later` sorted by user.
        advance: called with the share of the training done, from 0 to 1.

    Raises:
        TrainingError: nothing could be learned by then.
    """
    say = progress or (lambda _: None)
    examples = read_examples(known)
    trained = fit(examples, settings, progress=progress, advance=advance)
    present = read_examples(later)
    scores: dict[str, Floats] = {
        **simple_rules(present.table(np.arange(len(present))), settings.horizon_days),
        **_families(examples, trained, present, settings),
        _CHAMPION: trained.estimator.predict_proba(present.features)[:, 1],
        **(further or {}),
    }
    say(f"measuring {len(scores)} methods at {cutoff} on {len(present)} users")
    rows = []
    for population, members in _populations(present).items():
        for method, score in scores.items():
            model = None if method in SIMPLE_RULES or method in (further or {}) else trained.chosen
            rows += _measured(
                cutoff, population, method, model, present.labels[members], score[members]
            )
        rows += [
            BacktestRow(cutoff, population, _CHAMPION, metric, value, None, None, trained.chosen)
            for metric, value in _expected(scores[_CHAMPION][members], trained.level).items()
        ]
    return rows


def _expected(probabilities: Floats, level: Level) -> dict[str, float]:
    """How many were expected to buy, and the ends of the interval."""
    found = expected_buyers(
        float(probabilities.sum()), float(probabilities @ (1.0 - probabilities)), level
    )
    return {
        "expected_buyers": found.expected,
        "expected_buyers_low": found.low,
        "expected_buyers_high": found.high,
    }


def _families(
    examples: Examples, trained: TrainedModel, present: Examples, settings: TrainingSettings
) -> dict[str, Floats]:
    """The best of each family and the mixture, fitted like the champion and not calibrated."""
    scores = {}
    rows = rows_of_final_fit(examples, settings)
    for method, recipe in trained.recipes.items():
        model = fitted(examples, rows, recipe, settings.seed)
        scores[method] = model.predict_proba(present.features)[:, 1]
    return scores


def _populations(present: Examples) -> dict[str, np.ndarray]:
    populations = {"users": np.arange(len(present))}
    if "purchase_days" in present.feature_names:
        bought = present.features[:, present.feature_names.index("purchase_days")] > 0
        populations["customers"] = np.flatnonzero(bought)
    return {name: members for name, members in populations.items() if members.size}


def _measured(
    cutoff: date,
    population: str,
    method: str,
    model: str | None,
    labels: np.ndarray,
    score: Floats,
) -> list[BacktestRow]:
    are_probabilities = method not in _ONLY_RANK
    try:
        values = evaluate(labels, score, are_probabilities=are_probabilities)
        intervals = bootstrap_intervals(labels, score, are_probabilities=are_probabilities)
    except EvaluationInputError:
        return []  # nobody of them bought, or all did
    rows = []
    for metric, value in values.items():
        low, high = intervals.get(metric, (None, None))
        rows.append(BacktestRow(cutoff, population, method, metric, value, low, high, model))
    for decile in reliability_table(labels, score):
        counts = {"users": decile.users, "actual_buyers": decile.actual_buyers}
        if are_probabilities:
            counts["predicted_buyers"] = decile.predicted_buyers
        for count, value in counts.items():
            metric = f"decile_{decile.decile:02d}_{count}"
            rows.append(BacktestRow(cutoff, population, method, metric, value, None, None, model))
    return rows
