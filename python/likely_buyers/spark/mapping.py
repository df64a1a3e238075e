"""Lines seen through an event mapping, on the executors, by the same SQL in the same engine as on one machine.

A mapping's expressions are DuckDB's SQL, as its writer tried them. Said in Spark's SQL some would not be possible,
others would give another value: a date in words, a rounded half, an expression that fails on one line. So DuckDB
evaluates them, within each Python worker, over the rows that Spark hands to it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from likely_buyers.sources.sql_helpers import create_helpers, use_helpers
from likely_buyers.spark.arrow import ROWS_AT_ONCE, gathered, with_zone

LINES = "lines"
"""The name that the SQL has for the rows at hand."""


@dataclass(frozen=True)
class Mapped:
    """What is evaluated.

    Attributes:
        sql: a SELECT over `lines`, and over the tables below.
        tables: small tables that it joins.
        by_line: whether each row that it gives comes from one line alone. If not it sees all lines at once.
    """

    sql: str
    tables: dict[str, pa.Table]
    by_line: bool = True

    def schema(self, lines: pa.Schema) -> pa.Schema:
        """The columns of the result over lines of such columns."""
        with _connection(self.tables) as connection:
            connection.register(LINES, lines.empty_table())
            return with_zone(connection.execute(self.sql).to_arrow_table()).schema

    def on_executor(self) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
        """What `mapInArrow` takes."""
        sql, tables = self.sql, self.tables
        rows_at_once = ROWS_AT_ONCE if self.by_line else None

        def mapped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            with _connection(tables) as connection:
                for lines in gathered(batches, rows_at_once):
                    connection.register(LINES, lines)
                    yield from with_zone(connection.execute(sql).to_arrow_table()).to_batches()
                    connection.unregister(LINES)

        return mapped


def _connection(tables: dict[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    # one core for each Python worker: Spark has counted them
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set TimeZone = 'UTC'")
    create_helpers(connection)
    use_helpers(connection)
    connection.execute("create schema bronze")
    for name, table in tables.items():
        schema, _, alone = name.rpartition(".")
        connection.register(alone, table)
        if schema:
            connection.execute(f"create view {name} as select * from {alone}")
    return connection
