"""Builds, deletes and the upkeep of several processes meet at random moments; a twin outside tells what is left.

LIKELY_BUYERS_MEETINGS says how often.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from likely_buyers.lake import connect
from likely_buyers.settings import Lake
from support import meeting
from support.published_gold import postgres_server, python, speak_to

MEETINGS = int(os.environ.get("LIKELY_BUYERS_MEETINGS", "3"))
SCRIPT = "import sys; from support.meeting import work; work(*sys.argv[1:])"
KINDS = {"file": 4, "postgres": 5}


@pytest.fixture(params=list(KINDS))
def lake(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Lake]:
    monkeypatch.setenv("LIKELY_BUYERS_LOCK_ATTEMPTS", "100000")
    with ExitStack() as servers:
        catalog = str(tmp_path / "catalog.ducklake")
        if request.param == "postgres":
            speak_to(servers.enter_context(postgres_server()), monkeypatch)
            catalog = "postgres:"
        yield Lake(catalog, str(tmp_path / "data"), tmp_path)


def made(lake: Lake) -> None:
    with connect(lake) as connection:
        connection.execute(meeting.MAKE)


def test_whoever_meets_nothing_is_lost_and_nothing_comes_back(lake: Lake) -> None:
    chance = random.Random(1)  # noqa: S311 (as random as a test needs)
    made(lake)
    twin = duckdb.connect()
    twin.execute(meeting.MAKE)
    processes = [
        python(SCRIPT, lake.catalog, lake.data)
        for _ in range(KINDS["postgres" if lake.file is None else "file"])
    ]
    order: Counter[tuple[str, ...]] = Counter()
    for number in range(MEETINGS):
        who = meeting.told(chance, number, strangers=lake.file is None)
        for process, one in zip(processes, who, strict=True):
            assert process.stdin
            process.stdin.write(json.dumps(one) + "\n")
            process.stdin.flush()
        done = []
        for process in processes:
            assert process.stdout
            done += json.loads(process.stdout.readline())
        assert len({snapshot for snapshot, _, _ in done}) == len(done)
        order[tuple(name for _, name, _ in sorted(done))] += 1
        for _, name, what in sorted(done):
            for statement in getattr(meeting, name)(what):
                twin.execute(statement)
        with connect(lake, read_only=True, config={"threads": 1}) as connection:
            for table in ("lines", "days", "states"):
                rows = f"select * from {table} order by all"
                assert connection.execute(rows).fetchall() == twin.execute(rows).fetchall(), (
                    number,
                    table,
                )
    print(f"{MEETINGS} meetings in {len(order)} orders")
    for process in processes:
        process.communicate()
        assert process.returncode == 0
