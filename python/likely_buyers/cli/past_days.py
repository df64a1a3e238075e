"""Scores as of past days: the history filled with them, and those in it computed once more."""

from collections.abc import Sequence
from datetime import date, timedelta

import typer

from likely_buyers.cli.tables import Column, print_table
from likely_buyers.dbt.profile import TOLD_BY_DBT
from likely_buyers.dbt.project import Project
from likely_buyers.outcomes import Outcome, outcome_of
from likely_buyers.registry import Registry
from likely_buyers.scoring import (
    BackfillImpossible,
    PastDays,
    Replay,
    ReplayImpossible,
    Scorer,
    ScoringError,
    backfill_scores,
    replay_scores,
)
from likely_buyers.terminal import Progress

# The day stands in the text: as a variable of dbt it would have the whole project parsed again for each.
_ANY_DAY = "0001-01-01"
_FEATURES = """\
with scoring_cutoff as (
    select cast('0001-01-01' as date) as cutoff_date
),

user_features as (
    {{ user_features('scoring_cutoff', ref('user_days'), cutoff_name='as_of_date') }}
)

select * from user_features"""
_MODELS = ("prediction_history", "loaded_files", "user_days")
_RENDERED = "\n".join([TOLD_BY_DBT, *(f"{{{{ ref('{model}') }}}}" for model in _MODELS), _FEATURES])


def _past_days(project: Project, refusal: type[ScoringError]) -> PastDays:
    """Those of a project, with the features by the macro of scoring; dbt runs once, and opens nothing.

    Raises:
        refusal: the target is no DuckDB.
    """
    *told, history, files, days, features = project.rendered(_RENDERED).split("\n", 6)
    lake = project.lake_told(told, "past days are scored", refusal)
    return PastDays(
        lake, history, files, days, lambda day: features.replace(_ANY_DAY, day.isoformat())
    )


def backfill(
    project: Project,
    outcomes: Sequence[Outcome],
    first: date,
    last: date,
    every: int,
    version: str,
) -> None:
    """Score as of every `every`-th day from `first` to `last` and say what was done.

    Raises:
        BackfillImpossible: nothing can be scored there, or the target is no DuckDB.
        RegistryError: there is no such version, or it cannot be loaded safely.
    """
    days = [first + timedelta(days=n) for n in range(0, (last - first).days + 1, every)]
    if not days:
        raise BackfillImpossible(f"no day lies between --from {first} and --to {last}.")
    scorers = [
        Scorer(outcome, project.registry(outcome).load(version))
        for outcome in outcomes
        if len(outcomes) == 1 or project.registry(outcome).champion()
    ]
    if not scorers:
        raise BackfillImpossible(
            "no outcome has a champion yet. Train one: likely-buyers train --promote"
        )
    scored, users = backfill_scores(
        _past_days(project, BackfillImpossible),
        scorers,
        days,
        progress=lambda days: Progress("backfill", total=days, unit="days"),
    )
    models = [scorer.model for scorer in scorers]
    typer.echo(
        f"{users:,} scores of {', '.join(model.label for model in models)} as of {scored} days were added to the"
        f" history; {len(days) - scored} days were there already."
    )
    for model in models:
        taught = [day for day in days if day < model.as_of]
        if taught:
            typer.echo(
                f"{model.label[0].upper()}{model.label[1:]} was trained on what was known by {model.as_of}: what came"
                f" true after {len(taught)} of these days helped to train it, so gold.model_performance is too good for"
                " them. likely-buyers backtest is the honest measure."
            )


def replay_version(project: Project, outcome: Outcome, day: date, version: str) -> bool:
    """Compute the scores of a day and version once more and say whether they are the same; writes nothing.

    Raises:
        ReplayImpossible: there is no such history, or it cannot be read.
        RegistryError: there is no such version, or it cannot be loaded safely.
    """
    settings = project.settings()

    def load(name: str, number: int) -> Scorer:
        """A version of any outcome, for the outcome that it was trained for."""
        model = Registry.of(settings, model_name=name).load(number)
        given = dict(model.definition or outcome.definition)
        return Scorer(Outcome(outcome_of(name), **given), model)

    model = project.registry(outcome).load(version)
    found = replay_scores(
        _past_days(project, ReplayImpossible),
        load(model.model_name, model.version),
        day,
        load,
        progress=lambda users: Progress("replaying", total=users, unit="users"),
    )
    whose = f"as of {day}, {model.label}"
    if found.is_identical:
        print(f"identical: {found.users:,} users, {whose}")
        return True
    _print_changes(found, whose)
    return False


def _print_changes(found: Replay, whose: str) -> None:
    print(
        f"not identical, {whose}: of {found.users:,} users in the history {found.differing:,} have another"
        f" score now, {found.missing:,} have none, and {found.new:,} users are new; the largest difference is"
        f" {found.largest_difference:.3g}"
    )
    print_table(
        [Column("user", "left"), Column("then"), Column("now")],
        [
            [user, *("" if score is None else repr(score) for score in scores)]
            for user, *scores in found.examples
        ],
        "the first of them",
    )
    if found.files_loaded_since:
        print(
            f"{found.files_loaded_since} event files were loaded after these scores were given"
            f" ({found.scored_at:%Y-%m-%d %H:%M} UTC). Events in them from before as_of came late: then the"
            " differences are legitimate. So they are after a change of the event mapping."
        )
    else:
        print(
            f"No event file was loaded after these scores were given ({found.scored_at:%Y-%m-%d %H:%M} UTC), so"
            " no event came late. What else changes scores: another event mapping, the SQL of the features,"
            " other versions of the libraries."
        )
