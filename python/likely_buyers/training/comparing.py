"""A new version beside the champion, on the same users and cutoffs."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from likely_buyers.evaluation import evaluate
from likely_buyers.training.bgnbd import BgNbdFitError
from likely_buyers.training.calibration import Line
from likely_buyers.training.estimator import PurchaseModel
from likely_buyers.training.examples import Examples
from likely_buyers.training.noise import Difference, paired_difference
from likely_buyers.training.selection import (
    LATER_CUTOFFS,
    Advance,
    Candidate,
    Compared,
    HeldOut,
    Rows,
    fitted,
    sampled,
)


@dataclass(frozen=True)
class Champion:
    """The model that scores now, to be compared with.

    Attributes:
        estimator: the model.
        feature_names: names of its features, in order.
        as_of: it knew nothing from this day on.
    """

    estimator: PurchaseModel
    feature_names: tuple[str, ...]
    as_of: date


@dataclass(frozen=True)
class Comparison:
    """A new model and the champion at the same held-out cutoffs.

    Attributes:
        kind: "scored" at cutoffs after the champion's training; where there is none, "refitted": the champion's
            family and settings, fitted at each cutoff on what was known by then, as the new model is.
        cutoffs: the cutoffs.
        champion: mean metrics of the champion.
        challenger: mean metrics of the new model.
        difference: of log loss, the new model's less the champion's, in nats a user, each cutoff's level moved to the
            actual one: below zero where the new one is better.
    """

    kind: str
    cutoffs: tuple[date, ...]
    champion: dict[str, float]
    challenger: dict[str, float]
    difference: Difference


def compared_with_champion(
    champion: Champion,
    read: Examples,
    held: HeldOut,
    challenger: Candidate,
    by_cutoff: dict[date, dict[str, float]],
    rows_per_fit: int,
    advance: Advance,
) -> Comparison:
    """Score, or fit anew, the champion on whom the challenger was held against, and say how they differ.

    Args:
        champion: the champion.
        read: the examples.
        held: which of them are held out.
        challenger: the candidate that was chosen.
        by_cutoff: its metrics at each held-out cutoff.
        rows_per_fit: most examples that a model is fitted on.
        advance: called with the share of the work done, from 0 to 1.
    """
    unseen = held.kind == LATER_CUTOFFS and [
        fold for fold in held.folds if as_date(fold.cutoff) >= champion.as_of
    ]
    folds = unseen or held.folds
    rows = np.concatenate([fold.evaluation_rows for fold in folds])
    raw = []
    for number, fold in enumerate(folds, start=1):
        model = champion.estimator
        if not unseen:
            known = sampled(fold.fit_rows, rows_per_fit, model.seed)
            model = _refitted(model, read, known)
        own = model.decision_function(read.features[fold.evaluation_rows])
        raw.append(model.offset_ + model.slope_ * own)
        advance(number / len(folds))
    both = Compared(read, rows)
    before = np.concatenate(raw)
    after = challenger.raw[np.isin(held.rows, rows)]
    scored = both.scored_cutoffs(before)
    cutoffs = tuple(as_date(cutoff.cutoff) for cutoff in scored)
    return Comparison(
        kind="scored" if unseen else "refitted",
        cutoffs=cutoffs,
        champion=means([evaluate(one.labels, Line().probabilities(one.raw)) for one in scored]),
        challenger=means([by_cutoff[cutoff] for cutoff in cutoffs]),
        difference=paired_difference(
            both.losses(after), both.losses(before), both.users, both.cutoffs
        ),
    )


def _refitted(model: PurchaseModel, read: Examples, rows: Rows) -> PurchaseModel:
    """The model's members, fitted on the rows."""
    try:
        return fitted(read, rows, model.members, model.seed)
    except BgNbdFitError:
        # too few customers by then: the plain rate is all that is known of a habit
        others = [
            {"kind": "rate", "share": member.get("share", 1.0)}
            if member["kind"] == "bgnbd"
            else member
            for member in model.members
        ]
        return fitted(read, rows, others, model.seed)


def means(metrics: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each metric."""
    return {name: float(np.mean([one[name] for one in metrics])) for name in metrics[0]}


def as_date(day: np.datetime64) -> date:
    """A day of numpy as one of Python."""
    converted: date = day.astype("datetime64[D]").item()
    return converted
