"""What a load takes of a relation."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.reading_sql import rows_copied
from likely_buyers.sources.relation.comparison import (
    Compared,
    Known,
    check_key,
    digest_of_rows,
    of_relation,
)
from likely_buyers.sources.relation.setting import Relation
from likely_buyers.sources.relation.snapshot import (
    TIME_TYPE,
    Warehouse,
    copy_rows,
    first_value,
    one_number,
)
from likely_buyers.sql_text import literal, quoted


def plan_relation(
    relation: Relation,
    register: Sequence[Known],
    load_id: int,
    staging: Path,
    warehouse: Warehouse,
) -> dict[str, Any]:
    """What is new of a relation, as the files of a load: {files, left_alone, same_content, told: [words]}.

    Beside what `plan_delivery` gives of a file: relation, its name; cursor_value; and replaced, a condition over
    raw_events that the rows meet which this load replaces ('' for none), with the columns of their key (none: all of
    the relation).

    Args:
        register: all loads in bronze, the latest first.

    Raises:
        SourceProblem: the relation cannot be read, or not as the setting says. Nothing was written but to `staging`.
    """
    loads = [one for one in register if _is_of(one.source_file, relation)]
    window, delta = staging / "relation.parquet", staging / "relation_new.parquet"
    staging.mkdir(parents=True, exist_ok=True)
    read_at = datetime.now(UTC).replace(tzinfo=None)
    told: list[str] = []
    connection = warehouse.connection
    has_lost_rows = False
    if relation.cursor is None:
        copy_rows(relation, None, window, warehouse)
        found = columns_of(window, connection)
        digest = digest_of_rows(window, found, connection)
        if loads and loads[0].digest == digest:
            return _plan([], told)
        path, replaced, mark, read = (
            relation.name,
            of_relation(relation.name) if loads else "",
            None,
            window,
        )
    else:
        goes_on = bool(loads) and loads[0].digest == relation.definition
        mark = loads[0].cursor_value if goes_on else None
        copy_rows(relation, mark, window, warehouse)
        found = columns_of(window, connection)
        read, replaced = window, ""
        if relation.key:
            check_key(relation, window, connection)
        told += warnings(relation, mark, window, connection)
        since = first_value(relation, mark, dict(found), connection)
        mark = greatest_value(relation, mark, dict(found), window, read_at, connection)
        if loads and warehouse.raw_events:
            raw_events = warehouse.loaded(relation, window, since)
            compared = Compared(relation, found, loads, raw_events, window, since, connection)
            replaced = compared.write_new(delta, connection)
            has_lost_rows = warehouse.has_lost_rows(relation)
            read = delta
        path, digest = f"{relation.name}, load {load_id}", relation.definition
    lines = one_number(connection, f"select count(*) from {rows_copied(read)}")
    if not lines and (relation.cursor is None or not loads):
        raise SourceProblem(_empty(relation, bool(loads)))
    if not lines:
        return _plan([], told)
    return _plan(
        [
            {
                "path": path, "read_path": str(read), "file": str(read), "format": "relation", "size": 0,
                "file_size": 0, "columns": [name for name, _ in found], "types": [type_ for _, type_ in found],
                "modified_at": str(read_at), "digest": digest, "source": "", "lines": lines, "delimiter": "",
                "quote": "", "escape": "", "nulls": [], "skip": 0, "compression": "none", "json_kind": "",
                "first_byte": 0, "footer_from": None, "bad_lines": "", "bad_count": 0, "same_as": None, "renamed": [],
                "registrable": True, "relation": relation.name, "cursor_value": mark, "replaced": replaced,
                "replaced_key": list(relation.key), "replaces_earlier": bool(replaced) or has_lost_rows,
            }
        ],
        told,
    )  # fmt: skip


def _plan(files: list[dict[str, Any]], told: list[str]) -> dict[str, Any]:
    return {"files": files, "left_alone": [], "same_content": [], "told": told}


def _is_of(source_file: str, relation: Relation) -> bool:
    return source_file == relation.name or bool(
        re.fullmatch(re.escape(relation.name) + r", load \d+", source_file)
    )


def _empty(relation: Relation, is_known: bool) -> str:
    if is_known:
        return (
            f"the relation '{relation.name}' of vars.events_relation is empty, and bronze has rows of it. Nothing was"
            " loaded, and what was loaded stands. If it was being filled, run dbt build again."
        )
    return (
        f"the relation '{relation.name}' of vars.events_relation holds no row. Nothing was loaded. Run dbt build when"
        " there are events in it."
    )


def greatest_value(
    relation: Relation,
    mark: str | None,
    types: Mapping[str, str],
    window: Path,
    read_at: datetime,
    connection: duckdb.DuckDBPyConnection,
) -> str | None:
    """The value to go on from. One of the future is none: rows that come before it would never be read."""
    name, type_ = next(
        (n, t) for n, t in types.items() if n.lower() == str(relation.cursor).lower()
    )
    column = quoted(name)
    past = (
        f"{column} <= cast({literal(read_at)} as {type_})" if TIME_TYPE.fullmatch(type_) else "true"
    )
    earlier = (
        f"try_cast({literal(mark)} as {type_})" if mark is not None else f"cast(null as {type_})"
    )
    row = connection.execute(
        f"select cast(greatest({earlier}, max({column}) filter (where {past})) as varchar)"
        f" from {rows_copied(window)}"
    ).fetchone()
    return row[0] if row else None


def warnings(
    relation: Relation, mark: str | None, window: Path, connection: duckdb.DuckDBPyConnection
) -> list[str]:
    """What a user is to know of the rows without a cursor value, and of a table that was emptied."""
    column = quoted(str(relation.cursor))
    row = connection.execute(
        f"select count(*) filter (where {column} is null), count({column}) from {rows_copied(window)}"
    ).fetchone()
    without, with_one = row or (0, 0)
    told = []
    if without:
        told.append(
            f"{without:,} rows of the relation '{relation.name}' have no {relation.cursor}: nothing says when they"
            " came, so they are read and compared at each build."
        )
    if mark is not None and not with_one:
        told.append(
            f"the relation '{relation.name}' has no row left whose {relation.cursor} is {mark} or more. If it was"
            " emptied or restored from a copy, start over: dbt build --full-refresh."
        )
    return told


def columns_of(file: Path, connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Names and types of the columns of a Parquet file."""
    rows = connection.execute(f"describe select * from {rows_copied(file)}").fetchall()
    return [(row[0], row[1]) for row in rows]
