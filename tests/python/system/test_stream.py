"""The stream loads and scores what a build makes of the same events, whatever happens to files and process."""

import gzip
import json
import os
import signal
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import duckdb
import numpy as np
import pytest

from likely_buyers.registry import Registry
from likely_buyers.scoring.rows import RowModel
from likely_buyers.serving.events import Event, accepted, as_table
from likely_buyers.serving.live_features import LiveFeatures
from likely_buyers.serving.store import ServingCopy
from support.installation import Installation
from support.killed_streams import Kill, streams_killed
from support.published_gold import free_port
from support.told_shop import (
    BUILD,
    FEATURES,
    LATER,
    MAPPINGS,
    as_event,
    bits,
    champion_of_all_features,
    day_of,
    told_events,
    told_project,
    write,
)

KILLS = 30
ONCE = ("likely-buyers", "stream", "--once", "--settle-seconds", "0.2")
HEADER = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
)
FIRST = date(2024, 1, 1)
SCORES = "select user_id, probability from gold.live_scores order by 1, 2"
# what is left of a state, but for which load brought a line
STATE = {
    "bronze.raw_events": "* exclude (load_id, loaded_at)",
    "bronze.rejected_lines": "* exclude (load_id, loaded_at)",
    "bronze.loaded_files": "source_file, line_count, rejected_count",
    "told_events": "*",
    "silver.user_days": "*",
}
# tells that users were scored, or would have been
WATCHED = """
from pathlib import Path
from likely_buyers.cli.streaming import Stream

score = Stream._score

def watched(stream):
    try:
        return score(stream)
    finally:
        Path({told!r}).touch()

Stream._score = watched
"""


# while scores are written
FULL_DISK = """
from likely_buyers.streaming import live

def full(*_):
    raise OSError(28, "No space left on device")

live.score_batches = full
"""


def lines_of(user: int, day: int, kinds: str = "view cart purchase") -> list[str]:
    moment = FIRST + timedelta(days=day)
    return [
        f"{moment} {hour:02d}:{user % 60:02d}:00 UTC,{kind},{1 + user % 7},1,,,{9 + user}.50,{user},s{day}"
        for hour, kind in enumerate(kinds.split(), start=9)
    ]


def text_of(lines: list[str]) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


def deliver(file: Path, lines: list[str]) -> None:
    unfinished = file.with_name(f"_{file.name}")
    unfinished.write_text(text_of(lines))
    unfinished.rename(file)


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Installation, Path, dict[str, Any]]:
    """A built shop of 40 users and 100 days, whose folder more is delivered into."""
    installation, events = Installation(tmp_path / "state"), tmp_path / "events"
    events.mkdir()
    rng = np.random.default_rng(7)
    lines = [
        line
        for user in range(1, 41)
        for day in {int(day) for day in rng.integers(0, 100, 8)}
        for line in lines_of(user, day, str(rng.choice(["view", "view cart", "view purchase"])))
    ]
    deliver(events / "a.csv", [*lines, *lines_of(1, 99)])
    champion_of_all_features(installation.state)
    variables: dict[str, Any] = {"events_path": str(events)}
    installation.built(variables=variables)
    return installation, events, variables


def same_state(one: Installation, other: Installation) -> None:
    for table, columns in STATE.items():
        query = f"select {columns} from {table} order by all"
        assert one.query(query) == other.query(query), table


@pytest.mark.parametrize(
    "name", ["equal lines are one event", "of several currencies, in Tokyo, by id"]
)
def test_batch_stream_and_endpoint_say_the_same_to_the_bit(tmp_path: Path, name: str) -> None:
    mapping = MAPPINGS[name]
    lines = told_events(np.random.default_rng(20 + sorted(MAPPINGS).index(name)))
    before = [line for line in lines if day_of(line["moment"], mapping) < BUILD]
    since = [line for line in lines if BUILD <= day_of(line["moment"], mapping) < LATER]
    # the versions of an event come together: of several at one moment the first to be loaded is kept
    told_before = {line["id"] for line in before}
    since = [line for line in since if line["id"] not in told_before]
    # late by weeks: the build has not seen them
    late_ids = set(sorted(told_before)[::97])
    late = [line for line in before if line["id"] in late_ids]
    before = [line for line in before if line["id"] not in late_ids]
    first = set(sorted({line["id"] for line in since})[::2])
    installation, deliveries, variables = told_project(tmp_path, mapping, before)
    installation.built(variables=variables | {"as_of": str(BUILD)})
    copied = installation.run("likely-buyers", "serving-copy", variables=variables)
    assert copied.succeeded, copied.output

    later = variables | {"as_of": str(LATER)}
    # out of order: each file has lines of both days
    write(deliveries / "c.csv", [line for line in since if line["id"] in first])
    streamed = installation.run(*ONCE, variables=later)
    assert streamed.succeeded, streamed.output
    write(deliveries / "b.csv", [line for line in since if line["id"] not in first])
    assert installation.run(*ONCE, variables=later).succeeded
    newest = (
        "select user_id, probability from gold.live_scores"
        " qualify row_number() over (partition by user_id order by snapshot_id desc) = 1"
    )
    live: dict[str, float] = dict(installation.query(newest))  # type: ignore[arg-type]

    copy = ServingCopy(installation.state / "serving" / "copy.sqlite")
    features = LiveFeatures(copy.sql, FEATURES, [])
    registry = Registry(installation.state)
    rows_of = RowModel.of(registry.load(registry.version("champion")).estimator)
    told: dict[str, list[Event]] = {}
    for line in since:
        event = as_event(line, "event_id" in mapping, "currency" in mapping)
        told.setdefault(line["who"], []).append(Event.model_validate(event))
    compared = 0
    for user, events in told.items():
        found = accepted(events, user, LATER, copy.rules, datetime(2026, 1, 1))
        packed = copy.days(user)
        days = copy.table([packed], [user]) if packed else None
        rows = features.rows(days, as_table({user: found.rows}), LATER)
        if found.rows and rows:
            X = np.array(
                [rows[0][features.columns.index(FEATURES[0]) :][: len(FEATURES)]], dtype=float
            )
            assert bits(float(rows_of.probabilities(X)[0])) == bits(live[user]), user
            compared += 1
    assert compared > 20

    write(deliveries / "d.csv", late)
    assert installation.run(*ONCE, variables=later).succeeded
    live = dict(installation.query(newest))  # type: ignore[arg-type]
    rebuilt = Installation(
        tmp_path / "rebuilt", registry_of=installation, folder=installation.folder
    )
    rebuilt.built(variables=later)
    same_state(installation, rebuilt)
    batch: dict[str, float] = dict(
        rebuilt.query("select user_id, probability from gold.predictions")  # type: ignore[arg-type]
    )
    assert {user: bits(p) for user, p in live.items()} == {user: bits(batch[user]) for user in live}
    assert {line["who"] for line in late} & live.keys()

    # the night's build finds all of it done
    loads = installation.query("select max(load_id) from bronze.loaded_files")
    installation.built(variables=later)
    assert installation.query("select max(load_id) from bronze.loaded_files") == loads
    predictions = (
        "select user_id, outcome, as_of_date, probability from gold.predictions order by 1"
    )
    assert installation.query(predictions) == rebuilt.query(predictions)
    current = "select user_id, outcome, as_of_date, probability from gold.current_scores order by 1"
    assert installation.query(current) == rebuilt.query(predictions)


def test_nothing_new_writes_nothing(shop: tuple[Installation, Path, dict[str, Any]]) -> None:
    installation, events, variables = shop
    deliver(events / "b.csv", lines_of(3, 50))
    # the console script: what dbt leaves behind in its process is there when it runs again
    streamed = installation.typed(*ONCE, variables=variables)
    assert streamed.succeeded, streamed.output
    snapshots = "select max(snapshot_id), count(*) from silver.user_days"
    before = installation.query(SCORES), installation.query(snapshots)
    assert len(before[0]) == 1
    again = installation.run(*ONCE, variables=variables)
    assert again.succeeded and "nobody has new events" in again.output
    # told again, in a file of another name
    deliver(events / "c.csv", lines_of(3, 50))
    assert installation.run(*ONCE, variables=variables).succeeded
    assert (installation.query(SCORES), installation.query(snapshots)) == before


def test_a_file_that_grows_or_is_broken_waits_and_the_others_go_on(
    shop: tuple[Installation, Path, dict[str, Any]],
) -> None:
    installation, events, variables = shop
    (events / "broken.csv.gz").write_bytes(b"no gzip at all")
    (events / "columns.csv").write_text("who,what\n7,view\n")
    deliver(events / "b.csv", lines_of(5, 98))
    growing = events / "growing.csv"
    growing.write_text(HEADER + "\n")
    first = (
        "from likely_buyers.streaming import EventFolder\n"
        "look = EventFolder.look\n"
        "def grown(folder, moment):\n"
        f"    with open({str(growing)!r}, 'a') as file: file.write('2024-04-08 10:00:00 UTC,vi')\n"
        "    return look(folder, moment)\n"
        "EventFolder.look = grown\n"
    )
    told = installation.run(*ONCE, variables=variables, first=first)
    assert not told.succeeded
    assert "broken.csv.gz' waits" in told.output
    assert "columns.csv' waits" in told.output
    assert "growing.csv' is still being written" in told.output
    scored = [user for user, _ in installation.query(SCORES)]
    assert scored == ["5"]
    loaded = "select parse_filename(source_file) from bronze.loaded_files order by 1"
    assert installation.query(loaded) == [("a.csv",), ("b.csv",)]

    (events / "broken.csv.gz").write_bytes(
        gzip.compress("\n".join([HEADER, *lines_of(6, 97)]).encode())
    )
    (events / "columns.csv").unlink()
    deliver(growing, lines_of(8, 98))
    again = installation.run(*ONCE, variables=variables)
    assert again.succeeded, again.output
    assert sorted(user for user, _ in installation.query(SCORES)) == ["5", "6", "8"]


def test_without_a_champion_or_room_events_are_loaded_and_it_is_told(tmp_path: Path) -> None:
    installation, events = Installation(tmp_path / "state"), tmp_path / "events"
    events.mkdir()
    deliver(events / "a.csv", lines_of(1, 3))
    variables = {"events_path": str(events)}
    unbuilt = installation.run(*ONCE, variables=variables)
    assert not unbuilt.succeeded
    assert "dbt build" in unbuilt.output
    installation.build_models(variables=variables)
    deliver(events / "b.csv", lines_of(2, 4))
    told = installation.run(*ONCE, variables=variables)
    assert not told.succeeded
    assert "champion" in told.output
    assert installation.query("select count(*) from silver.user_days") == [(2,)]
    champion_of_all_features(installation.state)
    full = installation.run(*ONCE, variables=variables, first=FULL_DISK)
    assert not full.succeeded
    assert "not scored yet: [Errno 28] No space left on device" in full.output
    assert "Traceback" not in full.output
    assert installation.run(*ONCE, variables=variables).succeeded
    assert [user for user, _ in installation.query(SCORES)] == ["1", "2"]


def test_rows_of_a_relation_come_by_its_cursor(tmp_path: Path) -> None:
    source, installation = tmp_path / "shop.duckdb", Installation(tmp_path / "state")

    def told(*rows: tuple[int, str, str, int]) -> None:
        """(id, user, kind, hour of the last change)."""
        with duckdb.connect(source) as connection:
            connection.execute(
                "create table if not exists clicks (id bigint primary key, happened timestamp, kind varchar,"
                " customer varchar, price double, updated_at timestamp)"
            )
            for number, user, kind, hour in rows:
                moment = datetime(2026, 1, 1) + timedelta(days=number)
                changed = datetime(2026, 3, 1) + timedelta(hours=hour)
                connection.execute(
                    "insert or replace into clicks values (?, ?, ?, ?, 2.5, ?)",
                    [number, moment, kind, user, changed],
                )

    told(*((number, f"u{number % 5}", "view", 0) for number in range(40)))
    mapping = {
        "event_time": "happened",
        "event_type": "kind",
        "user_id": "customer",
        "price": "price",
        "dedupe_on": ["id"],
    }
    relation = {
        "database": "duckdb",
        "path": str(source),
        "table": "clicks",
        "cursor": "updated_at",
        "key": ["id"],
    }
    variables = {
        "event_mappings": {"own": mapping},
        "event_mapping": "own",
        "events_relation": relation,
    }
    champion_of_all_features(installation.state)
    installation.built(variables=variables)
    # a new one, and an old one that was another
    told((7, "u2", "purchase", 5), (12, "u9", "cart", 6))
    streamed = installation.run(*ONCE, variables=variables)
    assert streamed.succeeded, streamed.output
    # of u2 the row 12 has gone to somebody else, too
    assert [user for user, _ in installation.query(SCORES)] == ["u2", "u9"]
    assert installation.run(*ONCE, variables=variables).succeeded
    live = installation.query(SCORES)
    assert len(live) == 2
    rebuilt = Installation(tmp_path / "rebuilt", registry_of=installation)
    rebuilt.built(variables=variables)
    batch = rebuilt.query("select user_id, probability from gold.predictions order by 1, 2")
    assert live == [row for row in batch if row[0] in ("u2", "u9")]


def metrics_at(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read(), "utf-8")


def test_a_signal_ends_it_after_the_batch_at_hand(
    shop: tuple[Installation, Path, dict[str, Any]],
) -> None:
    installation, events, variables = shop
    told, port = events.parent / "told", free_port()
    first = WATCHED.format(told=str(told))
    running = installation.started(
        *("likely-buyers", "stream", "--seconds", "0.2", "--settle-seconds", "0.2"),
        *("--metrics-port", str(port)),
        variables=variables,
        first=first,
    )

    def scored(file: Path) -> None:
        ends = time.monotonic() + 120
        while not file.exists():
            assert time.monotonic() < ends, running.output()
            time.sleep(0.05)
        file.unlink()

    scored(told)
    deliver(events / "b.csv", lines_of(4, 60))
    scored(told)
    # between two batches others have the lake
    assert [user for user, _ in installation.query(SCORES)] == ["4"]
    ends = time.monotonic() + 120
    while "likely_buyers_stream_scores_total 1.0" not in metrics_at(port).splitlines():
        assert time.monotonic() < ends, metrics_at(port)
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGTERM)
    assert running.wait() == 0, running.output()


def test_kills_at_random_moments_lose_and_double_nothing(
    shop: tuple[Installation, Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Half of them while dbt runs, half while users are scored."""
    installation, events, variables = shop
    rng = np.random.default_rng(KILLS)
    delivered: list[int] = []

    def told(*users: int) -> dict[str, str]:
        """Files of users, of any day, however late; each user is in one of them only."""
        delivered.extend(users)
        days = rng.integers(0, 99, len(users))
        return {
            str(events / f"b{user}.csv"): text_of(lines_of(user, int(day)))
            for user, day in zip(users, days, strict=True)
        }

    functions = ("_loaded", "_score")
    kills = [Kill(told(1_000 + place), name) for place, name in enumerate(functions)]
    for number in range(KILLS):
        user = 2_000 + 10 * number
        share = float(rng.uniform(0.001, 1))
        kills.append(Kill(told(user, user + 1), functions[number % 2], share))
    ended = tmp_path / "ended"
    tried = installation.run(*ONCE, variables=variables, first=streams_killed(kills, ended))
    assert tried.succeeded, tried.output
    killed = json.loads(ended.read_text())[len(functions) :]
    assert all(sum(killed[place::2]) >= KILLS // 6 for place in range(2)), killed
    finished = installation.run(*ONCE, variables=variables)
    assert finished.succeeded, finished.output

    rebuilt = Installation(tmp_path / "rebuilt", registry_of=installation)
    rebuilt.built(variables=variables)
    same_state(installation, rebuilt)
    users = [user for user, _ in installation.query(SCORES)]
    assert users == sorted(str(user) for user in delivered)
    batch = rebuilt.query("select user_id, probability from gold.predictions order by 1, 2")
    assert installation.query(SCORES) == [row for row in batch if row[0] in users]
    installation.built(variables=variables)
    predictions = "select user_id, probability from gold.predictions order by 1"
    assert installation.query(predictions) == rebuilt.query(predictions)
