"""Lines seen through an event mapping, on the executors, by the same SQL in the same engine as on one machine.

A mapping's expressions are DuckDB's SQL, as its writer tried them. Said in Spark's SQL some would not be possible,
others would give another value: a date in words, a rounded half, an expression that fails on one line. So DuckDB
evaluates them, within each Python worker, over the rows that Spark hands to it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from likely_buyers.sources.sql_helpers import create_helpers, use_helpers
from likely_buyers.spark.arrow import ROWS_AT_ONCE, gathered, with_zone
from likely_buyers.spark.kept import as_in_files

LINES = "lines"
"""The name that the SQL has for the rows at hand."""


@dataclass(frozen=True)
class Mapped:
    """What is evaluated.

    Attributes:
        sql: a SELECT over `lines`, and over the tables below.
        tables: small tables that it joins.
        by_line: whether each row that it gives comes from one line alone. If not it sees all lines at once.
        types: of columns of the lines in the files, where Spark's table keeps them as another.
    """

    sql: str
    tables: dict[str, pa.Table]
    by_line: bool = True
    types: Mapping[str, str] = field(default_factory=dict)

    def schema(self, lines: pa.Schema) -> pa.Schema:
        """The columns of the result over lines of such columns."""
        with _connection(self.tables) as connection:
            return self._over(lines.empty_table(), connection).schema

    def on_executor(self) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
        """What `mapInArrow` takes."""
        rows_at_once = ROWS_AT_ONCE if self.by_line else None

        def mapped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            with _connection(self.tables) as connection:
                for lines in gathered(batches, rows_at_once):
                    yield from self._over(lines, connection).to_batches()

        return mapped

    def _over(self, lines: pa.Table, connection: duckdb.DuckDBPyConnection) -> pa.Table:
        connection.register("kept_lines", lines)
        connection.execute(
            f"create or replace temp view {LINES} as select * {as_in_files(self.types)} from kept_lines"
        )
        return with_zone(connection.execute(self.sql).to_arrow_table())


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
