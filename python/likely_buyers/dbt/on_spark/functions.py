"""What macros ask for on Spark: the functions of the plugin for DuckDB, with the tables that Spark has.

A DuckDB in memory answers what is asked of SQL and of files: it has the register of loads as Spark has it, and a
raw_events without rows.
"""

import json
from contextlib import suppress
from math import ceil
from typing import Any

import duckdb
import pyarrow as pa

from likely_buyers.dbt.delivery import Delivery
from likely_buyers.dbt.inputs import champions_digest, package_digest
from likely_buyers.dbt.mapping import MappingFunctions
from likely_buyers.dbt.on_spark.raw_columns import (
    ROW_TRACKING,
    finish_settling,
    settle_columns,
    types_in_files,
)
from likely_buyers.dbt.on_spark.relations import (
    SparkWarehouse,
    count_again,
    parts_of,
    remove_replaced,
)
from likely_buyers.dbt.words import in_words
from likely_buyers.sources import SourceProblem
from likely_buyers.sources.loading import Load, files_read
from likely_buyers.sources.register import RAW_EVENTS, REGISTER, create_tables, known_files
from likely_buyers.sources.sql_helpers import create_helpers, use_helpers
from likely_buyers.spark.arrow import plain_texts, quoted, spark_schema, text_of, without_zone
from likely_buyers.spark.kept import as_in_files
from likely_buyers.spark.mapping import Mapped
from likely_buyers.spark.reading import (
    BYTES_AT_ONCE,
    LINE,
    PART,
    REFUSED,
    REGISTERED,
    TEXT,
    UNREADABLE_LINE,
    Files,
    placed,
)


class SparkFunctions:
    """Of one run of dbt; each function takes and gives what JSON can say."""

    at_once = frozenset({"keep_rows"})
    """Functions that several threads of dbt may be in: they ask nothing but Spark, and may take long."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._duckdb = duckdb.connect(":memory:")
        self._duckdb.execute("set TimeZone = 'UTC'")
        create_helpers(self._duckdb)
        use_helpers(self._duckdb)
        self._duckdb.execute("create schema bronze")
        create_tables(self._duckdb)
        self._delivery = Delivery(
            self._duckdb, None, lambda cursor, raw: SparkWarehouse(cursor, raw, session)
        )
        self._mapping = MappingFunctions(self._duckdb)
        self._known_load = -1
        self._noted: dict[str, dict[str, tuple[str, bool]]] = {}
        self._kept: dict[str, list[Any]] = {}
        # of columns of raw_events in the files, where Spark's table keeps them as another
        self._types: dict[str, str] = {}

    # --- what is the same on both engines

    def check_settings(self, request: dict[str, Any]) -> Any:
        """As `MappingFunctions.check_settings`."""
        return _answer(self._mapping.check_settings, request)

    def compiled_mapping(self, request: dict[str, Any]) -> Any:
        """As `MappingFunctions.compiled_mapping`, over raw_events as Spark has it."""
        self._take_over_register()
        request = request | {
            "raw_events": RAW_EVENTS if request["raw_events"] else None,
            "loaded_files": REGISTER,
            "register": REGISTER,
        }
        return _answer(self._mapping.compiled_mapping, request)

    def package_digest(self) -> str:
        """As in `inputs`."""
        return package_digest()

    def champions_digest(self, predicted: Any) -> str:
        """As in `inputs`."""
        return champions_digest(
            json.dumps(predicted) if not isinstance(predicted, str) else predicted
        )

    def in_words(self, found: dict[str, Any]) -> Any:
        """As in `words`."""
        return in_words(found)

    # --- loading

    def create_tables(self, _: dict[str, Any]) -> dict[str, Any]:
        """The register and what stands beside it, where they are not there."""
        own = self._duckdb.execute(
            "select sql from duckdb_tables() where schema_name = 'bronze' and table_name in"
            " ('file_register', 'unreadable_lines')"
        ).fetchall()
        states = [
            "create table bronze.table_states (table_name string, definition string, load_id bigint)",
            "create table bronze.builds (invocation_id string, snapshot_id bigint, tables string, problem string)",
        ]
        self._session.sql("create schema if not exists bronze")
        for statement in [row[0] for row in own] + states:
            written = statement.lower().replace("create table", "create table if not exists")
            written = written.replace("varchar", "string").replace('"', "`").rstrip("; ")
            self._session.sql(f"{written} using delta tblproperties ({ROW_TRACKING})")
        finish_settling(self._session)
        return {}

    def plan_load(self, request: dict[str, Any]) -> Any:
        """As `Delivery.plan_load`."""
        self._take_over_register()
        return _answer(self._delivery.plan_load, request)

    def known_files(self, mapping_name: str) -> list[tuple[str, int, str, str, str]]:
        """As in `register`."""
        self._take_over_register()
        return known_files(self._duckdb, mapping_name)

    def check_files(self, request: dict[str, Any]) -> Any:
        """As `Delivery.check_files`."""
        return _answer(self._delivery.check_files, request)

    def write_load(self, request: dict[str, Any]) -> Any:
        """Read the planned files on the executors, and add them to bronze.

        The register is written last: a load is there once its files stand in it, and what a stopped one left is
        removed by the next. Spark has no transaction over several tables.
        """
        return _answer(self._write_load, request)

    def _write_load(self, _: dict[str, Any]) -> dict[str, Any]:
        with self._delivery.taken() as load:
            self._write(load)
        return {}

    def _write(self, load: Load) -> None:
        spark = self._session
        if load.is_full:
            spark.sql(f"drop table if exists {RAW_EVENTS}")
            for table in (REGISTER, "bronze.unreadable_lines"):
                spark.sql(f"delete from {table}")
        files = files_read(load.files)
        reading = Files(load.load_id, load.columns, load.mapping_name, load.started_at)
        schema = reading.schema()
        own = [field for field in schema if field.name not in (PART, TEXT)]
        types = {str(column["name"]): str(column["type"]) for column in load.columns.values()}
        settle_columns(spark, {field.name: field for field in spark_schema(pa.schema(own))}, types)
        for table in (RAW_EVENTS, "bronze.unreadable_lines"):
            spark.sql(f"delete from {table} where load_id >= {load.load_id}")
        # what is replaced goes once the new lines are there: of a refused load nothing is kept, and nothing lost
        counted = self._read(reading, files, schema, own) if files else {}
        replaced = [text_of(file["path"]) for file in load.files if file["replaces_earlier"]]
        for table in (RAW_EVENTS, "bronze.unreadable_lines") if replaced else ():
            spark.sql(
                f"delete from {table} where source_file in ({', '.join(replaced)}) and load_id < {load.load_id}"
            )
        for file in load.files:
            if file.get("replaced"):
                remove_replaced(spark, file, load.load_id, self._duckdb)
        if load.files:
            self._register(load, counted)

    def _read(self, reading: Files, files: Any, schema: pa.Schema, own: Any) -> dict[str, Any]:
        files = [
            part
            for file in files
            for part in (parts_of(file, self._duckdb) if file["format"] == "relation" else [file])
        ]
        plans = self._session.createDataFrame(
            [(json.dumps(placed(file)),) for file in files], "file string"
        )
        # a task begins in a second; a file is never read by two
        tasks = ceil(sum(file["size"] for file in files) / BYTES_AT_ONCE)
        read = plans.repartition(min(max(tasks, 1), len(files))).mapInArrow(
            reading.on_executor(), spark_schema(schema)
        )
        others = self._append(read, [quoted(field.name) for field in own])
        if refused := others[REFUSED]:
            self._session.sql(f"delete from {RAW_EVENTS} where load_id = {reading.load_id}")
            raise SourceProblem(refused[0])
        self._insert_json("bronze.unreadable_lines", others[UNREADABLE_LINE])
        counted: dict[str, Any] = {}
        for row in map(json.loads, others[REGISTERED]):
            lines, bad = counted.get(row["source_file"], (0, 0))
            counted[row["source_file"]] = (lines + row["line_count"], bad + row["rejected_count"])
        return counted

    def _append(self, read: Any, names: list[str]) -> dict[int, list[str]]:
        """Add the lines of what is read to raw_events; the texts of the rest, by what it is.

        The rest is few rows, told beside the lines: to keep all for a second look takes as long as to read them.
        """
        from pyspark.sql import Observation
        from pyspark.sql.functions import expr

        seen = Observation()
        texts = f"collect_list(case when {PART} <> {LINE} then concat({PART}, ' ', {TEXT}) end)"
        lines = read.observe(seen, expr(texts).alias("texts")).where(f"{PART} = {LINE}")
        plain_texts(lines.selectExpr(*names)).writeTo(RAW_EVENTS).append()
        others: dict[int, list[str]] = {REFUSED: [], UNREADABLE_LINE: [], REGISTERED: []}
        for told in seen.get["texts"]:
            part, _, text = told.partition(" ")
            others[int(part)].append(text)
        return others

    def _register(self, load: Load, counted: dict[str, Any]) -> None:
        with self._duckdb.cursor() as cursor:
            cursor.execute(f"delete from {REGISTER} where load_id >= {load.load_id}")
            load.register(
                {path: (lines - bad, bad) for path, (lines, bad) in counted.items()}, cursor
            )
            written = [f"load_id = {load.load_id}"]
            for file in load.files:
                if file["format"] == "relation" and file["replaces_earlier"]:
                    written.append(count_again(self._session, file, load.load_id, cursor))
            rows = cursor.execute(
                f"select cast(to_json(r) as varchar) from {REGISTER} as r where {' or '.join(written)}"
            ).fetchall()
        self._insert_json(REGISTER, [row[0] for row in rows], are_counted_again=len(written) > 1)
        # and raw_events has columns that were not there
        self._known_load = -1

    def _insert_json(self, table: str, rows: list[str], are_counted_again: bool = False) -> None:
        if not rows:
            return
        schema = self._session.table(table).schema
        self._session.createDataFrame(
            [(row,) for row in rows], "text string"
        ).createOrReplaceTempView("likely_buyers_rows")
        texts = ", ".join(f"{quoted(field.name)} string" for field in schema)
        typed = ", ".join(
            f"cast(told.{quoted(field.name)} as {field.dataType.simpleString()}) as {quoted(field.name)}"
            for field in schema
        )
        told = f"select from_json(text, {text_of(texts)}) as told from likely_buyers_rows"
        if not are_counted_again:
            self._session.sql(f"insert into {table} select {typed} from ({told})")
            return
        # in one version of the table: a load is there with what is left of those before it, or not at all
        self._session.sql(
            f"merge into {table} as there using (select {typed} from ({told})) as told"
            " on there.load_id = told.load_id and there.source_file = told.source_file"
            " when matched then update set line_count = told.line_count when not matched then insert *"
        )

    def _take_over_register(self) -> None:
        """The register and the columns of raw_events, as DuckDB in memory has them."""
        spark = self._session
        if not spark.catalog.tableExists(REGISTER):
            return
        row = spark.sql(f"select coalesce(max(load_id), 0) as last from {REGISTER}").collect()[0]
        if row.last == self._known_load:
            return
        register = without_zone(spark.sql(f"select * from {REGISTER}").toArrow())
        with self._duckdb.cursor() as cursor:
            cursor.register("register_of_spark", register)
            cursor.execute(
                f"delete from {REGISTER}; insert into {REGISTER} by name select * from register_of_spark"
            )
            if spark.catalog.tableExists(RAW_EVENTS):
                lines = spark.table(RAW_EVENTS).limit(0)
                self._types = types_in_files(lines.schema)
                cursor.register("lines_of_spark", lines.toArrow())
                cursor.execute(
                    f"create or replace table {RAW_EVENTS} as"
                    f" select * {as_in_files(self._types)} from lines_of_spark limit 0"
                )
        self._known_load = row.last

    # --- mapping

    def map_lines(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make the view `view`: rows of the query `lines` of Spark, as the query `sql` of DuckDB sees them.

        tables: name -> query of Spark, of a table that `sql` joins.
        """
        spark = self._session
        tables = {
            name: without_zone(spark.sql(query).toArrow())
            for name, query in request["tables"].items()
        }
        lines = spark.sql(request["lines"])
        self._take_over_register()
        mapped = Mapped(request["sql"], tables, request["by_line"], self._types)
        schema = mapped.schema(spark.sql(f"{request['lines']} limit 0").toArrow().schema)
        # one worker sees all lines, or has none and is not asked
        lines = lines if mapped.by_line else lines.repartition(1)
        rows = lines.mapInArrow(mapped.on_executor(), spark_schema(schema))
        plain_texts(rows).createOrReplaceTempView(request["view"])
        return {}

    def note_rows(self, request: dict[str, Any]) -> dict[str, Any]:
        """Rows that the statement of `model` reads as the view `view`: those of `query`, as `keep_rows` makes them."""
        noted = self._noted.setdefault(request["model"], {})
        noted[request["view"]] = (request["query"], request["is_joined"])
        return {}

    def keep_rows(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make the views that were noted for `model`, of rows that are computed now.

        Those that are joined stay with the executors, and are counted. Of the others, which are few, the view has the
        rows themselves: Spark recognizes no kept rows whose query has CTEs.
        """
        for view, (query, is_joined) in self._noted.pop(request["model"], {}).items():
            rows = self._session.sql(query)
            if is_joined:
                rows = rows.persist()
                self._kept.setdefault(request["model"], []).append(rows)
                rows.count()
            else:
                rows = plain_texts(self._session.createDataFrame(rows.toArrow(), rows.schema))
            rows.createOrReplaceTempView(view)
        return {}

    def forget_rows(self, request: dict[str, Any]) -> dict[str, Any]:
        """Free what `keep_rows` has left with the executors for `model`: they would have it until the server ends."""
        for rows in self._kept.pop(request["model"], []):
            rows.unpersist()
        return {}

    def end_run(self, _: dict[str, Any]) -> dict[str, Any]:
        """Free what models that failed have left; of a server that is gone there is nothing to free."""
        with suppress(Exception):
            for model in [*self._kept]:
                self.forget_rows({"model": model})
        return {}


def _answer(function: Any, request: dict[str, Any]) -> Any:
    try:
        return function(request) or {}
    except SourceProblem as problem:
        return {"problem": [str(problem)]}
