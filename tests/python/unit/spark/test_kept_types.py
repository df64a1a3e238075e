"""Columns of delivered Parquet whose types Spark has not: they come to a mapping on Spark as they come on DuckDB."""

import json
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from likely_buyers.sources import SourceProblem
from likely_buyers.sources.columns import raw_columns
from likely_buyers.sources.plan import Request, plan_delivery
from likely_buyers.spark.kept import comment_of, kept_as, type_in_files
from likely_buyers.spark.mapping import Mapped
from likely_buyers.spark.reading import LINE, PART, Files
from likely_buyers.sql_text import quoted

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456)
NANOSECONDS = 1_767_268_800_123_456_789
COLUMNS: dict[str, pa.Array] = {
    "uint8": pa.array([255, None], pa.uint8()),
    "uint16": pa.array([65535, None], pa.uint16()),
    "uint32": pa.array([4294967295, None], pa.uint32()),
    "uint64": pa.array([18446744073709551615, None], pa.uint64()),
    "decimal38": pa.array([Decimal("9" * 38), None], pa.decimal128(38, 0)),
    "decimal38_18": pa.array([Decimal("1.000000000000000001"), None], pa.decimal128(38, 18)),
    "float16": pa.array([np.float16(0.1), None], pa.float16()),
    "float32": pa.array([0.1, None], pa.float32()),
    "time_s": pa.array([time(10, 30), None], pa.time32("s")),
    "time_ms": pa.array([time(10, 30, 0, 5000), None], pa.time32("ms")),
    "time_us": pa.array([time(10, 30, 0, 5), None], pa.time64("us")),
    "time_ns": pa.array([37_800_000_000_005, None], pa.time64("ns")),
    "timestamp_s": pa.array([NOON.replace(microsecond=0), None], pa.timestamp("s")),
    "timestamp_ms": pa.array([NOON.replace(microsecond=123000), None], pa.timestamp("ms")),
    "timestamp_us": pa.array([NOON, None], pa.timestamp("us")),
    "timestamp_ns": pa.array([NANOSECONDS, None], pa.timestamp("ns")),
    "zoned_ms": pa.array([NOON.replace(microsecond=123000), None], pa.timestamp("ms", "UTC")),
    "zoned_us": pa.array([NOON, None], pa.timestamp("us", "Asia/Tokyo")),
    "zoned_ns": pa.array([NANOSECONDS, None], pa.timestamp("ns", "UTC")),
    "date64": pa.array([NOON.date(), None], pa.date64()),
    "duration": pa.array([timedelta(seconds=5), None], pa.duration("us")),
    "binary": pa.array([b"\x00\xff'", None], pa.binary()),
    "fixed_binary": pa.array([b"\x00\xff", None], pa.binary(2)),
    "large_string": pa.array(["a'b", None], pa.large_string()),
    "dictionary": pa.array(["a", None]).dictionary_encode(),
    "nothing": pa.array([None, None], pa.null()),
    "uuid": pa.array([b"0123456789abcdef", None], pa.uuid()),
    "json": pa.array(['{"a": 1}', None], pa.json_()),
    "list": pa.array([[1, None, 255], None], pa.list_(pa.uint8())),
    "large_list": pa.array([["a"], []], pa.large_list(pa.large_string())),
    "fixed_list": pa.array([[1.5, 2.5], None], pa.list_(pa.float32(), 2)),
    "struct": pa.array(
        [{"of day": time(10, 30), "size": 1, 'a"b': 2**64 - 1, "plain": "x"}, None],
        pa.struct(
            [
                ("of day", pa.time64("us")),
                ("size", pa.uint8()),
                ('a"b', pa.uint64()),
                ("plain", pa.string()),
            ]
        ),
    ),
    "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.uint16())),
    "deep": pa.array(
        [[{"at": [NANOSECONDS]}], None],
        pa.list_(pa.struct([("at", pa.list_(pa.timestamp("ns")))])),
    ),
}


SPARK_HAS = (
    *(pa.types.is_boolean, pa.types.is_signed_integer, pa.types.is_float32, pa.types.is_float64),
    *(pa.types.is_decimal128, pa.types.is_string, pa.types.is_binary, pa.types.is_date32),
)


def is_of_spark(type_: pa.DataType) -> bool:
    """Whether Delta tables have the type, as Arrow names it."""
    if pa.types.is_timestamp(type_):
        return bool(type_.unit == "us")
    if pa.types.is_nested(type_):
        return all(is_of_spark(type_.field(number).type) for number in range(type_.num_fields))
    return any(has(type_) for has in SPARK_HAS)


def lines_on_executor(folder: Path) -> tuple[dict[str, str], pa.Table]:
    """Types of the columns in the files, and the lines as Spark gets them of the tasks."""
    with duckdb.connect() as connection:
        asked = Request(str(folder), "mine", {}, [], folder / "_staging")
        files = plan_delivery(asked, connection)["files"]
    columns, _ = raw_columns(files, [])
    reading = Files(1, columns, "mine", "2026-01-02 00:00:00")
    plans = pa.record_batch({"file": [json.dumps(file) for file in files]})
    schema = reading.schema()
    rows = pa.Table.from_batches(list(reading.on_executor()([plans])), schema)
    types = {str(column["name"]): str(column["type"]) for column in columns.values()}
    return types, rows.filter(pc.equal(rows[PART], LINE))


@pytest.mark.parametrize("name", COLUMNS)
def test_a_mapping_sees_the_type_and_the_values_of_the_file(name: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({name: COLUMNS[name]}), tmp_path / "a.parquet")
    types, lines = lines_on_executor(tmp_path)
    assert [str(field.type) for field in lines.schema if not is_of_spark(field.type)] == []
    text = f"cast({quoted(name)} as varchar) as text from"
    mapped = Mapped(f"select typeof({quoted(name)}) as type, {text} lines", {}, types=types)
    seen = pa.Table.from_batches(mapped.on_executor()(lines.to_batches()))
    with duckdb.connect() as connection:
        there = connection.execute(f"select {text} '{tmp_path}/a.parquet'").to_arrow_table()
    assert seen["text"].to_pylist() == there["text"].to_pylist()
    assert set(seen["type"].to_pylist()) == {types[name]}


def test_a_type_that_would_be_lost_is_refused_with_the_remedy(tmp_path: Path) -> None:
    duckdb.execute(f"copy (select {{'b': 1}}::variant as odd) to '{tmp_path}/a.parquet'")
    with pytest.raises(
        SourceProblem, match=r"column 'odd' is of type VARIANT.* Deliver it as text"
    ):
        lines_on_executor(tmp_path)


@pytest.mark.parametrize(
    "type_", ["UTINYINT", "TIME", 'STRUCT("a b" UBIGINT[], size UUID)', "UUID"]
)
def test_a_comment_tells_the_type_in_the_files(type_: str) -> None:
    assert type_in_files(comment_of(type_)) == type_
    assert kept_as(kept_as(type_)) == kept_as(type_)


@pytest.mark.parametrize(
    "type_", ["VARCHAR", "DECIMAL(38,18)", "STRUCT(a INTEGER[], b MAP(VARCHAR, DATE))"]
)
def test_a_type_that_spark_has_is_told_by_no_comment(type_: str) -> None:
    assert comment_of(type_) == ""
    assert type_in_files("what a user wrote") is None
