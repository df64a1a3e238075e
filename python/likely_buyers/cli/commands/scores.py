"""Commands about scores: the list, the report, past days, publishing."""

from pathlib import Path
from typing import Annotated

import typer

from likely_buyers.cli.options import Format, day
from likely_buyers.dbt.project import Project
from likely_buyers.errors import from_extra


def top(
    project: Project,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Users to print.")] = 10,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Of a past day instead, from the history: YYYY-MM-DD."),
    ] = None,
    form: Format = "table",
) -> None:
    """Print the head of gold.top_buyers, or who was likeliest as of a past day."""
    from likely_buyers.cli.top import print_past_top, print_top

    if as_of is None:
        print_top(project, rows, form)
    else:
        print_past_top(project, day("--as-of", as_of), rows, form)


def report(
    project: Project,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File to write; default: report.html in the state folder.",
            resolve_path=True,
        ),
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Users of the list to show.")] = 5_000,
) -> None:
    """Write one HTML page on the list, the scores, how good they are, the data and the campaigns."""
    with from_extra("report", "the report"):
        from likely_buyers.cli.report import report as write

    write(project, out, rows)


def replay(
    project: Project,
    as_of: Annotated[
        str, typer.Option("--as-of", help="The day the scores speak from, YYYY-MM-DD.")
    ],
    version: Annotated[str, typer.Option("--version", help="The version that gave them.")],
) -> None:
    """Compute scores of the history once more, and say whether they are the same; writes nothing."""
    from likely_buyers.cli.replay import replay_version

    if not replay_version(project, day("--as-of", as_of), version):
        raise typer.Exit(1)


def backfill(
    project: Project,
    first: Annotated[str, typer.Option("--from", help="First day to score as of, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last day to score as of, YYYY-MM-DD.")],
    every: Annotated[int, typer.Option("--every", min=1, help="Score every so many days.")] = 1,
    version: Annotated[
        str, typer.Option("--version", help="Version that scores; default: the champion.")
    ] = "champion",
) -> None:
    """Fill the history with scores as of past days; what is there stays, a stopped run goes on."""
    from likely_buyers.cli.backfill import backfill as fill

    fill(project, day("--from", first), day("--to", last), every, version)


def publish(project: Project) -> None:
    """Put gold of a build that passed where people and BI tools read it: the destinations of vars.publish."""
    from likely_buyers.cli.publish import publish_gold

    publish_gold(project)
