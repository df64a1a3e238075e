"""Gold as one build left it: its tables as streams of Arrow batches, and what every destination does with them."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Any, Self

import duckdb
import pyarrow as pa

from likely_buyers.lake import LAKE
from likely_buyers.lake.builds import PassedBuild, opened_as_passed
from likely_buyers.publishing.errors import PublishingError
from likely_buyers.publishing.folders import Folder
from likely_buyers.settings import Lake
from likely_buyers.sql_text import literal, quoted

PARTITION = ("model_name", "model_version", "as_of_date")
"""What the log of serving is kept by: the version that scored, and the day it spoke from."""

BATCH_ROWS = 131_072
"""Rows of a batch, and of a row group of a file."""

# name of the one part of a table that has no others
_WHOLE = "table"


@dataclass(frozen=True)
class GoldTable:
    """A public model of gold; `relation` is its SQL name, `comments` are those of its columns, and under '' its own.

    `is_log`: dbt appends to it (an incremental model), so that earlier rows stay as they were.
    """

    name: str
    relation: str
    comments: Mapping[str, str]
    is_log: bool


@dataclass(frozen=True)
class Served:
    """What is published: the builds that gave and checked the scores, the day, and when (UTC).

    `model_versions` has the version that scored for each outcome, by registered name.
    """

    run_id: str
    build_id: str
    as_of_date: date
    model_versions: Mapping[str, int]
    published_at: datetime

    @property
    def versions_in_words(self) -> str:
        """The versions that scored."""
        return ", ".join(
            f"version {number} of {name}" for name, number in self.model_versions.items()
        )

    @property
    def as_row(self) -> list[Any]:
        """One value a field; the versions as JSON."""
        versions = json.dumps(dict(self.model_versions), sort_keys=True)
        return [self.run_id, self.build_id, self.as_of_date, versions, self.published_at]

    @property
    def as_texts(self) -> dict[str, str]:
        """By the names of the fields."""
        return {
            field.name: str(value) for field, value in zip(fields(self), self.as_row, strict=True)
        }


@dataclass(frozen=True)
class PublishedTable:
    """A table as it stands in a destination: its rows, how many parts were `written` or removed now, its Delta version.

    `lost`: the partitions that were removed, since gold has them no more.
    """

    name: str
    rows: int
    written: int
    lost: Sequence["Part"] = ()
    version: int | None = None


@dataclass(frozen=True)
class Published:
    """One publish into one destination."""

    destination: str
    served: Served
    tables: Sequence[PublishedTable]

    def losses_in_words(self) -> Iterator[str]:
        """Of each table that lost partitions, which: their rows may be nowhere else any more."""
        for table in self.tables:
            if table.lost:
                days = [part.partition[-1] for part in table.lost]
                yield (
                    f"{table.name}: {len(days)} model versions and days that gold has no more were removed, from"
                    f" {min(days)} to {max(days)}"
                )


@dataclass(frozen=True)
class Rows:
    """The rows that a query gives of a table; `columns` has the name and DuckDB type of each column."""

    table: GoldTable
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

    def in_utc(self) -> Self:
        """The same with times marked as UTC: Delta's times without a zone ask for a feature that few readers have."""
        zoned = [
            f"cast({quoted(name)} as timestamp) at time zone 'UTC' as {quoted(name)}"
            if kind.startswith("TIMESTAMP") and kind != "TIMESTAMP WITH TIME ZONE"
            else quoted(name)
            for name, kind in self.columns.items()
        ]
        return replace(self, query=f"select {', '.join(zoned)} from ({self.query})")

    def comments(self, relation: str) -> Iterator[str]:
        """Statements of DuckDB and of PostgreSQL that give a relation the descriptions of the dbt docs."""
        for column, told in self.table.comments.items():
            what = f"column {relation}.{quoted(column)}" if column else f"table {relation}"
            yield f"comment on {what} is {literal(told)}"


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
        return "/".join(map(str, self.partition)) or _WHOLE

    @classmethod
    def named(cls, name: str) -> Self:
        """The one that a destination keeps under a name, without what it holds."""
        if name == _WHOLE:
            return cls((), rows=0, digest=0)
        model, version, day = name.rsplit("/", 2)
        return cls((model, int(version), day), rows=0, digest=0)

    @property
    def condition(self) -> str:
        """Which rows of the table they are, in the SQL of DuckDB, PostgreSQL and Delta."""
        values = [value if isinstance(value, int) else literal(value) for value in self.partition]
        named = zip(PARTITION, values, strict=False)
        return " and ".join(f"{column} = {value}" for column, value in named) or "true"


@dataclass
class Gold:
    """The lake at one snapshot, read only: whoever writes meanwhile, all that is read is of one build.

    `advance` hears how many rows are done, which grow no further than `limit`.
    """

    connection: duckdb.DuckDBPyConnection
    tables: Sequence[GoldTable]
    served: Served
    advance: Callable[[int], None] = lambda _: None
    limit: int = 0
    done: int = 0

    def count(self, rows: int) -> None:
        """Tell of rows that a destination has, be they written now or found there."""
        # the manifest is written as a table, too, and is none of the rows to publish
        self.done = min(self.done + rows, self.limit)
        self.advance(self.done)

    def rows(self, table: GoldTable, *, with_features: bool = False) -> Rows:
        """A table's rows; or, of a table of one row per user, beside the features of that user as of the same day."""
        query = f"select * from {table.relation}"
        if with_features:
            query = (
                "select gold_rows.*, features.* exclude (user_id, as_of_date)"
                f" from {table.relation} as gold_rows left join {LAKE}.silver.user_features as features"
                " on gold_rows.user_id = features.user_id and gold_rows.as_of_date = features.as_of_date"
            )
        described = self.connection.execute(f"describe {query}").fetchall()
        return Rows(table, query, {name: kind for name, kind, *_ in described})

    def parts(self, rows: Rows, *, by_partition: bool) -> list[Part]:
        """The rows by PARTITION, oldest first, or as one part."""
        keys = PARTITION if by_partition else ()
        hashed = ", ".join(map(quoted, rows.columns))
        chosen = ", ".join((*keys, "count(*)", f"coalesce(sum(hash({hashed})), 0)"))
        order = f"order by as_of_date, {', '.join(keys)}" if keys else ""
        found = self.connection.execute(
            f"select {chosen} from ({rows.query}) group by all {order}"
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
        query = f"select {chosen} from ({rows.query}) where {part.condition} order by {rows.order}"
        reader = self.connection.cursor().execute(query).to_arrow_reader(BATCH_ROWS)

        def counted() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                yield batch
                self.count(batch.num_rows)

        return pa.RecordBatchReader.from_batches(reader.schema, counted())

    def replace_changed(
        self,
        table: GoldTable,
        parts: Sequence[Part],
        known: Mapping[str, int | None],
        write: Callable[[Part], object],
        remove: Callable[[Part], object] = lambda _: None,
    ) -> PublishedTable:
        """Let `write` replace the parts of a table of which the destination knows another digest, or none.

        Before it `remove` those that the destination knows and gold has no more: it ends with the rows that are told.

        Raises:
            PublishingError: of a log by partition gold has nothing that is there, and its own gold may be lost.
        """
        changed = [part for part in parts if known.get(part.name) != part.digest]
        gone = [Part.named(name) for name in sorted(known.keys() - {part.name for part in parts})]
        lost = [part for part in gone if part.partition] if all(p.partition for p in parts) else []
        if lost and len(lost) == len(known):
            raise PublishingError(
                f"{table.name} there holds {len(lost)} model versions and days, and gold has none of them: they are of"
                " another state folder, or were all deleted. They may be nowhere else, so they stay. Name another"
                " schema, folder or file (vars.publish), or remove the table there to have it replaced."
            )
        rows = sum(part.rows for part in parts)
        self.count(rows - sum(part.rows for part in changed))
        for part in gone:
            remove(part)
        for part in changed:
            write(part)
        return PublishedTable(table.name, rows, len(changed) + len(gone), lost)

    def publication(self, tables: Sequence[PublishedTable]) -> GoldTable:
        """The manifest of a database: the table `publication`, made beside gold and written as gold is."""
        self.connection.execute(
            "create or replace table memory.publication (table_name varchar, row_count bigint, run_id varchar,"
            " build_id varchar, as_of_date date, model_versions varchar, published_at timestamp)"
        )
        self.connection.executemany(
            "insert into memory.publication values (?, ?, ?, ?, ?, ?, ?)",
            [[table.name, table.rows, *self.served.as_row] for table in tables],
        )
        told = "One row per published table: its rows, the run they are of, and when it was published (UTC)."
        return GoldTable("publication", "memory.publication", {"": told}, is_log=False)

    def leave_manifest(self, folder: Folder, tables: Sequence[PublishedTable]) -> Published:
        """The manifest of a folder. Readers of Parquet and Delta pass over names that begin with an underscore."""
        told = {
            table.name: {"rows": table.rows}
            | ({} if table.version is None else {"version": table.version})
            for table in tables
        }
        manifest = asdict(self.served) | {"tables": told}
        text = json.dumps(manifest, indent=2, default=lambda moment: moment.isoformat()) + "\n"
        folder.replace("_manifest.json", lambda path: path.write_text(text, "utf-8"))
        return Published(folder.url, self.served, tables)

    def total_rows(self) -> int:
        """Rows of all tables; the engine knows them without reading."""
        counts = [f"(select count(*) from {table.relation})" for table in self.tables]
        ((rows,),) = self.connection.execute(f"select {' + '.join(['0', *counts])}").fetchall()
        return int(rows)


@contextmanager
def opened_gold(lake: Lake) -> Iterator[Gold]:
    """Gold as the last build that passed has left it.

    Raises:
        PublishingError: there is no database, another process holds it, or no build of gold has passed.
    """
    with opened_as_passed(lake, PublishingError) as (connection, build):
        connection.execute("set global TimeZone = 'UTC'")
        yield Gold(connection, _tables(connection, build), _served(connection, build.build_id))


def _tables(connection: duckdb.DuckDBPyConnection, build: PassedBuild) -> list[GoldTable]:
    found = connection.execute(
        "select table_name, '', comment from duckdb_tables() where schema_name = 'gold' union all"
        " select table_name, column_name, comment from duckdb_columns() where schema_name = 'gold'"
    ).fetchall()

    def comments(name: str) -> dict[str, str]:
        return {column: told for table, column, told in found if table == name and told}

    return [
        GoldTable(name, f"{LAKE}.gold.{quoted(name)}", comments(name), kind == "incremental")
        for name, kind in sorted(build.tables.items())
    ]


def _served(connection: duckdb.DuckDBPyConnection, build_id: str) -> Served:
    served = connection.execute(
        "select max(run_id), as_of_date, model_name, model_version"
        f" from {LAKE}.gold.predictions group by all order by model_name"
    ).fetchall()
    versions = {name: version for _, _, name, version in served}
    days = {day for _, day, _, _ in served}
    if len(days) != 1 or len(versions) != len(served):
        raise PublishingError(
            f"gold.predictions of build {build_id} has scores of {len(served) or 'no'} model versions, for"
            f" {len(versions)} outcomes and {len(days)} days, and must have those of one version an outcome and of one"
            " day. Nothing was published. Run dbt build, then likely-buyers publish."
        )
    return Served(served[0][0], build_id, days.pop(), versions, datetime.now(UTC))
