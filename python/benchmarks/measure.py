"""A command run to its end: its wall-clock seconds, and the most memory that it and its children held at once."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.2


@dataclass(frozen=True)
class Run:
    """A finished process.

    seconds: wall clock.
    peak_gb: most resident memory in GB (10^9 bytes): of a process and all its children together, as seen five times
        a second, or of one of them alone as the system remembers it, whichever is more. Shared pages count twice.
    output: what it printed.
    stopped: whether it was stopped because it took more memory than it was allowed.
    """

    seconds: float
    peak_gb: float
    output: str
    stopped: bool = False


def run(
    command: list[str], environment: dict[str, str], *, folder: Path, most_gb: float | None = None
) -> Run:
    """Run a command quietly to its end, or until it holds more than `most_gb`.

    Raises:
        SystemExit: it failed by itself; with what it printed.
    """
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        peak = 0
        stopped = False
        try:
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(SAMPLE_SECONDS)
                together, alone = _resident_bytes(process.pid)
                peak = max(peak, together, alone)
                if most_gb is not None and together > most_gb * 1e9:
                    stopped = True
                    break
        finally:
            # also what it left running, and everything when the benchmark itself is stopped
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        seconds = time.perf_counter() - started
        output.seek(0)
        printed = output.read()
    if process.returncode and not stopped:
        raise SystemExit(f"{' '.join(command)} failed:\n{printed}")
    return Run(seconds, peak / 1e9, printed, stopped)


def _resident_bytes(pid: int) -> tuple[int, int]:
    """Resident bytes of a process and its children together, and the peak of the largest of them."""
    together = alone = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                together += process.memory_info().rss
                alone = max(alone, _peak_bytes(process.pid))
    return together, alone


def _peak_bytes(pid: int) -> int:
    """The high-water mark that Linux keeps of a process; 0 where there is none to read."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
