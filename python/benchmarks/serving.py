"""The endpoint beside what it is to be faster than: `python python/benchmarks/serving.py --help`.

Makes a demo shop with a champion, then prints ratios of one run. In the process, in processor time, since others may
use the machine: a row by the laid-out model and by `predict_proba`, scores just in time, stored ones. Over HTTP, in
seconds: requests of the endpoint and of MLflow's own scoring server, with the same champion, rows and client; and what
is answered past a limit.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import numpy as np
from rich.console import Console
from rich.table import Table

from likely_buyers.outcomes import Outcome
from likely_buyers.registry import Registry
from likely_buyers.scoring.rows import RowModel
from likely_buyers.serving.allocator import keep_memory
from likely_buyers.serving.champions import load_stage
from likely_buyers.serving.events import Event, accepted
from likely_buyers.serving.live_scores import Ask, LiveState
from likely_buyers.serving.store import ServingCopy

PROJECT = Path(__file__).resolve().parents[2]
OUTCOME = Outcome("purchase_30d", 30)
MODEL = f"likely_buyers.{OUTCOME.name}"
TOGETHER = 64
# as the endpoint sets it for itself
os.environ.setdefault("OMP_NUM_THREADS", "1")
_MLFLOW = """
import sys, mlflow, uvicorn
from mlflow.pyfunc import scoring_server
mlflow.set_tracking_uri(sys.argv[1]); mlflow.set_registry_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
uvicorn.run(scoring_server.init(model), port=int(sys.argv[3]), log_level="warning", access_log=False)
"""


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=["all", "process"], default="all")
    parser.add_argument("--users", type=int, default=3_000, help="of the demo shop (default 3,000)")
    parser.add_argument("--seconds", type=float, default=6, help="of each load (default 6)")
    parser.add_argument(
        "--folder", type=Path, help="where to work and find what was made; default: a temporary one"
    )
    options = parser.parse_args()
    # as `likely-buyers serve` does
    keep_memory()
    with tempfile.TemporaryDirectory(prefix="likely_buyers_serving_") as temporary:
        benchmark(
            options.users, options.seconds, options.folder or Path(temporary), options.part == "all"
        )


def benchmark(users: int, seconds: float, folder: Path, with_http: bool) -> None:
    """Make the shop, measure, print."""
    state = folder / "state"
    environment = dict(os.environ, LIKELY_BUYERS_STATE=str(state), OMP_NUM_THREADS="1")
    environment.pop("MLFLOW_TRACKING_URI", None)
    if not (folder / "made").exists():
        make_shop(users, state, environment)
        (folder / "made").touch()
    table = Table("figure", "found", "goal", "milliseconds, requests a second")
    in_process(state, table)
    if with_http:
        over_http(state, environment, seconds, table)
    Console(width=140).print(table)


def make_shop(users: int, state: Path, environment: dict[str, str]) -> None:
    """A demo shop, trained, built, and copied for serving."""
    shop = ["likely-buyers", "simulate", "--users", str(users)]
    for command in (
        [*shop, "--days", "180", "--seed", "1", "--out", str(state / "demo_shop")],
        ["likely-buyers", "train", "--promote"],
        ["dbt", "build", "--exclude-resource-type", "unit_test"],
        ["likely-buyers", "serving-copy"],
    ):
        subprocess.run(command, cwd=PROJECT, env=environment, check=True, stdout=sys.stderr)


# --- in the process ---------------------------------------------------------------------


def in_process(state: Path, table: Table) -> None:
    """Rows of the table about the model, the features and the copy, measured in turns."""
    registry = Registry(state, model_name=MODEL)
    champions = load_stage([(OUTCOME, registry)], "production", None).champions
    if champions is None:
        raise SystemExit(f"{state} has no champion")
    copy = ServingCopy(state / "serving" / "copy.sqlite")
    live = LiveState(champions, copy)
    estimator = registry.load().estimator
    rows = RowModel.of(estimator)
    users = [user for (user,) in copy._connection.execute("select user_id from scores")]
    X = np.random.default_rng(0).exponential(3.0, (1_000, len(champions.features)))
    X[np.random.default_rng(1).random(X.shape) < 0.2] = np.nan
    batch = estimator.predict_proba(X)[:, 1]
    alone = [rows.probabilities(X[place : place + 1])[0] for place in range(len(X))]
    equal = int((np.array(alone) == batch).sum())
    day = copy.as_of
    today = [
        Event.model_validate(
            {
                "event_time": f"{day}T1{n}:00:00",
                "event_type": kind,
                "product_id": f"p{n}",
                "price": 9.5,
            }
        )
        for n, kind in enumerate(("view", "cart", "purchase"))
    ]
    found = accepted(today, "", None, copy.rules, datetime(2100, 1, 1))

    def ask(place: int) -> Ask:
        return Ask(copy.days(users[place % len(users)]), found.rows, day + timedelta(days=1))

    def just_in_time(count: int) -> Callable[[int], object]:
        return lambda n: live.scores(
            [ask(count * n + one) for one in range(count)], day + timedelta(days=1)
        )

    one, row, alone_, many, stored = _in_turns(
        lambda n: estimator.predict_proba(X[n % 1_000 : n % 1_000 + 1]),
        lambda n: rows.probabilities(X[n % 1_000 : n % 1_000 + 1]),
        just_in_time(1),
        just_in_time(TOGETHER),
        lambda n: copy.scores(users[n % len(users)]),
    )
    p50, p99 = np.median, lambda times: np.percentile(times, 99)
    base = p50(one)
    table.add_row("one row by predict_proba", "1", "", f"{base:.3f}, p99 {p99(one):.3f}")
    table.add_row(
        f"one row laid out; {equal} of {len(X)} equal to the bit",
        f"1/{base / p50(row):.0f}",
        "1/20",
        f"{p50(row):.4f}",
    )
    table.add_row(
        "just in time, one user, p50", f"{p50(alone_) / base:.2f}", "2", f"{p50(alone_):.2f}"
    )
    table.add_row(
        "just in time, one user, p99", f"{p99(alone_) / base:.2f}", "3", f"{p99(alone_):.2f}"
    )
    table.add_row(
        f"just in time, {TOGETHER} users together, p50",
        f"{p50(many) / base:.2f}",
        "3",
        f"{p50(many):.2f}",
    )
    table.add_row(
        "stored score by key", f"1/{base / p50(stored):.0f}", "1/50", f"{p50(stored):.4f}"
    )


def _in_turns(
    *calls: Callable[[int], object], turns: int = 15, at_once: int = 20
) -> list[np.ndarray]:
    """Milliseconds of the processor for each call, in turns, so that a busy moment falls on all of them."""
    times = np.empty((len(calls), turns, at_once))
    for turn in range(turns):
        for place, call in enumerate(calls):
            call(0)
            for one in range(at_once):
                started = time.thread_time()
                call(turn * at_once + one)
                times[place, turn, one] = 1_000 * (time.thread_time() - started)
    return [of_call.ravel() for of_call in times]


# --- over HTTP --------------------------------------------------------------------------


def over_http(state: Path, environment: dict[str, str], seconds: float, table: Table) -> None:
    """Rows of the table about requests a second, and about what comes past a limit."""
    copy = ServingCopy(state / "serving" / "copy.sqlite")
    names = Registry(state, model_name=MODEL).load().feature_names
    body = {"dataframe_split": {"columns": list(names), "data": [[1.0] * len(names)]}}
    (user,) = copy._connection.execute("select user_id from scores").fetchone()
    event = {"event_time": f"{copy.as_of}T10:00:00", "event_type": "cart", "product_id": "p"}
    uri = f"sqlite:///{state / 'registry.db'}"
    port = _free_port()
    theirs_command = [sys.executable, "-c", _MLFLOW, uri, f"models:/{MODEL}@champion", str(port)]
    with _server(theirs_command, environment, port):
        theirs = Load(port, "POST", "/invocations", body).run(seconds, connections=4)
    port = _free_port()
    command = ["likely-buyers", "serve", "--port", str(port)]
    with _server(command, environment, port):
        ours = Load(port, "POST", "/invocations", body).run(seconds, connections=4)
        stored = Load(port, "GET", f"/v1/users/{user}").run(seconds, connections=4)
        path = f"/v1/users/{user}/score"
        live = Load(port, "POST", path, {"events": [event]}).run(seconds, connections=32)
    ratio = ours.per_second / theirs.per_second
    table.add_row("POST /invocations, one row: MLflow's scoring server", "1", "", theirs.told)
    table.add_row("the same by the endpoint", f"{ratio:.1f} x", "20 x", ours.told)
    table.add_row("GET /v1/users/{id}", "", "", stored.told)
    table.add_row("POST /v1/users/{id}/score, 32 connections", "", "", live.told)
    port = _free_port()
    command = ["likely-buyers", "serve", "--port", str(port), "--most-requests", "16"]
    many = body | {"dataframe_split": {"columns": list(names), "data": [[1.0] * len(names)] * 100}}
    with _server(command, environment, port):
        past = Load(port, "POST", "/invocations", many).run(seconds, connections=64)
    statuses = ", ".join(f"{count} x {status}" for status, count in sorted(past.statuses.items()))
    table.add_row(
        "64 connections of 100 rows past a limit of 16", statuses, "200 or 503", past.told
    )


class Load:
    """The same request over several connections that stay open, each a thread that waits for its answer."""

    def __init__(self, port: int, method: str, path: str, body: object = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        self._request = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
        self._port = port
        self.statuses: Counter[int] = Counter()
        self._times: list[float] = []
        self._seconds = 0.0

    def run(self, seconds: float, connections: int) -> "Load":
        """Ask for so many seconds."""
        started = time.perf_counter()
        threads = [
            threading.Thread(target=self._ask, args=(started + seconds,))
            for _ in range(connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._seconds = time.perf_counter() - started
        return self

    @property
    def per_second(self) -> float:
        """Answers, whatever they say."""
        return len(self._times) / self._seconds

    @property
    def told(self) -> str:
        """Requests a second, and how long they took."""
        p50, p99 = np.percentile(self._times, [50, 99]) * 1_000
        return f"{self.per_second:,.0f} a second; p50 {p50:.1f}, p99 {p99:.1f}, longest {max(self._times) * 1_000:.0f}"

    def _ask(self, ends: float) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=60) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = connection.makefile("rb")
            while (started := time.perf_counter()) < ends:
                connection.sendall(self._request)
                status = int(answers.readline().split()[1])
                length = 0
                while (line := answers.readline()) != b"\r\n":
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                answers.read(length)
                self._times.append(time.perf_counter() - started)
                self.statuses[status] += 1


@contextlib.contextmanager
def _server(command: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/ping"):
                break
            if process.poll() is not None or time.monotonic() > ends:
                raise SystemExit(f"{command[0]} did not answer")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


if __name__ == "__main__":
    main()
