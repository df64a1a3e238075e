"""Training: examples in, a chosen, calibrated and evaluated model out."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from likely_buyers.evaluation import Floats, evaluate
from likely_buyers.training.baselines import simple_rules
from likely_buyers.training.calibration import (
    Calibration,
    Line,
    ScoredCutoff,
)
from likely_buyers.training.comparing import (
    Champion,
    Comparison,
    as_date,
    compared_with_champion,
    means,
)
from likely_buyers.training.errors import ConstantFeaturesError
from likely_buyers.training.estimator import PurchaseModel, varying_columns
from likely_buyers.training.examples import Examples, read_examples
from likely_buyers.training.level import BaseRates, Level, learned_level
from likely_buyers.training.library import FITS, RULES, Member, rules
from likely_buyers.training.selection import (
    LATER_CUTOFFS,
    Advance,
    Candidate,
    Progress,
    Rows,
    choose,
    combined,
    compare,
    fitted,
    held_out,
    sampled,
)
from likely_buyers.training.settings import TrainingSettings

# Measured on two cores with 80 features: examples that one second of the budget pays for. To choose takes fewer than to
# fit what was chosen.
_COMPARED_ROWS_PER_SECOND = 250
_FITTED_ROWS_PER_SECOND = 2_500
# ... and users held out at a cutoff, whose log losses say which member is the better one long before.
_HELD_OUT_PER_SECOND = 200

# Of the time that a training takes, measured on the demo shop: when the candidates are compared, and when the chosen
# one is fitted, if a champion is still to be compared with and if none is.
_SHARES_OF_TIME = {True: (0.68, 0.76), False: (0.9, 1.0)}


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
        rules: the same mean for each rule of `baselines.simple_rules`, on the same users; those of a ranking only.
        comparison: how it does against the champion; None where there is none or its features are others.
        candidates: evidence for the choice, one row per candidate, best first.
        recipes: members by kind: the best logistic regression, the best gradient boosting, and the chosen ones if they
            are several.
        chosen: name of the chosen candidate.
        why: in words, why it and nothing stronger or simpler.
        tells_buyers_apart: whether it beats the plain rate beyond noise, and a draw by more than a little.
        held_out: on whom candidates were compared: `selection.LATER_CUTOFFS` or `selection.OTHER_USERS`.
        calibration: method and line.
        held_out_probabilities: of those held out, by the models that did not know them.
        held_out_users: how many users they are of.
        level: where the level of the raw scores is expected when the newest horizon is over, and how surely.
        notes: facts about the run for its record, such as the number of examples and that the final model was
            refitted on all finished examples.
    """

    estimator: PurchaseModel
    feature_names: tuple[str, ...]
    settings: TrainingSettings
    windows: Windows
    metrics: dict[str, float]
    metrics_by_cutoff: dict[date, dict[str, float]]
    rules: dict[str, dict[str, float]]
    comparison: Comparison | None
    candidates: list[dict[str, Any]]
    recipes: dict[str, tuple[Member, ...]]
    chosen: str
    why: str
    tells_buyers_apart: bool
    held_out: str
    calibration: Calibration
    held_out_probabilities: Floats
    held_out_users: int
    level: Level
    notes: dict[str, Any] = field(default_factory=dict)


def fit(
    examples: pa.Table | Examples,
    settings: TrainingSettings,
    progress: Progress | None = None,
    champion: Champion | None = None,
    advance: Advance | None = None,
) -> TrainedModel:
    """Choose, fit, calibrate and evaluate a model.

    Candidates are compared at the newest held-out cutoffs, each fitted only on examples whose horizon was over by
    then; so is the calibration; the winner is refitted on all examples.

    Args:
        examples: `user_id`, `cutoff_date`, `label` (bool) and the features, as a table or read already; every horizon
            must be over. Who has them as a table keeps them in memory twice.
        settings: the settings.
        progress: called with a line of text now and then.
        champion: the model to compare with, if any.
        advance: called with the share of the work done, about, from 0 to 1.

    Returns:
        The model. The same examples, in any order, and settings give the same model to the bit.

    Raises:
        TrainingError: one of its kinds, see `training.errors`.
    """
    read = examples if isinstance(examples, Examples) else read_examples(examples)
    # whole fits go to the cores: threads within one wait for each other, on a busy machine for most of the time
    with threadpool_limits(limits=1):
        return _fitted_model(
            read, settings, progress or (lambda _: None), champion, advance or (lambda _: None)
        )


def _fitted_model(
    read: Examples,
    settings: TrainingSettings,
    say: Progress,
    champion: Champion | None,
    advance: Advance,
) -> TrainedModel:
    if varying_columns(read.features).size == 0:
        raise ConstantFeaturesError(
            f"all {len(read.feature_names)} features are constant over {len(read)} examples, so nothing tells buyers"
            " from others. Check that events before the cutoffs were loaded and mapped."
        )
    if champion is not None and champion.feature_names != read.feature_names:
        champion = None
    compared_at, fitted_at = _SHARES_OF_TIME[champion is not None]
    rows_per_fit = int(_COMPARED_ROWS_PER_SECOND * settings.time_budget_seconds)
    held = held_out(
        read,
        settings.horizon_days,
        settings.evaluation_cutoffs,
        most_users=int(_HELD_OUT_PER_SECOND * settings.time_budget_seconds),
        seed=settings.seed,
    )
    compared, alone = compare(
        read,
        held,
        rules(read.feature_names, settings.horizon_days) | FITS,
        rows_per_fit=rows_per_fit,
        seed=settings.seed,
        progress=say,
        advance=lambda share: advance(compared_at * share),
    )
    strong = combined(compared, alone)
    choice = choose(compared, alone, strong, held.kind)
    chosen = choice.candidate
    scored = compared.scored_cutoffs(chosen.raw)
    # other users of the same day share its level: they cannot show how it moves
    shows_level = held.kind == LATER_CUTOFFS
    *then, level = _levels(scored if shows_level else [], read, settings.horizon_days)
    calibration = Calibration("level", Line(offset=level.offset)) if shows_level else Calibration()

    rows = rows_of_final_fit(read, settings)
    say(f"fitting {chosen.name} on {rows.size} of {len(read)} examples")
    estimator = fitted(read, rows, chosen.members, settings.seed)
    estimator.calibrate(calibration.line.slope, calibration.line.offset)
    advance(fitted_at)

    probabilities = [
        Line(offset=before.offset).probabilities(cutoff.raw)
        for cutoff, before in zip(scored, then or [Level()] * len(scored), strict=True)
    ]
    by_cutoff = {
        as_date(cutoff.cutoff): evaluate(cutoff.labels, given)
        for cutoff, given in zip(scored, probabilities, strict=True)
    }
    comparison = None
    if champion is not None:
        say("comparing with the champion")
        comparison = compared_with_champion(
            champion,
            read,
            held,
            chosen,
            by_cutoff,
            rows_per_fit,
            lambda share: advance(fitted_at + (1 - fitted_at) * share),
        )
    candidates = sorted(
        {candidate.name: candidate for candidate in (*alone.values(), strong)}.values(),
        key=lambda candidate: candidate.log_loss,
    )
    return TrainedModel(
        estimator=estimator,
        feature_names=read.feature_names,
        settings=settings,
        windows=_windows(read, scored, calibration),
        metrics=means(list(by_cutoff.values())),
        metrics_by_cutoff=by_cutoff,
        rules=_rules(read, held.rows, settings.horizon_days),
        comparison=comparison,
        candidates=[_evidence(candidate) for candidate in candidates],
        recipes=_recipes(candidates, chosen),
        chosen=chosen.name,
        why=choice.why,
        tells_buyers_apart=choice.tells_buyers_apart,
        held_out=held.kind,
        calibration=calibration,
        held_out_probabilities=np.concatenate(probabilities),
        held_out_users=int(np.unique(read.users[held.rows]).size),
        level=level,
        notes={
            "level": level.as_json(),
            "examples": float(len(read)),
            "examples_fitted": float(rows.size),
            "buyers_among_examples": float(read.labels.sum()),
            "refitted": "on all finished examples, after the choice was made at held-out cutoffs",
        },
    )


def rows_of_final_fit(read: Examples, settings: TrainingSettings) -> Rows:
    """The examples that the chosen model is fitted on: all, or as many as the budget of time allows."""
    most = int(_FITTED_ROWS_PER_SECOND * settings.time_budget_seconds)
    return sampled(np.arange(len(read)), most, settings.seed)


def _levels(scored: list[ScoredCutoff], read: Examples, horizon_days: int) -> list[Level]:
    """The level that was expected at each cutoff, from what was over by then; the last is that of today."""
    horizon = np.timedelta64(horizon_days, "D")
    rates = BaseRates.of(read)
    days = [*(cutoff.cutoff for cutoff in scored), rates.cutoffs[-1] + horizon]
    return [
        learned_level(
            [past for past in scored if past.cutoff + horizon <= day],
            rates.over_by(day, horizon_days),
            horizon_days,
            day,
        )
        for day in days
    ]


def _rules(read: Examples, held_out: Rows, horizon_days: int) -> dict[str, dict[str, float]]:
    by_rule: dict[str, list[dict[str, float]]] = {}
    cutoffs = np.unique(read.cutoffs[held_out])
    for cutoff in cutoffs:
        rows = held_out[read.cutoffs[held_out] == cutoff]
        for name, scores in simple_rules(read.table(rows), horizon_days).items():
            metrics = evaluate(read.labels[rows], scores, are_probabilities=False)
            by_rule.setdefault(name, []).append(metrics)
    return {name: means(found) for name, found in by_rule.items() if len(found) == cutoffs.size}


def _recipes(candidates: list[Candidate], chosen: Candidate) -> dict[str, tuple[Member, ...]]:
    """Candidates come best first."""
    recipes: dict[str, tuple[Member, ...]] = {}
    kinds = {"linear": "logistic_regression", "boosting": "gradient_boosting"}
    for candidate in candidates:
        kind = str(candidate.members[0]["kind"])
        if len(candidate.members) == 1 and kind in kinds and candidate.name not in RULES:
            recipes.setdefault(kinds[kind], candidate.members)
    if len(chosen.members) > 1:
        recipes["ensemble"] = chosen.members
    return recipes


def _windows(read: Examples, scored: list[ScoredCutoff], calibration: Calibration) -> Windows:
    held_out = tuple(as_date(cutoff.cutoff) for cutoff in scored)
    return Windows(
        fit=tuple(as_date(cutoff) for cutoff in read.distinct_cutoffs()),
        calibrate=() if calibration.method == "none" else held_out,
        evaluate=held_out,
    )


def _evidence(candidate: Candidate) -> dict[str, Any]:
    return {
        "candidate": candidate.name,
        "log_loss": candidate.log_loss,
        "roc_auc": candidate.roc_auc,
        "average_precision": candidate.average_precision,
        "members": [dict(member) for member in candidate.members],
    }
