"""A Spark cluster for tests, and the project built on it, in processes of `.venv-spark`."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.command_server import PROJECT
from support.installation import Finished, Installation

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
print(json.dumps([list(map(str, row)) for row in session.sql(sys.argv[1]).collect()]))
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

    def run(
        self, *command: str, variables: dict[str, Any] | None = None, first: str = ""
    ) -> Finished:
        return self.typed(*command, variables=variables)

    def tables(self, names: Sequence[str], folder: Path) -> dict[str, pa.Table]:
        """Tables and views, name by name."""
        folder.mkdir()
        dumped = self.typed("python", "-c", _DUMP, json.dumps(names), str(folder))
        assert dumped.succeeded, dumped.output
        return {name: pq.read_table(folder / f"{name}.parquet") for name in names}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows, their values as texts."""
        asked = self.typed("python", "-W", "ignore", "-c", _SQL, sql)
        assert asked.succeeded, asked.output
        return [tuple(row) for row in json.loads(asked.output.splitlines()[-1])]


@contextmanager
def spark_cluster(folder: Path) -> Iterator[str]:
    """The address of a cluster that is stopped at the end."""
    told = folder / "remote"
    folder.mkdir(parents=True)
    # it ends when its command does, and that when nobody holds the other end
    holds = f'printf %s "$SPARK_REMOTE" > {told}.new && mv {told}.new {told} && cat'
    process = subprocess.Popen(
        [
            *(
                str(SPARK / "bin" / "python"),
                "-m",
                "likely_buyers.spark",
                "--folder",
                str(folder / "spark"),
            ),
            *("--jars", str(SPARK / "jars"), "sh", "-c", holds),
        ],
        env=os.environ | {"PYTHONPATH": str(PROJECT / "python")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + _SECONDS_TO_START
        while not told.exists():
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline, "the cluster did not come up"
            time.sleep(0.2)
        yield told.read_text()
    finally:
        process.communicate(timeout=120)
