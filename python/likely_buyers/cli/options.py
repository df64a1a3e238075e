"""The options that many commands share, each said once."""

import inspect
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from likely_buyers.dbt.project import Project
from likely_buyers.terminal import Volume, set_volume

Format = Annotated[
    Literal["table", "csv", "json"],
    typer.Option("--format", help="How to print: csv and json with all digits."),
]
"""`--format`, of every command that prints rows."""

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print what dbt does, and tracebacks.")
]

_Command = Callable[..., None]


def _project_options(
    *,
    project_dir: Annotated[
        Path | None, typer.Option("--project-dir", help="Folder of dbt_project.yml; default: here.")
    ] = None,
    profiles_dir: Annotated[
        Path | None,
        typer.Option("--profiles-dir", help="Folder of profiles.yml; default: the project's."),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Target of the dbt profile.")
    ] = None,
    vars_text: Annotated[
        str, typer.Option("--vars", help="dbt variables, as YAML: '{as_of: 2011-11-09}'.")
    ] = "{}",
) -> Project:
    return Project.open(project_dir, profiles_dir, target, vars_text)


def _volume_options(*, quiet: Quiet = False, verbose: Verbose = False) -> None:
    choose_volume(quiet, verbose)


def choose_volume(quiet: bool, verbose: bool) -> None:
    """What `--quiet` and `--verbose` say, before the command's name or after it.

    Raises:
        typer.BadParameter: both are given.
    """
    if quiet and verbose:
        raise typer.BadParameter("--quiet and --verbose exclude each other.")
    if quiet or verbose:
        set_volume(Volume.QUIET if quiet else Volume.VERBOSE)


def on_project(command: _Command) -> _Command:
    """A command whose first parameter is the project that its options name."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    shared = _parameters(_project_options)

    def run(**given: Any) -> None:
        _volume_options(**_taken(given, _parameters(_volume_options)))
        project = _project_options(**_taken(given, shared))
        command(project, **given)

    return _with_parameters(run, command, [*own, *shared, *_parameters(_volume_options)])


def without_project(command: _Command) -> _Command:
    """A command that needs no project."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())

    def run(**given: Any) -> None:
        _volume_options(**_taken(given, _parameters(_volume_options)))
        command(**given)

    return _with_parameters(run, command, [*own, *_parameters(_volume_options)])


def day(option: str, given: str) -> date:
    """A date that an option gives.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise typer.BadParameter(
            f"{option} must be a date as YYYY-MM-DD, found: {given}"
        ) from error


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())


def _taken(given: dict[str, Any], parameters: list[inspect.Parameter]) -> dict[str, Any]:
    return {parameter.name: given.pop(parameter.name) for parameter in parameters}


def _with_parameters(
    run: _Command, command: _Command, parameters: list[inspect.Parameter]
) -> _Command:
    """`run` as typer is to see it: under the command's name, with the parameters as options."""
    options = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    run.__name__, run.__doc__, run.__module__ = (
        command.__name__,
        command.__doc__,
        command.__module__,
    )
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in options}
    return run
