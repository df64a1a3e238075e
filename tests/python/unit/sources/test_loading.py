"""The writing of a load: whole, in the transaction of who calls it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
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
    assert load_in_words(json.dumps(row)) == (
        "load 3: 1,234 lines of 2 files: 1,220 new events of 7 users, 2026-01-01 00:00:00 to 2026-01-02 00:00:00;"
        " 11 duplicates; 2 rejected (too few fields: 2, footer: 1); 1 footer lines; revenue EUR: 12.00, USD: 1.50"
    )
    nothing = dict.fromkeys(row, 0) | {"load_id": 4, "files": 1, "revenue_by_currency": "{}"}
    assert (
        load_in_words(json.dumps(nothing)) == "load 4: 0 lines of 1 file: 0 new events of 0 users"
    )
