"""Filling the history with scores as of past days."""

from datetime import date, timedelta

import typer

from likely_buyers.cli.past_days import PastDays
from likely_buyers.dbt.project import Project
from likely_buyers.scoring import BackfillImpossible, BackfillTarget, backfill_scores
from likely_buyers.terminal import Progress


def backfill(project: Project, first: date, last: date, every: int, version: str) -> None:
    """Score as of every `every`-th day from `first` to `last` and say what was done.

    Raises:
        BackfillImpossible: nothing can be scored there, or the target is no DuckDB.
        RegistryError: there is no such version, or it cannot be loaded safely.
    """
    days = [first + timedelta(days=n) for n in range(0, (last - first).days + 1, every)]
    if not days:
        raise BackfillImpossible(f"no day lies between --from {first} and --to {last}.")
    model = project.registry().load(version)
    past = PastDays.of(project, BackfillImpossible)
    target = BackfillTarget(past.lake, past.prediction_history, past.user_days, past.features_as_of)
    found = backfill_scores(
        target, model, days, progress=lambda days: Progress("backfill", total=days, unit="days")
    )
    typer.echo(
        f"{found.users:,} scores of version {model.version} of {model.model_name} as of {found.scored} days were"
        f" added to the history; {found.known} days were there already."
    )
    taught = [day for day in days if day < model.as_of]
    if taught:
        typer.echo(
            f"Version {model.version} was trained on what was known by {model.as_of}: what came true after"
            f" {len(taught)} of these days helped to train it, so gold.model_performance is too good for them."
            " likely-buyers backtest is the honest measure."
        )
