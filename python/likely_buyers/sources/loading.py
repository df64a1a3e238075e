"""The writing of a load: its lines, and the register of its files, or nothing of it.

Every line of the files is a row or an unreadable line, by a count that shares no code with the engine's parser. Where
the counts differ a quote was never closed, or values go over several lines: then the file's records are found once
more, and where that finds bad lines it is read again without them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from likely_buyers.lake.files import folder_of, register, take_over
from likely_buyers.settings import Lake
from likely_buyers.sources.columns import NARROW
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.json_text import count_lines
from likely_buyers.sources.mending import mend
from likely_buyers.sources.plan import changed_file
from likely_buyers.sources.reading_sql import (
    FILE_ONLY,
    JSON_PROBLEM,
    File,
    is_text,
    json_lines,
    name_in_bronze,
    read_alike,
    rows_of,
)
from likely_buyers.sources.register import RAW_EVENTS, REGISTER, UNREADABLE
from likely_buyers.sources.staging import mend_file, plain_text
from likely_buyers.sources.streams import chunks
from likely_buyers.sql_text import literal, quoted

_FORGET_REJECTS = (
    "drop table if exists temp.raw_rejects; drop table if exists temp.raw_reject_scans"
)


def files_read(files: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Not the empty ones, nor those whose content is loaded already."""
    return [file for file in files if file["columns"] and not file["same_as"]]


def warnings_of(file: File) -> list[str]:
    """What is odd about a file that is loaded all the same."""
    if not file["columns"]:
        return [f"the file '{file['path']}' is empty: no line in it."]
    if file["renamed"]:
        return [
            f"the header of '{file['path']}' has names that are empty or come twice; bronze calls these columns"
            f" {', '.join(file['renamed'])}."
        ]
    return []


@dataclass(frozen=True)
class Load:
    """What is written, settled before a line of it is read."""

    load_id: int
    is_full: bool
    """raw_events is made anew, and what was known of loads goes."""
    files: Sequence[dict[str, Any]]
    """As `plan_delivery` or `plan_relation` gives them."""
    columns: Mapping[str, Mapping[str, str | None]]
    """Of raw_events once the files are in it, as `raw_columns` gives them."""
    mapping_name: str
    started_at: str
    """When dbt's run began (UTC), as a timestamp is written."""
    staging: Path
    lake: Lake | None
    """Whose files Parquet may become as it is; None where every line has to be written."""

    @property
    def _moment(self) -> str:
        return f"cast({literal(self.started_at)} as timestamp)"

    @property
    def constants(self) -> dict[str, str]:
        """What all its lines have in common."""
        return {"load_id": str(self.load_id), "loaded_at": self.started_at}

    def write(self, cursor: DuckDBPyConnection) -> None:
        """Write all of it, in the transaction that the cursor is in: who began it commits or rolls back.

        Raises:
            SourceProblem: a file has changed since the load was planned, or its lines cannot be accounted for.
        """
        cursor.execute(_FORGET_REJECTS)
        files = files_read(self.files)
        if self.is_full:
            columns = "".join(
                f"{quoted(str(c['name']))} {c['type']}, " for c in self.columns.values()
            )
            cursor.execute(
                f"create or replace table {RAW_EVENTS} ({columns}source_file varchar, load_id bigint,"
                " loaded_at timestamp)"
            )
            cursor.execute(f"delete from {REGISTER}; delete from {UNREADABLE}")
        else:
            # DuckDB may delete and append after an alteration; one after a deletion cannot be committed
            self._settle_columns(cursor)
            self._remove_replaced(cursor)
        self._append(files, cursor)
        if not self.files:
            return
        self._keep_unreadable(files, cursor)
        counts = self._proved(files, cursor)
        self._check_unchanged(cursor)
        self.register(counts, cursor)

    def _append(self, files: Sequence[File], cursor: DuckDBPyConnection) -> None:
        """Parquet that fits becomes part of the lake as it is; the rest is written, in one statement."""
        folders = {file["path"]: self._folder_in_lake(file) for file in files}
        written = [file for file in files if folders[file["path"]] is None]
        if written:
            rows = rows_of(written, self.columns, self.load_id, self._moment)
            cursor.execute(f"insert into {RAW_EVENTS} by name {rows}")
        taken = [
            take_over(Path(file["read_path"]), folder)
            for file in files
            if (folder := folders[file["path"]])
        ]
        register(cursor, RAW_EVENTS, taken)

    def _folder_in_lake(self, file: File) -> Path | None:
        """Where a file whose columns raw_events can take as they are goes; None for one that has to be written."""
        if self.lake is None or not file["registrable"]:
            return None
        for name, type_ in zip(file["columns"], file["types"], strict=True):
            wanted = self.columns[name.lower()]["type"]
            if type_ != wanted and not (type_ in NARROW and wanted == "BIGINT"):
                return None
        return folder_of(self.lake, RAW_EVENTS, {**self.constants, "source_file": file["path"]})

    def _settle_columns(self, cursor: DuckDBPyConnection) -> None:
        for column in self.columns.values():
            name, type_ = quoted(str(column["name"])), column["type"]
            if column["known_type"] is None:
                cursor.execute(f"alter table {RAW_EVENTS} add column {name} {type_}")
            elif column["known_type"] != type_:
                # DuckLake widens a type only; an update keeps the row ids, by which lines are known
                for statement in (
                    f"alter table {RAW_EVENTS} add column retyped {type_}",
                    f"update {RAW_EVENTS} set retyped = cast({name} as {type_})",
                    f"alter table {RAW_EVENTS} drop column {name}",
                    f"alter table {RAW_EVENTS} rename column retyped to {name}",
                ):
                    cursor.execute(statement)

    def _remove_replaced(self, cursor: DuckDBPyConnection) -> None:
        """Lines of earlier versions of a file, and rows of a relation that new versions of them replace."""
        for file in self.files:
            if not file.get("replaced"):
                continue
            # the loads that the rows came with have so many lines fewer; a version of the same name is superseded whole
            cursor.execute(
                f"update {REGISTER} as register set line_count = register.line_count - gone.line_count from ("
                f"select load_id, source_file, count(*) as line_count from {RAW_EVENTS} where {file['replaced']}"
                " group by load_id, source_file) as gone where register.load_id = gone.load_id"
                " and register.source_file = gone.source_file"
                f" and register.source_file <> {literal(file['path'])}"
            )
            cursor.execute(f"delete from {RAW_EVENTS} where {file['replaced']}")
        replaced = [file["path"] for file in self.files if file["replaces_earlier"]]
        for table in (RAW_EVENTS, UNREADABLE) if replaced else ():
            cursor.execute(
                f"delete from {table} where source_file in (select unnest(?))", [replaced]
            )

    def _keep_unreadable(self, files: Sequence[File], cursor: DuckDBPyConnection) -> None:
        """What the engine put aside while it read, and what was found bad before."""
        insert = f"insert into {UNREADABLE} select"
        stamp = f"{self.load_id}, {self._moment}"
        texts = [file for file in files if is_text(file)]
        if (
            texts
            and cursor.execute(
                "select 1 from duckdb_tables() where temporary and table_name = 'raw_rejects'"
            ).fetchone()
        ):
            cursor.execute(f"{insert} path, line, reason, {stamp} from ({_put_aside(texts)})")
            cursor.execute(_FORGET_REJECTS)
        for file in files:
            if file["bad_lines"]:
                cursor.execute(
                    f"{insert} {literal(file['path'])}, line, reason, {stamp} from read_json("
                    f"{literal(file['bad_lines'])}, {FILE_ONLY}, format = 'newline_delimited',"
                    " columns = {position: 'bigint', line: 'varchar', reason: 'varchar'})"
                )
        for group in read_alike(file for file in files if file["format"] == "json"):
            cursor.execute(
                f"{insert} {name_in_bronze(group)}, line, {JSON_PROBLEM}, {stamp}"
                f" from {json_lines(group)} where {JSON_PROBLEM} <> ''"
            )
            cursor.execute(_FORGET_REJECTS)

    def _proved(
        self, files: Sequence[dict[str, Any]], cursor: DuckDBPyConnection
    ) -> dict[str, tuple[int, int]]:
        """File -> (rows, unreadable lines) of those that were counted one by one."""
        of_load = f"where load_id = {self.load_id}"
        found = cursor.execute(
            f"select (select count(*) from {RAW_EVENTS} {of_load}), (select count(*) from {UNREADABLE} {of_load})"
        ).fetchall()
        rows, unreadable = found[0]
        if not unreadable and rows == sum(file["lines"] for file in files):
            return {}
        # naming the file reads a text of every line: only where the sum does not tell
        counts = self._counted(files, cursor)
        mended = []
        for file in files:
            read = sum(counts[file["path"]])
            if read != file["lines"] + file["bad_count"]:
                self._check_unchanged(cursor)
                records, bad_lines = self._records(file)
                if bad_lines or records != read:
                    mended.append(file)
        if not mended:
            return counts
        for file in mended:
            if file["format"] == "csv":
                mend_file(file, self.staging)
        for table in (RAW_EVENTS, UNREADABLE):
            cursor.execute(
                f"delete from {table} {of_load} and source_file in (select unnest(?))",
                [[file["path"] for file in mended]],
            )
        self._append(mended, cursor)
        self._keep_unreadable(mended, cursor)
        counts = self._counted(files, cursor)
        for file in mended:
            rows, unreadable = counts[file["path"]]
            if rows + unreadable != file["lines"] + file["bad_count"]:
                raise SourceProblem(
                    f"the file '{file['path']}' has {file['lines'] + file['bad_count']} records by its count, and"
                    f" {rows} were read and {unreadable} rejected. Nothing of this load was kept. Say in the event"
                    " mapping how it is written: quote, escape, delimiter."
                )
        return counts

    def _counted(
        self, files: Sequence[File], cursor: DuckDBPyConnection
    ) -> dict[str, tuple[int, int]]:
        of_load = f"where load_id = {self.load_id}"
        rows = cursor.execute(
            "select source_file, count(*) filter (not bad), count(*) filter (bad) from ("
            f"select source_file, false as bad from {RAW_EVENTS} {of_load}"
            f" union all select source_file, true from {UNREADABLE} {of_load}) group by source_file"
        ).fetchall()
        return {file["path"]: (0, 0) for file in files} | {row[0]: (row[1], row[2]) for row in rows}

    def _records(self, file: File) -> tuple[int, int]:
        """Records and bad lines of a file, found without the engine's parser."""
        if file["format"] != "csv":
            pieces = chunks(Path(file["read_path"]), file["compression"])
            return count_lines(pieces) if file["json_kind"] == "lines" else file["lines"], 0
        counted = mend(plain_text(file, self.staging), file)
        return counted.records, counted.bad_lines

    def _check_unchanged(self, cursor: DuckDBPyConnection) -> None:
        # a relation's copy is our own
        files = [file for file in self.files if file["format"] != "relation"]
        with cursor.cursor() as apart:
            file = changed_file(files, apart)
        if file:
            raise SourceProblem(
                f"the file '{file['path']}' seems to have changed while it was read: it had {file['size']:,}"
                f" bytes and was changed at {file['modified_at']} when this load began. Nothing of this load"
                " was kept: run dbt build again once the delivery is over."
            )

    def register(self, counts: Mapping[str, tuple[int, int]], cursor: DuckDBPyConnection) -> None:
        """Write the files down, each with its (rows, unreadable lines), or of those not counted its lines."""
        rows = []
        for file in self.files:
            uncounted = (0 if file["same_as"] else file["lines"], 0)
            read, unreadable = counts.get(file["path"], uncounted)
            cursor_value = file.get("cursor_value")
            rows.append(
                f"({self.load_id}, {literal(file['path'])}, {literal(self.mapping_name)}, {literal(file['format'])},"
                f" {literal(file['source'])}, {literal(file['delimiter'])}, {literal(json.dumps(file['columns']))},"
                f" {file['replaces_earlier']}, {file['size']}, {read + unreadable}, {unreadable},"
                f" cast({literal(file['modified_at'])} as timestamp), {self._moment},"
                f" {literal(file['same_as']) if file['same_as'] else 'null'}, {literal(file['digest'])},"
                f" {'null' if cursor_value is None else literal(cursor_value)})"
            )
        cursor.execute(f"insert into {REGISTER} values {', '.join(rows)}")


def _put_aside(files: Sequence[File]) -> str:
    """Select of (path, line, reason): what the engine could not read, one row a line, with what we call it.

    Blank lines above a bad one are the engine's first characters of it.
    """
    listed = ", ".join(
        f"({literal(file['read_path'])}, {literal(file['path'])},"
        f" {'null' if file['footer_from'] is None else file['footer_from']})"
        for file in files
    )
    return f"""
        select path, reason,
            case
                when reason = 'not UTF-8' then line_at(
                    read_path, cast(position as bigint) - 1,
                    cast(length(csv_line) - length(replace(csv_line, chr(10), '')) + 1 as bigint))
                else csv_line
            end as line
        from (
            select files.read_path, files.path, rejects.line_byte_position as position,
                any_value(trim(rejects.csv_line, chr(10) || chr(13))) as csv_line,
                min_by(fault.reason, fault.rank) as reason
            from temp.raw_rejects as rejects
            inner join temp.raw_reject_scans as scans using (scan_id, file_id)
            inner join (values {listed}) as files (read_path, path, footer_from) on scans.file_path = files.read_path
            cross join lateral (
                select
                    case
                        when files.footer_from < rejects.line_byte_position
                            + length(rejects.csv_line) - length(ltrim(rejects.csv_line, chr(10) || chr(13)))
                            then 'footer'
                        when rejects.error_type = 'INVALID ENCODING' then 'not UTF-8'
                        when rejects.error_type = 'UNQUOTED VALUE' then 'unterminated quote'
                        when rejects.error_type = 'MISSING COLUMNS' then 'too few fields'
                        when rejects.error_type = 'TOO MANY COLUMNS' then 'too many fields'
                        else lower(cast(rejects.error_type as varchar))
                    end as reason,
                    case rejects.error_type
                        when 'INVALID ENCODING' then 1 when 'UNQUOTED VALUE' then 2 else 3
                    end as rank
            ) as fault
            group by files.read_path, files.path, rejects.line_byte_position
            order by 1, 3
        )
    """
