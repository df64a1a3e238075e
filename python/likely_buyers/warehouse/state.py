"""The state folder: everything that a checkout writes, in one git-ignored place."""

import os
from pathlib import Path

import duckdb

DATABASE_FILE = "likely_buyers.duckdb"


def state_folder(project_dir: Path | None = None) -> Path:
    """The folder `LIKELY_BUYERS_STATE` names, or `warehouse/` of the project.

    A relative path is relative to `project_dir` (the current folder when None), as it is for dbt.
    """
    folder = Path(os.environ.get("LIKELY_BUYERS_STATE") or "warehouse")
    return (project_dir or Path.cwd()) / folder


def in_use(path: Path, error: Exception) -> str:
    """What to tell somebody whose database another process holds; `error` is DuckDB's."""
    return (
        f"the database {path} is in use by another process, and DuckDB allows one writer. Wait for it to"
        " end, close the tool that has the file open (point BI tools at the published copy instead), or"
        f" set LIKELY_BUYERS_STATE to another folder. DuckDB says: {error}"
    )


def connect(database: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """The database with the limits that dbt's profile gives it; UTC, as there.

    Raises:
        duckdb.IOException: another process holds it ("lock" is in the message), or it cannot be read.
    """
    connection = duckdb.connect(
        str(database),
        read_only=read_only,
        config={
            "memory_limit": os.environ.get("LIKELY_BUYERS_MEMORY_LIMIT", "4GB"),
            "temp_directory": str(database.parent / "spill"),
            "preserve_insertion_order": "false",
        },
    )
    connection.execute("set TimeZone = 'UTC'")
    return connection
