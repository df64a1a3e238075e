"""Columns that come, go, move, are spelt anew or change their type, in later files than the first."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from support.delivered_shop import DeliveredShop
from support.installation import Installation

COLUMNS = [
    *("event_time", "event_type", "product_id", "category_id", "category_code", "brand"),
    *("price", "user_id", "user_session"),
]
TABLES = ("told_events", "silver.user_days", "silver.quarantined_events", "silver.user_features")
Event = dict[str, Any]


def event(day: int, user: Any = 7, **changes: Any) -> Event:
    values = (f"2020-01-{day:02d} 10:00:00", "view", 1, 2, None, "acme", 9, user, "s1")
    return dict(zip(COLUMNS, values, strict=True)) | changes


def without(column: str, *events: Event) -> list[Event]:
    return [{name: value for name, value in one.items() if name != column} for one in events]


def deliver(file: Path, events: list[Event], order: list[str] | None = None) -> None:
    """Write a file; its columns are those of the first event, in the given order. Nothing is an absent value."""
    file.parent.mkdir(parents=True, exist_ok=True)
    names = order or list(events[0])
    rows = [[one.get(name) for name in names] for one in events]
    if file.suffix == ".csv":
        lines = [",".join("" if value is None else str(value) for value in row) for row in rows]
        file.write_text("\n".join([",".join(names), *lines, ""]))
        return
    types = {str: "varchar", int: "integer", float: "double"}
    given = [
        next((types[type(row[column])] for row in rows if row[column] is not None), "varchar")
        for column in range(len(names))
    ]
    with duckdb.connect() as connection:
        listed = ", ".join(
            f'"{name}" {type_name}' for name, type_name in zip(names, given, strict=True)
        )
        connection.execute(f"create table delivery ({listed})")
        connection.executemany(f"insert into delivery values ({', '.join('?' * len(names))})", rows)
        connection.table("delivery").write_parquet(str(file))


class Shop(DeliveredShop):
    """Its tables row by row, to be compared with those of a full refresh."""

    def refused(self) -> str:
        finished = self.build()
        assert not finished.succeeded, finished.output
        assert "Traceback" not in finished.output
        return " ".join(finished.output.split())

    def contents(self, of: Installation | None = None) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table: (of or self.warehouse).query(f"from {table} order by all") for table in TABLES
        }

    def assert_a_full_refresh_gives_the_same(self) -> None:
        fresh = Installation(self.warehouse.state.with_name("fresh"))
        self.built(into=fresh)
        assert self.contents(fresh) == self.contents()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_come_and_go(shop: Shop, ending: str) -> None:
    def file(day: int) -> Path:
        return shop.events / f"{day}.{ending}"

    broken = event(1, event_time="never")
    deliver(file(1), [event(1), event(1, user=8), broken])
    shop.built()
    before = shop.warehouse.query("select * from told_events where event_date = '2020-01-01'")

    # a new column, the others in another order, and a line that came on the first day
    order = ["colour", *reversed(COLUMNS)]
    deliver(file(2), [event(2, colour="red"), event(1), broken | {"colour": "red"}], order)
    # and an optional column that is lost: the next one has it again
    deliver(file(3), without("brand", event(3)))
    deliver(file(4), [event(4, brand="acme again")])
    output = shop.built()
    assert f"the file '{file(3)}' has no column 'brand'" in output
    assert "It is null for this file's events." in output
    assert f"{file(2)}' has no column" not in output
    assert f"{file(4)}' has no column" not in output

    assert shop.warehouse.query("select source_file, colour from bronze.raw_events where colour is not null") == [
        (str(file(2)), "red"), (str(file(2)), "red"),
    ]  # fmt: skip
    brands = "select event_date::varchar, brand from silver.events where user_id = '7' order by 1"
    assert shop.warehouse.query(brands) == [
        ("2020-01-01", "acme"), ("2020-01-02", "acme"), ("2020-01-03", None), ("2020-01-04", "acme again"),
    ]  # fmt: skip
    # the line of the first day is known again, and its id is what it was
    again = shop.warehouse.query(
        "select * replace (1::bigint as line_count) from told_events where event_date = '2020-01-01'"
    )
    assert sorted(again) == sorted(before)
    assert shop.warehouse.query("select max(line_count) from told_events") == [(2,)]
    shop.assert_a_full_refresh_gives_the_same()

    # a required column that is lost stops the build, and every table stays
    known = shop.contents()
    deliver(file(5), without("user_id", event(5)))
    message = shop.refused()
    assert f"the file '{file(5)}' has no column 'user_id'" in message
    assert "Nothing was loaded. Mend the file" in message
    assert shop.contents() == known
    assert shop.warehouse.query("select count(*) from bronze.loaded_files") == [(4,)]
    deliver(file(5), [event(5)])
    shop.built()
    assert shop.warehouse.query("select count(*) from silver.events") == [(6,)]


def test_a_column_that_changes_its_type_is_text_and_keeps_every_value(shop: Shop) -> None:
    deliver(shop.events / "1.parquet", [event(1), event(1, user=8, brand=None)])
    shop.built()
    before = shop.warehouse.query("select * from told_events order by all")
    deliver(shop.events / "2.parquet", [event(2, user="b9", price=9.5)])
    output = shop.built()
    assert f"the column 'user_id' of the file '{shop.events}/2.parquet' is VARCHAR" in output
    assert "was INTEGER in files before it" in output
    assert f"the column 'price' of the file '{shop.events}/2.parquet' is DOUBLE" in output
    # read first by a full refresh: the order of the files must not matter
    deliver(shop.events / "0.csv", [event(3, user="007", price="9.25"), event(1)])
    shop.built()
    found = shop.warehouse.query(
        "select user_id, cast(price as varchar), line_count from told_events order by all"
    )
    assert found == [
        ("007", "9.2500", 1),
        ("7", "9.0000", 2),
        ("8", "9.0000", 1),
        ("b9", "9.5000", 1),
    ]
    ids = {row[0] for row in shop.warehouse.query("select event_id from silver.events")}
    assert {row[0] for row in before} < ids
    shop.assert_a_full_refresh_gives_the_same()


def test_a_wider_integer_stays_a_number(shop: Shop) -> None:
    deliver(shop.events / "1.parquet", [event(1)])
    shop.built()
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * replace (9000000000 as user_id) from '{shop.events}/1.parquet')"
            f" to '{shop.events}/2.parquet'"
        )
    assert "was INTEGER" not in shop.built()
    users = "select typeof(user_id), user_id from bronze.raw_events order by 2"
    assert shop.warehouse.query(users) == [("BIGINT", 7), ("BIGINT", 9_000_000_000)]
    shop.assert_a_full_refresh_gives_the_same()


def test_a_load_whose_files_all_came_again_is_not_told_of_again(shop: Shop) -> None:
    file = shop.events / "day.csv"
    deliver(file, [event(1)])
    assert "load 1: 1 lines of 1 file: 1 new events" in shop.built(select=["+loads"])
    deliver(file, [event(1), event(2)])
    told = shop.built(select=["+loads"])
    assert "load 2: 2 lines of 1 file: 2 new events" in told
    assert "load 1:" not in told


def test_a_header_in_other_letters_and_a_replaced_file_with_a_new_column(shop: Shop) -> None:
    deliver(shop.events / "1.csv", [event(1), event(2)])
    shop.built()
    deliver(
        shop.events / "0.csv",
        [{name.title(): value for name, value in event(2).items()}],
    )
    deliver(shop.events / "1.csv", [event(1, colour="red"), event(2, colour=None)])
    shop.built()
    assert shop.warehouse.query("select line_count from told_events order by 1") == [(1,), (2,)]
    shop.assert_a_full_refresh_gives_the_same()


def test_what_tells_events_apart_must_be_there(installation: Installation, tmp_path: Path) -> None:
    """A lost id would make one event of all lines; a line without one is an event of its own."""
    mapping = {
        "event_time": "event_time",
        "event_type": "event_type",
        "user_id": "user_id",
        "dedupe_on": ["uuid"],
    }
    variables = {
        "events_path": str(tmp_path / "in"),
        "event_mapping": "mine",
        "event_mappings": {"mine": mapping},
    }
    lines = [event(1, uuid="a"), event(2, uuid="a"), event(3), event(4), event(4)]
    deliver(tmp_path / "in" / "1.csv", lines)
    selected = ("--select", "+events", "--exclude-resource-type", "test", "unit_test")
    installation.built(*selected, variables=variables)
    found = installation.query("select event_date::varchar, line_count from told_events order by 1")
    assert found == [("2020-01-01", 2), ("2020-01-03", 1), ("2020-01-04", 2)]
    deliver(tmp_path / "in" / "2.csv", [event(5)])
    refused = installation.dbt("build", *selected, variables=variables)
    assert not refused.succeeded
    message = " ".join(refused.output.split())
    assert (
        "2.csv' has no column 'uuid', which the event mapping 'mine' needs for 'dedupe_on'"
        in message
    )
    assert "Nothing was loaded" in message


def test_columns_of_a_seed_may_move(tmp_path: Path) -> None:
    installation = Installation.with_own_seeds(tmp_path)
    names = ("event_mapping", "source_value", "event_type")
    for order in ((0, 1, 2), (2, 0, 1)):
        rows = (names, ("mine", "add to cart", "cart"))
        lines = [",".join(row[place] for place in order) for row in rows]
        assert installation.seed("event_types", *lines).succeeded
        seeded = installation.query(f"select {', '.join(names)} from bronze.event_types")
        assert seeded == [("mine", "add to cart", "cart")]
