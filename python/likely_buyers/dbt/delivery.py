"""The load that a build is at, for the macros: its plan and its writing."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from duckdb.sqltypes import BIGINT, VARCHAR

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.lake.files import folder_of
from likely_buyers.settings import Lake, Settings
from likely_buyers.sources import SourceProblem, line_at
from likely_buyers.sources.columns import raw_columns
from likely_buyers.sources.loading import Load, files_read, warnings_of
from likely_buyers.sources.mapping import EventMapping, check_files, columns_of_sources
from likely_buyers.sources.mapping.dialect import DuckDB
from likely_buyers.sources.plan import Request, forget_staged, plan_delivery
from likely_buyers.sources.register import (
    RAW_EVENTS,
    REGISTER,
    create_tables,
    known_files,
    known_relations,
    loaded_columns,
    next_load_id,
)
from likely_buyers.sources.relation import Relation, Warehouse, given_relation, plan_relation
from likely_buyers.sources.sql_helpers import use_helpers

# a folder may have been moved whole
_TOLD_COPIES = 3


class Delivery:
    """One load at a time: planned, and then written, by the materialization of raw_events."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: Lake | None,
        warehouse: Callable[[duckdb.DuckDBPyConnection, str | None], Warehouse] = Warehouse,
    ) -> None:
        """lake: as of `Load`. warehouse: what relations are read of, made as a `Warehouse` is."""
        self._connection = connection
        self._lake = lake
        self._warehouse = warehouse
        self._load: Load | None = None

    def add_functions(self) -> None:
        """Give SQL those below, and `line_at`."""
        add_functions(self._connection, self.plan_load, self.check_files)
        self._connection.create_function("line_at", line_at, [VARCHAR, BIGINT, BIGINT], VARCHAR)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        use_helpers(cursor)
        return cursor

    def plan_load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Plan what `write` writes: the "columns" of raw_events with it; "told" and "warned" is to be said of it."""
        is_full, mapping_name = request["is_full"], request["mapping_name"]
        # what an earlier build left when it was stopped
        forget_staged(_staging())
        with self._cursor() as cursor:
            create_tables(cursor)
            load_id = 1 if is_full else next_load_id(cursor)
            known = [] if is_full else known_files(cursor, mapping_name)
            if relation := given_relation(request["events_relation"], None):
                plan = self._planned_relation(request, relation, load_id, cursor)
            else:
                plan = self._planned_files(request, known, cursor)
            files = files_read(plan["files"])
            columns, changes = raw_columns(files, [] if is_full else loaded_columns(cursor))
        self._load = Load(
            load_id=load_id,
            is_full=is_full,
            files=plan["files"],
            columns=columns,
            mapping_name=mapping_name,
            started_at=request["started_at"],
            staging=_staging(),
            lake=self._lake,
        )
        warned = [words for file in plan["files"] for words in warnings_of(file)]
        return {"columns": columns, "told": plan["told"], "warned": warned + changes}

    def check_files(self, request: dict[str, Any]) -> dict[str, Any]:
        """What is to be said of the planned files under the mapping ("warned"), and why none is loaded ("problem")."""
        load = self._planned()
        mapping = EventMapping.of(load.mapping_name, request["mapping"])
        files = files_read(load.files)
        with self._connection.cursor() as cursor:
            engine = DuckDB(cursor)
            sources = columns_of_sources(REGISTER, files, engine) if mapping.sources else {}
            checked = check_files(
                mapping, files, load.columns, sources, request["relations"], engine
            )
        return {"warned": checked.told, "problem": [checked.refusal] if checked.refusal else []}

    def write(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Write the planned load, in the transaction that the cursor is in; its copies of files go in any case."""
        with self.taken() as load:
            try:
                load.write(cursor)
            except BaseException:
                # rolled back, but the copies that the lake was to take over are there, and the disk may be full
                if self._lake and (folder := folder_of(self._lake, RAW_EVENTS, load.constants)):
                    shutil.rmtree(folder, ignore_errors=True)
                raise

    @contextmanager
    def taken(self) -> Iterator[Load]:
        """The load that `plan_load` has planned, to be written within: it and its copies of files go in any case."""
        try:
            yield self._planned()
        finally:
            self._load = None
            forget_staged(_staging())

    def _planned(self) -> Load:
        if self._load is None:
            raise AssertionError("no load is planned")
        return self._load

    def _planned_files(
        self,
        request: dict[str, Any],
        known: list[tuple[str, int, str, str, str]],
        cursor: duckdb.DuckDBPyConnection,
    ) -> dict[str, Any]:
        asked = Request(
            request["events_path"], request["mapping_name"], request["mapping"], known, _staging()
        )
        plan = plan_delivery(asked, cursor)
        files = plan["files"]
        if files and not known and not any(file["columns"] for file in files):
            raise SourceProblem(
                f"events_path '{request['events_path']}' holds no line: every file there is empty"
                f" ({', '.join(file['path'] for file in files)}). Deliver the events, then run dbt build."
            )
        copies = plan["same_content"]
        told = [
            f"the file '{copy}' has the content of '{original}', which is loaded: it is not loaded again."
            for copy, original in copies[:_TOLD_COPIES]
        ]
        if further := len(copies) - len(told):
            told.append(
                f"The same holds of {further:,} further {'file' if further == 1 else 'files'}."
            )
        return plan | {"told": told}

    def _planned_relation(
        self,
        request: dict[str, Any],
        given: Mapping[str, Any],
        load_id: int,
        cursor: duckdb.DuckDBPyConnection,
    ) -> dict[str, Any]:
        if request["mapping"].get("sources"):
            raise SourceProblem(
                f"the event mapping '{request['mapping_name']}' has sources, which are files, and vars.events_relation"
                " is one relation. Join in a model of dbt, and name that one."
            )
        relation = Relation.of(given, request["from_clause"], Settings.of().lake.file)
        is_full = request["is_full"]
        known = [] if is_full else known_relations(cursor)
        raw_events = None if is_full else RAW_EVENTS
        try:
            warehouse = self._warehouse(cursor, raw_events)
            return plan_relation(relation, known, load_id, _staging(), warehouse)
        except SourceProblem:
            forget_staged(_staging())
            raise


def add_functions(
    connection: duckdb.DuckDBPyConnection,
    *functions: Callable[[dict[str, Any]], dict[str, Any] | None],
) -> None:
    """Give SQL functions under their names, from JSON to JSON, which the macro `heard` reads."""
    for function in functions:
        # side_effects: a file may have changed since the same was asked before
        connection.create_function(
            function.__name__, _answering(function), [VARCHAR], VARCHAR, side_effects=True
        )


def _answering(function: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Callable[[str], str]:
    def answer(request: str) -> str:
        try:
            return json.dumps(function(json.loads(request)) or {})
        except LikelyBuyersError as problem:
            return json.dumps({"problem": [str(problem)]})

    return answer


def _staging() -> Path:
    return Settings.of().state / "staging"
