"""Tables of Spark as the jobs of Python models take them, and what they give as a table of Spark."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from likely_buyers.spark.arrow import plain_texts, spark_schema, with_zone, without_zone

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation


def is_frame(table: Any) -> bool:
    """Whether it is a DataFrame of Spark."""
    return hasattr(table, "mapInArrow")


def in_duckdb(table: Any) -> "DuckDBPyRelation":
    """A DataFrame of Spark, brought here, as a relation of DuckDB; a relation as it is.

    For what is bounded: examples are of so many sampled users, a list is a share of the users.
    """
    return duckdb.from_arrow(without_zone(table.toArrow())) if is_frame(table) else table


def with_connection(table: Any, session: Any) -> tuple["DuckDBPyRelation", "DuckDBPyConnection"]:
    """As `in_duckdb`, with the connection that the relation is of."""
    if not is_frame(table):
        return table, session
    connection = duckdb.connect()
    return connection.from_arrow(without_zone(table.toArrow())), connection


def view_of(name: str, model: Callable[..., Any], dbt: Any, session: Any) -> None:
    """Run a Python model, and have what it gives as a view of the session."""
    made = model(dbt, session)
    if isinstance(made, pa.RecordBatchReader):
        made = made.read_all()
    if isinstance(made, pa.Table):
        made = with_zone(made)
        # with its types: of a table without rows nothing tells them
        made = session.createDataFrame(made, spark_schema(made.schema))
    plain_texts(made).createOrReplaceTempView(name)
