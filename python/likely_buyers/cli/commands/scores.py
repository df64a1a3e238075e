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
        from likely_buyers.report import ReportImpossible, read_figures, write_report

    figures = read_figures(
        project.lake("the report is made", ReportImpossible), rows, project.var("currency")
    )
    page = out or project.settings().state / "report.html"
    try:
        write_report(figures, page)
    except OSError as error:
        raise ReportImpossible(
            f"the page cannot be written to {page}: {error.strerror or error}. Name another file: --out"
        ) from error
    run = figures.run
    print(
        f"The report on {run['users']:,} users as of {run['as_of_date']}, scored by version {run['model_version']} of"
        f" {run['model_name']}, opens in a browser and needs no network:\n{page}"
    )


def replay(
    project: Project,
    as_of: Annotated[
        str, typer.Option("--as-of", help="The day the scores speak from, YYYY-MM-DD.")
    ],
    version: Annotated[str, typer.Option("--version", help="The version that gave them.")],
) -> None:
    """Compute scores of the history once more, and say whether they are the same; writes nothing."""
    from likely_buyers.cli.past_days import replay_version

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
    from likely_buyers.cli.past_days import backfill as fill

    fill(project, day("--from", first), day("--to", last), every, version)


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
            f" scores as of {served.as_of_date} by version {served.model_version} of {served.model_name}"
            f" ({f'{changed} tables changed' if changed else 'nothing changed'})"
        )

    publish_gold(
        project.lake("gold is published", PublishingError),
        project.publishing_destinations(),
        project.settings().state / "published",
        tell,
        progress=lambda rows: Progress("publishing", total=rows, unit="rows"),
    )
