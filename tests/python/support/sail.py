"""Sail, a Spark Connect server without Java: SQL and Python models for Spark are tried on it within seconds."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.command_server import PROJECT
from support.spark import SPARK


class SailProblem(Exception):
    """What went wrong there."""


class Sail:
    """A process with a server on loopback, which ends when its standard input does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with (folder / "sail.log").open("w") as log:
            self._process = subprocess.Popen(
                [str(SPARK / "bin" / "python"), str(Path(__file__).with_name("sail_process.py"))],
                cwd=PROJECT,
                env=os.environ
                | {
                    "PYTHONPATH": str(PROJECT / "python"),
                    "LIKELY_BUYERS_STATE": str(folder / "state"),
                    "PYTHONWARNINGS": "ignore",
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def ask(self, what: str, **given: Any) -> Any:
        """An answer of `sail_process.Answers`."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps({"ask": what, **given}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, (self._folder / "sail.log").read_text()
        answer = json.loads(line)
        if "error" in answer:
            raise SailProblem(answer["error"])
        return answer["answer"]

    def queries(self, tables: Mapping[str, pa.Table], **queries: str) -> dict[str, pa.Table]:
        """What queries find in tables."""
        files = {name: str(self._folder / f"{name}.parquet") for name in tables}
        for name, table in tables.items():
            pq.write_table(table, files[name])
        found = self._folder / "found"
        found.mkdir(exist_ok=True)
        self.ask("answered", tables=files, queries=queries, folder=str(found))
        return {name: pq.read_table(found / f"{name}.parquet") for name in queries}

    def stop(self) -> None:
        self._process.communicate(timeout=60)


@contextmanager
def sail_in(folder: Path) -> Iterator[Sail]:
    """One in a folder; a test that has none is skipped, and says so."""
    there = SPARK.glob("lib/python*/site-packages/pysail")
    if not any(there):
        pytest.skip(
            f"NOT TESTED: there is no pysail in {SPARK.name}: make {SPARK.name}/.installed-sail"
        )
    sail = Sail(folder)
    try:
        yield sail
    finally:
        sail.stop()
