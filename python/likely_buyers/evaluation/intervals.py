"""Percentile bootstrap confidence intervals (Efron and Tibshirani 1993, chapter 13) by resampling users.

Scores are sorted once; a resample is a vector of counts per user, so each of the metrics costs one pass over the users
and no further sort.
"""

import numpy as np
from numpy.typing import ArrayLike

from likely_buyers.evaluation.metrics import (
    CALIBRATION_BINS,
    FURTHEST_PROBABILITIES,
    EvaluationInputError,
    Floats,
    RankedGroups,
    checked,
    ranking_metrics,
)


def bootstrap_intervals(
    label: ArrayLike,
    score: ArrayLike,
    *,
    are_probabilities: bool = True,
    resamples: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """(low, high) for every metric of `evaluate` but users and buyers.

    Args:
        label: (n,) whether each user bought.
        score: (n,) probability, or any score when `are_probabilities` is false.
        are_probabilities: whether the metrics of probabilities are wanted.
        resamples: number of bootstrap samples; 200 give the ends of a 95 % interval to about a tenth of its width.
        confidence: share of resamples between the ends, in (0, 1).
        seed: seed of the resampling; the same seed gives the same interval.

    Returns:
        The `(1 - confidence) / 2` and `(1 + confidence) / 2` quantiles of each metric. Resamples without a buyer
        or a non-buyer are left out.

    Raises:
        EvaluationInputError: shapes differ, values missing, or no resample held both classes.
    """
    labels, scores = checked(label, score)
    order = np.argsort(-scores, kind="stable")
    labels, scores = labels[order], scores[order]
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    rng = np.random.default_rng(seed)

    found: dict[str, list[float]] = {}
    for _ in range(resamples):
        counts = np.bincount(rng.integers(0, labels.size, labels.size), minlength=labels.size)
        weights = counts.astype(np.float64)
        buyers = float((weights * labels).sum())
        if buyers in (0.0, float(labels.size)):
            continue
        groups = RankedGroups(
            users=np.add.reduceat(weights, starts), buyers=np.add.reduceat(weights * labels, starts)
        )
        values = ranking_metrics(groups)
        if are_probabilities:
            values |= _probability_metrics(labels, scores, weights)
        for name, value in values.items():
            found.setdefault(name, []).append(value)

    if not found:
        raise EvaluationInputError(
            f"no resample held buyers and non-buyers: {labels.sum():g} of {labels.size} users bought"
        )
    ends = ((1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0)
    intervals = {}
    for name, draws in found.items():
        low, high = np.quantile(draws, ends)
        intervals[name] = (float(low), float(high))
    return intervals


def _probability_metrics(labels: Floats, scores: Floats, weights: Floats) -> dict[str, float]:
    """Metrics of probabilities; rows sorted by score, `weights` the times each was drawn."""
    clipped = np.clip(scores, *FURTHEST_PROBABILITIES)
    losses = -(labels * np.log(clipped) + (1.0 - labels) * np.log1p(-clipped))
    total = float(weights.sum())
    # Bins hold equal numbers of drawn users, as in the metric itself: the bin of a row is where its last copy lies.
    bin_of_row = np.minimum(
        (np.cumsum(weights) - 1) * CALIBRATION_BINS // total, CALIBRATION_BINS - 1
    ).astype(np.int64)
    gaps = np.bincount(
        np.maximum(bin_of_row, 0), weights=weights * (scores - labels), minlength=CALIBRATION_BINS
    )
    return {
        "brier": float((weights * (scores - labels) ** 2).sum() / total),
        "log_loss": float((weights * losses).sum() / total),
        "ece": float(np.abs(gaps).sum() / total),
        "expected_over_observed": float((weights * scores).sum() / (weights * labels).sum()),
    }
