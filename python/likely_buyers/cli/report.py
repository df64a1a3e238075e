"""Writing the report: where the warehouse is, where the page goes, and what is said of it."""

from pathlib import Path

from likely_buyers.dbt.project import Project
from likely_buyers.report import ReportImpossible, read_figures, write_report


def report(project: Project, out: Path | None, rows: int) -> None:
    """Write the page and say where it is; the warehouse is only read.

    Raises:
        ReportImpossible: the warehouse cannot be read, holds no scores, or the page cannot be written.
    """
    lake = project.lake("the report is made", ReportImpossible)
    figures = read_figures(lake, rows, project.var("currency"))
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
