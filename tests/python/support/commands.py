"""The tests' side of the command server: one for a run of pytest, or started by the first command."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from support.command_server import PROJECT

# beside pytest's own, and as little kept: what dbt parses of one run of the tests serves the next
CACHE = PROJECT / ".pytest_cache" / "dbt"
# the folder of a server that serves all processes of a run
SHARED = "COMMAND_SERVER_OF_TESTS"
_SECONDS_TO_START = 600
_starting = threading.Lock()


class Server:
    """A command server, which is told to start, and the folder of its socket.

    target: of the project, and its environment's Python, where they are not those of the tests.
    """

    def __init__(
        self,
        cache: Path = CACHE,
        project: Path = PROJECT,
        target: str = "",
        python: str = sys.executable,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="commands-")
        self.folder = Path(self._folder.name)
        cache.mkdir(parents=True, exist_ok=True)
        here = [str(Path(__file__).parents[1]), str(PROJECT / "python")]
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        # dbt's locks in the processes that were forked off, which end without Python's farewell
        environment["PYTHONWARNINGS"] = "ignore:resource_tracker:UserWarning"
        environment["PYTHONPATH"] = os.pathsep.join([*here, os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [
                *(python, "-m", "support.command_server", str(_socket_in(self.folder))),
                *(str(cache), str(project), *([target] if target else [])),
            ],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the process: it lives as long as its standard input is open, and so no longer than this one."""
        self._process.communicate()
        self._folder.cleanup()


def share_a_server() -> None:
    """Start one for this process and those that it starts, and do not wait for it."""
    os.environ[SHARED] = str(_server().folder)


@cache
def _server() -> Server:
    return Server()


def _shared_folder() -> Path:
    # tests may start two commands at once
    with _starting:
        return Path(os.environ[SHARED]) if SHARED in os.environ else _server().folder


def _once_it_listens(folder: Path) -> Path:
    ends = time.monotonic() + _SECONDS_TO_START
    while not _socket_in(folder).exists():
        assert time.monotonic() < ends, "the command server did not start: see above"
        time.sleep(0.05)
    return folder


def _socket_in(folder: Path) -> Path:
    return folder / "socket"


class Running:
    """A command that runs, once it has run some Python of the test's; its output so far is in a file."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        first: str = "",
        of: Server | None = None,
    ) -> None:
        server = _once_it_listens(of.folder if of else _shared_folder())
        with tempfile.NamedTemporaryFile(dir=server, delete=False) as file:
            self.output_file = Path(file.name)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(_socket_in(server)))
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

    def wait(self, seconds: float = 900) -> int | None:
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

    def ended(self) -> bool:
        """Whether it has ended by now; its exit code is still to be asked for."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def kill(self) -> None:
        """End it, and what it said is gone; nothing if it has been waited for."""
        if self._socket.fileno() >= 0:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.wait()
        self.output_file.unlink(missing_ok=True)

    def output(self) -> str:
        """What it said; the file is gone afterwards."""
        said = self.output_file.read_text("utf-8", errors="replace")
        self.output_file.unlink()
        return said
