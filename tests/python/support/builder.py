"""dbt builds in a process forked off with the project parsed, and a shop whose deliveries are built so."""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from support.installation import PROJECT, Finished, Installation


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
