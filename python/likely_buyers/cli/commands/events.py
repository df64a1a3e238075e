"""Commands about events: a shop that is made up, and a source that is looked at."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from likely_buyers.cli.options import day
from likely_buyers.dbt.project import Project


def simulate(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
    users: Annotated[int, typer.Option("--users", help="Distinct users in the log.")] = 12_000,
    days: Annotated[int, typer.Option("--days", help="Days of events.")] = 120,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same files.")] = 0,
    file_format: Annotated[
        Literal["csv", "parquet", "jsonl"], typer.Option("--format", help="Format of the files.")
    ] = "csv",
    start: Annotated[str, typer.Option("--start", help="First day, YYYY-MM-DD.")] = "2019-10-01",
    events_per_user: Annotated[
        float, typer.Option("--events-per-user", help="Mean events per user.")
    ] = 20.0,
    dirt: Annotated[
        bool, typer.Option("--dirt/--no-dirt", help="Plant broken, doubled and late lines.")
    ] = True,
) -> None:
    """Write the events of a demo shop, and in _truth/ what lies behind them."""
    from likely_buyers.demo_shop import SimulationSettings, simulate_shop
    from likely_buyers.terminal import Progress

    settings = SimulationSettings(
        users=users,
        days=days,
        seed=seed,
        start=day("--start", start),
        events_per_user=events_per_user,
        dirt=dirt,
    )
    progress = Progress("simulating", total=days, unit="days")
    summary = simulate_shop(settings, out, file_format, progress=lambda done, _: progress(done))
    typer.echo(
        f"{summary.lines:,} lines of {summary.users:,} users in {summary.files} files in"
        f" {summary.folder}; the truth behind them in {summary.truth}"
    )


def _seen_from_here(path: str) -> str:
    """The project is worked on in its own folder."""
    return path if "://" in path else str(Path(path).expanduser().absolute())


def inspect(
    project: Project,
    path: Annotated[
        str,
        typer.Argument(help="A file, a folder or a glob in quotes.", callback=_seen_from_here),
    ],
) -> None:
    """Say what a source is, which event mapping reads it, and what that makes of its first lines."""
    from likely_buyers.cli.inspect import inspect as look

    if not look(project, path):
        raise typer.Exit(1)
