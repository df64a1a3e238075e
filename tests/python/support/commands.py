"""The tests' side of the command server: one a process of tests, started by the first command."""

import atexit
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from support.command_server import PROJECT

# beside pytest's own, and as little kept: what dbt parses of one run of the tests serves the next
CACHE = PROJECT / ".pytest_cache" / "dbt"
_starting = threading.Lock()


class Server:
    """A command server and its socket."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="commands-")
        self.path = str(Path(self.folder.name) / "socket")
        CACHE.mkdir(parents=True, exist_ok=True)
        here = [str(Path(__file__).parents[1]), str(PROJECT / "python")]
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        # dbt's locks in the processes that were forked off, which end without Python's farewell
        environment["PYTHONWARNINGS"] = "ignore:resource_tracker:UserWarning"
        environment["PYTHONPATH"] = os.pathsep.join([*here, os.environ.get("PYTHONPATH", "")])
        # only one at a time parses into the cache
        with (CACHE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "support.command_server", self.path, str(CACHE)],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert self._process.stdout
            told = self._process.stdout.readline()
        assert told == "ready\n", "the command server did not start: see above"
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the process: it lives as long as its standard input is open, and so no longer than this one."""
        self._process.communicate()
        self.folder.cleanup()


@cache
def _server() -> Server:
    return Server()


def _started_server() -> Server:
    # tests may start two commands at once
    with _starting:
        return _server()


class Running:
    """A command that runs, once it has run some Python of the test's; its output so far is in a file."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        first: str = "",
    ) -> None:
        server = _started_server()
        with tempfile.NamedTemporaryFile(dir=server.folder.name, delete=False) as file:
            self.output_file = Path(file.name)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(server.path)
        self._answers = self._socket.makefile()
        wanted = {
            "command": list(command),
            "environment": dict(environment),
            "folder": str(folder),
            "output": str(self.output_file),
            "first": first,
        }
        self._socket.sendall(f"{json.dumps(wanted)}\n".encode())
        self.pid = int(self._answers.readline())

    def wait(self, seconds: float = 240) -> int | None:
        """The exit code, or None if the command was killed.

        Raises:
            TimeoutError: it did not end, and was killed; with where each of its threads was, and its output.
        """
        self._socket.settimeout(seconds)
        try:
            answer = self._answers.readline()
        except TimeoutError as error:
            os.kill(self.pid, signal.SIGUSR1)
            time.sleep(1)
            os.kill(self.pid, signal.SIGKILL)
            raise TimeoutError(f"no end after {seconds} s:\n{self.output()}") from error
        self._answers.close()
        self._socket.close()
        return int(answer) if answer else None

    def output(self) -> str:
        """What it said; the file is gone afterwards."""
        said = self.output_file.read_text("utf-8", errors="replace")
        self.output_file.unlink()
        return said
