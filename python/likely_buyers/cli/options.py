"""The options that many commands share, each said once."""

import inspect
from collections.abc import Callable, Sequence
from datetime import date
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from likely_buyers.dbt.project import Project
from likely_buyers.outcomes import Outcome
from likely_buyers.terminal import Volume, set_volume

Format = Annotated[
    Literal["table", "csv", "json"],
    typer.Option("--format", help="How to print: csv and json with all digits."),
]
"""`--format`, of every command that prints rows."""

Outcomes = Annotated[
    list[str] | None,
    typer.Option("--outcome", help="Name of an outcome, as vars.outcomes has it; default: all."),
]
"""`--outcome`, of every command that is done for each outcome."""

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


def choose_volume(quiet: Quiet = False, verbose: Verbose = False) -> None:
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
    return _with_options(command, _project_options)


def without_project(command: _Command) -> _Command:
    """A command that needs no project."""
    return _with_options(command)


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


def of_one_outcome(version: str, outcomes: Sequence[Outcome]) -> None:
    """Refuse a version's number where it is not said of which outcome: each counts its versions by itself.

    Raises:
        typer.BadParameter: there are several outcomes.
    """
    if len(outcomes) > 1:
        raise typer.BadParameter(
            f"version {version} of which outcome? Each counts its versions by itself: --outcome"
            f" {outcomes[0].name}. See: likely-buyers models"
        )


def _with_options(command: _Command, *givers: Callable[..., Any]) -> _Command:
    """A command as typer is to see it: `givers` turn options of theirs into its first arguments."""
    own, volume = _parameters(command)[len(givers) :], _parameters(choose_volume)
    shared = {giver: _parameters(giver) for giver in givers}

    @wraps(command)
    def run(**given: Any) -> None:
        choose_volume(**{one.name: given.pop(one.name) for one in volume})
        first = [
            giver(**{one.name: given.pop(one.name) for one in parameters})
            for giver, parameters in shared.items()
        ]
        command(*first, **given)

    options = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for one in (*own, *chain(*shared.values()), *volume)
    ]
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in options}
    return run


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())
