"""Commands about the lake: asking it, its upkeep, and what comes from before it."""

from pathlib import Path
from typing import Annotated

import typer

from likely_buyers.dbt.project import Project


def sql(
    project: Project,
    query: Annotated[
        str | None, typer.Argument(help="What to ask; without it, a prompt asks for queries.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Rows to print.")] = 40,
) -> None:
    """Ask the tables in SQL; nothing can be written."""
    from likely_buyers.cli.lake import ask

    ask(project, query, rows)


def maintain(project: Project) -> None:
    """Merge the lake's small files, drop deleted rows from files, forget snapshots older than vars.keep_days."""
    from likely_buyers.cli.lake import keep_up

    keep_up(project)


def carry_over(
    project: Project,
    old: Annotated[
        Path | None,
        typer.Argument(
            help="File of an earlier state; default: likely_buyers.duckdb in the state folder.",
            resolve_path=True,
        ),
    ] = None,
) -> None:
    """Bring history, campaign lists and results of an earlier state into the lake; that state is only read."""
    from likely_buyers.cli.lake import carry

    carry(project, old)
