"""A sample as a table of an in-memory database, to look at values; which lines are events is for the models."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.inspecting.sample import Sample
from likely_buyers.sources.columns import raw_columns
from likely_buyers.sources.errors import SourceProblem, WrongEncoding
from likely_buyers.sources.plan import Request, plan_delivery
from likely_buyers.sources.reading_sql import records_of
from likely_buyers.sources.sql_helpers import create_helpers


@dataclass(frozen=True)
class Planned:
    """How the files of a sample are read, as a load would read them."""

    files: tuple[dict[str, Any], ...]

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
    return Planned(tuple(file for file in found["files"] if not file["same_as"]))


def guessed_encoding(sample: Sample, staging: Path) -> str | None:
    """What a source that is no UTF-8 may be in; None where it is, or nobody can say."""
    try:
        plan(sample, {}, "?", staging)
    except WrongEncoding as problem:
        return problem.may_be
    except SourceProblem:
        pass  # a mapping may say how it is read
    return None


def lines_table(planned: Planned) -> duckdb.DuckDBPyConnection:
    """A database with the table `lines`: every column of every file, as a load would read it.

    Raises:
        SourceProblem: no line could be read.
    """
    files = [file for file in planned.files if file["columns"]]
    if not files:
        raise SourceProblem("there is no line in it: every file is empty.")
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    create_helpers(connection)
    columns, _ = raw_columns(files, ())
    connection.execute(f"create table lines as {records_of(files, columns)}")
    return connection


def short(value: object, width: int) -> str:
    """A value on one line, cut where it is long."""
    shown = value if isinstance(value, str) else json.dumps(value, default=str)
    shown = " ".join(shown.split())
    return shown if len(shown) <= width else shown[: width - 3] + "..."
