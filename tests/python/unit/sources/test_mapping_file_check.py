"""Which files a mapping cannot be applied to, and what is said of them."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from likely_buyers.sources.mapping import Checked, EventMapping, check_files
from likely_buyers.sources.mapping.dialect import DuckDB
from likely_buyers.sources.sql_helpers import create_helpers

MAPPING = {"event_time": "t", "event_type": "kind", "user_id": "u", "price": "p", "brand": "brand"}


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDB]:
    with duckdb.connect() as connection:
        create_helpers(connection)
        yield DuckDB(connection)


def file(name: str, *columns: str, source: str = "") -> dict[str, Any]:
    kind = {"jsonl": "json"}.get(name.rpartition(".")[2], "csv")
    return {"path": name, "columns": list(columns), "format": kind, "source": source}


def check(engine: DuckDB, *files: dict[str, Any], **keys: Any) -> Checked:
    given = {key: value for key, value in (MAPPING | keys).items() if value is not None}
    raw = {
        name.lower(): {"name": name, "type": "VARCHAR"} for one in files for name in one["columns"]
    }
    sources = {one["source"]: one["columns"] for one in files if one["source"]}
    return check_files(EventMapping.of("mine", given), files, raw, sources, {}, engine)


def test_a_whole_delivery(engine: DuckDB) -> None:
    whole = ("t", "Kind", "u", "p", "brand")
    assert check(engine, file("a.csv", *whole), file("b.csv", *whole, "more")) == Checked()


def test_an_optional_column_is_missed_in_each_file_that_lacks_it(engine: DuckDB) -> None:
    lacking = ("t", "kind", "u", "p")
    checked = check(
        engine, file("a.csv", *lacking), file("b.csv", *lacking), file("c.csv", *lacking, "brand")
    )
    assert checked.told == [
        f"the file '{name}.csv' has no column 'brand', which the event mapping 'mine' needs for 'brand' (brand)."
        " Found: t, kind, u, p. It is null for this file's events."
        for name in "ab"
    ]
    assert checked.refusal is None


@pytest.mark.parametrize(
    ("keys", "use", "missing"),
    [
        ({"event_time": "as_utc(moment)"}, "event_time", "moment"),
        ({"event_type": "what"}, "event_type", "what"),
        ({"user_id": "who"}, "user_id", "who"),
        ({"user_id": ["who", "whom"]}, "user_id", "whom"),
        ({"event_id": "uuid"}, "event_id", "uuid"),
        ({"dedupe_on": ["u", "uuid"]}, "dedupe_on", "uuid"),
    ],
)
def test_a_column_that_every_file_must_have(
    engine: DuckDB, keys: dict[str, Any], use: str, missing: str
) -> None:
    checked = check(engine, file("a.csv", "t", "kind", "u", "p", "brand"), **keys)
    assert checked.refusal
    assert checked.refusal.startswith(
        f"the file 'a.csv' has no column '{missing}', which the event mapping 'mine' needs for '{use}' ("
    )
    assert checked.refusal.endswith(
        " Found: t, kind, u, p, brand. Nothing was loaded. Mend the file, or the mapping in dbt_project.yml."
    )


def test_one_of_several_users_may_be_absent(engine: DuckDB) -> None:
    checked = check(
        engine, file("a.csv", "t", "kind", "u", "p", "brand"), user_id=["who", "as_email(u)"]
    )
    assert checked.refusal is None
    assert [words.partition(", which")[0] for words in checked.told] == [
        "the file 'a.csv' has no column 'who'"
    ]


def test_a_key_of_json_may_be_absent_as_long_as_some_file_has_it(engine: DuckDB) -> None:
    checked = check(
        engine, file("a.jsonl", "t", "kind", "u"), file("b.jsonl", "t", "kind", "u", "p")
    )
    assert [words.partition(", which")[0] for words in checked.told] == [
        "the file 'a.jsonl' has no column 'brand'"
    ]


@pytest.mark.parametrize(
    ("use", "expression", "reason"),
    [
        ("price", "p / 100", "cast"),
        ("user_id", "no_such_function(u)", "no_such_function"),
        ("event_time", "max(t)", "aggregates are not allowed"),
        ("leave_out odd", "p + 1", "p + 1"),
    ],
)
def test_an_expression_that_cannot_be_evaluated(
    engine: DuckDB, use: str, expression: str, reason: str
) -> None:
    key, _, name = use.partition(" ")
    keys: dict[str, Any] = {key: {name: expression} if name else expression}
    refusal = check(engine, file("a.csv", "t", "kind", "u", "p", "brand"), **keys).refusal
    assert refusal
    assert refusal.startswith(
        f"the event mapping 'mine' gives for '{use}' an expression that cannot be evaluated: {expression} (over the"
        " columns of the file 'a.csv')."
    )
    assert reason in refusal
    assert refusal.endswith("Nothing was loaded. Mend the mapping in dbt_project.yml or --vars.")


@pytest.mark.parametrize("name", ["Load_ID", "ROWID"])
def test_a_column_with_a_name_of_ours(engine: DuckDB, name: str) -> None:
    given = file("1.csv", "t", "kind", "u", name)
    kept = (
        f"has a column '{name}', a name that bronze.raw_events keeps for itself (source_file, load_id, loaded_at,"
        " rowid). Nothing was loaded."
    )
    refusal = check(engine, given).refusal
    assert refusal == f"the file '1.csv' {kept} Deliver the file with another name for it."
    refusal = check(engine, given | {"format": "relation", "relation": "clicks"}).refusal
    assert refusal == f"the relation 'clicks' {kept} Give it another name in a view, and read that."


def test_rows_with_a_name_of_ours(engine: DuckDB) -> None:
    rows = "select *, p as RowId from lines"
    refusal = check(engine, file("a.csv", "t", "kind", "u", "p", "brand"), rows=rows).refusal
    assert refusal == (
        "the event mapping 'mine' gives `rows` with the column 'RowId', a name that the table of them keeps for itself."
        " Give it another name. Nothing was loaded."
    )


def test_rows_that_a_file_has_not_the_columns_for(engine: DuckDB) -> None:
    keys = {"rows": "select t, kind, u, p, size from lines", "brand": None}
    files = (
        file("a.csv", "t", "kind", "u", "p", "size"),
        file("b.csv", "t", "kind", "u", "p"),
    )
    refusal = check(engine, *files, **keys).refusal
    assert refusal
    assert refusal.startswith(
        "the event mapping 'mine' gives `rows` that cannot be evaluated over the columns of the file 'b.csv': Binder"
    )
    assert refusal.endswith(
        "Found: t, kind, u, p. Nothing was loaded. Mend the file, or the mapping in dbt_project.yml or --vars."
    )
    # of JSON a key may be absent
    assert check(engine, file("a.jsonl", "t", "kind", "u", "p"), **keys) == Checked()


def test_rows_with_a_column_twice(engine: DuckDB) -> None:
    rows = "select *, u as kind from lines"
    refusal = check(engine, file("a.csv", "t", "Kind", "u", "p"), rows=rows).refusal
    assert refusal
    assert "gives `rows` with the column 'kind' twice, perhaps in other letters" in refusal


def test_rows_that_join_see_the_columns_of_each_source(engine: DuckDB) -> None:
    keys = {
        "sources": {"orders": "o*", "items": "i*"},
        "rows": "select orders.*, p from orders join items on orders.id = items.order_id",
        "brand": None,
    }
    orders = file("orders.csv", "id", "t", "kind", "u", source="orders")
    items = file("items.csv", "order_id", "p", source="items")
    assert check(engine, orders, items, **keys) == Checked()
    refusal = check(engine, orders, file("items.csv", "p", source="items"), **keys).refusal
    assert refusal
    assert "cannot be evaluated over the columns of the file" in refusal
    # the same in JSON, of which a key may be absent
    as_json = [one | {"path": f"{one['source']}.jsonl", "format": "json"} for one in (orders, items)]  # fmt: skip
    assert check(engine, *as_json, **keys).refusal is None
