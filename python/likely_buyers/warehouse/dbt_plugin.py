"""The plugin that profiles.yml names: dbt-duckdb loads it before it opens the database."""

import json
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError
from duckdb import DuckDBPyConnection
from duckdb.sqltypes import BLOB, VARCHAR

from likely_buyers.jobs import load_scoring
from likely_buyers.warehouse.faults import remedy
from likely_buyers.warehouse.gzip_files import gzip_problem
from likely_buyers.warehouse.inputs import champion_digest, package_digest
from likely_buyers.warehouse.sql_helpers import create_helpers
from likely_buyers.warehouse.state import (
    BadSetting,
    DatabaseInUse,
    lock_attempts,
    opened_when_free,
)


class Plugin(BasePlugin):
    """Creates the state folder, explains faults of the database, and adds SQL functions for macros."""

    def update_connection_config(self, creds: Any, config: dict[str, Any]) -> None:
        """Make sure that the database can be opened, waiting for who holds it as `retries` of the profile says.

        dbt-duckdb's own retries say nothing while they wait, double the pause each time, and end with the engine's
        words; they come after this and find the database free.

        Raises:
            DbtRuntimeError: another process holds the database, or the number of attempts is none.
        """
        path = Path(creds.path)
        if creds.path == ":memory:" or "://" in creds.path or creds.path.startswith("md:"):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            attempts = lock_attempts(creds.retries.connect_attempts if creds.retries else 1)
            if path.exists():
                opened_when_free(path, attempts, config=config).close()
        except (BadSetting, DatabaseInUse) as error:
            raise DbtRuntimeError(f"likely_buyers: {error}") from error

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Register what SQL cannot do by itself.

        gzip_problem(content): as in `gzip_files`.
        query_problem(query): why the query fails, '' when it does not; SQL itself cannot go on after an error.
        query_columns(query): JSON of its "columns" and their "types", or of the "problem" for which it fails.
        package_digest(), champion_digest(model_name): as in `inputs`.
        load_scoring(model_name): as in `jobs`; '' at once.
        fault_remedy(problem): as `remedy` in `faults`.
        """

        def query_problem(query: str) -> str:
            with conn.cursor() as cursor:
                try:
                    cursor.execute(query)
                except duckdb.Error as error:
                    return str(error)
            return ""

        def query_columns(query: str) -> str:
            with conn.cursor() as cursor:
                try:
                    rows = cursor.execute(f"describe {query}").fetchall()
                except duckdb.Error as error:
                    return json.dumps({"problem": str(error)})
            return json.dumps(
                {"columns": [row[0] for row in rows], "types": [row[1] for row in rows]}
            )

        def start_loading(model_name: str) -> str:
            load_scoring(model_name)
            return ""

        conn.create_function("gzip_problem", gzip_problem, [BLOB], VARCHAR)
        conn.create_function("fault_remedy", remedy, [VARCHAR], VARCHAR)
        # side_effects: a file may have changed since the same query was tried before
        conn.create_function("query_problem", query_problem, [VARCHAR], VARCHAR, side_effects=True)
        conn.create_function("query_columns", query_columns, [VARCHAR], VARCHAR, side_effects=True)
        conn.create_function("package_digest", package_digest, [], VARCHAR, side_effects=True)
        conn.create_function(
            "champion_digest", champion_digest, [VARCHAR], VARCHAR, side_effects=True
        )
        conn.create_function("load_scoring", start_loading, [VARCHAR], VARCHAR, side_effects=True)

    def configure_cursor(self, cursor: Any) -> None:
        """UTC, the macros of `sql_helpers`, and what to do when DuckDB has closed the database.

        As `settings` of the profile the zone would be set before this, and a closed database end in a traceback.

        Raises:
            DbtRuntimeError: an earlier write of this run failed in a way after which DuckDB refuses everything.
        """
        try:
            cursor.execute("set TimeZone = 'UTC'")
            create_helpers(cursor)
        except duckdb.FatalException as error:
            raise DbtRuntimeError(
                f"likely_buyers: {remedy(str(error))} DuckDB says: {error}"
            ) from error
