"""The plugin that profiles.yml names: dbt-duckdb loads it before it opens the database."""

import json
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.factory import get_adapter_by_type
from dbt.exceptions import DependencyError
from dbt.flags import get_flags
from dbt_common.exceptions import DbtRuntimeError
from duckdb import DuckDBPyConnection
from duckdb.sqltypes import VARCHAR

from likely_buyers.dbt import runs
from likely_buyers.dbt.delivery import Delivery, add_functions
from likely_buyers.dbt.faults import remedy
from likely_buyers.dbt.inputs import champions_digest, package_digest
from likely_buyers.dbt.jobs import load_scoring
from likely_buyers.dbt.known_tests import KnownTests
from likely_buyers.dbt.mapping import MappingFunctions
from likely_buyers.dbt.profile import NO_LAKE
from likely_buyers.dbt.words import in_words
from likely_buyers.errors import LikelyBuyersError
from likely_buyers.lake import LAKE, LakeProblem, attach
from likely_buyers.lake.postgres import Session
from likely_buyers.settings import BadSetting, Lake, Settings
from likely_buyers.sources import SourceProblem
from likely_buyers.sources.sql_helpers import create_helpers, use_helpers


class Plugin(BasePlugin):
    """Creates the state folder, explains faults of the database, and adds SQL functions for macros."""

    _lock: Session | None = None

    def update_connection_config(self, creds: Any, config: dict[str, Any]) -> None:
        """Take over the lake's place in `attach`: it is attached here, so that who holds it is waited for and named.

        A relative path is relative to the project folder, in which each command works but `dbt debug`.

        Raises:
            DbtRuntimeError: the profile attaches no lake of the name that everything here is written for.
        """
        project = Path(getattr(get_flags(), "PROJECT_DIR", None) or Path.cwd())
        if "temp_directory" in config:
            config["temp_directory"] = str(project / config["temp_directory"])
        for attached in list(creds.attach or ()):
            if attached.alias == LAKE and attached.path.startswith("ducklake:"):
                try:
                    settings = Settings.of(project)
                    self._lake = Lake.of(
                        attached.path.removeprefix("ducklake:"),
                        str((attached.options or {}).get("data_path", "")),
                        settings.state,
                        project,
                    )
                    # dbt-duckdb would not try at all if this were no number, and say that this cannot be
                    self._attempts = settings.lock_attempts(
                        creds.retries.connect_attempts if creds.retries else 1
                    )
                except BadSetting as error:
                    raise DbtRuntimeError(f"likely_buyers: {error}") from error
                creds.attach.remove(attached)
                return
        raise DbtRuntimeError(f"likely_buyers: {NO_LAKE}")

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Register what SQL cannot do by itself.

        plan_load, check_files: as in `delivery`; check_settings, compiled_mapping: as in `mapping`. Each with JSON for
        its arguments and for its answer, which is for the macro `heard`.
        line_at(path, position, lines): as in `sources`.
        package_digest(), champions_digest(predicted): as in `inputs`.
        end_run(request): as in `runs`, with JSON for both.
        has_passed(request): as in `known_tests`, with JSON for both.
        load_scoring(names): as in `jobs`; '' at once.
        fault_remedy(problem): as `remedy` in `faults`.
        in_words(found): as in `words`, with JSON for both.
        """

        def start_loading(names: str) -> str:
            load_scoring(names.split(","))
            return ""

        def end_run(request: str) -> str:
            warnings: list[str] = []
            run = json.loads(request)
            tests.note(node for node, status, *_ in run["results"] if status == "pass")
            runs.end_run(conn.cursor(), run, warnings.append)
            return json.dumps({"told": warnings})

        try:
            self._lock = attach(conn, self._lake, self._attempts)
        except LikelyBuyersError as error:
            raise DbtRuntimeError(f"likely_buyers: {error}") from error
        create_helpers(conn)
        tests = KnownTests(conn)
        self._delivery = Delivery(conn, self._lake)
        self._delivery.add_functions()
        MappingFunctions(conn).add_functions()
        conn.create_function("fault_remedy", remedy, [VARCHAR], VARCHAR)
        add_functions(conn, in_words, tests.has_passed)
        conn.create_function("package_digest", package_digest, [], VARCHAR, side_effects=True)
        conn.create_function(
            "champions_digest", champions_digest, [VARCHAR], VARCHAR, side_effects=True
        )
        conn.create_function("end_run", end_run, [VARCHAR], VARCHAR, side_effects=True)
        conn.create_function("load_scoring", start_loading, [VARCHAR], VARCHAR, side_effects=True)

    def store(self, target_config: Any) -> None:
        """Write the planned load, on the connection of dbt's thread and in the transaction that it has open.

        No function of SQL does it: the query around one would keep a thread of the engine waiting.

        Raises:
            DbtRuntimeError: the load cannot be written whole.
        """
        connections = get_adapter_by_type("duckdb").connections
        with connections.exception_handler("the load of raw_events"):
            try:
                self._delivery.write(connections.get_thread_connection().handle.cursor())
            except SourceProblem as problem:
                # as the macro `stop` does, and for its reason
                raise DependencyError(f"likely_buyers: {problem}") from problem

    def configure_cursor(self, cursor: Any) -> None:
        """UTC, the macros of `sql_helpers`, and what to do when the database is gone; for each node.

        As `settings` of the profile the zone would be set before this, and a closed database end in a traceback.

        Raises:
            DbtRuntimeError: an earlier write of this run failed in a way after which DuckDB refuses everything, or the
                catalog's server is gone.
        """
        try:
            if self._lock:
                self._lock.check_lock()
            cursor.execute("set TimeZone = 'UTC'")
            use_helpers(cursor)
        except LakeProblem as error:
            raise DbtRuntimeError(f"likely_buyers: {error}") from error
        except (duckdb.FatalException, duckdb.IOException) as error:
            raise DbtRuntimeError(
                f"likely_buyers: {remedy(str(error))} DuckDB says: {error}"
            ) from error
