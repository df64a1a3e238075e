"""Which model: candidates compared at held-out cutoffs, each fitted only on what was known before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from likely_buyers.evaluation import average_precision, roc_auc
from likely_buyers.training.calibration import ScoredCutoff, matching_offset, mean_log_loss
from likely_buyers.training.errors import NoCutoffsError
from likely_buyers.training.estimator import PurchaseModel
from likely_buyers.training.examples import Examples

Progress = Callable[[str], None]
Rows = NDArray[np.int64]

LINEAR_CANDIDATES: dict[str, dict[str, float]] = {
    "logistic regression": {"penalty": 20.0},
    "logistic regression, strong penalty": {"penalty": 300.0},
}
BOOSTING_CANDIDATES: dict[str, dict[str, float]] = {
    "boosting, 5 leaves": {"trees": 150, "leaves": 5, "learning_rate": 0.03},
    "boosting, 8 leaves": {"trees": 120, "leaves": 8, "learning_rate": 0.05},
    "boosting, 24 leaves": {"trees": 150, "leaves": 24, "learning_rate": 0.06},
}
AVERAGE_WEIGHTS = (0.25, 0.5, 0.75)

# Log losses closer than this, in nats per user, are the same; the simpler candidate is taken.
INDIFFERENCE = 0.0002


@dataclass(frozen=True)
class Fold:
    """A held-out cutoff, and the rows that were known when it came."""

    cutoff: np.datetime64
    fit_rows: Rows
    evaluation_rows: Rows


@dataclass(frozen=True)
class Candidate:
    """A model with its scores, each the mean over the held-out cutoffs.

    Attributes:
        name: what it is.
        parameters: arguments of PurchaseModel.
        log_loss: in nats, after moving the level to the realized one, so that the season does not decide.
        roc_auc: area under the ROC curve.
        average_precision: average precision.
        raw: raw log-odds at every held-out cutoff.
    """

    name: str
    parameters: dict[str, float]
    log_loss: float
    roc_auc: float
    average_precision: float
    raw: list[NDArray[np.float64]] = field(repr=False)


def held_out_folds(
    examples: Examples, horizon_days: int, most: int, minimum_per_class: int
) -> list[Fold]:
    """Newest cutoffs with enough finished examples before them, oldest first.

    Raises:
        NoCutoffsError: no cutoff has a finished one with enough buyers before it.
    """
    horizon = np.timedelta64(horizon_days, "D")
    cutoffs = examples.distinct_cutoffs()
    fewest = max(10, minimum_per_class // 4)
    folds: list[Fold] = []
    for cutoff in reversed(cutoffs):
        fit_rows = examples.rows_at([past for past in cutoffs if past + horizon <= cutoff])
        rows = examples.rows_at([cutoff])
        evaluation_rows = rows[examples.customers[rows]]
        enough = all(
            min(int(labels.sum()), int((1 - labels).sum())) >= needed
            for labels, needed in (
                (examples.labels[fit_rows], minimum_per_class),
                (examples.labels[evaluation_rows], fewest),
            )
        )
        if enough:
            folds.append(Fold(cutoff, fit_rows, evaluation_rows))
        if len(folds) == most:
            break
    if not folds:
        raise NoCutoffsError(
            f"a model must be evaluated later than it was fitted: none of the {len(cutoffs)} cutoffs "
            f"({cutoffs[0]} to {cutoffs[-1]}) has another, {horizon_days} days or more before it, with "
            f"{minimum_per_class} buyers and as many non-buyers. Load more history or shorten horizon_days."
        )
    return folds[::-1]


def sampled(rows: Rows, most: int, seed: int) -> Rows:
    """At most `most` of the rows, in order; a plain random sample, so that the base rate stays."""
    if rows.size <= most:
        return rows
    chosen = np.random.default_rng(seed).choice(rows.size, size=most, replace=False, shuffle=False)
    return rows[np.sort(chosen)]


def compare_candidates(
    examples: Examples,
    folds: list[Fold],
    *,
    rows_per_fit: int,
    seed: int,
    progress: Progress,
) -> list[Candidate]:
    """Every candidate at every held-out cutoff, best first."""
    raw: dict[str, list[NDArray[np.float64]]] = {}
    parameters: dict[str, dict[str, float]] = {}
    labels = [examples.labels[fold.evaluation_rows] for fold in folds]
    alone = {
        **{name: {"linear_weight": 1.0, **p} for name, p in LINEAR_CANDIDATES.items()},
        **{name: {"linear_weight": 0.0, **p} for name, p in BOOSTING_CANDIDATES.items()},
    }
    for number, fold in enumerate(folds, start=1):
        rows = sampled(fold.fit_rows, rows_per_fit, seed)
        progress(
            f"comparing models at {fold.cutoff} ({number} of {len(folds)}, {rows.size} examples)"
        )
        X, y = examples.features[rows], examples.labels[rows]
        later = examples.features[fold.evaluation_rows]
        for name, own in alone.items():
            model = PurchaseModel(seed=seed, **own).fit(X, y)  # type: ignore[arg-type]
            raw.setdefault(name, []).append(model.decision_function(later))
            parameters[name] = own
    scored = {name: _scored(name, parameters[name], raw[name], labels) for name in alone}

    linear = min((scored[name] for name in LINEAR_CANDIDATES), key=lambda c: c.log_loss)
    boosting = min((scored[name] for name in BOOSTING_CANDIDATES), key=lambda c: c.log_loss)
    for weight in AVERAGE_WEIGHTS:
        name = f"{weight:.0%} {linear.name} + {1 - weight:.0%} {boosting.name}"
        mixed = [
            weight * a + (1 - weight) * b for a, b in zip(linear.raw, boosting.raw, strict=True)
        ]
        own = {**linear.parameters, **boosting.parameters, "linear_weight": weight}
        scored[name] = _scored(name, own, mixed, labels)
    return sorted(scored.values(), key=lambda candidate: candidate.log_loss)


def _scored(
    name: str,
    parameters: dict[str, float],
    raw: list[NDArray[np.float64]],
    labels: list[NDArray[np.int8]],
) -> Candidate:
    pairs = list(zip(raw, labels, strict=True))
    return Candidate(
        name=name,
        parameters=parameters,
        log_loss=float(np.mean([mean_log_loss(r + matching_offset(r, y), y) for r, y in pairs])),
        roc_auc=float(np.mean([roc_auc(y, r) for r, y in pairs])),
        average_precision=float(np.mean([average_precision(y, r) for r, y in pairs])),
        raw=raw,
    )


def best_of(candidates: list[Candidate]) -> Candidate:
    """The lowest log loss; among equals the one that leans most on logistic regression."""
    lowest = min(candidate.log_loss for candidate in candidates)
    equals = [c for c in candidates if c.log_loss <= lowest + INDIFFERENCE]
    return max(equals, key=lambda c: (c.parameters["linear_weight"], -c.log_loss))


def scored_cutoffs(
    examples: Examples, folds: list[Fold], candidate: Candidate
) -> list[ScoredCutoff]:
    """The held-out cutoffs with the candidate's raw scores."""
    return [
        ScoredCutoff(fold.cutoff, raw, examples.labels[fold.evaluation_rows])
        for fold, raw in zip(folds, candidate.raw, strict=True)
    ]
