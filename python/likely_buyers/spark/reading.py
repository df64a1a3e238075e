"""Files of a delivery read on the executors, each by one task, with the reader that reads them on one machine.

So what is rejected, mended and counted is the same, by the same code; and a file is read where the cluster has room.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from likely_buyers.sources import SourceProblem, line_at
from likely_buyers.sources.loading import Load
from likely_buyers.sources.register import RAW_EVENTS, REGISTER, UNREADABLE, create_tables
from likely_buyers.sources.sql_helpers import use_helpers
from likely_buyers.spark.arrow import ROWS_AT_ONCE, in_microseconds
from likely_buyers.spark.kept import as_kept

PART, TEXT = "part_of_load", "text_of_load"
"""Columns behind those of the lines: what a row is, and of all but lines its JSON."""
BYTES_AT_ONCE = 32_000_000
"""A database, its tables and a proof take a tenth of a second, so small files share one."""
LINE, UNREADABLE_LINE, REGISTERED, REFUSED = 0, 1, 2, 3


@dataclass(frozen=True)
class Files:
    """What the tasks have in common; as of `Load`."""

    load_id: int
    columns: Mapping[str, Mapping[str, str | None]]
    mapping_name: str
    started_at: str

    def schema(self) -> pa.Schema:
        """Columns of the lines, with `PART` and `TEXT`."""
        rows = self._rows
        with _database(None) as connection, connection.cursor() as cursor:
            self._load([]).write(cursor)
            return in_microseconds(cursor.execute(rows).to_arrow_table()).schema

    def on_executor(self) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
        """What `mapInArrow` takes over rows with a file's plan, as JSON, in the column `file`."""

        def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for files in _groups(json.loads(told) for told in batch.column("file").to_pylist()):
                    yield from self._read(files)

        return read

    def _read(self, files: list[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
        with (
            tempfile.TemporaryDirectory(prefix="likely_buyers_") as folder,
            _database(Path(folder) if _are_many(files) else None) as connection,
            connection.cursor() as cursor,
        ):
            use_helpers(cursor)
            try:
                self._load(files, Path(folder)).write(cursor)
            except SourceProblem as problem:
                cursor.execute("create table bronze.refused as select ? as words", [str(problem)])
                yield from _batches(
                    cursor, f"{self._rows} where false union all by name {_REFUSED}"
                )
                return
            yield from _batches(cursor, self._rows)
            for other in (_UNREADABLE, _REGISTERED):
                yield from _batches(cursor, f"{self._rows} where false union all by name {other}")

    @property
    def _rows(self) -> str:
        types = {str(column["name"]): str(column["type"]) for column in self.columns.values()}
        return _ROWS.format(lines=f"(select * {as_kept(types)} from {RAW_EVENTS}) as lines")

    def _load(self, files: list[dict[str, Any]], staging: Path = Path()) -> Load:
        return Load(
            load_id=self.load_id,
            is_full=True,
            files=files,
            columns=self.columns,
            mapping_name=self.mapping_name,
            started_at=self.started_at,
            staging=staging / "staging",
            lake=None,
        )


# a time of ours is a moment, one of a source's is what the source says
_ROWS = (
    f"select * replace (cast(loaded_at as timestamp with time zone) as loaded_at), {LINE} as {PART},"
    f" cast(null as varchar) as {TEXT} from {{lines}}"
)
_UNREADABLE = f"select {UNREADABLE_LINE} as {PART}, cast(to_json(u) as varchar) as {TEXT} from {UNREADABLE} as u"
_REGISTERED = (
    f"select {REGISTERED} as {PART}, cast(to_json(r) as varchar) as {TEXT} from {REGISTER} as r"
)
_REFUSED = f"select {REFUSED} as {PART}, words as {TEXT} from bronze.refused"


def placed(file: dict[str, Any]) -> dict[str, Any]:
    """A file's plan with whole paths of what is opened: an executor works in another folder."""
    return file | {
        key: str(Path(file[key]).absolute())
        for key in ("file", "read_path", "bad_lines")
        if file[key] and "://" not in file[key]
    }


def _groups(files: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Files in their order, those of a group together no larger than `BYTES_AT_ONCE`; a larger one is alone."""
    group: list[dict[str, Any]] = []
    size = 0
    for file in files:
        if group and size + file["size"] > BYTES_AT_ONCE:
            yield group
            group, size = [], 0
        group.append(file)
        size += file["size"]
    if group:
        yield group


def _are_many(files: Iterable[dict[str, Any]]) -> bool:
    """Whether their lines take more than memory should; those of few bytes are written there in half the time."""
    return sum(file["size"] for file in files) > BYTES_AT_ONCE


def _batches(cursor: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    for batch in cursor.execute(query).to_arrow_reader(ROWS_AT_ONCE):
        yield from in_microseconds(pa.Table.from_batches([batch])).to_batches()


def _database(folder: Path | None) -> duckdb.DuckDBPyConnection:
    path = str(folder / "load.duckdb") if folder else ":memory:"
    connection = duckdb.connect(path, config={"threads": 1})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("create schema bronze")
    connection.create_function(
        "line_at",
        line_at,
        [duckdb.sqltypes.VARCHAR, duckdb.sqltypes.BIGINT, duckdb.sqltypes.BIGINT],
        duckdb.sqltypes.VARCHAR,
    )
    with connection.cursor() as cursor:
        create_tables(cursor)
    return connection
