"""A sample as a table of an in-memory database, to look at values; which of its lines are events is for the"
" models."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.inspecting.sample import Sample
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.plan import Request, plan_delivery
from likely_buyers.sources.reading import Reading
from likely_buyers.sources.sql_helpers import create_helpers, use_helpers
from likely_buyers.sql_text import literal, quoted


@dataclass(frozen=True)
class Planned:
    """How the files of a sample are read, as a load would read them."""

    files: tuple[dict[str, Any], ...]
    reading: Reading

    @property
    def columns(self) -> tuple[str, ...]:
        """Of all files, in their order."""
        names: dict[str, str] = {}
        for file in self.files:
            for name in file["columns"]:
                names.setdefault(name.lower(), name)
        return tuple(names.values())

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of files that hold a line."""
        return tuple(sorted({file["format"] for file in self.files if file["columns"]}))

    @property
    def lines(self) -> int:
        """Lines behind the headers."""
        return sum(max(file["lines"], 0) for file in self.files)


def plan(sample: Sample, mapping: Mapping[str, Any], name: str, staging: Path) -> Planned:
    """How a load with this mapping would read the sample.

    Raises:
        SourceProblem: a file that cannot be read so.
    """
    with duckdb.connect() as connection:
        found = plan_delivery(Request(sample.events_path, name, mapping, (), staging), connection)
    return Planned(
        tuple(file for file in found["files"] if not file["same_as"]), Reading.of(mapping, name)
    )


def lines_table(planned: Planned) -> duckdb.DuckDBPyConnection:
    """A database with the table `lines`: every column of every file, as it came.

    Raises:
        SourceProblem: no line could be read.
    """
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set preserve_insertion_order = true")
    create_helpers(connection)
    use_helpers(connection)
    selects = [_select(file) for file in planned.files if file["columns"]]
    if not selects:
        raise SourceProblem("there is no line in it: every file is empty.")
    connection.execute("create table lines as " + " union all by name ".join(selects))
    return connection


def _select(file: Mapping[str, Any]) -> str:
    path = literal(file["read_path"])
    columns = list(dict.fromkeys(file["columns"]))
    if file["format"] == "parquet":
        return f"select * from read_parquet({path})"
    if file["format"] == "json":
        keys = ", ".join(
            f"line ->> {literal(_json_path(name))} as {quoted(name)}" for name in columns
        )
        if file["json_kind"] == "lines":
            source = (
                f"(select line from read_csv({path}, columns = {{'line': 'VARCHAR'}}, auto_detect = false,"
                " header = false, delim = '\x01', quote = '', escape = '', strict_mode = false, ignore_errors = true,"
                f" max_line_size = 33554432, compression = {literal(file['compression'])}))"
                " where json_valid(line) and json_type(line) = 'OBJECT'"
            )
        else:
            source = (
                f"(select json as line from read_json_objects({path}, format = {literal(file['json_kind'])},"
                " maximum_object_size = 134217728))"
            )
        return f"select {keys} from {source}"
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    nulls = ", ".join(literal(value) for value in ["", *file["nulls"]])
    strict = "false" if file["escape"] and not file["quote"] else "true"
    return (
        f"select * from read_csv({path}, columns = {{{types}}}, auto_detect = false, header = false,"
        f" delim = {literal(file['delimiter'])}, quote = {literal(file['quote'])}, escape = {literal(file['escape'])},"
        f" nullstr = [{nulls}], skip = {file['skip']}, strict_mode = {strict}, ignore_errors = true,"
        f" max_line_size = 33554432, compression = {literal(file['compression'])})"
    )


def _json_path(name: str) -> str:
    return '$."' + name.replace('"', '\\"') + '"'


def short(value: object, width: int) -> str:
    """A value on one line, cut where it is long."""
    shown = value if isinstance(value, str) else json.dumps(value, default=str)
    shown = " ".join(shown.split())
    return shown if len(shown) <= width else shown[: width - 3] + "..."
