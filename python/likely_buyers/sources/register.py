"""The tables that loads keep beside their rows, and what they say of the loads before."""

import json
from typing import Any

import duckdb

from likely_buyers.sources.columns import LOAD_COLUMNS
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.relation import Known

RAW_EVENTS = "bronze.raw_events"
REGISTER = "bronze.file_register"
UNREADABLE = "bronze.unreadable_lines"
PROGRESS = "bronze.load_progress"

# Column, its SQL in the table in which a warehouse from before kept it (none: it was not kept there), and its type.
_REGISTER_COLUMNS = (
    ("load_id", "load_id", "bigint"),
    ("source_file", "source_file", "varchar"),
    ("event_mapping", "event_mapping", "varchar"),
    ("format", "case format when 'json_lines' then 'json' else format end", "varchar"),
    ("source", None, "varchar"),
    ("delimiter", "delimiter", "varchar"),
    ("source_columns", "source_columns", "varchar"),
    ("replaces_earlier", "replaces_earlier", "boolean"),
    ("size_bytes", "size_bytes", "bigint"),
    ("line_count", "line_count", "bigint"),
    ("rejected_count", "rejected_count", "bigint"),
    ("modified_at", "modified_at", "timestamp"),
    ("loaded_at", "loaded_at", "timestamp"),
    ("same_content_as", None, "varchar"),
    ("digest", None, "varchar"),
)
_UNREADABLE_COLUMNS = (
    ("source_file", "source_file", "varchar"),
    ("line", "line", "varchar"),
    ("reason", "reason", "varchar"),
    ("load_id", "load_id", "bigint"),
    ("loaded_at", "loaded_at", "timestamp"),
)


def create_tables(cursor: duckdb.DuckDBPyConnection) -> None:
    """The register and the unreadable lines, where they are not there, with what an earlier warehouse has of them."""
    finished = f"load_id in (select load_id from {PROGRESS} where model_name = 'raw_events')"
    _create(cursor, REGISTER, _REGISTER_COLUMNS, "loaded_files", finished)
    # a warehouse from before tables were sources
    cursor.execute(f"alter table {REGISTER} add column if not exists cursor_value varchar")
    _create(cursor, UNREADABLE, _UNREADABLE_COLUMNS, "rejected_lines", "true")


def _create(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    columns: tuple[tuple[str, str | None, str], ...],
    earlier: str,
    condition: str,
) -> None:
    # what is a view now was the table then
    has_earlier = cursor.execute(
        "select 1 from duckdb_tables() where schema_name = 'bronze' and table_name = ?", [earlier]
    ).fetchone()
    selected = ", ".join(
        f"cast({(has_earlier and expression) or 'null'} as {type_}) as {name}"
        for name, expression, type_ in columns
    )
    source = f"from bronze.{earlier} where {condition}" if has_earlier else "where false"
    cursor.execute(f"create table if not exists {table} as select {selected} {source}")


def next_load_id(cursor: duckdb.DuckDBPyConnection) -> int:
    """Loads are counted up from 1."""
    row = cursor.execute(f"select coalesce(max(load_id), 0) + 1 from {REGISTER}").fetchone()
    return int(row[0]) if row else 1


def loaded_columns(cursor: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """(name, type) of the source's columns that raw_events has."""
    rows = cursor.execute(f"describe {RAW_EVENTS}").fetchall()
    return [(row[0], row[1]) for row in rows if row[0] not in LOAD_COLUMNS]


def known_files(
    cursor: duckdb.DuckDBPyConnection, mapping_name: str
) -> list[tuple[str, int, str, str, str]]:
    """(path, size, time of change, digest, path of the same content) of each file taken in, in its latest version.

    Raises:
        SourceProblem: they were read with another event mapping.
    """
    rows = cursor.execute(
        "select source_file, size_bytes, cast(modified_at as varchar), coalesce(digest, ''),"
        f" coalesce(same_content_as, ''), event_mapping from {REGISTER}"
        " qualify row_number() over (partition by source_file order by load_id desc) = 1"
    ).fetchall()
    for row in rows:
        if row[5] != mapping_name:
            raise SourceProblem(
                f"this warehouse holds events read with the event mapping '{row[5]}', and vars.event_mapping is"
                f" '{mapping_name}' now. Give each source a state folder of its own (LIKELY_BUYERS_STATE=...), or start"
                " over from vars.events_path: dbt build --full-refresh."
            )
    return [row[:5] for row in rows]


def known_relations(cursor: duckdb.DuckDBPyConnection) -> list[Known]:
    """The loads of relations, the latest first."""
    rows: list[tuple[Any, ...]] = cursor.execute(
        f"select source_file, coalesce(digest, ''), source_columns, cursor_value from {REGISTER}"
        " where format = 'relation' order by load_id desc"
    ).fetchall()
    return [Known(row[0], row[1], tuple(json.loads(row[2])), row[3]) for row in rows]
