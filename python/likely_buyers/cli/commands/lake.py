"""Commands about the lake: asking it, and its upkeep."""

from __future__ import annotations

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
