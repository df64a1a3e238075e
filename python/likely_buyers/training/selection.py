"""Which model: candidates compared at held-out cutoffs, each fitted only on what was known before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likely_buyers.evaluation import Floats, average_precision, roc_auc
from likely_buyers.parallel import a_thread_a_core
from likely_buyers.training.bgnbd import BGNBD_FEATURES, BgNbdFitError
from likely_buyers.training.calibration import ScoredCutoff, matching_offset, mean_log_loss
from likely_buyers.training.errors import NoCutoffsError
from likely_buyers.training.estimator import PurchaseModel
from likely_buyers.training.examples import Days, Examples

Progress = Callable[[str], None]
Advance = Callable[[float], None]
Rows = NDArray[np.int64]

LINEAR_CANDIDATES: dict[str, dict[str, float]] = {
    "logistic regression": {"penalty": 20.0},
    "logistic regression, strong penalty": {"penalty": 200.0},
}
BOOSTING_CANDIDATES: dict[str, dict[str, float]] = {
    "boosting, 4 leaves": {"trees": 120, "leaves": 4, "learning_rate": 0.04},
    "boosting, 8 leaves": {"trees": 100, "leaves": 8, "learning_rate": 0.05},
    "boosting, 24 leaves": {"trees": 120, "leaves": 24, "learning_rate": 0.06},
}
BGNBD = "BG/NBD"
# (logistic regression, BG/NBD); boosting has the rest.
MIXTURES = ((0.25, 0.0), (0.5, 0.0), (0.75, 0.0), (0.3, 0.1), (0.25, 0.5), (0.5, 0.5))

HALF_LIFE_DAYS = 60.0
"""Age, in days before the newest, at which an example counts half: shops and the length of histories drift."""

# Log losses closer than this, in nats per user, are the same: the noise of a few thousand users at six cutoffs.
INDIFFERENCE = 0.0005

# Further behind the best of its family than this, in nats per user, a candidate is not fitted again.
HOPELESS = 0.002


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
        log_loss: in nats, after moving the level to the actual one, so that the season does not decide.
        roc_auc: area under the ROC curve.
        average_precision: average precision.
        raw: raw log-odds at every held-out cutoff.
    """

    name: str
    parameters: dict[str, Any]
    log_loss: float
    roc_auc: float
    average_precision: float
    raw: list[Floats] = field(repr=False)


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
        evaluation_rows = examples.rows_at([cutoff])
        enough = all(
            min(int(labels.sum()), int((1 - labels).sum())) >= fewest
            for labels in (examples.labels[fit_rows], examples.labels[evaluation_rows])
        )
        if enough:
            folds.append(Fold(cutoff, fit_rows, evaluation_rows))
        if len(folds) == most:
            break
    if not folds:
        raise NoCutoffsError(
            f"a model must be evaluated later than it was fitted: none of the {len(cutoffs)} cutoffs "
            f"({cutoffs[0]} to {cutoffs[-1]}) has another, {horizon_days} days or more before it, with "
            f"{fewest} buyers and as many non-buyers on both sides. Load more history or shorten horizon_days."
        )
    return folds[::-1]


def sampled(rows: Rows, most: int, seed: int) -> Rows:
    """At most `most` of the rows, in order; a plain random sample, so that the base rate stays."""
    if rows.size <= most:
        return rows
    chosen = np.random.default_rng(seed).choice(rows.size, size=most, replace=False, shuffle=False)
    return rows[np.sort(chosen)]


def recency_weights(cutoffs: Days) -> Floats:
    """Weight (n,) of each example by the age of its cutoff; the newest counts 1."""
    age = (cutoffs.max() - cutoffs).astype(np.float64)
    weights: Floats = 0.5 ** (age / HALF_LIFE_DAYS)
    return weights


def bgnbd_columns(names: Sequence[str]) -> tuple[int, int, int] | None:
    """Positions of the features that BG/NBD reads; None if one is missing."""
    if not set(BGNBD_FEATURES) <= set(names):
        return None
    days, first, last = (names.index(name) for name in BGNBD_FEATURES)
    return days, first, last


def fitted(examples: Examples, rows: Rows, parameters: Mapping[str, Any]) -> PurchaseModel:
    """A model with the parameters, fitted on the rows with newer ones counting more."""
    return PurchaseModel(**parameters).fit(
        examples.features[rows], examples.labels[rows], recency_weights(examples.cutoffs[rows])
    )


def compare_candidates(
    examples: Examples,
    folds: list[Fold],
    *,
    horizon_days: int,
    rows_per_fit: int,
    seed: int,
    progress: Progress,
    advance: Advance,
) -> list[Candidate]:
    """Every candidate at every held-out cutoff, best first; `advance` hears of the share of the examples fitted."""
    alone: dict[str, dict[str, Any]] = {
        **{name: {"linear_weight": 1.0, **own} for name, own in LINEAR_CANDIDATES.items()},
        **{name: {"linear_weight": 0.0, **own} for name, own in BOOSTING_CANDIDATES.items()},
    }
    columns = bgnbd_columns(examples.feature_names)
    if columns is not None:
        alone[BGNBD] = {
            "linear_weight": 0.0,
            "bgnbd_weight": 1.0,
            "bgnbd_columns": columns,
            "horizon_days": horizon_days,
        }
    labels = [examples.labels[fold.evaluation_rows] for fold in folds]
    raw: dict[str, list[Floats]] = {name: [] for name in alone}
    done, total = 0.0, float(sum(min(fold.fit_rows.size, rows_per_fit) for fold in folds))
    with a_thread_a_core() as pool:
        for number, fold in enumerate(folds, start=1):
            rows = sampled(fold.fit_rows, rows_per_fit, seed)
            progress(
                f"comparing models at {fold.cutoff} ({number} of {len(folds)}, {rows.size} examples)"
            )
            later = examples.features[fold.evaluation_rows]
            # the dearest first
            fits = {
                name: pool.submit(fitted, examples, rows, {**alone[name], "seed": seed})
                for name in reversed(list(raw))
            }
            for name, fit in fits.items():
                try:
                    raw[name].append(fit.result().decision_function(later))
                except BgNbdFitError as error:
                    progress(f"leaving out the {name}: {error}")
                    del raw[name]
                done += rows.size / len(fits)
                advance(done / total)
            for name in _hopeless(raw, labels[:number]) if number < len(folds) else []:
                progress(f"leaving out {name}: behind its kind at {number} cutoffs")
                del raw[name]

    scored = {name: _scored(name, alone[name], own, labels) for name, own in raw.items()}
    linear = min(
        (scored[name] for name in LINEAR_CANDIDATES if name in scored), key=lambda c: c.log_loss
    )
    boosting = min(
        (scored[name] for name in BOOSTING_CANDIDATES if name in scored), key=lambda c: c.log_loss
    )
    for linear_weight, bgnbd_weight in MIXTURES:
        members = [(linear, linear_weight), (boosting, 1.0 - linear_weight - bgnbd_weight)]
        if bgnbd_weight > 0:
            if BGNBD not in scored:
                continue
            members.append((scored[BGNBD], bgnbd_weight))
        members = [(member, weight) for member, weight in members if weight > 0]
        name = " + ".join(f"{weight:.3g} {member.name}" for member, weight in members)
        parameters: dict[str, Any] = {}
        for member, _ in members:
            parameters |= member.parameters
        parameters |= {"linear_weight": linear_weight, "bgnbd_weight": bgnbd_weight}
        mixed = [
            np.sum([weight * member.raw[i] for member, weight in members], axis=0)
            for i in range(len(folds))
        ]
        scored[name] = _scored(name, parameters, mixed, labels)
    return sorted(scored.values(), key=lambda candidate: candidate.log_loss)


def _hopeless(raw: Mapping[str, list[Floats]], labels: list[NDArray[np.int8]]) -> list[str]:
    """Candidates so far behind the best of their family, at two cutoffs or more, that no more time goes to them."""
    if len(labels) < 2:
        return []
    hopeless = []
    for family in (LINEAR_CANDIDATES, BOOSTING_CANDIDATES):
        losses = {name: _log_loss(raw[name], labels) for name in family if name in raw}
        best = min(losses.values())
        hopeless += [name for name, loss in losses.items() if loss > best + HOPELESS]
    return hopeless


def _log_loss(raw: list[Floats], labels: list[NDArray[np.int8]]) -> float:
    """Mean over the cutoffs, after moving the level to the actual one."""
    pairs = zip(raw, labels, strict=True)
    return float(np.mean([mean_log_loss(r + matching_offset(r, y), y) for r, y in pairs]))


def _scored(
    name: str,
    parameters: dict[str, Any],
    raw: list[Floats],
    labels: list[NDArray[np.int8]],
) -> Candidate:
    pairs = list(zip(raw, labels, strict=True))
    return Candidate(
        name=name,
        parameters=parameters,
        log_loss=_log_loss(raw, labels),
        roc_auc=float(np.mean([roc_auc(y, r) for r, y in pairs])),
        average_precision=float(np.mean([average_precision(y, r) for r, y in pairs])),
        raw=raw,
    )


def best_of(candidates: list[Candidate]) -> Candidate:
    """The lowest log loss; among equals the one with most components, because a mean of several errs least when the
    shop changes."""
    lowest = min(candidate.log_loss for candidate in candidates)
    equals = [c for c in candidates if c.log_loss <= lowest + INDIFFERENCE]

    def number_of_components(candidate: Candidate) -> int:
        return len(PurchaseModel(**candidate.parameters).component_weights)

    return max(equals, key=lambda candidate: (number_of_components(candidate), -candidate.log_loss))


def scored_cutoffs(
    examples: Examples, folds: list[Fold], candidate: Candidate
) -> list[ScoredCutoff]:
    """The held-out cutoffs with the candidate's raw scores."""
    return [
        ScoredCutoff(fold.cutoff, raw, examples.labels[fold.evaluation_rows])
        for fold, raw in zip(folds, candidate.raw, strict=True)
    ]
