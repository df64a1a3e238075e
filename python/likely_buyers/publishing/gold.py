"""Gold as one build left it: its tables as streams of Arrow batches, whole or partition by partition."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from likely_buyers.database import limits, opened
from likely_buyers.publishing.build import GoldTable, PassedBuild
from likely_buyers.publishing.errors import NotPublishable

PARTITION = ("model_name", "model_version", "as_of_date")
"""What the log of serving is kept by: the version that scored, and the day it spoke from."""

BATCH_ROWS = 131_072
"""Rows of a batch, and of a row group of a file."""


@dataclass(frozen=True)
class Served:
    """Whose scores gold holds: the model version, the day they speak from, the builds that gave and checked them."""

    model_name: str
    model_version: int
    as_of_date: date
    run_id: str
    build_id: str

    @property
    def partition(self) -> tuple[str, int, date]:
        """The values of PARTITION."""
        return self.model_name, self.model_version, self.as_of_date


@dataclass(frozen=True)
class Part:
    """Rows of a table that are replaced together: the whole table, or those of one `partition`.

    `digest` (63 bits) is another when a row or the table's columns are; it does not depend on the order of rows.
    """

    partition: tuple[str, int, date] | None
    rows: int
    digest: int


@dataclass(frozen=True)
class Gold:
    """An open database, read only: nobody can write it meanwhile, so all that is read is of one build."""

    connection: duckdb.DuckDBPyConnection
    build: PassedBuild
    served: Served
    count: Callable[[int], None] = lambda _: None
    """Is told of rows that a destination has, be they written now or found there."""

    def columns(self, query: str) -> dict[str, str]:
        """Name and DuckDB type of each column of a query."""
        rows = self.connection.execute(f"describe {query}").fetchall()
        return {row[0]: row[1] for row in rows}

    def select(self, table: GoldTable) -> str:
        """A query of the table's rows."""
        return f"select * from {table.relation}"  # noqa: S608 (dbt quoted it)

    def select_with_features(self, table: GoldTable) -> str:
        """A query of the table's rows, one per user, beside the features of that user as of the same day."""
        features = self.build.features
        return (
            "select gold_rows.*, features.* exclude (user_id, as_of_date)"  # noqa: S608
            f" from {table.relation} as gold_rows left join {features} as features"
            " on gold_rows.user_id = features.user_id and gold_rows.as_of_date = features.as_of_date"
        )

    def whole(self, query: str) -> Part:
        """The query's rows as one part."""
        ((rows, total),) = self.connection.execute(
            f"select count(*), coalesce(sum(hash({self._hashed(query)})), 0) from ({query})"  # noqa: S608
        ).fetchall()
        return self._part(query, None, rows, total)

    def partitions(self, query: str) -> list[Part]:
        """The query's rows by PARTITION, oldest first."""
        names = ", ".join(PARTITION)
        found = self.connection.execute(
            f"select {names}, count(*), sum(hash({self._hashed(query)})) from ({query})"  # noqa: S608
            f" group by {names} order by as_of_date, model_name, model_version"
        ).fetchall()
        return [
            self._part(query, (name, version, day), rows, total)
            for name, version, day, rows, total in found
        ]

    def batches(
        self, query: str, part: Part | None = None, *, without: tuple[str, ...] = ()
    ) -> pa.RecordBatchReader:
        """A stream of a part of the query's rows, by user where there is one, without some of the columns.

        It has a cursor of its own: another query on the same one would end it.
        """
        columns = self.columns(query)
        chosen = ", ".join(quoted(name) for name in columns if name not in without)
        where, values = "", []
        if part is not None and part.partition is not None:
            where = " where " + " and ".join(f"{name} = ?" for name in PARTITION)
            values = list(part.partition)
        cursor = self.connection.cursor()
        reader = cursor.execute(
            f"select {chosen} from ({query}){where} order by {self.order(columns)}",  # noqa: S608
            values,
        ).to_arrow_reader(BATCH_ROWS)
        return pa.RecordBatchReader.from_batches(reader.schema, self._counted(reader))

    def rows(self) -> int:
        """Rows of all tables; the engine knows them without reading."""
        counts = " + ".join(
            f"(select count(*) from {table.relation})"  # noqa: S608
            for table in self.build.tables
        )
        ((rows,),) = self.connection.execute(f"select {counts or 0}").fetchall()
        return int(rows)

    def _counted(self, batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch
            self.count(batch.num_rows)

    @staticmethod
    def order(columns: dict[str, str]) -> str:
        """How rows are ordered: by user, so that the rows of one lie in one place."""
        return "user_id" if "user_id" in columns else "all"

    def _hashed(self, query: str) -> str:
        return ", ".join(quoted(name) for name in self.columns(query))

    def _part(
        self, query: str, partition: tuple[str, int, date] | None, rows: int, total: int
    ) -> Part:
        text = repr((self.columns(query), partition, rows, int(total)))
        digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
        return Part(partition, rows, digest)


def is_partitioned(columns: dict[str, str]) -> bool:
    """Whether a table is of users by model version and day: kept by PARTITION where a place keeps a log."""
    return {"user_id", *PARTITION} <= set(columns)


@contextmanager
def opened_gold(database: Path, build: PassedBuild) -> Iterator[Gold]:
    """The gold of a build, read only.

    Raises:
        NotPublishable: there is no database, another process holds it, or it is not what the build made.
    """
    # the first waits for who holds the file, and keeps writers out; it cannot attach a file to write, so a second reads
    with (
        opened(database, NotPublishable, read_only=True),
        duckdb.connect(config=limits(database)) as connection,
    ):
        connection.execute("set global TimeZone = 'UTC'")
        connection.execute(
            f"attach {literal(str(database))} as {quoted(build.database)} (read_only)"
        )
        yield Gold(connection, build, _served(connection, database, build))


def _served(connection: duckdb.DuckDBPyConnection, database: Path, build: PassedBuild) -> Served:
    remedy = (
        "Nothing was published. Run dbt build on it (is LIKELY_BUYERS_STATE the same?), then"
        " likely-buyers publish."
    )
    predictions = next(
        (table.relation for table in build.tables if table.name == "predictions"), None
    )
    try:
        builds = connection.execute(
            f"select invocation_id from {quoted(build.database)}.bronze.latest_build_of_gold"  # noqa: S608
        ).fetchall()
        served = connection.execute(
            "select model_name, model_version, as_of_date, max(run_id)"  # noqa: S608
            f" from {predictions} group by all limit 2"
        ).fetchall()
    except duckdb.CatalogException as error:
        raise NotPublishable(
            f"the database {database} does not hold what the build made: {str(error).splitlines()[0]} {remedy}"
        ) from error
    if builds != [(build.invocation_id,)]:
        last = builds[0][0] if builds else "none"
        raise NotPublishable(
            f"the database {database} was last changed by build {last}, and the build that passed is"
            f" {build.invocation_id}: another one ran since, was stopped, or works on another database. {remedy}"
        )
    if not served:
        raise NotPublishable(f"gold.predictions in {database} is empty. {remedy}")
    if len(served) > 1:
        raise NotPublishable(
            f"gold.predictions in {database} mixes the scores of several versions or days. {remedy}"
        )
    name, version, day, run_id = served[0]
    return Served(name, version, day, run_id, build.invocation_id)


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"
