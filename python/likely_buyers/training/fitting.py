"""Training: examples in, a chosen, calibrated and evaluated model out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from likely_buyers.evaluation import evaluate
from likely_buyers.training.calibration import (
    CalibrationChoice,
    Line,
    ScoredCutoff,
    choose_calibration,
)
from likely_buyers.training.estimator import PurchaseModel
from likely_buyers.training.examples import Examples, read_examples
from likely_buyers.training.selection import (
    Candidate,
    Progress,
    best_of,
    compare_candidates,
    fitted,
    held_out_folds,
    sampled,
    scored_cutoffs,
)
from likely_buyers.training.settings import TrainingSettings

# Measured on two cores with 70 features: examples that one second of the budget pays for.
_COMPARED_ROWS_PER_SECOND = 500
_FITTED_ROWS_PER_SECOND = 2_500

# Below this many examples a second thread costs boosting more in waiting than it gives, and on a busy machine ten times
# as much.
_THREADS_PAY_FROM = 100_000


@dataclass(frozen=True)
class Windows:
    """Which cutoffs were used for what.

    Attributes:
        fit: cutoffs of the final model's examples; it is refitted on all of them after the choice.
        calibrate: held-out cutoffs from which the calibration line comes; empty without calibration.
        evaluate: held-out cutoffs on which the metrics were measured, each with a model fitted on earlier cutoffs.
    """

    fit: tuple[date, ...]
    calibrate: tuple[date, ...]
    evaluate: tuple[date, ...]


@dataclass(frozen=True)
class TrainedModel:
    """A model with what is needed to use it, judge it and repeat it.

    Attributes:
        estimator: the fitted model.
        feature_names: names of the columns of X, in order.
        settings: settings of the run.
        windows: cutoffs used.
        metrics: mean over the evaluation cutoffs of each metric of `evaluation.evaluate`.
        metrics_by_cutoff: the same at each evaluation cutoff.
        candidates: evidence for the choice, one row per candidate, best first.
        chosen: name of the chosen candidate.
        calibration: method, line and log loss by method.
        notes: facts about the run for its record, such as the number of examples and that the final model was
            refitted on all finished examples.
    """

    estimator: PurchaseModel
    feature_names: tuple[str, ...]
    settings: TrainingSettings
    windows: Windows
    metrics: dict[str, float]
    metrics_by_cutoff: dict[date, dict[str, float]]
    candidates: list[dict[str, str | float]]
    chosen: str
    calibration: CalibrationChoice
    notes: dict[str, str | float] = field(default_factory=dict)


def fit(
    examples: pa.Table, settings: TrainingSettings, progress: Progress | None = None
) -> TrainedModel:
    """Choose, fit, calibrate and evaluate a model.

    Candidates are compared at the newest held-out cutoffs, each fitted only on examples whose horizon was over by
    then; so is the calibration; the winner is refitted on all examples.

    Args:
        examples: `user_id`, `cutoff_date`, `label` (bool) and the features; every horizon must be over.
        settings: the settings.
        progress: called with a line of text now and then.

    Returns:
        The model. The same examples, in any order, and settings give the same model to the bit.

    Raises:
        TrainingError: one of its kinds, see `training.errors`.
    """
    read = read_examples(examples, settings.minimum_per_class)
    threads = None if len(read) >= _THREADS_PAY_FROM else 1
    with threadpool_limits(limits=threads):
        return _fitted_model(read, settings, progress or (lambda _: None))


def _fitted_model(read: Examples, settings: TrainingSettings, say: Progress) -> TrainedModel:
    folds = held_out_folds(
        read, settings.horizon_days, settings.evaluation_cutoffs, settings.minimum_per_class
    )
    candidates = compare_candidates(
        read,
        folds,
        horizon_days=settings.horizon_days,
        rows_per_fit=int(_COMPARED_ROWS_PER_SECOND * settings.time_budget_seconds),
        seed=settings.seed,
        progress=say,
    )
    chosen = best_of(candidates)
    scored = scored_cutoffs(read, folds, chosen)
    calibration = choose_calibration(scored, settings.horizon_days)

    rows = sampled(
        np.arange(len(read)),
        int(_FITTED_ROWS_PER_SECOND * settings.time_budget_seconds),
        settings.seed,
    )
    say(f"fitting {chosen.name} on {rows.size} of {len(read)} examples")
    estimator = fitted(read, rows, chosen.parameters, settings.seed)
    estimator.calibrate(calibration.line.slope, calibration.line.offset)

    by_cutoff = _evaluated(scored, calibration)
    return TrainedModel(
        estimator=estimator,
        feature_names=read.feature_names,
        settings=settings,
        windows=_windows(read, scored, calibration),
        metrics=_means(by_cutoff),
        metrics_by_cutoff=by_cutoff,
        candidates=[_evidence(candidate) for candidate in candidates],
        chosen=chosen.name,
        calibration=calibration,
        notes={
            "examples": float(len(read)),
            "examples_fitted": float(rows.size),
            "buyers_among_examples": float(read.labels.sum()),
            "refitted": "on all finished examples, after the choice was made at held-out cutoffs",
        },
    )


def _evaluated(
    scored: list[ScoredCutoff], calibration: CalibrationChoice
) -> dict[date, dict[str, float]]:
    line: Line = calibration.line
    return {
        _as_date(cutoff.cutoff): evaluate(cutoff.labels, line.probabilities(cutoff.raw))
        for cutoff in scored
    }


def _means(by_cutoff: dict[date, dict[str, float]]) -> dict[str, float]:
    names = next(iter(by_cutoff.values()))
    return {
        name: float(np.mean([metrics[name] for metrics in by_cutoff.values()])) for name in names
    }


def _windows(read: Examples, scored: list[ScoredCutoff], calibration: CalibrationChoice) -> Windows:
    held_out = tuple(_as_date(cutoff.cutoff) for cutoff in scored)
    return Windows(
        fit=tuple(_as_date(cutoff) for cutoff in read.distinct_cutoffs()),
        calibrate=() if calibration.method == "none" else held_out,
        evaluate=held_out,
    )


def _evidence(candidate: Candidate) -> dict[str, str | float]:
    return {
        "candidate": candidate.name,
        "log_loss": candidate.log_loss,
        "roc_auc": candidate.roc_auc,
        "average_precision": candidate.average_precision,
        **candidate.parameters,
    }


def _as_date(day: np.datetime64) -> date:
    converted: date = day.astype("datetime64[D]").item()
    return converted
