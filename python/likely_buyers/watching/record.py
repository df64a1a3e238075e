"""What a build of gold leaves of itself, beside what it noted in the lake: how long its stages took, and its memory.

dbt's run_results.json would have the times, but the next command of dbt, a mere `dbt compile`, writes it anew.
"""

import json
import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from likely_buyers.watching.errors import WatchingError

FILE = "last_build.json"

_PASSED = ("success", "pass", "no-op")


@dataclass(frozen=True)
class BuildRecord:
    """The last `dbt build` of gold that came to its end.

    Attributes:
        build_id: dbt's invocation id.
        started_at: in ISO 8601, UTC; `finished_at` likewise.
        problem: why it did not pass; None if it did.
        stage_seconds: of each layer, of tests, seeds and hooks.
        results: how many nodes there were of each kind and status: {"test": {"pass": 40}}.
        peak_memory_bytes: most that the process held.
    """

    build_id: str
    started_at: str
    finished_at: str
    problem: str | None
    stage_seconds: Mapping[str, float]
    results: Mapping[str, Mapping[str, int]]
    peak_memory_bytes: int

    @classmethod
    def of(cls, request: Mapping[str, Any], problem: str | None, finished_at: datetime) -> Self:
        """The record of a run, as the macro end_run tells of it."""
        seconds: dict[str, float] = {}
        results: dict[str, dict[str, int]] = {}
        for node, status, _, took, schema in request["results"]:
            kind = node.partition(".")[0]
            stage = schema if kind == "model" else f"{kind}s"
            seconds[stage] = seconds.get(stage, 0.0) + float(took or 0)
            counts = results.setdefault(kind, {})
            counts[status] = counts.get(status, 0) + 1
        return cls(
            build_id=request["invocation_id"],
            started_at=request["started_at"],
            finished_at=finished_at.isoformat(),
            problem=problem,
            stage_seconds=seconds,
            results=results,
            peak_memory_bytes=peak_memory(),
        )

    @property
    def seconds(self) -> float:
        """From its start to its end."""
        begun, ended = (datetime.fromisoformat(at) for at in (self.started_at, self.finished_at))
        return (ended - begun).total_seconds()

    @property
    def failed_tests(self) -> int:
        """Tests that did not pass; a warning is none."""
        tests = self.results.get("test", {})
        return sum(count for status, count in tests.items() if status in ("fail", "error"))

    def write(self, state: Path) -> None:
        """Into the state folder, whole or not at all."""
        unfinished = state / f"{FILE}.{os.getpid()}"
        unfinished.write_text(json.dumps(asdict(self), indent=2))
        unfinished.replace(state / FILE)


def last_record(state: Path) -> BuildRecord | None:
    """What the last build left; None if none has come to its end there.

    Raises:
        WatchingError: the file is not what a build wrote.
    """
    try:
        return BuildRecord(**json.loads((state / FILE).read_text()))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError) as error:
        raise WatchingError(
            f"{state / FILE} is not what a build wrote: {error}. Remove it; the next dbt build writes it."
        ) from error


def peak_memory() -> int:
    """Most memory, in bytes, that this process has held so far."""
    # kilobytes, but bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
