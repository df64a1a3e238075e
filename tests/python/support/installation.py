"""dbt and the command line as a user runs them, on a state folder of their own."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from support.command_server import PROJECT
from support.commands import Running, Server
from support.lakes import answer, open_lake

ONLINE_RETAIL = PROJECT.parent / "shared" / "data" / "online_retail.parquet"


@dataclass
class Finished:
    """A finished command."""

    succeeded: bool
    output: str


@dataclass
class Installation:
    """A state folder with the commands that work on it."""

    state: Path
    registry_of: "Installation | None" = None
    settings: dict[str, str] = field(default_factory=dict)
    # where the commands are typed: the checkout, unless it says another folder
    folder: Path | None = None
    # what runs the commands that are not typed: that of all tests, unless it says another
    server: Server | None = None
    # of the environment whose commands they are, and how long one may take
    scripts: ClassVar[Path] = Path(sys.executable).parent
    seconds: ClassVar[int] = 900

    @classmethod
    def with_own_seeds(cls, folder: Path) -> "Installation":
        """In a folder: of a project that differs from the checkout in its seeds, which may be changed."""
        project = folder / "project"
        project.mkdir()
        files = ("dbt_project.yml", "profiles.yml", "selectors.yml")
        for name in (*files, "macros", "models", "python", "tests"):
            (project / name).symlink_to(PROJECT / name)
        shutil.copytree(PROJECT / "seeds", project / "seeds")
        return cls(folder / "state", folder=project)

    def seed(self, name: str, *lines: str) -> Finished:
        """Write the file of a seed of its own, and build it."""
        assert self.folder is not None
        (self.folder / "seeds" / f"{name}.csv").write_text("\n".join([*lines, ""]))
        return self.dbt("build", "--select", name)

    def environment(self) -> dict[str, str]:
        """The environment of the commands: nothing of one installation is written where another reads."""
        environment = dict(
            os.environ,
            LIKELY_BUYERS_STATE=str(self.state),
            DBT_USE_COLORS="false",
            COLUMNS="200",
            NO_COLOR="1",
            OMP_NUM_THREADS="1",
            # a quarter of a small build is its log of every step, which nobody reads here
            DBT_LOG_LEVEL_FILE="warn",
            # these check the SQL and not the data: a test of their own runs them once
            DBT_EXCLUDE_RESOURCE_TYPES="unit_test",
            # a test that meets a lock says itself how long it is willing to wait
            LIKELY_BUYERS_LOCK_ATTEMPTS="1",
            # likely-buyers serve would begin its process anew, which is the server of the tests' commands
            DUCKDB_JE_MALLOC_CONF="dirty_decay_ms:1000",
        )
        environment.pop("MLFLOW_TRACKING_URI", None)
        if self.registry_of:
            environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{self.registry_of.state}/registry.db"
        return environment | self.settings

    def run(
        self, *command: str, variables: dict[str, Any] | None = None, first: str = ""
    ) -> Finished:
        """`dbt` or `likely-buyers` with arguments, in a process that need not import and parse first.

        first: Python that the process runs before the command, for what is to happen while it is under way.
        """
        running = self.started(*command, variables=variables, first=first)
        return Finished(running.wait(self.seconds) == 0, running.output())

    def started(
        self, *command: str, variables: dict[str, Any] | None = None, first: str = ""
    ) -> Running:
        """As `run`, without waiting for the end."""
        given = ["--vars", yaml.safe_dump(variables)] if variables else []
        folder = self.folder or PROJECT
        return Running([*command, *given], self.environment(), folder, first, self.server)

    def typed(self, *command: str, variables: dict[str, Any] | None = None) -> Finished:
        """As `run`, with the console script itself, which takes five to ten seconds of a processor to start."""
        given = ["--vars", yaml.safe_dump(variables)] if variables else []
        process = subprocess.run(
            [str(self.scripts / command[0]), *command[1:], *given],
            cwd=self.folder or PROJECT,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=self.seconds,
            check=False,
        )
        return Finished(process.returncode == 0, process.stdout)

    def dbt(self, *arguments: str, variables: dict[str, Any] | None = None) -> Finished:
        return self.run("dbt", *arguments, variables=variables)

    def built(self, *arguments: str, variables: dict[str, Any] | None = None) -> Finished:
        """`dbt build` that must succeed."""
        finished = self.dbt("build", *arguments, variables=variables)
        assert finished.succeeded, finished.output
        return finished

    def build_models(
        self, *arguments: str, variables: dict[str, Any] | None = None, first: str = ""
    ) -> Finished:
        """`dbt build` of seeds and models without the tests of their data, where these are not what is tested."""
        # without the artifacts: they take a tenth of a small build
        kinds = ("--no-write-json", "--resource-type", "seed", "--resource-type", "model")
        return self.run("dbt", "build", *kinds, *arguments, variables=variables, first=first)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with open_lake(self.state, read_only=True) as connection:
            return answer(connection, sql)
