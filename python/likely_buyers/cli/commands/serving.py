"""Commands about scores for other systems, asked one at a time."""

from pathlib import Path
from typing import Annotated

import typer

from likely_buyers.dbt.project import Project
from likely_buyers.errors import from_extra


def serve(
    project: Project,
    stage: Annotated[
        str,
        typer.Option(
            "--stage",
            help="Whose versions: `production` is the champions; else an alias in the registry, `latest`, or a number.",
        ),
    ] = "production",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="0 takes a free one.")
    ] = 8000,
    host: Annotated[
        str,
        typer.Option(
            "--host", help="Address to listen on; others than this machine need --tokens."
        ),
    ] = "127.0.0.1",
    tokens: Annotated[
        Path | None,
        typer.Option("--tokens", help="File of bearer tokens: NAME TOKEN [last day], a line each."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--tls-certificate", help="PEM file; with --tls-key, HTTPS.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--tls-key", help="PEM file of its key.")] = None,
    requests: Annotated[
        int, typer.Option("--most-requests", min=1, help="At once; one more is answered 503.")
    ] = 256,
    body_bytes: Annotated[
        int,
        typer.Option("--most-bytes", min=1_000, help="Of a body; a larger one is answered 413."),
    ] = 8_000_000,
    rate: Annotated[
        float | None,
        typer.Option("--rate", min=0.1, help="Requests a second of one caller; default: any."),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(
            "--refresh-seconds", min=0.1, help="How often to look for a newer champion and copy."
        ),
    ] = 10.0,
) -> None:
    """Answer over HTTP: stored scores, scores with today's events, MLflow's and Open Inference's protocols."""
    with from_extra("serve", "the endpoint"):
        from likely_buyers.cli.serving import run_server
        from likely_buyers.serving.allocator import keep_memory
        from likely_buyers.serving.gate import Limits
        from likely_buyers.serving.server import Address

    keep_memory()
    limits = Limits(requests, body_bytes, rate)
    run_server(project, stage, Address(host, port, tokens, certificate, key, limits), seconds)


def serving_copy(project: Project) -> None:
    """Write what the endpoint serves, from the last build that passed: a running one takes it over by itself."""
    with from_extra("serve", "the serving copy"):
        from likely_buyers.cli.serving import copy_for_serving

    copy_for_serving(project)
