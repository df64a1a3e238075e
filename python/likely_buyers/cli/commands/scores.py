"""Commands about scores: the list, the report, past days, publishing."""

from pathlib import Path
from typing import Annotated

import typer

from likely_buyers.cli.options import Format, Outcomes, day, of_one_outcome
from likely_buyers.dbt.project import Project
from likely_buyers.errors import from_extra


def top(
    project: Project,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Users to print.")] = 10,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Of a past day instead, from the history: YYYY-MM-DD."),
    ] = None,
    outcome: Outcomes = None,
    form: Format = "table",
) -> None:
    """Print the heads of the lists in gold.top_buyers, or who was likeliest as of a past day."""
    from likely_buyers.cli.top import print_past_top, print_tops

    outcomes = project.outcomes(outcome)
    if as_of is None:
        print_tops(project, outcomes, rows, form)
        return
    if len(outcomes) > 1 and form != "table":
        raise typer.BadParameter(
            f"--format {form} of a past day: name one outcome, --outcome NAME."
        )
    for one in outcomes:
        print_past_top(project, one, day("--as-of", as_of), rows, form)


def report(
    project: Project,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File to write; default: report.html in the state folder. Of a second outcome, report_NAME.html.",
            resolve_path=True,
        ),
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Users of the list to show.")] = 5_000,
    outcome: Outcomes = None,
) -> None:
    """Write one HTML page an outcome: the list, the scores, how good they are, the data and the campaigns."""
    with from_extra("report", "the report"):
        from likely_buyers.cli.pages import write_pages

    outcomes = project.outcomes(outcome)
    write_pages(project, outcomes, out or project.settings().state / "report.html", rows)


def replay(
    project: Project,
    as_of: Annotated[
        str, typer.Option("--as-of", help="The day the scores speak from, YYYY-MM-DD.")
    ],
    version: Annotated[str, typer.Option("--version", help="The version that gave them.")],
    outcome: Outcomes = None,
) -> None:
    """Compute scores of the history once more, and say whether they are the same; writes nothing."""
    from likely_buyers.cli.past_days import replay_version

    outcomes = project.outcomes(outcome)
    of_one_outcome(version, outcomes)
    if not replay_version(project, outcomes[0], day("--as-of", as_of), version):
        raise typer.Exit(1)


def backfill(
    project: Project,
    first: Annotated[str, typer.Option("--from", help="First day to score as of, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last day to score as of, YYYY-MM-DD.")],
    every: Annotated[int, typer.Option("--every", min=1, help="Score every so many days.")] = 1,
    version: Annotated[
        str, typer.Option("--version", help="Version that scores; default: the champion.")
    ] = "champion",
    outcome: Outcomes = None,
) -> None:
    """Fill the history with scores as of past days; what is there stays, a stopped run goes on."""
    from likely_buyers.cli.past_days import backfill as fill

    outcomes = project.outcomes(outcome)
    if version != "champion":
        of_one_outcome(version, outcomes)
    fill(project, outcomes, day("--from", first), day("--to", last), every, version)


def publish(project: Project) -> None:
    """Put gold of a build that passed where people and BI tools read it: the destinations of vars.publish."""
    from likely_buyers.publishing import Published, PublishingError
    from likely_buyers.publishing import publish as publish_gold
    from likely_buyers.terminal import Progress

    def tell(published: Published) -> None:
        served, tables = published.served, published.tables
        changed = sum(table.written > 0 for table in tables)
        print(
            f"Published to {published.destination}: {len(tables)} tables, {sum(table.rows for table in tables):,} rows,"
            f" scores as of {served.as_of_date} by {served.versions_in_words}"
            f" ({f'{changed} tables changed' if changed else 'nothing changed'})"
        )
        for loss in published.losses_in_words():
            print(f"  {loss}")

    publish_gold(
        project.lake("gold is published", PublishingError),
        project.publishing_destinations(),
        project.settings().state / "published",
        tell,
        progress=lambda rows: Progress("publishing", total=rows, unit="rows"),
    )
