"""Gold as one build left it: its tables as streams of Arrow batches, whole or partition by partition."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from likely_buyers.database import limits, literal, opened, quoted
from likely_buyers.publishing.build import GoldTable, PassedBuild
from likely_buyers.publishing.errors import PublishingError

PARTITION = ("model_name", "model_version", "as_of_date")
"""What the log of serving is kept by: the version that scored, and the day it spoke from."""

BATCH_ROWS = 131_072
"""Rows of a batch, and of a row group of a file."""


@dataclass(frozen=True)
class Served:
    """What is published: the builds that gave and checked the scores, the day and the model version, and when (UTC)."""

    run_id: str
    build_id: str
    as_of_date: date
    model_name: str
    model_version: int
    published_at: datetime


@dataclass(frozen=True)
class Rows:
    """The rows that a query gives; `columns` has the name and DuckDB type of each column."""

    query: str
    columns: Mapping[str, str]

    @property
    def order(self) -> str:
        """How rows are ordered: by user, so that the rows of one lie in one place."""
        return "user_id" if "user_id" in self.columns else "all"

    @property
    def are_partitioned(self) -> bool:
        """Whether they are of users by model version and day: kept by PARTITION where a destination keeps a log."""
        return {"user_id", *PARTITION} <= set(self.columns)


@dataclass(frozen=True)
class Part:
    """Rows of a table that are replaced together: those of one `partition`, or all of them where it is empty.

    `digest` (63 bits) is another when a row or the table's columns are; it does not depend on the order of rows.
    """

    partition: tuple[Any, ...]
    rows: int
    digest: int

    @property
    def name(self) -> str:
        """What a destination keeps the digest under."""
        return "/".join(map(str, self.partition)) or "table"


@dataclass(frozen=True)
class Gold:
    """An open database, read only: nobody can write it meanwhile, so all that is read is of one build."""

    connection: duckdb.DuckDBPyConnection
    build: PassedBuild
    served: Served
    count: Callable[[int], None] = lambda _: None
    """Is told of rows that a destination has, be they written now or found there."""

    def rows(self, table: GoldTable, *, with_features: bool = False) -> Rows:
        """A table's rows; or, of a table of one row per user, beside the features of that user as of the same day."""
        query = f"select * from {table.relation}"  # noqa: S608 (dbt quoted it)
        if with_features:
            query = (
                "select gold_rows.*, features.* exclude (user_id, as_of_date)"  # noqa: S608
                f" from {table.relation} as gold_rows left join {self.build.features} as features"
                " on gold_rows.user_id = features.user_id and gold_rows.as_of_date = features.as_of_date"
            )
        described = self.connection.execute(f"describe {query}").fetchall()
        return Rows(query, {name: kind for name, kind, *_ in described})

    def parts(self, rows: Rows, *, by_partition: bool) -> list[Part]:
        """The rows by PARTITION, oldest first, or as one part."""
        keys = ", ".join(PARTITION) if by_partition else ""
        hashed = ", ".join(map(quoted, rows.columns))
        found = self.connection.execute(
            f"select {keys + ',' if keys else ''} count(*), coalesce(sum(hash({hashed})), 0) from ({rows.query})"  # noqa: S608
            + (f" group by {keys} order by as_of_date, {keys}" if keys else "")
        ).fetchall()
        parts = []
        for *partition, count, total in found:
            text = repr((dict(rows.columns), partition, count, int(total)))
            digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
            parts.append(Part(tuple(partition), count, digest))
        return parts

    def batches(
        self, rows: Rows, part: Part, *, without: tuple[str, ...] = ()
    ) -> pa.RecordBatchReader:
        """A stream of a part of the rows, in their order, without some of the columns.

        It has a cursor of its own: another query on the same one would end it.
        """
        chosen = ", ".join(quoted(name) for name in rows.columns if name not in without)
        where = " and ".join(f"{name} = ?" for name in PARTITION) if part.partition else "true"
        reader = (
            self.connection.cursor()
            .execute(
                f"select {chosen} from ({rows.query}) where {where} order by {rows.order}",  # noqa: S608
                part.partition,
            )
            .to_arrow_reader(BATCH_ROWS)
        )
        return pa.RecordBatchReader.from_batches(reader.schema, self._counted(reader))

    def total_rows(self) -> int:
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


@contextmanager
def opened_gold(database: Path, build: PassedBuild) -> Iterator[Gold]:
    """The gold of a build, read only.

    Raises:
        PublishingError: there is no database, another process holds it, or it is not what the build made.
    """
    # the first waits for who holds the file, and keeps writers out; it cannot attach a file to write, so a second reads
    with (
        opened(database, PublishingError, read_only=True),
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
    schema = quoted(build.database)
    try:
        builds = connection.execute(
            f"select invocation_id from {schema}.bronze.latest_build_of_gold"  # noqa: S608
        ).fetchall()
        served = connection.execute(
            "select max(run_id), as_of_date, model_name, model_version"  # noqa: S608
            f" from {schema}.gold.predictions group by all limit 2"
        ).fetchall()
    except duckdb.CatalogException as error:
        raise PublishingError(
            f"the database {database} does not hold what the build made: {str(error).splitlines()[0]} {remedy}"
        ) from error
    if builds != [(build.invocation_id,)]:
        last = builds[0][0] if builds else "none"
        raise PublishingError(
            f"the database {database} was last changed by build {last}, and the build that passed is"
            f" {build.invocation_id}: another one ran since, was stopped, or works on another database. {remedy}"
        )
    if len(served) != 1:
        found = "mixes the scores of several versions or days" if served else "is empty"
        raise PublishingError(f"gold.predictions in {database} {found}. {remedy}")
    run_id, day, name, version = served[0]
    return Served(run_id, build.invocation_id, day, name, version, datetime.now(UTC))
