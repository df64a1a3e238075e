"""The writing of a load: whole, in the transaction of who calls it."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from likely_buyers.dbt import delivery as delivery_module
from likely_buyers.dbt.delivery import Delivery
from likely_buyers.settings import Lake
from likely_buyers.sources import SourceProblem, load_in_words
from likely_buyers.sources.sql_helpers import create_helpers
from support.lakes import open_lake

TABLES = ("raw_events", "file_register", "unreadable_lines")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_lake(tmp_path / "state") as connection:
        create_helpers(connection)
        connection.execute("create schema bronze")
        yield connection


@pytest.fixture
def delivery(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Delivery:
    monkeypatch.setattr(delivery_module, "_staging", lambda: tmp_path / "staging")
    delivery = Delivery(warehouse, Lake.in_folder(tmp_path / "state"))
    delivery.add_functions()
    return delivery


def request(events: Path, **changes: Any) -> dict[str, Any]:
    return {
        "is_full": False,
        "events_path": str(events),
        "mapping_name": "mine",
        "mapping": {},
        "events_relation": None,
        "started_at": "2026-01-01 00:00:00",
    } | changes


def contents(warehouse: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: warehouse.execute(f"select * from bronze.{table} order by all").fetchall()
        for table in TABLES
    }


def test_a_load_is_whole_or_not_there(
    warehouse: duckdb.DuckDBPyConnection, delivery: Delivery, tmp_path: Path
) -> None:
    """Its columns, its lines and its register go together, whatever it has done when it stops."""
    events = tmp_path / "events"
    events.mkdir()
    (events / "a.csv").write_text("a,b\n1,2\n3\n")
    delivery.plan_load(request(events, is_full=True))
    warehouse.begin()
    delivery.write(warehouse)
    warehouse.commit()
    before = contents(warehouse)
    assert [len(rows) for rows in before.values()] == [1, 1, 1]

    # a file that replaces an earlier one, with a column that is new; it changes again while it is read
    (events / "a.csv").write_text("a,b,c\n1,2,3\n4,5,6\n7\n")
    delivery.plan_load(request(events))
    (events / "a.csv").write_text("a,b,c\n1,2,3\n4,5,6\n7\n8,9,10\n")
    warehouse.begin()
    with pytest.raises(SourceProblem, match="seems to have changed while it was read"):
        delivery.write(warehouse)
    warehouse.rollback()
    assert contents(warehouse) == before
    assert not (tmp_path / "staging").exists()

    planned = delivery.plan_load(request(events))
    assert list(planned["columns"]) == ["a", "b", "c"]
    warehouse.begin()
    delivery.write(warehouse)
    warehouse.commit()
    rows = warehouse.execute("select a, b, c from bronze.raw_events order by all").fetchall()
    assert rows == [("1", "2", "3"), ("4", "5", "6"), ("8", "9", "10")]
    lines = "select load_id, line_count, rejected_count, replaces_earlier from bronze.file_register order by 1"
    assert warehouse.execute(lines).fetchall() == [(1, 2, 1, False), (2, 4, 1, True)]


def parquet(file: Path, rows: int) -> None:
    duckdb.execute(f"copy (select range as a from range({rows})) to '{file}'")


@pytest.mark.parametrize(
    "values",
    [
        pa.array([0.5], pa.float16()),
        pa.array([time(10, 30)], pa.time32("ms")),
        pa.array([{"at": [10**12]}], pa.struct([("at", pa.list_(pa.time64("ns")))])),
        pa.array([Decimal(10**15)], pa.decimal256(20)),
        None,
    ],
    ids=lambda values: str(values.type) if values else "variant",
)
def test_parquet_that_a_lake_cannot_take_over_is_written_to_it(
    values: pa.Array | None,
    warehouse: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.parquet"
    if values is None:
        warehouse.execute(f"copy (select {{'b': 1}}::variant as a) to '{file}'")
    else:
        pq.write_table(pa.table({"a": values}), file)
    delivery.plan_load(request(file, is_full=True))
    warehouse.begin()
    delivery.write(warehouse)
    warehouse.commit()
    loaded, there = (
        warehouse.execute(f"select typeof(a), a from {source}").fetchall()
        for source in ("bronze.raw_events", f"'{file}'")
    )
    assert loaded == there


def test_a_folder_of_a_name_and_a_value_above_the_state_gives_a_relation_no_column(
    warehouse: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither one that it lacks nor another value; in a lake of a bucket or with a key, which writes the rows."""
    monkeypatch.setattr(delivery_module, "_staging", lambda: tmp_path / "a=9" / "b=8" / "staging")
    delivery = Delivery(warehouse, None)
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as shop:
        shop.execute("create table clicks as select 'own' as a, 1 as id")
    relation = {"database": "duckdb", "path": str(tmp_path / "shop.duckdb"), "table": "clicks"}
    given = {"events_relation": relation | {"cursor": "id"}, "from_clause": None}
    for asked in (request(tmp_path, is_full=True, **given), request(tmp_path, **given)):
        delivery.plan_load(asked)
        warehouse.begin()
        delivery.write(warehouse)
        warehouse.commit()
        found = warehouse.execute(
            "select * exclude (load_id, loaded_at, source_file) from bronze.raw_events"
        )
        assert ([column[0] for column in found.description], found.fetchall()) == (
            ["a", "id"],
            [("own", 1)],
        )


def vanishes(_: pytest.MonkeyPatch, events: Path) -> None:
    (events / "b.parquet").unlink()


def is_written_anew(_: pytest.MonkeyPatch, events: Path) -> None:
    parquet(events / "b.parquet", 30)


def disk_is_full(patch: pytest.MonkeyPatch, _: Path) -> None:
    """In the middle of the second file, and not before."""
    copy = shutil.copyfileobj

    def copied(source: Any, target: Any, length: int) -> None:
        if "b.parquet" in target.name:
            target.write(source.read(100))
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(source, target, length)

    def within_the_kernel(*_: Any) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    patch.setattr(os, "copy_file_range", within_the_kernel)
    patch.setattr(shutil, "copyfileobj", copied)


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (vanishes, "No such file or directory"),
        (is_written_anew, "seems to have changed while it was read"),
        (disk_is_full, "No space left on device"),
    ],
)
def test_parquet_that_cannot_be_taken_over_leaves_nothing_in_the_lake(
    happens: Callable[[pytest.MonkeyPatch, Path], None],
    words: str,
    warehouse: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    tmp_path: Path,
) -> None:
    events, data = tmp_path / "events", tmp_path / "state" / "data"
    events.mkdir()
    parquet(events / "earlier.parquet", 5)

    def load(day: int, **changes: Any) -> None:
        delivery.plan_load(request(events, started_at=f"2026-01-0{day} 00:00:00", **changes))
        with pytest.MonkeyPatch.context() as patch:
            if day == 2:
                happens(patch, events)
            warehouse.begin()
            try:
                delivery.write(warehouse)
                warehouse.commit()
            except BaseException:
                warehouse.rollback()
                raise

    load(1, is_full=True)
    before, files = contents(warehouse), sorted(data.rglob("*.parquet"))
    parquet(events / "a.parquet", 20)
    parquet(events / "b.parquet", 25)
    with pytest.raises((SourceProblem, OSError), match=words):
        load(2)
    assert contents(warehouse) == before
    assert sorted(data.rglob("*.parquet")) == files
    parquet(events / "b.parquet", 30)
    load(3)
    assert warehouse.execute("select count(*) from bronze.raw_events").fetchall() == [(55,)]


def test_a_load_of_another_mapping_is_refused(
    warehouse: duckdb.DuckDBPyConnection, delivery: Delivery, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    delivery.plan_load(request(tmp_path / "a.csv", is_full=True))
    delivery.write(warehouse)
    with pytest.raises(SourceProblem, match=r"event mapping 'mine'.*is 'other' now"):
        delivery.plan_load(request(tmp_path / "a.csv", mapping_name="other"))


def test_what_became_of_a_load_in_words() -> None:
    row = {
        **{"load_id": 3, "files": 2, "lines": 1234, "footers": 1, "rejected": 2},
        "rejected_by_reason": '{"too few fields": 2, "footer": 1}',
        **{
            "left_out": 0,
            "left_out_by_name": "{}",
            "quarantined": 0,
            "quarantined_by_reason": "{}",
        },
        **{"duplicates": 11, "events": 1220, "users": 7},
        **{"first_event_time": "2026-01-01 00:00:00", "last_event_time": "2026-01-02 00:00:00"},
        "revenue_by_currency": '{"EUR": 12.00, "USD": 1.50}',
    }
    assert load_in_words(row) == (
        "load 3: 1,234 lines of 2 files: 1,220 new events of 7 users, 2026-01-01 00:00:00 to 2026-01-02 00:00:00;"
        " 11 duplicates; 2 rejected (too few fields: 2, footer: 1); 1 footer lines; revenue EUR: 12.00, USD: 1.50"
    )
    nothing = dict.fromkeys(row, 0) | {"load_id": 4, "files": 1, "revenue_by_currency": "{}"}
    assert load_in_words(nothing) == "load 4: 0 lines of 1 file: 0 new events of 0 users"
