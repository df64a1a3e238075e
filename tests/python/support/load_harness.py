"""Loads files as the build does, without dbt: the project's own macros and functions, in milliseconds.

For properties that are tried on hundreds of files; that the macros do the same under dbt is for tests with real builds.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
from duckdb.sqltypes import BIGINT, VARCHAR

from likely_buyers.dbt import delivery as delivery_module
from likely_buyers.dbt.delivery import Delivery
from likely_buyers.sources import line_at
from support.installation import PROJECT

MAPPING = {"event_time": "'2026-01-01'", "event_type": "'view'", "user_id": "'u'"}
_MACRO = re.compile(r"\{%-?\s*macro (\w+)\((.*?)\)\s*-?%\}.*?\{%-?\s*endmacro\s*-?%\}", re.DOTALL)


class Refused(Exception):
    """What the build stops with."""


class _Returned(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class LoadHarness:
    """One empty warehouse after the other in memory, each with a load of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        self._environment = jinja2.Environment(extensions=["jinja2.ext.do"])  # noqa: S701
        self._environment.globals.update(
            execute=True,
            invocation_id="none",
            modules=SimpleNamespace(re=re),
            this="bronze.raw_events",
            run_started_at=datetime(2026, 1, 1, tzinfo=UTC),
            target=SimpleNamespace(type="duckdb"),
            zip=zip,
            tojson=json.dumps,
            fromjson=json.loads,
            run_query=self._run_query,
            var=lambda name: "mine",
            log=lambda message, info: self.warnings.append(message),
            log_table=lambda name: f"bronze.{name}",
            load_progress=lambda: "bronze.load_progress",
            is_incremental=lambda: False,
            dbt=SimpleNamespace(type_string=lambda: "varchar", type_bigint=lambda: "bigint"),
            exceptions=SimpleNamespace(warn=self.warnings.append),
            load_relation=lambda relation: None,
            adapter=SimpleNamespace(dispatch=lambda name: self._macros[f"duckdb__{name}"]),
        )
        self._environment.globals["return"] = self._return
        self._macros = {
            name: self._callable(name, parameters, text)
            for path in ("sources/read_events", "sources/raw_columns", "sources/load_hooks",
                         "sources/delivery", "portable/sql_literals")
            for name, parameters, text in self._texts(PROJECT / f"macros/{path}.sql")
        }  # fmt: skip
        self._environment.globals |= self._macros
        self._environment.globals["stop"] = self._stop

    def load(self, events: Path, **mapping: Any) -> duckdb.DuckDBPyConnection:
        """The warehouse after a load of the files: raw_events, unreadable_lines, file_register.

        Raises:
            Refused: the load stops.
        """
        self.warnings.clear()
        self._connection = duckdb.connect()
        # as in profiles.yml
        self._connection.execute("set preserve_insertion_order = false; set threads = 2")
        planned = Delivery(self._connection)
        for name, function in planned.functions().items():
            self._connection.create_function(name, function, [VARCHAR], VARCHAR, side_effects=True)
        self._connection.create_function(
            "forget_delivery", planned.forget, [], VARCHAR, side_effects=True
        )
        self._connection.create_function("line_at", line_at, [VARCHAR, BIGINT, BIGINT], VARCHAR)
        self._connection.execute(
            "create schema bronze; create table bronze.load_progress (model_name varchar, load_id bigint,"
            " definition varchar, invocation_id varchar)"
        )
        self._connection.execute(self._macros["create_load_tables"]())
        before = delivery_module._staging
        delivery_module._staging = lambda: self.folder / "staging"
        try:
            files = self._macros["files_to_read"](
                self._macros["source_function"](
                    "plan_delivery",
                    {"events_path": str(events), "mapping_name": "mine", "mapping": MAPPING | mapping,
                     "known": [], "load_id": 1},
                )
            )  # fmt: skip
            columns = self._macros["raw_columns"](files, None)
            rows = self._macros["read_events"](files, columns, 1)
            self._connection.execute(f"create table bronze.raw_events as {rows}")
            self._connection.execute(self._macros["finish_file_load"]())
        finally:
            planned.forget()
            delivery_module._staging = before
        return self._connection

    def _texts(self, path: Path) -> list[tuple[str, str, str]]:
        return [(m[1], m[2], m[0]) for m in _MACRO.finditer(path.read_text())]

    def _callable(self, name: str, parameters: str, text: str) -> Callable[..., Any]:
        template = self._environment.from_string(text)

        def call(*arguments: Any, **named: Any) -> Any:
            try:
                return getattr(template.module, name)(*arguments, **named)
            except _Returned as returned:
                return returned.value

        return call

    def _return(self, value: Any) -> None:
        raise _Returned(value)

    def _stop(self, message: str) -> None:
        raise Refused(message)

    def _run_query(self, sql: str) -> SimpleNamespace:
        result = self._connection.execute(sql)
        rows = result.fetchall() if result.description else []
        columns = list(zip(*rows, strict=True)) if rows else []
        return SimpleNamespace(
            rows=rows, columns=[SimpleNamespace(values=lambda c=c: c) for c in columns]
        )
