"""Fixtures: dbt and the command line as a user runs them, each on a state folder of its own."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
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

    def environment(self) -> dict[str, str]:
        """The environment of the commands: nothing of one installation is written where another reads."""
        environment = dict(
            os.environ,
            LIKELY_BUYERS_STATE=str(self.state),
            DBT_USE_COLORS="false",
            COLUMNS="200",
            NO_COLOR="1",
            OMP_NUM_THREADS="1",
            # a test that meets a lock says itself how long it is willing to wait
            LIKELY_BUYERS_LOCK_ATTEMPTS="1",
        )
        environment.pop("MLFLOW_TRACKING_URI", None)
        if self.registry_of:
            environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{self.registry_of.state}/registry.db"
        return environment | self.settings

    def run(self, *command: str, variables: dict[str, Any] | None = None) -> Finished:
        given = ["--vars", yaml.safe_dump(variables)] if variables else []
        process = subprocess.run(
            [str(Path(sys.executable).with_name(command[0])), *command[1:], *given],
            cwd=self.folder or PROJECT,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
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

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.state / "likely_buyers.duckdb"), read_only=True) as connection:
            return connection.sql(sql).fetchall()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    yield Installation(tmp_path / "state")


class Builder:
    """Builds models in a process forked off with the project parsed, so that a build costs a second, not five."""

    def __init__(self, folder: Path) -> None:
        from dbt.cli.main import dbtRunner

        self._options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        own = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
        parsed = dbtRunner().invoke(["--quiet", "parse", *own, *self._options])
        assert parsed.success, parsed.exception
        self._manifest = parsed.result

    def build(self, state: Path, variables: dict[str, Any], *flags: str) -> Finished:
        """`dbt build` of the seeds and models selected by the flags, without their tests."""
        child = multiprocessing.get_context("fork").Process(
            target=self._build, args=(state, variables, flags)
        )
        child.start()
        child.join(120)
        return Finished(child.exitcode == 0, (state / "build.log").read_text())

    def _build(self, state: Path, variables: dict[str, Any], flags: tuple[str, ...]) -> None:
        from dbt.cli.main import dbtRunner

        state.mkdir(exist_ok=True)
        with (state / "build.log").open("w") as log:
            sys.stdout = sys.stderr = log
            os.environ.update(Installation(state).environment())
            finished = dbtRunner(manifest=self._manifest).invoke(
                [
                    *("build", "--vars", yaml.safe_dump(variables)),
                    *("--resource-type", "seed", "--resource-type", "model"),
                    *(*flags, *self._options),
                ]
            )
        os._exit(0 if finished.success else 1)


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(tmp_path_factory.mktemp("builder"))


class DeliveredShop:
    """A folder of deliveries, and the warehouse that takes them in up to its features."""

    def __init__(self, builder: Builder, folder: Path) -> None:
        self.builder = builder
        self.events = folder / "events"
        self.warehouse = Installation(folder / "state")
        self.variables = {"events_path": str(self.events), "as_of": "2020-02-01"}

    def build(
        self,
        *flags: str,
        select: Sequence[str] = ("+user_features",),
        into: Installation | None = None,
    ) -> Finished:
        state = (into or self.warehouse).state
        return self.builder.build(state, self.variables, "--select", *select, *flags)

    def built(
        self,
        *flags: str,
        select: Sequence[str] = ("+user_features",),
        into: Installation | None = None,
    ) -> str:
        """What a build that must succeed said, in one line."""
        finished = self.build(*flags, select=select, into=into)
        assert finished.succeeded, finished.output
        return " ".join(finished.output.split())
