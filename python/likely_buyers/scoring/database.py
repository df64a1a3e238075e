"""The warehouse's database, opened with the limits of dbt's profile, or the reason why it cannot be."""

from __future__ import annotations

from pathlib import Path

import duckdb

from likely_buyers.scoring.errors import ScoringError
from likely_buyers.warehouse.state import DatabaseInUse, connect


def opened(
    database: Path, refusal: type[ScoringError], *, read_only: bool
) -> duckdb.DuckDBPyConnection:
    """A connection to a database that is there.

    Raises:
        refusal: there is no database, or another process holds it.
    """
    if not database.exists():
        raise refusal(
            f"there is no database {database}, and so no score in it. Make one: dbt build; or set"
            " LIKELY_BUYERS_STATE to the folder that has it."
        )
    try:
        return connect(database, read_only=read_only)
    except DatabaseInUse as error:
        raise refusal(str(error)) from error
