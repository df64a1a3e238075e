"""SQL that macros make for Spark, and Python models as dbt submits them, on Sail, which needs no Java."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from support.installation import Installation
from support.sail import Sail, SailProblem, sail_in
from support.tries import tries
from support.twins import difference

MACROS = {
    "days": "with {{ days_of_users('events', 'price * quantity') }} select * from user_days",
    "features": "{{ user_features('cutoffs', 'user_days') }}",
    "values": """
        select
            event_id,
            {{ hash_fraction('event_id') }} as fraction,
            {{ dbt.dateadd('day', -30, 'event_date') }} as earlier,
            {{ dbt.datediff('event_date', 'event_time', 'day') }} as days,
            {{ ratio('price', 'quantity - 1') }} as share,
            {{ sql_text("it's a \\\\ and ''") }} as text
        from events
    """,
    "texts": """
        select user_id, {{ dbt.listagg('event_id', "', '", 'order by event_id') }} as ids from events group by user_id
    """,
    "sums": """
        select
            {{ exact_sum('price') }} as total,
            {{ count_distinct("price", "event_type = 'purchase'", of_many=true) }} as prices,
            count(distinct {{ fast_hash(['session_id', 'product_id']) }}) as pairs
        from events
    """,
    "columns": """
        {% for one in by_feature(['views', 'revenue'], 'user_days', 'purchases > 0') %}
        select number, value from {{ one.source }} where {{ one.condition }}
        {{ "union all" if not loop.last }}
        {% endfor %}
    """,
}
FIRST = date(2024, 1, 1)
# values that meet often, and are often absent
EVENTS = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["a", "b", "Ünï", "it's"]),
        "days": st.integers(0, 400) | st.integers(0, 3),
        "seconds": st.integers(0, 2) | st.integers(0, 86_399),
        "event_type": st.sampled_from(["view", "cart", "remove_from_cart", "purchase", "refund"]),
        "session_id": st.none() | st.sampled_from(["s", "t", "u"]),
        "product_id": st.none() | st.sampled_from(["s", "t", ""]),
        "price": st.none() | st.decimals(0, 1000, places=4, allow_nan=False),
        "quantity": st.decimals(1, 9, places=3, allow_nan=False),
    }
)
CUTOFFS = st.lists(st.integers(0, 420), min_size=1, max_size=3, unique=True)


def events_of(rows: list[dict[str, Any]]) -> pa.Table:
    """As silver.events has them; its times are moments on Spark."""
    days = [FIRST + timedelta(row["days"]) for row in rows]
    times = [
        datetime.combine(day, datetime.min.time()) + timedelta(seconds=row["seconds"])
        for day, row in zip(days, rows, strict=True)
    ]
    texts = {
        name: pa.array([row[name] for row in rows], pa.string())
        for name in ("user_id", "event_type", "session_id", "product_id")
    }
    return pa.table(
        {
            "event_id": pa.array([f"event {number}" for number in range(len(rows))], pa.string()),
            "event_date": pa.array(days, pa.date32()),
            "event_time": pa.array(times, pa.timestamp("us", "UTC")),
            **texts,
            "price": pa.array([row["price"] for row in rows], pa.decimal128(18, 4)),
            "quantity": pa.array([row["quantity"] for row in rows], pa.decimal128(18, 3)),
        }
    )


@pytest.fixture(scope="module")
def sail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sail]:
    with sail_in(tmp_path_factory.mktemp("sail")) as sail:
        yield sail


@pytest.fixture(scope="module")
def compiled(
    sail: Sail, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], dict[str, str]]:
    """SQL of the macros, of DuckDB and of Spark."""
    marked = "".join(f"\n-- the macro {name}\n{text}" for name, text in MACROS.items())
    one = Installation(tmp_path_factory.mktemp("state"))
    printed = one.dbt("--quiet", "compile", "--inline", marked)
    assert printed.succeeded, printed.output
    found = []
    for text in (printed.output, sail.ask("compiled", text=marked)):
        parts = text.split("-- the macro ")[1:]
        found.append(dict(part.split("\n", maxsplit=1) for part in parts))
    ours, theirs = found
    assert ours.keys() == theirs.keys() == MACROS.keys()
    return ours, theirs


@settings(
    max_examples=tries(20),
    deadline=None,
    # a try takes a second, and each database is asked for dozens of features
    phases=[Phase.explicit, Phase.generate],
)
@given(rows=st.lists(EVENTS, min_size=1, max_size=25), cutoffs=CUTOFFS)
def test_macros_give_the_same_on_spark(
    sail: Sail,
    compiled: tuple[dict[str, str], dict[str, str]],
    rows: list[dict[str, Any]],
    cutoffs: list[int],
) -> None:
    on_duckdb, on_spark = compiled
    tables = {
        "events": events_of(rows),
        "cutoffs": pa.table({"cutoff_date": [FIRST + timedelta(days) for days in cutoffs]}),
    }
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, table in tables.items():
            connection.register(f"given_{name}", table)
            connection.execute(f"create view {name} as select * from given_{name}")
        connection.execute(f"create table user_days as {on_duckdb['days']}")
        tables["user_days"] = connection.table("user_days").to_arrow_table()
        ours = {name: connection.execute(sql).to_arrow_table() for name, sql in on_duckdb.items()}
    theirs = sail.queries(tables, **on_spark)
    found = {
        # Sail's double of a decimal(38, 18) is not always the nearest one
        name: difference(ours[name], theirs[name], 1e-15 if name == "sums" else 0)
        for name in MACROS
    }
    assert {name: told for name, told in found.items() if told} == {}


MODEL = """
def doubled(batches):
    import pyarrow as pa

    for batch in batches:
        yield pa.record_batch({"twice": [2 * value.as_py() for value in batch.column("id")]})

spark.range(3).mapInArrow(doubled, "twice bigint").createOrReplaceTempView("made")
"""


def test_a_python_model_runs_on_the_session_of_dbt(sail: Sail) -> None:
    sail.ask("submitted", code=MODEL)
    made = sail.queries({}, made="select * from made order by twice")["made"]
    assert made.column("twice").to_pylist() == [0, 2, 4]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("spark.table('nowhere').collect()", "nowhere"),
        (
            "from likely_buyers.errors import LikelyBuyersError\nraise LikelyBuyersError('not so')",
            "likely_buyers: not so",
        ),
    ],
)
def test_a_python_model_that_fails_fails_its_node(sail: Sail, code: str, told: str) -> None:
    with pytest.raises(SailProblem, match=f"^DbtRuntimeError(?s:.*){told}"):
        sail.ask("submitted", code=code)


READ = """
import json

import duckdb

from likely_buyers.sources.columns import raw_columns
from likely_buyers.sources.plan import Request, plan_delivery
from likely_buyers.spark.arrow import spark_schema
from likely_buyers.spark.reading import Files

with duckdb.connect() as connection:
    files = plan_delivery(Request({folder!r}, "mine", {{}}, [], {folder!r} + "/_staging"), connection)["files"]
reading = Files(1, raw_columns(files, [])[0], "mine", "2026-01-02 00:00:00")
plans = spark.createDataFrame([(json.dumps(file),) for file in files], "file string")
lines = plans.mapInArrow(reading.on_executor(), spark_schema(reading.schema()))
lines.where("part_of_load = 0").createOrReplaceTempView("lines_read")
"""


def test_columns_without_a_type_of_spark_come_through_a_task(sail: Sail, tmp_path: Path) -> None:
    """As numbers of the next wider type, and as text."""
    columns = (
        "255::utinyint as a, 18446744073709551615::ubigint as b, time '10:30:00.000005' as c,"
        " timestamp_ns '2026-01-01 00:00:00.123456789' as d, [65535::usmallint] as e"
    )
    duckdb.execute(f"copy (select {columns}) to '{tmp_path}/a.parquet'")
    sail.ask("submitted", code=READ.format(folder=str(tmp_path)))
    asked = "select a + 1 as a, b + 1 as b, c, d, e[0] + 1 as e from lines_read"
    assert sail.queries({}, read=asked)["read"].to_pylist() == [
        {
            "a": 256,
            "b": Decimal(2**64),
            "c": "10:30:00.000005",
            "d": "2026-01-01 00:00:00.123456789",
            "e": 65536,
        }
    ]


TYPES = """
import duckdb

from likely_buyers.dbt.on_spark.relations import SparkWarehouse
from likely_buyers.sources.relation import Relation

spark.sql("create or replace temp view shop as select 1 as id, interval '1' month as odd")
relation = Relation.of({{"relation": "ref('shop')"}}, {table!r}, None)
with SparkWarehouse(duckdb.connect(), None, spark).snapshot() as source:
    source.types(relation)
"""


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("shop", "name a view that casts it to a string. Spark says: .*YearMonthIntervalType"),
        ("nowhere", "Spark's catalog has no such table or view"),
    ],
)
def test_a_relation_that_spark_cannot_read_is_told(sail: Sail, table: str, told: str) -> None:
    with pytest.raises(
        SailProblem, match=rf"relation 'ref\('shop'\)' .* Nothing was loaded\. .*{told}"
    ):
        sail.ask("submitted", code=TYPES.format(table=table))
