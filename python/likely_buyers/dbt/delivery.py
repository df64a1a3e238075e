"""The load that a build is at, for the macros: its plan, and what became of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.settings import Settings
from likely_buyers.sources import SourceProblem
from likely_buyers.sources.columns import raw_columns
from likely_buyers.sources.json_text import count_lines
from likely_buyers.sources.mending import mend
from likely_buyers.sources.plan import (
    Request,
    changed_file,
    forget_staged,
    plan_delivery,
)
from likely_buyers.sources.relation import Known, Relation, plan_relation
from likely_buyers.sources.staging import mend_file, plain_text
from likely_buyers.sources.streams import chunks


class Delivery:
    """One load at a time: planned while raw_events compiles, and looked up by the hooks around its rows."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._plan: dict[str, Any] = {"files": []}

    def functions(self) -> dict[str, Callable[[str], str]]:
        """Name in SQL -> function, each from JSON to JSON."""
        return {
            function.__name__: answering(function)
            for function in (
                self.plan_delivery,
                self.plan_relation,
                self.current_delivery,
                self.count_records,
                self.mend_file,
                self.check_unchanged,
                self.raw_columns,
            )
        }

    def plan_delivery(self, request: dict[str, Any]) -> dict[str, Any]:
        """The files of the load, as in `sources`; it is the current one from now on."""
        with self._connection.cursor() as cursor:
            plan = plan_delivery(
                Request(
                    events_path=request["events_path"],
                    mapping_name=request["mapping_name"],
                    mapping=request["mapping"],
                    known=[tuple(row) for row in request["known"]],
                    staging=_staging(),
                ),
                cursor,
            )
        self._plan = plan | {"load_id": request["load_id"]}
        return self._plan

    def plan_relation(self, request: dict[str, Any]) -> dict[str, Any]:
        """What is new of vars.events_relation, as a delivery; it is the current one from now on."""
        self._plan = {"files": []}
        # what an earlier build left when it was stopped
        forget_staged(_staging())
        given, register = request["relation"], request["register"]
        relation = Relation.of(given, request["from_clause"], Settings.of().database)
        try:
            with self._connection.cursor() as cursor:
                plan = plan_relation(
                    relation,
                    [Known(row[0], row[1], tuple(json.loads(row[2])), row[3]) for row in register],
                    request["raw_events"],
                    request["load_id"],
                    _staging(),
                    cursor,
                )
        except SourceProblem:
            forget_staged(_staging())
            raise
        self._plan = plan | {"load_id": request["load_id"]}
        return self._plan

    def current_delivery(self, _request: dict[str, Any]) -> dict[str, Any]:
        """The plan."""
        return self._plan

    def count_records(self, request: dict[str, Any]) -> dict[str, int]:
        """Records and bad lines of a file, found without the engine's parser."""
        file = self._file(request["path"])
        self.check_unchanged({})
        if file["format"] != "csv":
            pieces = chunks(Path(file["read_path"]), file["compression"])
            is_text = file["json_kind"] == "lines"
            return {"records": count_lines(pieces) if is_text else file["lines"], "bad_lines": 0}
        text = plain_text(file, Path(file["read_path"]), _staging(), file["path"])
        counted = mend(
            text,
            start=file["first_byte"],
            delimiter=file["delimiter"] or ",",
            quote=file["quote"],
            escape=file["escape"],
            columns=len(file["columns"]),
        )
        return {"records": counted.records, "bad_lines": counted.bad_lines}

    def mend_file(self, request: dict[str, Any]) -> dict[str, Any]:
        """The file with a copy of its good records to be read instead, and its bad lines."""
        file = self._file(request["path"])
        text = plain_text(file, Path(file["read_path"]), _staging(), file["path"])
        if file["format"] == "csv":
            mend_file(file, text, _staging())
        return file

    def check_unchanged(self, _request: dict[str, Any]) -> None:
        """Stop where a file is not what it was when the load was planned."""
        # a relation's copy is our own
        files = [file for file in self._plan["files"] if file["format"] != "relation"]
        with self._connection.cursor() as cursor:
            file = changed_file(files, cursor)
        if file:
            raise SourceProblem(
                f"the file '{file['path']}' seems to have changed while it was read: it had {file['size']:,}"
                f" bytes and was changed at {file['modified_at']} when this load began. Nothing of this load"
                " was kept: run dbt build again once the delivery is over."
            )

    def raw_columns(self, request: dict[str, Any]) -> dict[str, Any]:
        """The columns of raw_events once the files are in it, and what is to be told of them."""
        columns, told = raw_columns(request["files"], request["known"])
        return {"columns": columns, "told": told}

    def forget(self) -> str:
        """The load is over: its copies go."""
        self._plan = {"files": []}
        forget_staged(_staging())
        return ""

    def _file(self, path: str) -> dict[str, Any]:
        return next(file for file in self._plan["files"] if file["path"] == path)


def answering(function: Callable[[dict[str, Any]], Any]) -> Callable[[str], str]:
    """A function from JSON to JSON: {"result": ...}, or {"problem": words} where it refuses."""

    def answer(request: str) -> str:
        try:
            return json.dumps({"result": function(json.loads(request))})
        except SourceProblem as problem:
            return json.dumps({"problem": str(problem)})

    return answer


def _staging() -> Path:
    return Settings.of().state / "staging"
