"""The tables that loads keep beside their rows, and what they say of the loads before."""

import json
from typing import Any

from duckdb import DuckDBPyConnection

from likely_buyers.sources.columns import LOAD_COLUMNS
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.relation import Known

RAW_EVENTS = "bronze.raw_events"
REGISTER = "bronze.file_register"
UNREADABLE = "bronze.unreadable_lines"

_TABLES = f"""
    create table if not exists {REGISTER} (
        load_id bigint, source_file varchar, event_mapping varchar, format varchar, source varchar, delimiter varchar,
        source_columns varchar, replaces_earlier boolean, size_bytes bigint, line_count bigint, rejected_count bigint,
        modified_at timestamp, loaded_at timestamp, same_content_as varchar, digest varchar, cursor_value varchar
    );
    create table if not exists {UNREADABLE} (
        source_file varchar, line varchar, reason varchar, load_id bigint, loaded_at timestamp
    );
"""


def create_tables(cursor: DuckDBPyConnection) -> None:
    """The register and the unreadable lines, where they are not there."""
    cursor.execute(_TABLES)


def next_load_id(cursor: DuckDBPyConnection) -> int:
    """Loads are counted up from 1."""
    row = cursor.execute(f"select coalesce(max(load_id), 0) + 1 from {REGISTER}").fetchone()
    return int(row[0]) if row else 1


def loaded_columns(cursor: DuckDBPyConnection) -> list[tuple[str, str]]:
    """(name, type) of the source's columns that raw_events has."""
    rows = cursor.execute(f"describe {RAW_EVENTS}").fetchall()
    return [(row[0], row[1]) for row in rows if row[0] not in LOAD_COLUMNS]


def known_files(
    cursor: DuckDBPyConnection, mapping_name: str
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


def known_relations(cursor: DuckDBPyConnection) -> list[Known]:
    """The loads of relations, the latest first."""
    rows: list[tuple[Any, ...]] = cursor.execute(
        f"select source_file, coalesce(digest, ''), source_columns, cursor_value from {REGISTER}"
        " where format = 'relation' order by load_id desc"
    ).fetchall()
    return [Known(row[0], row[1], tuple(json.loads(row[2])), row[3]) for row in rows]
