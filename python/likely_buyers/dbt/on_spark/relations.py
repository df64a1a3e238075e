"""A table or view of Spark's catalog as the source of events: what a load reads of it, compares it with, and replaces.

Spark selects: its executors write the rows to the staging folder, as Parquet, and DuckDB has those alone before it. So
what is new, and what is said of it, is settled by the code that settles it on one machine.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.dbt.on_spark.raw_columns import types_in_files
from likely_buyers.dbt.on_spark.refusals import in_words
from likely_buyers.sources import SourceProblem
from likely_buyers.sources.reading_sql import rows_copied
from likely_buyers.sources.register import RAW_EVENTS, REGISTER
from likely_buyers.sources.relation import Relation, Warehouse
from likely_buyers.sources.relation.comparison import of_relation
from likely_buyers.sources.relation.snapshot import Source, one_number
from likely_buyers.spark.arrow import quoted, text_of
from likely_buyers.spark.kept import as_in_files, as_kept
from likely_buyers.spark.texts import TEXT_OF, register_text_of
from likely_buyers.sql_text import literal
from likely_buyers.sql_text import quoted as named


class _OnSpark(Source):
    """One query is one snapshot of a Delta table; its rows are counted as they are written."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, session: Any) -> None:
        from pyspark.errors import PySparkException

        super().__init__(connection)
        self.errors = (PySparkException, duckdb.Error)
        self._session = session

    def types(self, relation: Relation) -> dict[str, str]:
        try:
            nothing = self._session.sql(f"select * from {relation.table} limit 0").toArrow()
        except self.errors as error:
            why = (
                "Spark's catalog has no such table or view; dbt builds a model before raw_events, unless --select"
                " leaves it out or it is ephemeral."
                if "TABLE_OR_VIEW_NOT_FOUND" in str(error)
                else "If the type of a column is why, name a view that casts it to a string. Spark says:"
                f" {in_words(error)}"
            )
            raise SourceProblem(
                f"the relation '{relation.name}' of vars.events_relation cannot be read. Nothing was loaded. {why}"
            ) from error
        rows = self.connection.from_arrow(nothing)
        return dict(zip(rows.columns, map(str, rows.types), strict=True))

    def copy(
        self,
        relation: Relation,
        types: Mapping[str, str],
        cursor: str | None,
        since: str | None,
        window: Path,
    ) -> tuple[int, int]:
        rows = self._session.sql(f"select * from {relation.table}")
        if cursor and since:
            rows = rows.where(_from(cursor, since, rows.schema[cursor].dataType, self.connection))
        counted = _write(rows, window)
        return counted, one_number(self.connection, f"select count(*) from {rows_copied(window)}")


class SparkWarehouse(Warehouse):
    """Of the session; `connection` has the register as Spark has it, and raw_events without rows."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, raw_events: str | None, session: Any
    ) -> None:
        super().__init__(connection, raw_events)
        self._session = session

    @contextmanager
    def snapshot(self) -> Iterator[Source]:
        """Of Spark's catalog."""
        yield _OnSpark(self.connection, self._session)

    def loaded(self, relation: Relation, window: Path, since: str | None) -> str:
        """Those that share a key with the rows read, or are as new as these: the rest cannot be any of them."""
        cursor = str(relation.cursor).lower()
        incoming = _incoming(self._session, window, {cursor, *relation.key}, self.connection)
        raw = self._session.table(RAW_EVENTS)
        types, types_there = _types(incoming), _types(raw)
        query = f"select loaded.* from {RAW_EVENTS} as loaded"
        condition = self._of_loads(relation)
        if relation.key and all(name.lower() in types_there for name in relation.key):
            keys, is_same = _keys(self._session, incoming, raw, relation.key)
            query += f" left semi join ({keys}) as incoming on {is_same}"
        elif since and types[cursor] == types_there.get(cursor):
            condition += f" and ({_from(cursor, since, types[cursor], self.connection)})"
        folder = window.with_name("relation_loaded.parquet")
        _write(self._session.sql(f"{query} where {condition}"), folder)
        self.connection.execute(
            f"create or replace temp view relation_loaded as select * {as_in_files(types_in_files(raw.schema))}"
            f" from {rows_copied(folder)}"
        )
        return "relation_loaded"

    def has_lost_rows(self, relation: Relation) -> bool:
        """Whether bronze has fewer of the relation than the register says, which is written after they are removed."""
        registered = one_number(
            self.connection,
            f"select coalesce(sum(line_count), 0) from (select * from {REGISTER} where {of_relation(relation.name)}"
            " qualify row_number() over (partition by source_file order by load_id desc) = 1)",
        )
        there = self._session.sql(
            f"select count(*) as lines from {RAW_EVENTS} where {self._of_loads(relation)}"
        )
        return bool(there.collect()[0].lines < registered)

    def _of_loads(self, relation: Relation) -> str:
        """Rows of the relation but those of a load that was stopped."""
        last = one_number(self.connection, f"select coalesce(max(load_id), 0) from {REGISTER}")
        return f"{_named(relation.name)} and load_id <= {last}"


def remove_replaced(
    session: Any, file: Mapping[str, Any], load_id: int, connection: duckdb.DuckDBPyConnection
) -> None:
    """Remove the rows of earlier loads in bronze that a planned file of a relation replaces."""
    condition = f"{_named(file['relation'])} and load_id < {load_id}"
    if not file["replaced_key"]:
        session.sql(f"delete from {RAW_EVENTS} where {condition}")
        return
    key = file["replaced_key"]
    incoming = _incoming(session, Path(file["read_path"]), key, connection)
    keys, is_same = _keys(session, incoming, session.table(RAW_EVENTS), key)
    session.sql(
        f"merge into {RAW_EVENTS} as loaded using ({keys}) as incoming on {is_same} and {condition}"
        " when matched then delete"
    )


def count_again(
    session: Any, file: Mapping[str, Any], load_id: int, cursor: duckdb.DuckDBPyConnection
) -> str:
    """Have the register at hand say how many rows of earlier loads are left; the condition over it of those loads.

    A version of the same name is superseded whole.
    """
    name, path = file["relation"], file["path"]
    counts = session.sql(
        f"select load_id, source_file, count(*) as lines from {RAW_EVENTS} where {_named(name)}"
        " group by load_id, source_file"
    ).toArrow()
    cursor.register("counts_of_spark", counts)
    earlier = f"{of_relation(name)} and load_id < {load_id} and source_file <> {literal(path)}"
    cursor.execute(
        f"update {REGISTER} as register set line_count = coalesce((select max(lines) from counts_of_spark as counts"
        " where counts.load_id = register.load_id and counts.source_file = register.source_file), 0)"
        f" where {earlier}"
    )
    return earlier


def parts_of(file: Mapping[str, Any], connection: Any) -> list[dict[str, Any]]:
    """A file that the executors of Spark wrote in parts, as one a part."""
    rows = connection.execute(
        "select file_name, num_rows, file_size_bytes from parquet_file_metadata(?) where num_rows > 0 order by all",
        [file["read_path"]],
    ).fetchall()
    return [{**file, "read_path": path, "lines": lines, "size": size} for path, lines, size in rows]


def _incoming(
    session: Any, rows: Path, names: Iterable[str], connection: duckdb.DuckDBPyConnection
) -> Any:
    """Columns of a file, as bronze keeps them: Spark may not read the types of others."""
    query = f"select distinct {', '.join(map(named, names))} from {rows_copied(rows)}"
    types = {row[0]: row[1] for row in connection.execute(f"describe {query}").fetchall()}
    file = rows.with_name(f"{rows.stem}_keys.parquet")
    connection.execute(
        f"copy (select * {as_kept(types)} from ({query})) to {literal(file)} (format parquet)"
    )
    return session.read.parquet(f"file://{file}")


def _keys(session: Any, incoming: Any, raw: Any, key: Sequence[str]) -> tuple[str, str]:
    """Select of the keys of the rows read, and the condition by which one is that of a row in bronze (loaded)."""
    incoming.createOrReplaceTempView("likely_buyers_incoming")
    register_text_of(session)
    types, types_there = _types(incoming), _types(raw)
    selected, same = [], []
    for number, name in enumerate(key):
        is_alike = types[name.lower()] == types_there[name.lower()]
        value, there = quoted(name), f"loaded.{quoted(name)}"
        selected.append(f"{value if is_alike else f'{TEXT_OF}({value})'} as key_{number}")
        same.append(f"{there if is_alike else f'cast({there} as string)'} = incoming.key_{number}")
    return (
        f"select distinct {', '.join(selected)} from likely_buyers_incoming",
        " and ".join(same),
    )


def _named(relation: str) -> str:
    """As `of_relation`, in Spark's SQL."""
    return f"(source_file = {text_of(relation)} or startswith(source_file, {text_of(relation + ', load ')}))"


def _from(column: str, since: str, type_: Any, connection: duckdb.DuckDBPyConnection) -> str:
    """Condition: from the value on, or without one."""
    row = connection.execute(f"select cast({since} as varchar)").fetchone()
    value = f"cast({text_of(row[0] if row else '')} as {type_.simpleString()})"
    return f"{quoted(column)} >= {value} or {quoted(column)} is null"


def _types(frame: Any) -> dict[str, Any]:
    return {field.name.lower(): field.dataType for field in frame.schema}


def _write(rows: Any, folder: Path) -> int:
    """Write the rows as Parquet that has Spark's moments as what they are; how many there are."""
    from pyspark.sql import Observation
    from pyspark.sql.functions import count, lit

    conf, setting = rows.sparkSession.conf, "spark.sql.parquet.outputTimestampType"
    before = conf.get(setting)
    conf.set(setting, "TIMESTAMP_MICROS")
    observed = Observation()
    try:
        rows.observe(observed, count(lit(1)).alias("rows")).write.parquet(f"file://{folder}")
    finally:
        conf.set(setting, before)
    return int(observed.get["rows"])
