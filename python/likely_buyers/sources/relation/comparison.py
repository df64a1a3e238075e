"""The rows that were read, beside those of the relation that bronze has."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.reading_sql import rows_copied
from likely_buyers.sources.relation.setting import Relation
from likely_buyers.sources.relation.snapshot import one_number
from likely_buyers.sql_text import literal, quoted


@dataclass(frozen=True)
class Known:
    """A load of the relation that stands in bronze."""

    source_file: str
    digest: str
    columns: tuple[str, ...]
    cursor_value: str | None


class Compared:
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
        self._window = rows_copied(window)
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
        self._of_relation = of_relation(relation.name)
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
        replaced = f"{self._of_relation} and {mine} in (select {theirs} from {rows_copied(delta)})"
        found = one_number(warehouse, f"select count(*) from {self._raw_events} where {replaced}")
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


def check_key(relation: Relation, window: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse a key that does not tell the copied rows apart."""
    key = ", ".join(quoted(name) for name in relation.key)
    absent = " or ".join(f"{quoted(name)} is null" for name in relation.key)
    row = connection.execute(
        f"select cast(row({key}) as varchar), count(*), bool_or({absent}) from {rows_copied(window)}"
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


def digest_of_rows(
    window: Path, found: Sequence[tuple[str, str]], connection: duckdb.DuckDBPyConnection
) -> str:
    """Of the rows in whatever order, and of the columns' names and types."""
    row = connection.execute(
        "select count(*), cast(coalesce(sum(hash(lines)), 0) as varchar),"
        " cast(coalesce(bit_xor(hash(lines, 1)), 0) as varchar)"
        f" from {rows_copied(window)} as lines"
    ).fetchone()
    return hashlib.sha256(json.dumps([list(found), row]).encode()).hexdigest()


def of_relation(name: str) -> str:
    """Condition over raw_events: rows of the relation, of whatever load."""
    return (
        f"(source_file = {literal(name)} or starts_with(source_file, {literal(name + ', load ')}))"
    )
