"""What an event mapping can say beside its columns, and what people who load exports report."""

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from support.installation import Finished, Installation
from support.lakes import open_lake

COLUMNS = "user_id, cast(event_time as varchar), event_type, cast(price as varchar), line_count"
MAPPING = {
    "event_time": "as_utc(t)",
    "event_type": "kind",
    "user_id": "u",
    "price": "p",
    "session_id": "o",
}


class Source:
    """Files, a mapping and a warehouse."""

    def __init__(self, folder: Path) -> None:
        self.events = folder / "events"
        self.events.mkdir()
        self.warehouse = Installation(folder / "state")
        self.mapping: dict[str, Any] = dict(MAPPING)
        self.variables: dict[str, Any] = {}

    def write(self, name: str, *lines: str, header: str = "t,kind,u,p,o") -> Path:
        file = self.events / name
        file.write_text("\n".join([header, *lines, ""]))
        return file

    def given(self) -> dict[str, Any]:
        """The variables of a build."""
        return {
            "events_path": str(self.events),
            "event_mapping": "mine",
            "event_mappings": {"mine": self.mapping},
            **self.variables,
        }

    def build(self, *flags: str, into: Installation | None = None) -> Finished:
        return (into or self.warehouse).build_models(
            "--select",
            "+loads",
            "+user_days",
            "+quarantined_events",
            *flags,
            variables=self.given(),
        )

    def built(self, *flags: str) -> str:
        finished = self.build(*flags)
        assert finished.succeeded, finished.output
        return " ".join(finished.output.split())

    def refused(self) -> str:
        finished = self.build()
        assert not finished.succeeded, finished.output
        return " ".join(finished.output.split())

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.query(sql)

    def load(self, number: int = 1) -> dict[str, Any]:
        with open_lake(self.warehouse.state, read_only=True) as connection:
            found = connection.sql(f"from bronze.loads where load_id = {number}")
            return dict(zip(found.columns, found.fetchone() or (), strict=True))

    def assert_a_fresh_warehouse_has_the_same_events(self) -> None:
        fresh = Installation(self.warehouse.state.with_name("fresh"))
        finished = self.build(into=fresh)
        assert finished.succeeded, finished.output
        events = "select * from told_events order by all"
        assert fresh.query(events) == self.query(events)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


def test_a_load_says_what_became_of_its_lines(source: Source) -> None:
    source.mapping |= {
        "leave_out": {"cancelled": "o = 'cancelled'", "test_order": "u like 'test%'"},
        "currency": "'eur'",
    }
    source.write(
        "1.csv",
        "2026-01-01 10:00:00,purchase,u1,10.00,1",
        "2026-01-01 10:00:00,purchase,u1,10.00,1",
        "2026-01-02 10:00:00,purchase,u2,2.50,2",
        "2026-01-02 10:00:00,view,u2,,2",
        *(f"2026-01-03 10:00:{second:02d},view,u3,,3" for second in range(40)),
        "2026-01-02 10:00:00,purchase,u2,99,cancelled",
        "2026-01-02 10:00:00,purchase,tester,99,cancelled",
        "2026-01-02 10:00:00,purchase,tester,99,9",
        "2026-01-02 10:00:00,purchase,,5,7",
        "2026-01-02 10:00:00,shrug,,5,7",
        "a line of words,2",
        "3 record(s) downloaded",
    )
    output = source.built()
    load = source.load()
    counts = {name: load[name] for name in ("files", "lines", "footers", "rejected", "left_out")}
    assert counts == {"files": 1, "lines": 51, "footers": 1, "rejected": 1, "left_out": 3}
    assert json.loads(load["left_out_by_name"]) == {"cancelled": 2, "test_order": 1}
    assert json.loads(load["quarantined_by_reason"]) == {
        "missing_user_id": 1, "unknown_event_type missing_user_id": 1,
    }  # fmt: skip
    assert json.loads(load["revenue_by_currency"]) == {"EUR": 12.5}
    assert (load["duplicates"], load["events"], load["users"]) == (1, 43, 3)
    assert str(load["first_event_time"]) == "2026-01-01 10:00:00"
    assert str(load["last_event_time"]) == "2026-01-03 10:00:39"
    assert (
        "load 1: 51 lines of 1 file: 43 new events of 3 users, 2026-01-01 10:00:00 to 2026-01-03 10:00:39;"
        " 1 duplicates; 3 left out on purpose (cancelled: 2, test_order: 1); 2 quarantined"
        in output
    )
    # 3 of 50 lines that nothing explains are more than 5 %
    assert (
        "3 of 50 new lines (6 %) are no events, and nothing in the event mapping says why" in output
    )
    source.write(
        "2.csv", "2026-01-01 10:00:00,purchase,u1,10.00,1", "2026-01-05 10:00:00,view,u4,,4"
    )
    source.built()
    assert [source.load(2)[name] for name in ("lines", "duplicates", "events")] == [2, 1, 1]
    assert source.load(1) == load


def test_a_load_of_which_most_is_lost_stops_before_silver(source: Source) -> None:
    source.write("1.csv", "2026-01-01 10:00:00,purchase,u1,1,1", "2026-01-02 10:00:00,view,u2,,2")
    source.built()
    before = source.query("select * from told_events order by all")
    source.write("2.csv", "when,view,u1,,1", "then,view,u1,,1", "2026-01-03 10:00:00,view,u1,,1")
    message = source.refused()
    assert "2 of 3 new lines (67 %) are no events" in message
    assert "2 invalid_event_time (such as: time " in message
    assert "the build stops before silver" in message
    assert source.query("select * from told_events order by all") == before
    assert source.query("select count(*) from silver.quarantined_events") == [(0,)]
    source.variables["stop_left_over"] = 1
    source.built()
    assert source.query("select count(*) from silver.events") == [(3,)]


@pytest.mark.parametrize(
    ("missing", "late", "users", "events_of_loads"),
    [
        ("left_out_lines", ("user_days", "loads"), ["u1", "u2", "u3"], [2, 1]),
        (
            "mapped_rows",
            ("+raw_events", "left_out_lines", "user_days", "loads"),
            ["u1", "u2", "u3", "u4"],
            [2, 1, 1],
        ),
        ("the mapping's", ("user_days",), ["u2"], [1]),
    ],
)
def test_what_a_model_read_too_early_is_taken_in_later(
    source: Source,
    missing: str,
    late: tuple[str, ...],
    users: list[str],
    events_of_loads: list[int],
) -> None:
    """Built alone, it has not seen what the model that it reads has not looked at."""
    source.write("1.csv", "2026-01-01 10:00:00,purchase,u1,1,1", "2026-01-02 10:00:00,view,u2,,2")
    if missing == "mapped_rows":
        source.mapping["rows"] = "select * from lines"
    source.built()
    if missing == "the mapping's":
        source.mapping["leave_out"] = {"own": "u = 'u1'"}
    else:
        source.write(
            "2.csv", "when,view,u1,,1", "then,view,u1,,1", "2026-01-03 10:00:00,view,u3,,1"
        )
    if missing == "left_out_lines":
        source.refused()
    source.variables["stop_left_over"] = 1
    if missing == "mapped_rows":
        earlier = ("--select", "+raw_events", "mapped_rows")
        assert source.warehouse.build_models(*earlier, variables=source.given()).succeeded
        source.write("3.csv", "2026-01-04 10:00:00,view,u4,,1")
    finished = source.warehouse.build_models("--select", *late, variables=source.given())
    assert finished.succeeded, finished.output
    for _ in range(2):
        source.built()
        found = source.query("select user_id from silver.user_days order by all")
        assert [user for (user,) in found] == users
        found = source.query("select events from bronze.loads order by load_id")
        assert [events for (events,) in found] == events_of_loads


@pytest.mark.parametrize("way", ["ranked", "replaced"])
def test_what_is_lost_is_a_share_of_the_load_where_silver_starts_over(
    source: Source, way: str
) -> None:
    if way == "ranked":
        source.mapping["rows"] = (
            "select source_file, t, kind, u, p, o, row_number() over (order by t) as n from lines"
        )
    else:
        source.write("2.csv", "2026-01-03 10:00:00,view,u1,,1")
    source.write("1.csv", *(f"2026-01-01 10:00:{n:02d},view,u1,,1" for n in range(50)))
    source.built()
    source.write("2.csv", "when,view,u1,,1", "then,view,u1,,1", "2026-01-03 10:00:00,view,u1,,1")
    assert "2 of 3 new lines (67 %) are no events" in source.refused()


def test_a_key_that_is_null_in_part_merges_nothing(source: Source) -> None:
    source.mapping["dedupe_on"] = ["o", "p"]
    source.write(
        "1.csv",
        *("2026-01-01 10:00:00,view,u1,,o1", "2026-01-01 11:00:00,view,u2,,o1"),
        *("2026-01-01 12:00:00,purchase,u3,5,o2", "2026-01-01 13:00:00,purchase,u3,5,o2"),
    )
    source.built()
    assert source.query(f"select {COLUMNS} from told_events order by all") == [
        ("u1", "2026-01-01 10:00:00", "view", None, 1),
        ("u2", "2026-01-01 11:00:00", "view", None, 1),
        ("u3", "2026-01-01 12:00:00", "purchase", "5.0000", 2),
    ]


@pytest.mark.parametrize("keep", ["first", "last"])
def test_an_order_exported_again_with_another_status(source: Source, keep: str) -> None:
    source.mapping |= {
        "event_type": "'purchase'",
        "dedupe_on": ["o"],
        "keep": keep,
        "leave_out": {"cancelled": "kind = 'cancelled'"},
    }
    monday = source.write(
        "monday.csv", *(f"2026-01-0{n} 10:00:00,paid,u{n},10,o{n}" for n in (1, 2, 3))
    )
    os.utime(monday, (1_767_600_000, 1_767_600_000))
    source.built()
    tuesday = source.write(
        "a new name.csv",
        *("2026-01-01 10:00:00,cancelled,u1,10,o1", "2026-01-02 10:00:00,paid,u2,8,o2"),
        "2026-01-04 10:00:00,paid,u4,10,o4",
    )
    os.utime(tuesday, (1_767_700_000, 1_767_700_000))
    source.built()
    prices = {
        "first": [("u1", 10), ("u2", 10), ("u3", 10), ("u4", 10)],
        "last": [("u2", 8), ("u3", 10), ("u4", 10)],
    }
    assert (
        source.query("select user_id, price::int from silver.events order by all") == prices[keep]
    )
    assert (
        source.query("select user_id, revenue::int from silver.user_days order by all")
        == prices[keep]
    )
    source.assert_a_fresh_warehouse_has_the_same_events()


def test_nobody_and_whole_numbers_in_floating_columns(source: Source) -> None:
    source.variables["stop_left_over"] = 1
    nobody = [
        "null",
        "NULL",
        "undefined",
        "nan",
        "(not set)",
        "0",
        "00000000-0000-0000-0000-000000000000",
        "",
    ]
    source.mapping["user_id"] = ["nullif(u, 'x')", "as_email(o)"]
    source.write(
        "1.csv",
        *(f"2026-01-01 10:00:00,view,{text}," for text in nobody),
        header="t,kind,u,o",
    )
    source.write(
        "2.csv", "2026-01-01 10:00:00,view,null,\t Mia@Example.org\u00a0", header="t,kind,u,o"
    )
    source.mapping["price"] = "'1'"
    source.built()
    assert source.query("select user_id from silver.events") == [("mia@example.org",)]
    assert source.query("select reasons, count(*) from silver.quarantined_events group by 1 order by 1") == [
        ("missing_user_id", 1), ("placeholder_user_id", 7),
    ]  # fmt: skip


def test_ids_in_floating_columns_are_whole_numbers(source: Source) -> None:
    duckdb.sql(
        "copy (select timestamp '2026-01-01 10:00:00' as t, 'view' as kind, i::double as u, 1.5 as p, null::double as o"
        f" from (values (42), (43)) as v (i)) to '{source.events}/1.parquet'"
    )
    source.built()
    assert source.query("select user_id, session_id from silver.events order by 1") == [
        ("42", None),
        ("43", None),
    ]


def test_times_that_were_read_wrong_are_told(source: Source) -> None:
    source.mapping["event_time"] = "as_utc(t, '%m/%d/%Y')"
    source.variables["stop_left_over"] = 1
    source.write(
        "1.csv",
        *("05/01/2026,view,u1,,1", "06/01/2026,view,u1,,1", "13/01/2026,view,u1,,1"),
        *("01/01/1970,view,u2,,1", "01/01/2099,view,u2,,1"),
    )
    output = source.built()
    assert (
        "1 times, such as '13/01/2026', have a number above 12 where the event mapping expects the month"
        in output
    )
    assert source.query("select reasons from silver.quarantined_events order by 1") == [
        ("future_event_time",), ("implausible_event_time",), ("invalid_event_time",),
    ]  # fmt: skip
    # a file whose own time of change says nothing
    os.utime(source.write("2.csv", "01/02/2026,view,u7,,1"), (0, 0))
    assert "2.csv' says that it was changed before 1990" in source.built()
    assert source.query("select count(*) from silver.events where user_id = 'u7'") == [(1,)]


def test_a_day_is_one_of_the_shops_zone(source: Source) -> None:
    source.mapping["time_zone"] = "Eastern Time (US & Canada)"
    source.write("1.csv", "2026-01-01 23:30:00,view,u1,,1", "2026-01-02T04:00:00Z,view,u2,,1")
    source.built()
    assert source.query("select user_id, event_time::varchar, event_date::varchar from silver.events order by 1") == [
        ("u1", "2026-01-02 04:30:00", "2026-01-01"), ("u2", "2026-01-02 04:00:00", "2026-01-01"),
    ]  # fmt: skip
    source.mapping["time_zone"] = "Europe/Pari"
    assert "time_zone: 'Europe/Pari' is no time zone" in source.refused()


def test_amounts_of_several_currencies_are_never_one_sum(source: Source) -> None:
    source.mapping["currency"] = "o"
    source.write(
        "1.csv", "2026-01-01 10:00:00,purchase,u1,30,EUR", "2026-01-02 10:00:00,purchase,u1,20,EUR"
    )
    source.built()
    revenue = "select sum(revenue)::int, count(revenue) from silver.user_days"
    assert source.query(revenue) == [(50, 2)]
    source.write("2.csv", "2026-01-02 10:00:00,purchase,u2,5000,JPY")
    output = source.built()
    assert "events have amounts in EUR, JPY: they are never one sum" in output
    assert source.query(revenue) == [(None, 0)]
    assert json.loads(source.load(1)["revenue_by_currency"]) == {"EUR": 50.0}
    assert json.loads(source.load(2)["revenue_by_currency"]) == {"JPY": 5000.0}


def test_rows_of_a_line_and_of_several_files(source: Source) -> None:
    source.mapping = {
        "sources": {"orders": "orders*.csv", "items": "items*.csv"},
        "rows": "select orders.*, sku, price from orders inner join items on orders.id = items.order_id",
        "event_time": "as_utc(ordered)", "event_type": "'purchase'", "user_id": "customer", "product_id": "sku",
        "price": "price", "dedupe_on": ["id", "sku"],
    }  # fmt: skip
    source.write("orders-1.csv", "o1,2026-01-01 10:00:00,u1", header="id,ordered,customer")
    source.write("items-1.csv", "o1,a,5", "o1,b,6", "o2,a,5", header="order_id,sku,price")
    source.built()
    events = "select user_id, product_id, cast(price as int) from silver.events order by all"
    assert source.query(events) == [("u1", "a", 5), ("u1", "b", 6)]
    # the order of an item that was there before
    source.write("orders-2.csv", "o2,2026-01-02 10:00:00,u2", header="id,ordered,customer")
    source.built()
    assert source.query(events) == [("u1", "a", 5), ("u1", "b", 6), ("u2", "a", 5)]
    # an item alone, whose row is of the order's load
    source.write("items-2.csv", "o2,b,6", header="order_id,sku,price")
    source.built()
    assert source.query(events)[2:] == [("u2", "a", 5), ("u2", "b", 6)]
    source.assert_a_fresh_warehouse_has_the_same_events()
    (source.events / "items-1.csv").write_text("order_id,price\no1,5\n")
    assert "gives `rows` that cannot be evaluated over the columns of" in source.refused()


@pytest.mark.parametrize(
    "labels",
    [
        "ref('feature_labels')",
        'ref("feature_labels")',
        """ref('likely_buyers', "feature_labels")""",
    ],
)
def test_a_source_that_is_a_model_of_dbt_is_built_first(source: Source, labels: str) -> None:
    """By the console script, which parses with these variables: models depend on what the mapping names."""
    source.mapping = {
        "sources": {"orders": "orders*.csv", "labels": labels},
        "rows": "select orders.*, (select count(*) from labels) as many from orders",
        "event_time": "as_utc(ordered)", "event_type": "'purchase'", "user_id": "customer", "price": "many",
    }  # fmt: skip
    source.write("orders-1.csv", "o1,2026-01-01 10:00:00,u1", header="id,ordered,customer")
    built = source.warehouse.typed(
        *("dbt", "build", "--select", "+events", "--resource-type", "seed", "model"),
        variables=source.given(),
    )
    assert built.succeeded, built.output
    assert source.query("select user_id, price > 0 from silver.events") == [("u1", True)]


def test_a_key_that_cannot_be_meant(source: Source) -> None:
    """Before anything is written; the other keys are tried in unit/sources/test_mapping_definition.py."""
    source.mapping |= {"keep": "newest", "dedupe_on": ["o"]}
    source.write("1.csv", "2026-01-01 10:00:00,view,u1,,1")
    assert "keep must be first or last" in source.refused()
    assert source.query("select count(*) from duckdb_tables() where schema_name = 'bronze'") == [
        (0,)
    ]


def test_an_expression_may_be_anything_that_the_engine_speaks(source: Source) -> None:
    """Lambdas, structs and lists: their names are no columns of the file."""
    source.mapping = {
        "rows": """
            select
                lines.source_file, at_, who,
                unnest(from_json(items, '[{"sku": "varchar", "gone": "boolean"}]')) as item
            from lines
        """,
        "event_time": "as_utc(at_)",
        "event_type": "list_filter(['view', 'purchase'], lambda kind: kind <> 'view')[1]",
        "user_id": ["never_there", "who"],
        "product_id": "item.sku",
        "brand": "no_such_column",
        "leave_out": {"gone": "item.gone", "never": "no_such_column = 1"},
    }
    items = [{"sku": "a", "gone": False}, {"sku": "b", "gone": True}]
    lines = [{"at_": 1767225600, "who": "u1", "items": items}]
    (source.events / "1.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    source.built()
    assert source.query("select user_id, product_id, event_type from silver.events") == [
        ("u1", "a", "purchase")
    ]
    assert source.query(
        "select left_out_as, count(*) from silver.left_out_lines where left_out_as is not null group by all"
    ) == [("gone", 1)]


def test_rows_that_give_none_are_told(source: Source) -> None:
    source.mapping["rows"] = "select * from lines where false"
    source.write("1.csv", "2026-01-01 10:00:00,view,u1,,1")
    assert "give no row for 1 lines. The build stops before silver" in source.refused()


def test_ids_beyond_what_a_floating_number_tells_apart_are_told(source: Source) -> None:
    duckdb.sql(
        "copy (select timestamp '2026-01-01 10:00:00' as t, 'view' as kind, 12345678901234567::double as u, 1.5 as p,"
        f" 'o' as o) to '{source.events}/1.parquet'"
    )
    assert "the column 'u' has 1 numbers of 2^53 or more in a floating type" in source.built()
