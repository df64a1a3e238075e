"""Commands for who operates it: what is wrong, and the metrics."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from likely_buyers.cli.options import Format
from likely_buyers.dbt.project import Project


def check(
    project: Project,
    notify: Annotated[
        Literal["slack", "teams"] | None,
        typer.Option(
            "--notify", help="Tell a chat what is wrong: LIKELY_BUYERS_WEBHOOK is its address."
        ),
    ] = None,
    form: Format = "table",
) -> None:
    """Print what is wrong, with remedies. Ends with 0 if nothing is, 1 if something is, 2 if that cannot be told."""
    from likely_buyers.cli.watch import checked

    raise typer.Exit(checked(project, notify, form))


def metrics(
    project: Project,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File to write instead, for node exporter's textfile collector: NAME.prom.",
            resolve_path=True,
        ),
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send them to the agent of LIKELY_BUYERS_DOGSTATSD.")
    ] = False,
) -> None:
    """Print the metrics of the last build and of gold, in Prometheus' text format."""
    from likely_buyers.cli.watch import tell_metrics

    tell_metrics(project, out, send)
