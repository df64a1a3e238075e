"""The job behind gold.expected_buyers: how many will buy, with an interval, of each outcome and run."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from likely_buyers.dbt.on_spark.frames import is_frame
from likely_buyers.dbt.refusals import without_traceback
from likely_buyers.registry import Registry
from likely_buyers.settings import Settings
from likely_buyers.training import Level, expected_buyers

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

EXPECTED_SCHEMA = pa.schema(
    [
        ("outcome", pa.string()),
        ("as_of_date", pa.date32()),
        ("horizon_days", pa.int32()),
        ("model_name", pa.string()),
        ("model_version", pa.int32()),
        ("users", pa.int64()),
        ("expected_buyers", pa.float64()),
        ("expected_buyers_low", pa.float64()),
        ("expected_buyers_high", pa.float64()),
    ]
)
# sums over decimals: a sum of floating-point numbers would depend on the order of rows
_SUMS = """
    outcome, as_of_date, horizon_days, model_name, model_version, count(*),
    cast(sum(cast(probability as decimal(18, 12))) as double),
    cast(sum(cast(probability * (1 - probability) as decimal(18, 12))) as double)
"""


@without_traceback
def expect_buyers(
    predictions: "DuckDBPyRelation", session: "DuckDBPyConnection", schema: str, table: str
) -> pa.Table:
    """How many of the scored users will meet each outcome (`EXPECTED_SCHEMA`), after what was expected before.

    Args:
        predictions: gold.predictions.
        session: the connection that builds the table.
        schema: where the table stands, if it does.
        table: its name. Of a day and a version that are scored again the new row replaces the old.

    Raises:
        RegistryError: the registry cannot be read, or has the version no longer.
    """
    rows = []
    for outcome, day, horizon, name, version, users, p, p_not_p in _sums(predictions):
        noted = Registry.of(Settings.of(), model_name=name).version(version).parameters
        level = Level.of_json(noted["level"]) if "level" in noted else Level()
        expected = expected_buyers(p, p_not_p, level)
        rows.append((outcome, day, horizon, name, version, users, *expected))
    again = {row[1:2] + row[3:5] for row in rows}
    rows += [row for row in _before(session, schema, table) if row[1:2] + row[3:5] not in again]
    rows.sort(key=lambda row: (row[1], row[0], row[3], row[4]))
    columns = zip(*rows, strict=True) if rows else [()] * len(EXPECTED_SCHEMA)
    return pa.table(
        [
            pa.array(column, field.type)
            for column, field in zip(columns, EXPECTED_SCHEMA, strict=True)
        ],
        schema=EXPECTED_SCHEMA,
    )


def _sums(predictions: Any) -> list[tuple[Any, ...]]:
    keys = "outcome, as_of_date, horizon_days, model_name, model_version"
    if not is_frame(predictions):
        return predictions.aggregate(_SUMS, keys).fetchall()
    query = f"select {_SUMS} from {{predictions}} group by {keys}"  # noqa: S608
    return _rows(predictions.sparkSession.sql(query, predictions=predictions))


def _before(session: Any, schema: str, table: str) -> list[tuple[Any, ...]]:
    """The rows that stand there; none before the first build."""
    name = f"{schema}.{table}"
    if hasattr(session, "catalog"):
        there = session.catalog.tableExists(name)
        return _rows(session.table(name).select(EXPECTED_SCHEMA.names)) if there else []
    known = session.execute(
        "select 1 from information_schema.tables where table_schema = ? and table_name = ?",
        [schema, table],
    )
    if not known.fetchall():
        return []
    return session.table(name).project(", ".join(EXPECTED_SCHEMA.names)).fetchall()


def _rows(frame: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame.collect()]
