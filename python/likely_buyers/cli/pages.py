"""The report's pages, one an outcome."""

from collections.abc import Sequence
from pathlib import Path

from likely_buyers.dbt.project import Project
from likely_buyers.outcomes import Outcome
from likely_buyers.report import ReportImpossible, read_figures, write_report
from likely_buyers.terminal import say


def write_pages(project: Project, outcomes: Sequence[Outcome], first: Path, rows: int) -> None:
    """Write the page of each outcome and say where it is; each leads to the others.

    Args:
        project: the project.
        outcomes: whose pages; of several, one that nobody was scored for is told and left out.
        first: the file of the first outcome; those of the others lie beside it, with the outcome in the name.
        rows: users of the list to show.

    Raises:
        ReportImpossible: nobody was scored, or a page cannot be written.
    """
    lake = project.lake("the report is made", ReportImpossible)
    files = {
        outcome.name: first if place == 0 else first.with_stem(f"{first.stem}_{outcome.name}")
        for place, outcome in enumerate(outcomes)
    }
    found, refusals = {}, []
    for outcome in outcomes:
        try:
            found[outcome.name] = read_figures(
                lake, outcome, rows, project.var("currency"), project.predicted().outcomes
            )
        except ReportImpossible as error:
            if len(outcomes) == 1:
                raise
            refusals.append(error)
            say(f"no page on {outcome.name}: {error}")
    if not found:
        raise refusals[0]
    others = [(name, files[name].name) for name in found]
    for name, figures in found.items():
        try:
            write_report(figures, files[name], others if len(others) > 1 else [])
        except OSError as error:
            raise ReportImpossible(
                f"the page cannot be written to {files[name]}: {error.strerror or error}. Name another file: --out"
            ) from error
        run = figures.run
        print(
            f"The report on {run['users']:,} users as of {run['as_of_date']}, scored by version"
            f" {run['model_version']} of {run['model_name']}, opens in a browser and needs no network:\n{files[name]}"
        )
