"""`likely-buyers stream --once`, killed again and again, each time at another moment.

A process that has read the project forks each of them off: of a start, this is what takes long. What a start asks of
the lake and of files each asks anew.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from likely_buyers.cli import streaming
from likely_buyers.dbt.project import Project
from likely_buyers.streaming import StreamMetrics


@dataclass(frozen=True)
class Kill:
    """Files that are there before, by path, and when the process dies: after a share of what a function took before.

    Without a share it ends by itself, and how long the function took is noted.
    """

    files: dict[str, str]
    function: str
    share: float | None = None


def streams_killed(kills: list[Kill], told: Path) -> str:
    """Python for a process that then runs the stream so often, and writes to `told` which of them were killed."""
    plan = told.with_suffix(".plan")
    plan.write_text(json.dumps([asdict(kill) for kill in kills]))
    return f"from support.killed_streams import prepare; prepare({str(plan)!r}, {str(told)!r})"


def prepare(plan: str, told: str) -> None:
    """Have the command run the plan in place of one stream."""
    kills = [Kill(**one) for one in json.loads(Path(plan).read_text())]
    run_stream = streaming.run_stream
    Project.rendered, Project.parsed = cache(Project.rendered), cache(Project.parsed)  # type: ignore[method-assign]

    def run_plan(project: Project, pace: streaming.Pace, metrics: StreamMetrics) -> int:
        # what it reads of the project is kept for all of them
        streaming.Stream(project, pace, metrics)
        took: dict[str, float] = {}
        killed = []
        for kill in kills:
            for name, text in kill.files.items():
                Path(name).write_text(text)
            note = Path(f"{told}.{kill.function}")
            process = os.fork()
            if not process:
                _watch(kill, took.get(kill.function, 0.0), note)
                os._exit(run_stream(project, pace, metrics))
            _, status = os.waitpid(process, 0)
            if kill.share is None:
                took[kill.function] = float(note.read_text())
            killed.append(os.WIFSIGNALED(status))
        Path(told).write_text(json.dumps(killed))
        return 0

    streaming.run_stream = run_plan


def _watch(kill: Kill, took: float, note: Path) -> None:
    """The function tells how long it took, or the process dies some seconds into it."""
    original: Callable[..., Any] = getattr(streaming.Stream, kill.function)

    def watched(*arguments: Any) -> Any:
        if kill.share is not None:
            seconds = kill.share * took
            threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
        began = time.monotonic()
        result = original(*arguments)
        note.write_text(str(time.monotonic() - began))
        return result

    setattr(streaming.Stream, kill.function, watched)
