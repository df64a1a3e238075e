"""Values as the texts that DuckDB makes of them, on the executors: those of Spark differ, 1.0E7 for 10000000.0."""

from typing import Any

import duckdb
import pyarrow as pa

TEXT_OF = "likely_buyers_text_of"
"""Its name in Spark's SQL."""


def register_text_of(session: Any) -> None:
    """Give the session's SQL the function."""
    from pyspark.sql.functions import arrow_udf

    session.udf.register(TEXT_OF, arrow_udf(_texts, "string"))


def _texts(values: pa.Array) -> pa.Array:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("given", pa.table({"value": values}))
        found = connection.execute("select cast(value as varchar) as value from given")
        return found.to_arrow_table().column("value").combine_chunks()
