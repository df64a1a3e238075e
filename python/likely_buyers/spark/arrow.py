"""Batches of rows between Spark and DuckDB, on an executor."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa

# DuckDB's own unit of work times its threads; a call costs nothing beside so many rows
ROWS_AT_ONCE = 120_000


def gathered(
    batches: Iterable[pa.RecordBatch], rows_at_once: int | None = ROWS_AT_ONCE
) -> Iterator[pa.Table]:
    """Batches put together to tables of about so many rows, or to one: Spark sends ten thousand at a time."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows_at_once and rows >= rows_at_once:
            yield pa.Table.from_batches(held)
            held, rows = [], 0
    if rows:
        yield pa.Table.from_batches(held)


def without_zone(table: pa.Table) -> pa.Table:
    """Spark's moments as DuckDB keeps them: in UTC, without a zone."""
    return _in_zone(table, None)


def with_zone(table: pa.Table) -> pa.Table:
    """The other way round: what Spark takes for a timestamp rather than a timestamp_ntz."""
    return _in_zone(table, "UTC")


def in_microseconds(table: pa.Table) -> pa.Table:
    """With a zone or without one, as they are: Spark has moments of microseconds alone."""
    return _with_moments(table, lambda type_: pa.timestamp("us", tz=type_.tz))


def spark_schema(schema: pa.Schema) -> Any:
    """The same columns, as Spark names their types; a moment without a zone is a timestamp_ntz."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema, prefer_timestamp_ntz=True)


def plain_texts(frame: Any) -> Any:
    """A frame whose texts have no collation in their type.

    Those of `mapInArrow` have one, by name the default, over Spark Connect. It would stand in the schema of Delta
    tables, and deltalake refuses them for it.
    """
    columns = [(quoted(name), kind) for name, kind in frame.dtypes]
    return frame.selectExpr(
        *(
            f"cast({name} as string) as {name}" if kind.startswith("string") else name
            for name, kind in columns
        )
    )


def quoted(name: str) -> str:
    """A name of Spark's SQL."""
    return "`" + name.replace("`", "``") + "`"


def text_of(value: str) -> str:
    """A literal of Spark's SQL, in which a backslash escapes."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _in_zone(table: pa.Table, zone: str | None) -> pa.Table:
    return _with_moments(table, lambda _: pa.timestamp("us", tz=zone))


def _with_moments(table: pa.Table, moment: Callable[[pa.DataType], pa.DataType]) -> pa.Table:
    return table.cast(
        pa.schema(
            (field.name, moment(field.type) if pa.types.is_timestamp(field.type) else field.type)
            for field in table.schema
        )
    )
