"""The rows that a mapping's expressions see: the lines themselves, or what the mapping's `rows` makes of them."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from likely_buyers.sources.columns import LOAD_COLUMNS
from likely_buyers.sources.mapping.definition import EventMapping
from likely_buyers.sources.mapping.dialect import Column, DuckDB
from likely_buyers.sources.reading import is_of_dbt
from likely_buyers.sql_text import literal, quoted

# keys of JSON are found one after the other, each by a failure that names it
_MOST_ABSENT = 30
# stands where the lines go; a comment, so that it is SQL of nobody's
_LINES = "/* lines */"


@dataclass(frozen=True)
class Warehouse:
    """The relations that rows are made of, as SQL names them."""

    raw_events: str | None
    """None where it cannot be read: nothing was loaded, or a unit test stands in for it."""
    loaded_files: str
    """Which files of which source are loaded; read where the mapping has `sources`."""
    register: str
    """The table behind loaded_files."""
    relations: Mapping[str, str]
    """Of each source that is a model of dbt."""


@dataclass(frozen=True)
class Rows:
    """What the expressions see."""

    columns: tuple[Column, ...]
    """The rows' own, by name, so that a column added later changes no digest; none where they cannot be asked for."""
    absent: tuple[str, ...]
    """Keys that `rows` reads and no file of JSON has had so far: JSON leaves out what is not there."""
    pieces: tuple[str, ...]
    """A relation in SQL with source_file and load_id, cut where a SELECT of lines is put in."""


def rows_of(
    mapping: EventMapping,
    warehouse: Warehouse,
    raw_columns: Sequence[Column],
    source_columns: Mapping[str, Sequence[str]],
    engine: DuckDB,
) -> Rows:
    """The rows that are made of bronze.raw_events.

    raw_columns: of bronze.raw_events; none where it cannot be read.
    source_columns: as `columns_of_sources` gives them.
    """
    if not mapping.rows:
        return Rows(_own(raw_columns), (), tuple(f"({_LINES})".split(_LINES)))

    def over(lines: str) -> str:
        return rows_over(mapping, lines, _of_warehouse(mapping, lines, source_columns, warehouse))

    absent: list[str] = []
    described: tuple[Column, ...] = ()
    if raw_columns:
        lines = f"select * from {warehouse.raw_events} where false"
        absent = absent_keys(lines, over, engine)
        described = engine.describe(over(with_nulls(lines, absent))).columns
    known = {column.name.lower() for column in described}
    lacking = [
        f", cast(null as {type_name}) as {name}"
        for name, type_name in (("source_file", "varchar"), ("load_id", "bigint"))
        if name not in known
    ]
    relation = f"(\nselect rows_of_mapping.*{''.join(lacking)}\nfrom (\n{over(_LINES)}\n) as rows_of_mapping\n)"
    return Rows(_own(described), tuple(absent), tuple(relation.split(_LINES)))


def rows_over(mapping: EventMapping, lines: str, of_source: Mapping[str, str]) -> str:
    """The mapping's `rows` over SELECTs: of lines, or with `sources` of what each of them is."""
    named = of_source if mapping.sources else {"lines": lines}
    listed = ",\n".join(f"{name} as (\n{select}\n)" for name, select in named.items())
    return f"with\n{listed}\n{mapping.in_its_zone(mapping.rows or '')}"


def null_row(columns: Iterable[Column]) -> str:
    """Select of a row of nulls with these columns and raw_events' own, for asking the engine about expressions."""
    own = [f"cast(null as {column.type}) as {quoted(column.name)}, " for column in columns]
    return (
        f"select {''.join(own)}cast(null as varchar) as source_file, cast(null as bigint) as load_id,"
        " cast(null as timestamp) as loaded_at where false"
    )


def with_nulls(lines: str, names: Sequence[str]) -> str:
    """Lines with columns of texts that are null."""
    return f"select *{nulls(names)} from ({lines}) as lines" if names else lines


def nulls(names: Iterable[str]) -> str:
    """Columns of texts that are null, to stand behind others."""
    return "".join(f", cast(null as varchar) as {quoted(name)}" for name in names)


def absent_keys(lines: str, over: Callable[[str], str], engine: DuckDB) -> list[str]:
    """The names that `rows`, over lines, reads and that nothing has.

    over: the mapping's rows over a SELECT of lines.
    """
    names: list[str] = []
    for _ in range(_MOST_ABSENT):
        name = engine.missing_column(engine.describe(over(with_nulls(lines, names))).failure)
        if not name or name in names:
            break
        names.append(name)
    return names


def columns_of_sources(
    register: str, files: Iterable[Mapping[str, Any]], engine: DuckDB
) -> dict[str, list[str]]:
    """Source -> the columns that its files have; bronze.raw_events has those of all sources.

    One source must not hide another's with nulls.
    files: of a delivery, beside those that were loaded.
    """
    given = [
        (source, json.loads(columns))
        for source, columns in engine.ask(
            f"select distinct source, source_columns from {register} where source <> '' order by all"
        )
    ]
    given += [(file["source"], file["columns"]) for file in files if file["source"]]
    found: dict[str, dict[str, str]] = {}
    for source, columns in given:
        names = found.setdefault(source, {})
        for name in columns:
            names.setdefault(name.lower(), name)
    return {source: list(names.values()) for source, names in found.items()}


def _own(columns: Iterable[Column]) -> tuple[Column, ...]:
    by_name = {column.name: column for column in columns if column.name.lower() not in LOAD_COLUMNS}
    return tuple(sorted(by_name.values(), key=lambda column: column.name.lower()))


def _of_warehouse(
    mapping: EventMapping,
    lines: str,
    source_columns: Mapping[str, Sequence[str]],
    warehouse: Warehouse,
) -> dict[str, str]:
    """Source -> its lines, or the relation that it is."""
    selects = {}
    for name, pattern in mapping.sources.items():
        if is_of_dbt(pattern):
            selects[name] = f"select * from {warehouse.relations[name]}"
            continue
        columns = "".join(f"{quoted(column)}, " for column in source_columns.get(name, ()))
        selects[name] = (
            f"select {columns}source_file, load_id\nfrom (\n{lines}\n) as lines\nwhere source_file in"
            f" (select source_file from {warehouse.loaded_files} where source = {literal(name)})"
        )
    return selects
