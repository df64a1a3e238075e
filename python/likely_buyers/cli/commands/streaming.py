"""The command that scores as events arrive."""

from typing import Annotated

import typer

from likely_buyers.dbt.project import Project


def stream(
    project: Project,
    once: Annotated[
        bool,
        typer.Option("--once", help="Take what is there now, and end; status 1 if a file waits."),
    ] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, help="How often to look for new events.")
    ] = 5.0,
    settle: Annotated[
        float,
        typer.Option(
            "--settle-seconds", min=0.0, help="How long a file must stand unchanged to be read."
        ),
    ] = 1.0,
    retry: Annotated[
        float,
        typer.Option("--retry-seconds", min=0.0, help="When to try again what could not be read."),
    ] = 60.0,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port", min=0, max=65535, help="Answer Prometheus there; by default nobody."
        ),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option("--metrics-host", help="The address of --metrics-port.")
    ] = "127.0.0.1",
) -> None:
    """Load events as they arrive, and score the users whom they are of, until stopped; or once."""
    from likely_buyers.cli.streaming import Pace, run_stream
    from likely_buyers.streaming import StreamMetrics

    metrics = StreamMetrics(metrics_host, metrics_port)
    raise typer.Exit(run_stream(project, Pace(once, seconds, settle, retry), metrics))
