"""The job behind gold.predictions: the champions on every user, as a stream."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dbt_common.invocation import get_invocation_id

from likely_buyers.dbt.on_spark.frames import is_frame
from likely_buyers.dbt.refusals import without_traceback
from likely_buyers.outcomes import NO_LONGER_PREDICTED, Outcome, Predicted, outcome_of
from likely_buyers.registry import Registry
from likely_buyers.scoring import BATCH_ROWS, Scorer, Scoring, population_columns, score_batches
from likely_buyers.settings import Settings
from likely_buyers.terminal import Progress, say

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation


@without_traceback
def score_users(user_features: "DuckDBPyRelation", *, predicted: Any) -> Any:
    """Score all rows of silver.user_features with the champion of each outcome that has one.

    Args:
        user_features: silver.user_features.
        predicted: what `Predicted.of` takes.

    Raises:
        RegistryError: no outcome has a champion, or one cannot be loaded safely.
        ScoringError: the table does not fit a champion, or it was trained for another outcome.
    """
    told = Predicted.of(predicted)
    found = with_champions(told)
    for name in no_longer_predicted(told):
        say(f"the outcome '{name}' {NO_LONGER_PREDICTED}")
    for outcome in with_nobody([outcome for outcome, _ in found], user_features):
        say(
            f"nobody is scored for the outcome '{outcome.name}': its population ({outcome.population}) holds of no user"
            " as of this day."
        )
    scored_at, run_id = datetime.now(UTC).replace(tzinfo=None), get_invocation_id()
    if is_frame(user_features):
        from likely_buyers.spark.scoring import Champions, scored_on_executors

        # those load them, with all checks
        versions = [(outcome, registry.version("champion")) for outcome, registry in found]
        named = Champions.of(versions, Settings.of())
        return scored_on_executors(user_features, named, scored_at, run_id)
    scoring = Scoring(
        [Scorer(outcome, registry.load()) for outcome, registry in found],
        scored_at=scored_at,
        run_id=run_id,
    )
    users = user_features.count("*").fetchall()[0][0]
    columns = ["*", *population_columns([outcome for outcome, _ in found])]
    return score_batches(
        user_features.project(", ".join(columns)).to_arrow_reader(BATCH_ROWS),
        scoring,
        progress=Progress("scoring", total=users, unit="users"),
    )


def with_nobody(outcomes: Sequence[Outcome], users: Any) -> list[Outcome]:
    """Outcomes of whose population none of the users is, who are a relation or a frame of their features."""
    found = []
    for outcome in outcomes:
        if outcome.population:
            one = users.filter(outcome.population).limit(1)
            if not (one.collect() if is_frame(one) else one.fetchall()):
                found.append(outcome)
    return found


def no_longer_predicted(predicted: Predicted) -> list[str]:
    """Outcomes that have a champion and are not configured."""
    settings = Settings.of()
    configured = {predicted.model_name(outcome) for outcome in predicted.outcomes}
    return [
        outcome_of(name)
        for name in Registry.of(settings, model_name=predicted.base).names()
        if name not in configured and Registry.of(settings, model_name=name).champion()
    ]


def champions(predicted: Predicted) -> list[Scorer]:
    """The champion of each outcome that has one, loaded.

    Raises:
        RegistryError: there is none at all, or one cannot be loaded safely.
    """
    return [Scorer(outcome, registry.load()) for outcome, registry in with_champions(predicted)]


def with_champions(predicted: Predicted) -> list[tuple[Outcome, Registry]]:
    """The outcomes that have a champion, and the registry of each; without one it is told, and the others go on.

    Where none has one all are given: to ask for one says what to do.
    """
    settings = Settings.of()
    registries = [
        (outcome, Registry.of(settings, model_name=predicted.model_name(outcome)))
        for outcome in predicted.outcomes
    ]
    without = [one for one in registries if one[1].champion() is None]
    if len(without) == len(registries):
        return registries
    for outcome, _ in without:
        say(
            f"the outcome '{outcome.name}' has no champion yet, so nobody is scored for it. Train it: likely-buyers"
            f" train --promote --outcome {outcome.name}"
        )
    return [one for one in registries if one not in without]
