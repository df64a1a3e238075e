"""What dbt is told before it begins: which variables it takes, and where it works and writes.

It works in the project folder; artifacts and log go to the state folder.

So two states never share a file, and a relative path means the same to dbt as to `likely-buyers`. dbt 1.11 asks a
plugin once it has read the project and before it writes an artifact; see `dbt_likely_buyers`.
"""

import sys
from argparse import Namespace
from collections.abc import Mapping
from contextlib import chdir, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import yaml
from click.core import ParameterSource
from dbt.events.logging import setup_event_logger
from dbt.plugins import dbtPlugin
from dbt_common.exceptions import DbtRuntimeError

from likely_buyers.settings import ARTIFACTS, LOGS, Settings
from likely_buyers.variables import PROJECT, BadVariable, check_names_differ, check_variables

# dbt's name for it
LOG_FILE = "dbt.log"


class StatePaths(dbtPlugin):
    """Refuses misspelt variables and a second thread, and sets the paths that nobody has set.

    Options, DBT_TARGET_PATH and DBT_LOG_PATH come first.
    """

    def initialize(self) -> None:
        """Called by dbt for each command. Another project in the same environment is left alone."""
        context = click.get_current_context(silent=True)
        # who uses dbt as a library, as sqlfluff does, has no command of dbt's and names its own paths
        if self.project_name != PROJECT or context is None or "project" not in (context.obj or {}):
            return
        profile = context.obj.get("profile")
        if profile and profile.credentials.type == "spark":
            from likely_buyers.dbt.on_spark.adapter import install

            install()
        _check_names(context)
        _check_threads(context)
        _work_in_the_project(context)
        _keep_artifacts(context)
        _keep_log(context)


def _check_names(context: click.Context) -> None:
    """Here, since a macro sees only the variables that it asks for."""
    taken, project = getattr(context.obj["flags"], "VARS", None) or {}, context.obj["project"]
    try:
        check_variables(taken, project.vars.vars)
        file = Path(project.project_root) / "dbt_project.yml"
        check_names_differ(file.read_text("utf-8"), file.name)
        check_names_differ(_typed(taken), "--vars")
    except BadVariable as error:
        raise DbtRuntimeError(f"likely_buyers: {error}") from None


def _typed(variables: Mapping[str, Any]) -> str:
    """`--vars` as typed, since dbt hands on one of two of a name; '' where it was not called from a command line."""
    values = [value for name, value in pairwise(sys.argv) if name == "--vars"]
    values += [value.removeprefix("--vars=") for value in sys.argv if value.startswith("--vars=")]
    for value in values:
        with suppress(yaml.YAMLError):
            if yaml.safe_load(value) == variables:
                return value
    return ""


def _check_threads(context: click.Context) -> None:
    """Whatever profile or option says it: a catalog that was lost is worse than a command that stops."""
    profile = context.obj.get("profile")
    if profile and profile.credentials.type == "duckdb" and profile.threads > 1:
        raise DbtRuntimeError(
            f"likely_buyers: dbt must build with one thread, and is to have {profile.threads}: when two make tables at"
            " once, DuckLake may stop or lose its catalog (https://github.com/duckdb/ducklake/issues/1248). Leave"
            " --threads out, and have profiles.yml say threads: 1. DuckDB uses all cores in any case."
        )


def _work_in_the_project(context: click.Context) -> None:
    """`dbt build --project-dir` stays in the folder where it was typed, `likely-buyers` and `dbt clean` do not."""
    project, flags = context.obj["project"], context.obj["flags"]
    root = Path(project.project_root).resolve()
    project.project_root = str(root)
    _set(flags, "project_dir", root)
    _set(flags, "profiles_dir", Path(flags.PROFILES_DIR).resolve())
    # until the command has ended: who calls dbt from Python may work somewhere else
    context.with_resource(chdir(root))


def _keep_artifacts(context: click.Context) -> None:
    if not _given(context, "target_path"):
        project = context.obj["project"]
        # as dbt has its own: relative to the project folder unless the state is absolute
        project.target_path = str(Settings.of(Path()).state / ARTIFACTS)
        # `dbt retry` reads the project once more, with the flags of the command
        _set(context.obj["flags"], "target_path", project.target_path)


def _keep_log(context: click.Context) -> None:
    """Begin the log anew where it belongs: dbt opened it before it read the project."""
    flags = context.obj["flags"]
    named = _given(context, "log_path")
    path = Path(flags.LOG_PATH) if named else Settings.of().state / LOGS
    _check_log(path)
    settings = {**vars(flags), "LOG_PATH": str(path), "LOG_LEVEL_FILE": _level_of_log(context)}
    setup_event_logger(Namespace(**settings), context.obj.get("callbacks") or [])
    if not named:
        # dbt has made its default folder by now; one that holds something is somebody's
        with suppress(OSError):
            Path(flags.LOG_PATH).rmdir()


def _check_log(folder: Path) -> None:
    """dbt lets go of the terminal before it opens the new log, and could not say there why that failed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOG_FILE).open("a").close()
    except OSError as error:
        raise DbtRuntimeError(
            f"likely_buyers: dbt's log cannot be written to {folder}: {error.strerror}. Let the user that runs dbt"
            " write there, or set LIKELY_BUYERS_STATE to another folder."
        ) from error


def _level_of_log(context: click.Context) -> str:
    """The level that dbt would take if dbt_project.yml named none."""
    flags = context.obj["flags"]
    if _given(context, "log_level_file"):
        return str(flags.LOG_LEVEL_FILE)
    if Settings.of().key_file:
        # a warning may name a user
        return "none"
    return str(flags.LOG_LEVEL) if _given(context, "log_level") else "debug"


def _given(context: click.Context | None, option: str) -> bool:
    """Whether the command line or the environment sets an option of dbt, before the command's name or after it."""
    while context is not None:
        if context.get_parameter_source(option) not in (None, ParameterSource.DEFAULT):
            return True
        context = context.parent
    return False


def _set(flags: Any, name: str, value: object) -> None:
    # dbt's flags are frozen, and it reads them under both names
    for key in (name, name.upper()):
        object.__setattr__(flags, key, value)
