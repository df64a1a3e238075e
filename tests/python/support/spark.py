"""A Spark cluster for tests, and the project built on it, in processes of `.venv-spark`."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.command_server import PROJECT
from support.commands import Server
from support.installation import Installation

SPARK = Path(os.environ.get("SPARK_ENVIRONMENT") or PROJECT / ".venv-spark")
_SECONDS_TO_START = 300
# with its types, as a client of Spark sees a table or view
_DUMP = """
import json, sys
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from likely_buyers.spark.arrow import without_zone

session = SparkSession.builder.getOrCreate()
session.conf.set("spark.sql.session.timeZone", "UTC")
for name in json.loads(sys.argv[1]):
    pq.write_table(without_zone(session.table(name).toArrow()), f"{sys.argv[2]}/{name}.parquet")
"""
_SQL = """
import json, sys
from pyspark.sql import SparkSession

session = SparkSession.builder.getOrCreate()
print(json.dumps([[list(map(str, row)) for row in session.sql(sql).collect()] for sql in sys.argv[1:]]))
"""


def skip_without_spark() -> None:
    """Say why nothing is tested where Java or Maven is missing; where both are there, the environment has to be."""
    for command, why in (("java", "Spark needs Java 17"), ("mvn", "Delta's jars come by Maven")):
        if shutil.which(command) is None:
            pytest.skip(f"NOT TESTED: {why}, and there is no {command} on this machine")
    if not (SPARK / "jars" / ".fetched").exists():
        pytest.fail(f"Spark's environment is missing: run make {SPARK.name}/jars/.fetched")


@dataclass
class SparkInstallation(Installation):
    """A state folder, and tables on a cluster."""

    remote: str = ""
    scripts: ClassVar[Path] = SPARK / "bin"
    seconds: ClassVar[int] = 1500

    def environment(self) -> dict[str, str]:
        environment = super().environment() | {
            "SPARK_REMOTE": self.remote,
            "DBT_TARGET": "spark",
            "PATH": f"{SPARK / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT / "python"),
        }
        return environment | self.settings

    def tables(self, names: Sequence[str], folder: Path) -> dict[str, pa.Table]:
        """Tables and views, name by name."""
        folder.mkdir()
        dumped = self.run("python", "-c", _DUMP, json.dumps(names), str(folder))
        assert dumped.succeeded, dumped.output
        return {name: pq.read_table(folder / f"{name}.parquet") for name in names}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows, their values as texts."""
        return self.queries(sql)[0]

    def queries(self, *sql: str) -> list[list[tuple[Any, ...]]]:
        """Rows of each, asked by one process, which takes seconds to start."""
        asked = self.run("python", "-c", _SQL, *sql)
        assert asked.succeeded, asked.output
        answers = json.loads(asked.output.splitlines()[-1])
        return [[tuple(row) for row in rows] for rows in answers]

    def refusal(self, sql: str) -> str:
        """What Spark says of a statement that it must refuse."""
        asked = self.run("python", "-c", _SQL, sql)
        assert not asked.succeeded, asked.output
        return asked.output


# what executors run of a test's own: it waits or fails there where the test asks for it
_FAULTS = """
import os
import time
from pathlib import Path

from likely_buyers.spark import mapping, scoring

faults = Path(os.environ["FAULTS_OF_TESTS"])
load, connection = scoring.Champions.load, mapping._connection


def come_to(place):
    (faults / place).touch()
    deadline = time.monotonic() + 300
    while (faults / f"hold {place}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def connection_with_faults(tables):
    come_to("mapping")
    return connection(tables)


def load_with_faults(champions):
    from pyspark import TaskContext

    task = TaskContext.get()
    if (faults / "anew").exists():
        scoring._loaded.cache_clear()
    come_to("scoring")
    failures = faults / "failures"
    if failures.exists() and task.attemptNumber() < int(failures.read_text()):
        raise RuntimeError(f"attempt {task.attemptNumber()} fails")
    return load(champions)


scoring.Champions.load = load_with_faults
mapping._connection = connection_with_faults
"""


def server_of(project: Path, cache: Path) -> Server:
    """What runs the commands of a project on Spark, in processes of `.venv-spark`."""
    return Server(cache, project, "spark", str(SPARK / "bin" / "python"))


class SparkCluster:
    """A cluster of this machine, which may be stopped in parts, or killed and started again on the same tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = folder / "faults"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """The address of its Connect server."""
        self.faults.mkdir(parents=True, exist_ok=True)
        (self.folder / "sitecustomize.py").write_text(_FAULTS)
        told = self.folder / "remote"
        told.unlink(missing_ok=True)
        # it ends when its command does, and that when nobody holds the other end
        holds = f'printf %s "$SPARK_REMOTE" > {told}.new && mv {told}.new {told} && cat'
        folder, jars = self.folder / "spark", SPARK / "jars"
        python_path = f"{self.folder}{os.pathsep}{PROJECT / 'python'}"
        self._process = subprocess.Popen(
            [
                *(str(SPARK / "bin" / "python"), "-m", "likely_buyers.spark"),
                *("--folder", str(folder), "--jars", str(jars), "sh", "-c", holds),
            ],
            env=os.environ | {"PYTHONPATH": python_path, "FAULTS_OF_TESTS": str(self.faults)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + _SECONDS_TO_START
        while not told.exists():
            assert self._process.poll() is None, (
                self._process.stdout and self._process.stdout.read()
            )
            assert time.monotonic() < deadline, "the cluster did not come up"
            time.sleep(0.2)
        return told.read_text()

    def stop(self) -> None:
        if self._process:
            self._process.communicate(timeout=120)
            self._process = None

    def kill(self, name: str) -> None:
        """Kill the first of its processes that runs the class or module, and what that started, without a word."""
        assert self._process
        for process in psutil.Process(self._process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                command = process.cmdline()
                if name in command and Path(command[0]).name.startswith(("java", "python")):
                    for one in [*process.children(recursive=True), process]:
                        with suppress(psutil.NoSuchProcess):
                            one.kill()
                    return
        raise AssertionError(f"no process runs {name}")
