"""The dbt project a command works on, and dbt itself."""

import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import typer
import yaml

from likely_buyers.dbt.profile import NO_LAKE, TOLD_BY_DBT, lake_of_profile, read_yaml
from likely_buyers.errors import LikelyBuyersError, ProjectError, first_line, own_words
from likely_buyers.outcomes import Outcome, Predicted, chosen
from likely_buyers.registry import Registry
from likely_buyers.settings import Lake, Settings
from likely_buyers.terminal import Volume, volume
from likely_buyers.variables import check_names_differ, check_variables

# what dbt wrote of the last build stays, for who asks it
_ASIDE = ("--quiet", "--no-write-json")
_FLAGS = {Volume.QUIET: ("--quiet",), Volume.USUAL: (), Volume.VERBOSE: ("--log-level", "debug")}
PREDICTED = ("model_name", "outcomes", "horizon_days")
"""The variables that say what is predicted."""
_REF = re.compile(r"\{\{ ref\('(\w+)'\) \}\}")


@dataclass(frozen=True)
class Project:
    """Where the project is and how dbt is to be called; the fields are dbt's options of the same names."""

    project_dir: Path
    profiles_dir: Path | None
    target: str | None
    vars_text: str

    @classmethod
    def open(
        cls,
        project_dir: Path | None,
        profiles_dir: Path | None,
        target: str | None,
        vars_text: str,
    ) -> "Project":
        """Check the options and change into the project's folder, as dbt does.

        Raises:
            typer.BadParameter: no project there, or `--vars` is no YAML dictionary.
            BadVariable: a variable's name is misspelt or stands there twice, or its value cannot be meant.
        """
        folder = (project_dir or Path(os.environ.get("DBT_PROJECT_DIR", "."))).resolve()
        if not (folder / "dbt_project.yml").is_file():
            raise typer.BadParameter(
                f"no dbt_project.yml in {folder}. Run the command in the checkout of likely_buyers,"
                " or pass --project-dir."
            )
        try:
            parsed = yaml.safe_load(vars_text)
        except yaml.YAMLError as error:
            raise typer.BadParameter(f"--vars is no YAML: {error}") from error
        if parsed is not None and not isinstance(parsed, dict):
            raise typer.BadParameter(
                f"--vars must be a YAML dictionary such as '{{as_of: 2011-11-09}}', found: {vars_text}"
            )
        if profiles_dir:
            profiles_dir = profiles_dir.resolve()
        os.chdir(folder)
        project = cls(folder, profiles_dir, target, vars_text)
        check_variables(parsed or {}, project._variables)
        check_names_differ(vars_text, "--vars")
        check_names_differ((folder / "dbt_project.yml").read_text("utf-8"), "dbt_project.yml")
        return project

    @cached_property
    def _variables(self) -> dict[str, Any]:
        """`vars` of dbt_project.yml."""
        return dict(read_yaml(self.project_dir / "dbt_project.yml").get("vars") or {})

    @cached_property
    def _given(self) -> dict[str, Any]:
        """What `--vars` says."""
        return dict(yaml.safe_load(self.vars_text) or {})

    def var(self, name: str) -> Any:
        """The value of a dbt variable: from `--vars`, else from dbt_project.yml."""
        return self._given[name] if name in self._given else self._variables[name]

    def publishing_destinations(self) -> Any:
        """`vars.publish`: the settings of `--vars` before those of dbt_project.yml."""
        return {**(self._variables.get("publish") or {}), **(self.var("publish") or {})}

    def settings(self) -> Settings:
        """What the environment says of this project's installation."""
        return Settings.of(self.project_dir)

    def with_var(self, name: str, value: Any) -> "Project":
        """The same project with one dbt variable set."""
        given = {**self._given, name: value}
        return replace(self, vars_text=yaml.safe_dump(given, default_flow_style=True))

    def predicted(self) -> Predicted:
        """What the project predicts."""
        return Predicted.of({name: self.var(name) for name in PREDICTED})

    def outcomes(self, names: Sequence[str] | None) -> list[Outcome]:
        """Its outcomes of these names; all where none is named.

        Raises:
            BadOutcome: there is none of a name.
        """
        return chosen(self.predicted().outcomes, names or [])

    def registry(self, outcome: Outcome) -> Registry:
        """The registered models of an outcome."""
        return Registry.of(self.settings(), model_name=self.predicted().model_name(outcome))

    def of_outcomes(self, outcomes: Sequence[Outcome]) -> "Project":
        """The same project with these of its outcomes alone."""
        if list(outcomes) == list(self.predicted().outcomes):
            # dbt reads the whole project anew when a variable has another value
            return self
        told = {outcome.name: outcome.definition for outcome in outcomes}
        return self.with_var("outcomes", told).with_var("horizon_days", None)

    def dbt(self, *arguments: str, aside: bool = False) -> bool:
        """Run dbt on the project; whether it succeeded.

        aside: dbt tells what it does on stderr, since stdout is for a result.
        """
        with redirect_stdout(sys.stderr) if aside else nullcontext():
            return bool(self._invoke(*_FLAGS[volume()], *arguments).success)

    def refresh(self, *models: str) -> str | None:
        """Build models anew without a word; why that failed, or None if it did not.

        A database that is not there yet is not made for it.
        """
        file = self.settings().lake.file
        if not (self.profiles_dir or self.target or file is None or file.exists()):
            return f"there is no database {file} yet"
        finished = self._invoke(*_ASIDE, "--log-level", "none", "run", "--select", *models)
        return None if finished.success else _problem(finished)

    def rendered(self, text: str) -> str:
        """Text with dbt's Jinja in it, such as a macro's SQL, rendered without opening the database.

        Raises:
            ProjectError: dbt could not; the message is dbt's.
        """
        finished = self._invoke(
            *(*_ASIDE, "--log-level", "none", "compile", "--no-introspect"),
            *("--no-populate-cache", "--inline", text),
        )
        if not finished.success:
            raise ProjectError(own_words(_problem(finished)))
        return str(finished.result.results[0].node.compiled_code)

    def lake(self, what: str, refusal: type[LikelyBuyersError]) -> Lake:
        """Where the target's tables are; `what` is made from them.

        Raises:
            refusal: the target is no DuckDB.
            ProjectError: the project or its profile cannot be read.
        """
        lake = lake_of_profile(self.project_dir, self.profiles_dir, self.target)
        if lake is None:
            return self.lake_told(self.rendered(TOLD_BY_DBT).split("\n"), what, refusal)
        return lake

    def lake_told(self, told: Sequence[str], what: str, refusal: type[LikelyBuyersError]) -> Lake:
        """The lake that dbt told by TOLD_BY_DBT.

        Raises:
            refusal: as `lake`; or the target attaches no lake.
        """
        engine, catalog, data = told
        if engine != "duckdb":
            raise refusal(
                f"{what} from DuckDB, and the target is {engine}. Choose another: --target"
            )
        if not catalog.startswith("ducklake:"):
            raise refusal(NO_LAKE)
        return Lake.of(
            catalog.removeprefix("ducklake:"), data, self.settings().state, self.project_dir
        )

    def build_aside(self, *arguments: str) -> tuple[str | None, list[str]]:
        """`dbt build` without a word, as the arguments say: why it failed, or None; and its warnings.

        A profile and a state folder of its own keep it from what the project holds.
        """
        warnings: list[str] = []

        def listen(event: Any) -> None:
            if event.info.level == "warn" and "likely_buyers: " in event.info.msg:
                warnings.append(event.info.msg)

        finished = replace(self, profiles_dir=None, target=None)._invoke(
            *_ASIDE, "--log-level", "none", "build", *arguments, callbacks=[listen]
        )
        return (None if finished.success else _problem(finished)), warnings

    def parsed(self) -> Any:
        """dbt's manifest of the project, for `run_parsed`.

        Raises:
            ProjectError: it cannot be parsed; the message is dbt's.
        """
        finished = self._invoke(*_ASIDE, "--log-level", "none", "parse")
        if not finished.success:
            raise ProjectError(_problem(finished))
        return finished.result

    def run_parsed(
        self, manifest: Any, say: Callable[[str], None], *models: str
    ) -> tuple[str, str] | None:
        """`dbt run` of some models, without parsing again; None, or which node failed ('' of none of them) and why.

        say: is given each word of this project's on the way.
        """

        def listen(event: Any) -> None:
            before, ours, words = event.info.msg.partition("likely_buyers: ")
            if ours and event.info.level in ("info", "warn") and "Failure" not in before:
                say(words.strip())

        finished = self._invoke(
            *(*_ASIDE, "--cache-selected-only", "--log-level", "none", "run", "--select", *models),
            callbacks=[listen],
            manifest=manifest,
        )
        if finished.success:
            return None
        failed = [
            result
            for result in getattr(finished.result, "results", ())
            if result.status in ("error", "fail")
        ]
        return (failed[0].node.name if failed else ""), _problem(finished)

    def show(self, query: str, limit: int) -> list[tuple[Any, ...]] | None:
        """Rows of a query over the project's models; None if it failed (dbt has said why)."""
        output = io.StringIO()
        # dbt prints the rows whatever its log level
        with redirect_stdout(output):
            shown = self._invoke(*_ASIDE, "show", "--inline", query, "--limit", str(limit))
        if not shown.success:
            print(output.getvalue(), end="")
            return None
        return [tuple(row) for row in shown.result.results[0].agate_table.rows]

    def ask(
        self, query: str, limit: int | None, refusal: type[LikelyBuyersError]
    ) -> list[tuple[Any, ...]]:
        """Rows of a query over models of gold, named by `ref`: from the database itself, else through dbt.

        Raises:
            refusal: there is no database, another process holds it, or it has no such table.
            ProjectError: a file of the project is no YAML.
        """
        lake = lake_of_profile(self.project_dir, self.profiles_dir, self.target)
        if lake is None:
            shown = self.show(query, -1 if limit is None else limit)
            if shown is None:
                raise refusal("dbt could not read it: see what it says above.")
            return shown
        import duckdb

        from likely_buyers.lake import opened

        direct = _REF.sub(r"gold.\1", query) + (f" limit {limit:d}" if limit is not None else "")
        with opened(lake, refusal, read_only=True) as connection:
            try:
                return connection.execute(direct).fetchall()
            except duckdb.CatalogException as error:
                raise refusal(
                    f"the database {lake.catalog} does not have what a build makes: {first_line(error)} Run dbt"
                    " build first."
                ) from error

    def _invoke(
        self,
        *arguments: str,
        callbacks: Sequence[Callable[[Any], None]] = (),
        manifest: Any = None,
    ) -> Any:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        options = ["--project-dir", str(self.project_dir)]
        if self.profiles_dir:
            options += ["--profiles-dir", str(self.profiles_dir)]
        if self.target:
            options += ["--target", self.target]
        if self._given:
            options += ["--vars", self.vars_text]
        try:
            return dbtRunner(manifest, callbacks=list(callbacks)).invoke([*arguments, *options])
        finally:
            # else the database stays open here, with a configuration that no other connection of ours may differ from.
            # dbt-duckdb only lets go of it, and SQL functions of ours hold it: a cycle that Python cannot see
            if DuckDBConnectionManager._ENV is not None:
                DuckDBConnectionManager._ENV.close()
            DuckDBConnectionManager.close_all_connections()


def _problem(finished: Any) -> str:
    """Why dbt failed, in its words."""
    if finished.exception:
        return str(finished.exception).strip()
    return "; ".join(
        str(result.message).strip()
        for result in finished.result
        if result.status not in ("success", "skipped")
    )
