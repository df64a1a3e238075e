"""A table as a source: what of it is new, copied to a file that is then read as any other.

One snapshot of the table is copied to Parquet in the state folder, and the load reads the copy. So what was counted,
compared and loaded is the same rows, and neither the database nor its credentials are in a statement that dbt keeps.

With a cursor column each load reads the rows from the greatest value taken in so far on, that value included: rows that
share it may have come later. Rows that are loaded already are told by comparing them, equal ones by their number, and
are not loaded twice. Without a cursor the table is read whole, and replaces its earlier rows when its digest changed.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.sources.databases import (
    FILES,
    KINDS,
    literal,
    opened,
    quoted,
    table_name,
    without_secrets,
)
from likely_buyers.sources.errors import SourceProblem

_INTEGERS = "U?(TINYINT|SMALLINT|INTEGER|BIGINT)|U?HUGEINT"
_NUMBER = re.compile(rf"({_INTEGERS}|DECIMAL\(\d+,\d+\))")
_TIME = re.compile(r"(DATE|TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE)")
# what Parquet gives back as it got it, alone or in lists and structs
_KEPT = re.compile(
    r"(BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|DATE|TIME|BLOB|UUID|VARCHAR"
    r"|TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE)(\[\])*"
)
_SETTINGS = ("relation", "database", "path", "table", "cursor", "key", "lookback")
_LOOKBACK = re.compile(r"[0-9]{1,6} (second|minute|hour|day|week|month)s?")
_MEMORY = "1GB"


@dataclass(frozen=True)
class Relation:
    """vars.events_relation, checked."""

    name: str
    """What bronze calls it."""
    kind: str
    """One of KINDS, or model: of the warehouse itself."""
    path: str | None
    table: str
    """The FROM clause that reads it."""
    cursor: str | None
    key: tuple[str, ...]
    lookback: str | int | None

    @classmethod
    def of(cls, given: Mapping[str, Any], from_clause: str | None, warehouse: Path) -> "Relation":
        """The setting, checked.

        Args:
            given: vars.events_relation as a mapping.
            from_clause: what dbt makes of its `relation`.
            warehouse: the file that dbt writes.

        Raises:
            SourceProblem: a value that cannot be meant.
        """
        unknown = sorted(set(given) - set(_SETTINGS))
        if unknown:
            raise SourceProblem(
                f"vars.events_relation has an unknown key '{unknown[0]}'. Expected some of: {', '.join(_SETTINGS)}."
                " Credentials come from the environment (PG*, MYSQL_*), never from vars."
            )
        given = {name: value for name, value in given.items() if value is not None}
        key = given.get("key", [])
        key = [key] if isinstance(key, str) else key
        for name in ("relation", "database", "path", "table", "cursor"):
            if name in given and not (isinstance(given[name], str) and given[name]):
                raise SourceProblem(
                    f"vars.events_relation: {name} must be a text; found: {given[name]!r}."
                )
        if not isinstance(key, list) or not all(isinstance(name, str) and name for name in key):
            raise SourceProblem(
                f"vars.events_relation: key must be the list of the columns that tell rows apart; found: {key!r}."
            )
        cursor, lookback = given.get("cursor"), given.get("lookback")
        _check_lookback(cursor, key, lookback)
        if "relation" in given:
            also = [name for name in ("database", "path", "table") if name in given]
            if also:
                raise SourceProblem(
                    f"vars.events_relation names a relation of dbt and a {also[0]}: leave one of them out."
                )
            if from_clause is None:
                raise AssertionError("dbt has rendered it")
            return cls(given["relation"], "model", None, from_clause, cursor, tuple(key), lookback)
        kind, path, table = given.get("database", ""), given.get("path"), given.get("table", "")
        if kind not in KINDS:
            raise SourceProblem(
                f"vars.events_relation: database must be one of {', '.join(KINDS)}; found: {kind or 'none'}. For a"
                " model or source of dbt give a relation: ref('model') or source('name', 'table')."
            )
        if not table:
            raise SourceProblem(
                "vars.events_relation names a database, and no table in it. Give table: schema.table."
            )
        if (kind in FILES) != (path is not None):
            raise SourceProblem(
                f"vars.events_relation: a database of {kind} "
                + ("is a file: give its path." if kind in FILES else
                   "is found by the environment (PG*, MYSQL_*): leave path out.")
            )  # fmt: skip
        if path and Path(path).exists() and Path(path).resolve() == warehouse.resolve():
            raise SourceProblem(
                f"vars.events_relation: '{path}' is the warehouse itself. Name its table as a relation of dbt:"
                " ref('model') or source('name', 'table')."
            )
        name = f"{path if kind in FILES else kind}:{table}"
        return cls(name, kind, path, table_name(kind, table), cursor, tuple(key), lookback)

    @property
    def definition(self) -> str:
        """Digest of what makes one load go on from another."""
        return hashlib.sha256(json.dumps([self.cursor, self.key]).encode()).hexdigest()


def _check_lookback(cursor: str | None, key: Sequence[str], lookback: Any) -> None:
    if cursor is None and (key or lookback is not None):
        raise SourceProblem(
            "vars.events_relation has a key or a lookback, and no cursor that they belong to. Name the column that"
            " grows with each new or changed row (cursor), or leave them out: then the relation is read whole."
        )
    if lookback is not None and not (
        _LOOKBACK.fullmatch(lookback)
        if isinstance(lookback, str)
        else isinstance(lookback, int) and not isinstance(lookback, bool) and lookback >= 0
    ):
        raise SourceProblem(
            "vars.events_relation: lookback must be a time such as '1 hour', or for a cursor of numbers a whole"
            f" number; found: {lookback!r}."
        )


@dataclass(frozen=True)
class Known:
    """A load of the relation that stands in bronze."""

    source_file: str
    digest: str
    columns: tuple[str, ...]
    cursor_value: str | None


def plan_relation(
    relation: Relation,
    register: Sequence[Known],
    raw_events: str | None,
    load_id: int,
    staging: Path,
    warehouse: duckdb.DuckDBPyConnection,
) -> dict[str, Any]:
    """What is new of a relation, as the files of a load: {files, left_alone, same_content, told: [words]}.

    Beside what `plan_delivery` gives of a file: cursor_value, and replaced, a condition over raw_events that the rows
    meet which this load replaces ('' for none).

    Args:
        register: all loads in bronze, the latest first.
        raw_events: SQL name of the rows in bronze; None where none are to be compared with.
        warehouse: a connection to it.

    Raises:
        SourceProblem: the relation cannot be read, or not as the setting says. Nothing was written but to `staging`.
    """
    loads = [one for one in register if _is_of(one.source_file, relation)]
    window, delta = staging / "relation.parquet", staging / "relation_new.parquet"
    staging.mkdir(parents=True, exist_ok=True)
    read_at = datetime.now(UTC).replace(tzinfo=None)
    told: list[str] = []
    if relation.cursor is None:
        _copy(relation, None, window, warehouse)
        found = _described(window, warehouse)
        digest = _digest(window, found, warehouse)
        if loads and loads[0].digest == digest:
            return _plan([], told)
        path, replaced, mark, read = (
            relation.name,
            _of_relation(relation) if loads else "",
            None,
            window,
        )
    else:
        goes_on = bool(loads) and loads[0].digest == relation.definition
        mark = loads[0].cursor_value if goes_on else None
        _copy(relation, mark, window, warehouse)
        found = _described(window, warehouse)
        read, replaced = window, ""
        if relation.key:
            _check_key(relation, window, warehouse)
        told += _told(relation, mark, window, warehouse)
        since = _start(relation, mark, dict(found), warehouse)
        mark = _greatest(relation, mark, dict(found), window, read_at, warehouse)
        if loads and raw_events:
            compared = _Compared(relation, found, loads, raw_events, window, since, warehouse)
            replaced = compared.write_new(delta, warehouse)
            read = delta
        path, digest = f"{relation.name}, load {load_id}", relation.definition
    lines = _one(warehouse, f"select count(*) from read_parquet({literal(read)})")
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
                "relation": relation.name, "cursor_value": mark, "replaced": replaced,
                "replaces_earlier": bool(replaced),
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


def _of_relation(relation: Relation) -> str:
    return (
        f"(source_file = {literal(relation.name)}"
        f" or starts_with(source_file, {literal(relation.name + ', load ')}))"
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


# --- the copy -------------------------------------------------------------------------------


@contextmanager
def _reading(
    relation: Relation, warehouse: duckdb.DuckDBPyConnection
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in a transaction, in which `relation.table` is."""
    if relation.kind != "model":
        with opened(relation.kind, relation.path, _MEMORY) as connection:
            yield connection
        return
    warehouse.execute("begin")
    try:
        yield warehouse
    finally:
        warehouse.execute("rollback")


def _copy(
    relation: Relation, mark: str | None, window: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    """The rows of the relation from the mark on, and those without a cursor value, in one snapshot."""
    with _reading(relation, warehouse) as connection:
        try:
            rows = connection.execute(f"describe select * from {relation.table}").fetchall()
        except duckdb.Error as error:
            raise SourceProblem(
                f"the relation '{relation.name}' of vars.events_relation cannot be read. Nothing was loaded."
                f" Found: {_tables(relation, connection)}. It says: {without_secrets(str(error).split('LINE 1')[0])}"
            ) from error
        types = {row[0]: row[1] for row in rows}
        cursor = _check_columns(relation, types)
        columns = ", ".join(_as_kept(name, type_) for name, type_ in types.items())
        try:
            since = _start(relation, mark, types, connection)
            parts = _parts(relation, cursor, since)
            counted = sum(_count(relation, part, connection) for part in parts)
            selects = " union all ".join(f"select {columns} from {part.source}" for part in parts)
            copied = _one(connection, f"copy ({selects}) to {literal(window)} (format parquet)")
        except duckdb.Error as error:
            raise SourceProblem(
                f"the relation '{relation.name}' of vars.events_relation could not be read to its end. Nothing was"
                f" loaded: run dbt build again. It says: {without_secrets(str(error))}"
            ) from error
    if copied != counted:
        raise SourceProblem(
            f"the relation '{relation.name}' of vars.events_relation has {counted:,} rows to read by its own count, and"
            f" {copied:,} were read. Nothing was loaded: run dbt build again."
        )


@dataclass(frozen=True)
class _Part:
    """Some of the relation's rows."""

    source: str
    """A FROM clause with its condition."""
    count: str
    """Select of their number."""


def _parts(relation: Relation, cursor: str | None, since: str | None) -> list[_Part]:
    def part(condition: str) -> _Part:
        return _Part(
            f"{relation.table} {condition}", f"select count(*) from {relation.table} {condition}"
        )

    if cursor is None or since is None:
        return [part("")]
    column = quoted(cursor)
    if relation.kind != "postgres":
        return [part(f"where {column} >= {since}"), part(f"where {column} is null")]
    # DuckDB hands PostgreSQL a comparison, not `is null`: it would fetch the table
    remote = relation.table.removeprefix("source.")

    def asked(what: str, condition: str) -> str:
        return f"postgres_query('source', {literal(f'select {what} from {remote} where {column} {condition}')})"

    value = re.sub(r"^cast\((.*) as [^']*\)$", r"\1", since)
    return [
        _Part(
            f"{relation.table} where {column} >= {since}",
            f"select * from {asked('count(*)', f'>= {value}')}",
        ),
        _Part(asked("*", "is null"), f"select * from {asked('count(*)', 'is null')}"),
    ]


def _count(relation: Relation, part: _Part, connection: duckdb.DuckDBPyConnection) -> int:
    count = part.count
    if relation.kind == "postgres" and "postgres_query" not in count:
        remote = relation.table.removeprefix("source.")
        count = (
            f"select * from postgres_query('source', {literal(f'select count(*) from {remote}')})"
        )
    return _one(connection, count)


def _tables(relation: Relation, connection: duckdb.DuckDBPyConnection) -> str:
    """What there is instead, for who misspelt it."""
    if relation.kind == "model":
        return "no such table; dbt builds it before raw_events, unless --select leaves it out or it is ephemeral"
    try:
        rows = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_catalog = 'source'"
            " and table_schema not in ('information_schema', 'pg_catalog', 'mysql', 'performance_schema', 'sys')"
            " order by 1 limit 20"
        ).fetchall()
    except duckdb.Error:
        return "nothing that can be listed"
    return ", ".join(row[0] for row in rows) or "no table"


def _check_columns(relation: Relation, types: Mapping[str, str]) -> str | None:
    """The cursor's name as the relation spells it."""
    by_name = {name.lower(): name for name in types}
    odd = next((name for name in types if '"' in name), None)
    if odd:
        # dbt quotes the columns that it inserts, and does not double a quote
        raise SourceProblem(
            f"the relation '{relation.name}' has a column {odd!r}, a name with a double quote in it. Nothing was"
            " loaded. Give it another name in a view, and read that."
        )
    for what, name in [("cursor", relation.cursor), *(("key", name) for name in relation.key)]:
        if name is not None and name.lower() not in by_name:
            raise SourceProblem(
                f"the relation '{relation.name}' has no column '{name}', which vars.events_relation names as its"
                f" {what}. Found: {', '.join(types)}. Nothing was loaded."
            )
    if relation.cursor is None:
        return None
    cursor = by_name[relation.cursor.lower()]
    type_ = types[cursor]
    is_ordered = _NUMBER.fullmatch(type_) or _TIME.fullmatch(type_)
    # a server may order texts otherwise than by their bytes
    is_text = type_ == "VARCHAR" and relation.kind in (*FILES, "model")
    if not is_ordered and not is_text:
        raise SourceProblem(
            f"the column '{cursor}' of the relation '{relation.name}', which vars.events_relation names as its cursor,"
            f" is of type {type_}, which gives no safe order. Expected whole or decimal numbers, dates or timestamps."
            " Nothing was loaded. Name another column, or a view that casts it."
        )
    if relation.lookback is not None and isinstance(relation.lookback, str) != bool(
        _TIME.fullmatch(type_)
    ):
        raise SourceProblem(
            f"vars.events_relation: lookback {relation.lookback!r} does not fit the cursor '{cursor}' of type {type_}."
            " Give a time such as '1 hour' for times, a whole number for numbers, none for texts."
        )
    if relation.lookback is not None and is_text:
        raise SourceProblem(
            f"vars.events_relation: lookback needs a cursor of times or numbers; '{cursor}' is text. Leave it out."
        )
    return cursor


def _as_kept(name: str, type_: str) -> str:
    """A column as Parquet can hold it: what it would change becomes text."""
    if _KEPT.fullmatch(type_):
        return quoted(name)
    is_nested = re.match(r"(STRUCT|MAP)\(", type_)
    if is_nested and not re.search(
        r"HUGEINT|INTERVAL|ENUM|BIT|UNION|JSON|TIME WITH TIME ZONE|VARIANT", type_
    ):
        return quoted(name)
    kept = "decimal(38, 0)" if re.fullmatch("U?HUGEINT", type_) else "varchar"
    return f"cast({quoted(name)} as {kept}) as {quoted(name)}"


# --- the cursor -----------------------------------------------------------------------------


def _start(
    relation: Relation,
    mark: str | None,
    types: Mapping[str, str],
    connection: duckdb.DuckDBPyConnection,
) -> str | None:
    """SQL of the value from which rows are read; None reads all."""
    if mark is None or relation.cursor is None:
        return None
    type_ = next(type_ for name, type_ in types.items() if name.lower() == relation.cursor.lower())
    lookback = relation.lookback or 0
    less = f" - interval {literal(lookback)}" if isinstance(lookback, str) else f" - {lookback}"
    value = f"cast({literal(mark)} as {type_})" + (less if lookback else "")
    try:
        row = connection.execute(f"select cast(cast({value} as {type_}) as varchar)").fetchone()
    except duckdb.Error:
        # the column's type is another now: what is loaded is told by comparing all of it
        return None
    return f"cast({literal(row[0])} as {type_})" if row else None


def _greatest(
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
    past = f"{column} <= cast({literal(read_at)} as {type_})" if _TIME.fullmatch(type_) else "true"
    earlier = (
        f"try_cast({literal(mark)} as {type_})" if mark is not None else f"cast(null as {type_})"
    )
    row = connection.execute(
        f"select cast(greatest({earlier}, max({column}) filter (where {past})) as varchar)"
        f" from read_parquet({literal(window)})"
    ).fetchone()
    return row[0] if row else None


def _told(
    relation: Relation, mark: str | None, window: Path, connection: duckdb.DuckDBPyConnection
) -> list[str]:
    column = quoted(str(relation.cursor))
    row = connection.execute(
        f"select count(*) filter (where {column} is null), count({column}) from read_parquet({literal(window)})"
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


# --- what is new ----------------------------------------------------------------------------


class _Compared:
    """The rows that were read, beside those of the relation that bronze has."""

    def __init__(
        self,
        relation: Relation,
        found: Sequence[tuple[str, str]],
        loads: Sequence[Known],
        raw_events: str,
        window: Path,
        since: str | None,
        warehouse: duckdb.DuckDBPyConnection,
    ) -> None:
        self._key = relation.key
        self._raw_events = raw_events
        self._window = f"read_parquet({literal(window)})"
        raw = {
            row[0].lower(): (row[0], row[1])
            for row in warehouse.execute(f"describe {raw_events}").fetchall()
        }
        # a column that came later was null in what was loaded before: it tells nothing apart
        shared = set.intersection(*({name.lower() for name in load.columns} for load in loads))
        self._names = [name for name, _ in found if name.lower() in shared and name.lower() in raw]
        self._others = [name for name, _ in found if name not in self._names]
        unknown = [name for name in relation.key if name.lower() not in shared & set(raw)]
        if unknown or not self._names:
            raise SourceProblem(
                f"the rows of the relation '{relation.name}' that are loaded have no "
                + (
                    f"column '{unknown[0]}', which is in its key"
                    if unknown
                    else "column that it has now"
                )
                + ": they cannot be compared with it. Nothing was loaded. Start over: dbt build --full-refresh."
            )
        self._incoming, self._loaded = {}, {}
        for name, type_ in found:
            raw_name, raw_type = raw.get(name.lower(), (name, type_))
            is_alike = raw_type == type_
            self._incoming[name.lower()] = _as_text(name, is_alike)
            self._loaded[name.lower()] = _as_text(raw_name, is_alike)
        self._of_relation = _of_relation(relation)
        # without a key only what was read again can be there already
        self._in_window = ""
        cursor = str(relation.cursor).lower()
        if (
            since is not None
            and not relation.key
            and raw.get(cursor, ("", ""))[1]
            == {name.lower(): type_ for name, type_ in found}[cursor]
        ):
            column = quoted(raw[cursor][0])
            self._in_window = f" and ({column} >= {since} or {column} is null)"

    def write_new(self, delta: Path, warehouse: duckdb.DuckDBPyConnection) -> str:
        """Write the rows that bronze lacks; the condition of those in bronze that they replace, '' if none."""
        query = self._changed() if self._key else self._added()
        warehouse.execute(f"copy ({query}) to {literal(delta)} (format parquet)")
        if not self._key:
            return ""
        names = [name.lower() for name in self._key]
        mine = _together(self._loaded[name] for name in names)
        theirs = _together(self._incoming[name] for name in names)
        replaced = f"{self._of_relation} and {mine} in (select {theirs} from read_parquet({literal(delta)}))"
        found = _one(warehouse, f"select count(*) from {self._raw_events} where {replaced}")
        return replaced if found else ""

    def _added(self) -> str:
        """Of equal rows as many as are more than in bronze: two that look alike may both be meant."""
        incoming = _together(self._incoming[name.lower()] for name in self._names)
        loaded = _together(self._loaded[name.lower()] for name in self._names)
        order = (
            f" order by {', '.join(quoted(name) for name in self._others)}" if self._others else ""
        )
        return (
            "select incoming.* exclude (values_compared, copy_number) from (select *, row_number() over ("
            f"partition by values_compared{order}) as copy_number from (select *, {incoming} as values_compared"
            f" from {self._window}) as compared) as incoming"
            f" left join (select {loaded} as values_loaded, count(*) as copies from {self._raw_events}"
            f" where {self._of_relation}{self._in_window} group by 1) as loaded"
            " on incoming.values_compared = loaded.values_loaded"
            " where incoming.copy_number > coalesce(loaded.copies, 0)"
        )

    def _changed(self) -> str:
        """Rows of a key that bronze lacks, or has otherwise, or more than once."""
        key = [name.lower() for name in self._key]
        incoming_key = _together(self._incoming[name] for name in key)
        loaded_key = _together(self._loaded[name] for name in key)
        incoming = _together(self._incoming[name.lower()] for name in self._names)
        loaded = _together(self._loaded[name.lower()] for name in self._names)
        return (
            f"select incoming.* exclude (key_compared, values_compared) from (select *, {incoming_key} as key_compared,"
            f" {incoming} as values_compared from {self._window}) as incoming"
            f" left join (select {loaded_key} as key_loaded, any_value({loaded}) as values_loaded,"
            f" count(*) as versions from {self._raw_events} where {self._of_relation}"
            f" and {loaded_key} in (select {incoming_key} from {self._window}) group by 1) as loaded"
            " on incoming.key_compared = loaded.key_loaded"
            " where loaded.versions is distinct from 1"
            " or incoming.values_compared is distinct from loaded.values_loaded"
        )


def _together(values: Iterable[str]) -> str:
    """A struct, in which a null equals a null."""
    fields = ", ".join(f"'{number}': {value}" for number, value in enumerate(values))
    return "{" + fields + "}"


def _as_text(name: str, is_alike: bool) -> str:
    return quoted(name) if is_alike else f"cast({quoted(name)} as varchar)"


def _check_key(relation: Relation, window: Path, connection: duckdb.DuckDBPyConnection) -> None:
    key = ", ".join(quoted(name) for name in relation.key)
    absent = " or ".join(f"{quoted(name)} is null" for name in relation.key)
    row = connection.execute(
        f"select cast(row({key}) as varchar), count(*), bool_or({absent}) from read_parquet({literal(window)})"
        f" group by {key} having count(*) > 1 or bool_or({absent}) order by all limit 1"
    ).fetchone()
    if row:
        raise SourceProblem(
            f"the key {', '.join(relation.key)} of vars.events_relation does not tell the rows of '{relation.name}'"
            f" apart: {row[0]} "
            + ("has a null in it" if row[2] else f"comes {row[1]} times")
            + ". Nothing was loaded. Give all"
            " the columns of the table's primary key."
        )


def _digest(
    window: Path, found: Sequence[tuple[str, str]], connection: duckdb.DuckDBPyConnection
) -> str:
    """Of the rows in whatever order, and of the columns' names and types."""
    row = connection.execute(
        "select count(*), cast(coalesce(sum(hash(lines)), 0) as varchar),"
        " cast(coalesce(bit_xor(hash(lines, 1)), 0) as varchar)"
        f" from read_parquet({literal(window)}) as lines"
    ).fetchone()
    return hashlib.sha256(json.dumps([list(found), row]).encode()).hexdigest()


def _described(file: Path, connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    rows = connection.execute(f"describe select * from read_parquet({literal(file)})").fetchall()
    return [(row[0], row[1]) for row in rows]


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
