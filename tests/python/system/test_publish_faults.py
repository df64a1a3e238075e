"""Publishing while things fail: each destination holds the run before or the new one, and the next ends right."""

import json
import signal
import subprocess
import threading
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest

from likely_buyers.lake import limits
from likely_buyers.publishing import PublishingError
from support.published_gold import (
    ONE_THREAD,
    Postgres,
    Seen,
    Shop,
    postgres_server,
    python,
    read_delta,
    read_duckdb,
    read_parquet,
    read_postgres,
    s3_server,
    speak_to,
)

KILLS = 12
PUBLISHES = 100
# Delta and PostgreSQL take part in every so many of them: the time of CI is short
SLOWER_DESTINATIONS_EACH = 4
READING_PROCESSES, READERS_EACH = 5, 10
# every reader reads once for so many publishes, while they go on
READ_EACH = 5
PUBLISH = """\
import os, resource, signal, sys
from pathlib import Path
from support.published_gold import Shop
from likely_buyers.publishing.gold import Gold
import likely_buyers.publishing.delta, likely_buyers.publishing.parquet
folder, postgres, bytes_at_most, kill_at = sys.argv[1], sys.argv[2] == "postgres", int(sys.argv[3]), int(sys.argv[4])
shop = Shop(Path(folder))
batches, steps = Gold.batches, 0

def step():
    global steps
    steps += 1
    if steps == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

def read(*arguments, **settings):
    step()
    return batches(*arguments, **settings)

def done(event, arguments):
    if event in ("open", "os.rename", "os.remove") and str(arguments[0]).startswith(str(shop.published)):
        step()

Gold.batches = read
sys.addaudithook(done)
if bytes_at_most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_at_most, bytes_at_most))
try:
    shop.publish(postgres={} if postgres else None)
except Exception as error:
    print(error)
print(steps)
"""


def in_destinations(shop: Shop, postgres: Postgres | None = None) -> dict[str, Seen]:
    found = {
        "duckdb": read_duckdb(shop.published / "gold.duckdb"),
        "parquet": read_parquet(str(shop.published / "parquet")),
        "delta": read_delta(str(shop.published / "delta")),
    }
    return found | ({"postgres": read_postgres(postgres.address())} if postgres else {})


def runs(shop: Shop, postgres: Postgres | None = None) -> dict[str, str]:
    """The one run that each destination shows, all of it."""
    shown = {}
    for destination, seen in in_destinations(shop, postgres).items():
        ((run, rows),) = seen.predictions
        assert rows == 200, destination
        assert seen.manifest in (None, run), destination
        shown[destination] = run
    return shown


def test_a_publish_killed_at_any_moment_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path)
    with postgres_server() as postgres:
        speak_to(postgres, monkeypatch)
        # one day for all: every run replaces the same partition of the log
        shop.build(0, day=1).publish(postgres={})
        shop.build(1, day=1)
        steps = int(published(shop).stdout.splitlines()[-1])
        left = []
        for run, step in enumerate(np.linspace(1, steps, KILLS, dtype=int), start=2):
            shop.build(run, day=1)
            killed = published(shop, kill_at=step)
            assert killed.returncode == -signal.SIGKILL, (step, steps, killed.stdout)
            shown = runs(shop, postgres)
            assert set(shown.values()) <= {f"run-{run - 1}", f"run-{run}"}, shown
            left.append(set(shown.values()))
            shop.publish(postgres={})
            assert set(runs(shop, postgres).values()) == {f"run-{run}"}
        assert not list(shop.published.rglob("*.publishing*"))
        # not all were killed before anything was done, nor after all was
        assert any(f"run-{run}" in shown for run, shown in enumerate(left, start=2)), left
        assert any(f"run-{run - 1}" in shown for run, shown in enumerate(left, start=2)), left


def published(shop: Shop, *, kill_at: int = 0) -> subprocess.CompletedProcess[str]:
    """A publish that kills itself at a step: a file that is opened or renamed, or a part that is read."""
    child = python(PUBLISH, str(shop.folder), "postgres", "0", str(kill_at))
    said, _ = child.communicate(timeout=60)
    return subprocess.CompletedProcess([], child.returncode, said)


def test_every_third_request_refused_by_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(tmp_path)
    destinations = {
        "duckdb": "s3://shop/gold.duckdb",
        "parquet": "s3://shop/parquet",
        "delta": "s3://shop/delta",
    }
    with s3_server() as server:
        speak_to(server, monkeypatch)
        for run in (1, 2):
            shop.build(run)
            server.refuse_each = 3
            shop.publish(**destinations)
            server.refuse_each = 0
            assert server.refused >= 10 * run
            files = server.filesystem()
            copy = tmp_path / f"copy-{run}.duckdb"
            copy.write_bytes(files.open_input_file("shop/gold.duckdb").read())
            expected = ((f"run-{run}", 200),)
            assert read_duckdb(copy).predictions == expected
            assert read_parquet("shop/parquet", files).predictions == expected
            assert read_delta("s3://shop/delta").predictions == expected


def test_postgres_restarting_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(tmp_path)
    only = {"duckdb": None, "parquet": None, "delta": None, "postgres": {}}
    with postgres_server() as server:
        speak_to(server, monkeypatch)
        shop.build(1).publish(**only)
        write, calls = pyarrow.csv.write_csv, []

        def restart_first(*arguments: object) -> None:
            calls.append(1)
            if len(calls) == 2:
                server.stop()
                threading.Timer(1.5, server.start).start()
            write(*arguments)

        monkeypatch.setattr(pyarrow.csv, "write_csv", restart_first)
        shop.build(2).publish(**only)
        assert "PostgreSQL went away" in capsys.readouterr().err
        seen = read_postgres(server.address())
        assert (seen.manifest, seen.predictions, seen.top_buyers) == (
            "run-2",
            (("run-2", 200),),
            20,
        )
        assert server.query("select count(*) from gold.prediction_history") == [(400,)]

        # a server that is gone and stays away: said at once, and the run before stands
        server.stop()
        with pytest.raises(PublishingError, match="PostgreSQL"):
            shop.build(3).publish(**only)
        server.start()
        assert read_postgres(server.address()).manifest == "run-2"
        shop.publish(**only)
        assert read_postgres(server.address()).manifest == "run-3"


def test_a_disk_that_takes_no_more_leaves_what_stood_there(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(1, day=1).publish()
    shop.build(2, day=1)
    child = python(PUBLISH, str(shop.folder), "", "3000", "0")
    said, _ = child.communicate(timeout=60)
    assert "3 of 3 destinations were not published; what stood there stands" in said
    assert "likely-buyers publish again" in said
    assert set(runs(shop).values()) == {"run-1"}
    assert not list(shop.published.rglob("*.publishing*"))
    shop.publish()
    assert set(runs(shop).values()) == {"run-2"}


def test_fifty_readers_through_a_hundred_publishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path)
    # so few rows are published in less time than a publish's threads are started
    monkeypatch.setattr(
        "likely_buyers.lake.attaching.limits", lambda lake: limits(lake) | ONE_THREAD
    )
    with postgres_server() as postgres:
        speak_to(postgres, monkeypatch)
        shop.build(0).publish(postgres={})
        script = f"import sys; from support.published_gold import poll; poll(sys.argv[1], sys.argv[2], {READERS_EACH})"
        readers = [
            python(script, str(shop.published), postgres.address())
            for _ in range(READING_PROCESSES)
        ]
        try:
            for reader in readers:
                assert reader.stdout is not None
                assert reader.stdout.readline() == "reading\n"
            for run in range(1, PUBLISHES + 1):
                # a new day every third run; in between a day is published again
                shop.build(run, day=run // 3)
                if run % READ_EACH == 0:
                    for reader in readers:
                        assert reader.stdin is not None
                        reader.stdin.write("again\n")
                        reader.stdin.flush()
                if run % SLOWER_DESTINATIONS_EACH:
                    shop.publish(delta=None)
                else:
                    shop.publish(postgres={})
        finally:
            finished = [reader.communicate(timeout=60)[0] for reader in readers]
    reads: dict[str, int] = {}
    seen: dict[str, set[str]] = {}
    for output in finished:
        counts, found, wrong = json.loads(output)
        assert wrong == []
        for destination, count in counts.items():
            reads[destination] = reads.get(destination, 0) + count
            seen.setdefault(destination, set()).update(found[destination])
    assert set(reads) == {"duckdb", "parquet", "delta", "postgres"}
    # every turn was read, and while it went on: many of the runs
    rounds = PUBLISHES // READ_EACH + 1
    assert sum(reads.values()) == rounds * READING_PROCESSES * READERS_EACH, reads
    assert min(len(found) for found in seen.values()) >= rounds // 4, seen
    assert set(runs(shop).values()) == {f"run-{PUBLISHES}"}
