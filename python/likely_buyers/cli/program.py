"""The program: its commands by group, its own options, and how an error is shown."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated

import typer

from likely_buyers.cli.commands import events, lake, models, scores, serving, streaming, watch
from likely_buyers.cli.options import Quiet, Verbose, choose_volume, on_project, without_project
from likely_buyers.dbt.faults import remedy
from likely_buyers.errors import LikelyBuyersError
from likely_buyers.terminal import Volume, erase_progress, volume

app = typer.Typer(
    help="From a shop's raw events to a ranked list of likely buyers. The daily job is `dbt build`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_PANELS: dict[str, list[Callable[..., None]]] = {
    "The list": [scores.top, scores.report, scores.publish],
    "The model": [models.train, models.models, models.promote, models.rollback, models.backtest],
    "The history of scores": [scores.backfill, scores.replay],
    "The endpoint": [serving.serve, serving.serving_copy],
    "Scores as events arrive": [streaming.stream],
    "Events": [events.inspect],
    "Watching": [watch.check, watch.metrics],
    "The lake": [lake.sql, lake.maintain, lake.carry_over],
}

for panel, commands in _PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(on_project(command))
app.command(rich_help_panel="Events")(without_project(events.simulate))


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"likely-buyers {version('likely_buyers')}")
        raise typer.Exit


@app.callback()
def _program(
    quiet: Quiet = False,
    verbose: Verbose = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_tell_version, is_eager=True
        ),
    ] = False,
) -> None:
    choose_volume(quiet, verbose)


def main() -> None:
    """Run a command; an expected error becomes one message and exit code 1."""
    if isinstance(sys.stdout, TextIOWrapper):
        # a terminal that has no letter of a user's name shows its number
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except LikelyBuyersError as error:
        _fail(error, str(error))
    except OSError as error:
        _fail(error, f"{error.strerror}: {error.filename}" if error.filename else str(error))
    except Exception as error:
        # told by its class's module: who lists the models should not wait for DuckDB
        if "duckdb" not in type(error).__module__:
            erase_progress()
            raise
        todo = remedy(str(error)) or "the database refused; --verbose tells where in the program."
        _fail(error, f"{todo} DuckDB says: {error}")


def _fail(error: Exception, message: str) -> None:
    erase_progress()
    if volume() is Volume.VERBOSE:
        raise error
    print(f"Error: {message}", file=sys.stderr)
    raise SystemExit(1)
