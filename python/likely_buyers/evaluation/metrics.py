"""Metrics of a ranking and of probabilities, on one label and one score per user.

Every function takes `label` (n,) of 0/1 or bool and `score` (n,), higher meaning more likely to buy. Ties never
depend on the order of rows: a user tied with others counts with the average of the tied group.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import brier_score_loss, log_loss

from likely_buyers.errors import LikelyBuyersError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TOP_FRACTIONS = (0.01, 0.05, 0.10, 0.20)
"""Shares of the ranked list for which lift and recall are given."""

CALIBRATION_BINS = 10
FURTHEST_PROBABILITIES = (1e-15, 1.0 - 1e-15)
"""Those that count in the log loss; 0 or 1 would make it infinite."""


class EvaluationInputError(LikelyBuyersError):
    """Labels and scores that cannot be evaluated: other shape, missing values, one class only."""


@dataclass(frozen=True)
class ReliabilityRow:
    """One decile of users by probability, 1 being the highest."""

    decile: int
    users: int
    mean_probability: float
    predicted_buyers: float
    actual_buyers: float


def checked(label: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    """Label and score as float64 arrays (n,).

    Raises:
        EvaluationInputError: no rows, shapes differ, a label other than 0/1, a score that is not finite.
    """
    labels = np.asarray(label, dtype=np.float64)
    scores = np.asarray(score, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape or labels.size == 0:
        raise EvaluationInputError(
            "label and score must be one-dimensional, of the same length and not empty: "
            f"label has shape {labels.shape}, score has shape {scores.shape}"
        )
    if not np.isin(labels, (0.0, 1.0)).all():
        raise EvaluationInputError("label must hold only 0 and 1 (or booleans)")
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        raise EvaluationInputError(f"score must be finite: {bad} of {scores.size} are not")
    return labels, scores


def _checked_both_classes(label: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    labels, scores = checked(label, score)
    buyers = int(labels.sum())
    if buyers in (0, labels.size):
        raise EvaluationInputError(
            f"a ranking needs buyers and non-buyers: {buyers} of {labels.size} users bought"
        )
    return labels, scores


@dataclass(frozen=True)
class RankedGroups:
    """Users grouped by equal score, highest first; counts may be weighted (bootstrap)."""

    users: Floats
    buyers: Floats


def ranked_groups(labels: Floats, scores: Floats) -> RankedGroups:
    """Users and buyers per distinct score, highest score first: arrays (number of distinct scores,)."""
    _, inverse = np.unique(-scores, return_inverse=True)
    users = np.bincount(inverse).astype(np.float64)
    return RankedGroups(users=users, buyers=np.bincount(inverse, weights=labels).astype(np.float64))


def auc_of_groups(groups: RankedGroups) -> float:
    """Area under the ROC curve: the chance that a buyer ranks above a non-buyer, a tie counting half."""
    others = groups.users - groups.buyers
    below = others.sum() - np.cumsum(others)
    pairs = groups.buyers.sum() * others.sum()
    return float((groups.buyers * (below + 0.5 * others)).sum() / pairs)


def average_precision_of_groups(groups: RankedGroups) -> float:
    """Sum over thresholds of precision times the recall gained there, without interpolation."""
    users = np.cumsum(groups.users)
    # A resample may leave a group without users; before the first user there is nothing to gain.
    precision = np.cumsum(groups.buyers) / np.maximum(users, 1.0)
    return float((precision * groups.buyers).sum() / groups.buyers.sum())


def buyers_in_top(groups: RankedGroups, fraction: float) -> tuple[float, float]:
    """(users, expected buyers) in the top `fraction`; of a tied group on the edge its proportional share."""
    wanted = float(np.ceil(fraction * groups.users.sum() - 1e-9))
    ends = np.cumsum(groups.users)
    taken = np.clip(wanted - (ends - groups.users), 0.0, groups.users)
    share = np.divide(taken, groups.users, out=np.zeros_like(taken), where=groups.users > 0)
    return wanted, float((share * groups.buyers).sum())


def roc_auc(label: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve, in [0, 1]."""
    return auc_of_groups(ranked_groups(*_checked_both_classes(label, score)))


def average_precision(label: ArrayLike, score: ArrayLike) -> float:
    """Average precision, in [0, 1]; a random ranking reaches the base rate."""
    return average_precision_of_groups(ranked_groups(*_checked_both_classes(label, score)))


def calibration_bins(probabilities: Floats) -> list[Integers]:
    """Row numbers of equal-count bins, lowest probabilities first, sizes differing by one at most."""
    order = np.argsort(probabilities, kind="stable")
    return [part for part in np.array_split(order, CALIBRATION_BINS) if part.size]


def _with_tied_labels_averaged(labels: Floats, probabilities: Floats) -> Floats:
    """Labels with tied users sharing their mean, so that a bin edge through a tie is order-free."""
    _, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    return (np.bincount(inverse, weights=labels) / counts)[inverse]


def expected_calibration_error(label: ArrayLike, probability: ArrayLike) -> float:
    """Mean absolute gap of mean probability and purchase rate over equal-count bins, weighted by users."""
    labels, probabilities = checked(label, probability)
    shared = _with_tied_labels_averaged(labels, probabilities)
    gaps = [
        abs(float(probabilities[part].sum() - shared[part].sum()))
        for part in calibration_bins(probabilities)
    ]
    return float(sum(gaps) / labels.size)


def expected_over_observed(label: ArrayLike, probability: ArrayLike) -> float:
    """Sum of probabilities over the number of buyers; 1 is right, below 1 promises too little."""
    labels, probabilities = _checked_both_classes(label, probability)
    return float(probabilities.sum() / labels.sum())


def reliability_table(label: ArrayLike, probability: ArrayLike) -> list[ReliabilityRow]:
    """Predicted against actual per decile of users, decile 1 holding the highest probabilities."""
    labels, probabilities = checked(label, probability)
    shared = _with_tied_labels_averaged(labels, probabilities)
    rows = []
    for decile, part in enumerate(reversed(calibration_bins(probabilities)), start=1):
        p = probabilities[part]
        rows.append(
            ReliabilityRow(
                decile=decile,
                users=int(part.size),
                mean_probability=float(p.mean()),
                predicted_buyers=float(p.sum()),
                actual_buyers=float(shared[part].sum()),
            )
        )
    return rows


def ranking_metrics(groups: RankedGroups) -> dict[str, float]:
    """base_rate, roc_auc, average_precision, lift_<top> and recall_<top>, where 0.1 of the list is '10pct'."""
    all_buyers = float(groups.buyers.sum())
    base_rate = all_buyers / float(groups.users.sum())
    values = {
        "base_rate": base_rate,
        "roc_auc": auc_of_groups(groups),
        "average_precision": average_precision_of_groups(groups),
    }
    for fraction in TOP_FRACTIONS:
        users, buyers = buyers_in_top(groups, fraction)
        values[f"lift_{fraction * 100:g}pct"] = buyers / users / base_rate
        values[f"recall_{fraction * 100:g}pct"] = buyers / all_buyers
    return values


def evaluate(
    label: ArrayLike, score: ArrayLike, *, are_probabilities: bool = True
) -> dict[str, float]:
    """All metrics by name.

    Args:
        label: (n,) whether each user bought.
        score: (n,) probability, or any score when `are_probabilities` is false.
        are_probabilities: whether Brier, log loss, calibration error and the ratio make sense.

    Returns:
        users, buyers, base_rate, roc_auc, average_precision, lift_<top>, recall_<top> and, for
        probabilities, brier, log_loss, ece, expected_over_observed.

    Raises:
        EvaluationInputError: shapes differ, values missing, or only one class.
    """
    labels, scores = _checked_both_classes(label, score)
    groups = ranked_groups(labels, scores)
    result = {"users": float(labels.size), "buyers": float(labels.sum()), **ranking_metrics(groups)}
    if are_probabilities:
        if scores.min() < 0.0 or scores.max() > 1.0:
            raise EvaluationInputError(
                f"probabilities must lie in [0, 1]: found {scores.min():g} to {scores.max():g}"
            )
        result["brier"] = float(brier_score_loss(labels, scores))
        result["log_loss"] = float(log_loss(labels, np.clip(scores, *FURTHEST_PROBABILITIES)))
        result["ece"] = expected_calibration_error(labels, scores)
        result["expected_over_observed"] = expected_over_observed(labels, scores)
    return result
