"""Opening what a command has left, or what a test has it find."""

from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.lake import connect
from likely_buyers.settings import Lake

# events as told: not by which row, but by how many lines each
_TOLD_EVENTS = """
    create temporary view told_events as
    select * exclude (row_id), 1 + (
        select count(*) from silver.left_out_lines as lines where lines.duplicate_of = events.row_id
    ) as line_count
    from silver.events as events
"""


def open_lake(state: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """The lake of a state folder; it is made where it is not there."""
    return connect(Lake.in_folder(state), read_only=read_only)


def answer(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query, which may read `told_events`: silver.events without row ids, with the lines of each."""
    if "told_events" in sql:
        connection.execute(_TOLD_EVENTS)
    return connection.sql(sql).fetchall()
