"""Tables of a PostgreSQL schema, all replaced in one transaction: a reader sees one run, and never waits."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow.csv as pa_csv
from psycopg import sql

from likely_buyers.libpq import absent_variable, tls_options
from likely_buyers.publishing.build import GoldTable
from likely_buyers.publishing.errors import PublishingError, unfit
from likely_buyers.publishing.gold import PARTITION, Gold, Part, Rows
from likely_buyers.publishing.manifests import Published, PublishedTable, publication
from likely_buyers.terminal import say

_SECONDS_BEFORE_ATTEMPTS = (1, 2, 4, 8, 16)
# publishing beside itself would only wait for itself
_LOCK = 0x6C696B656C79
# as PostgreSQL's format_type spells them
_TYPES = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "numeric(39,0)",
    "UBIGINT": "numeric(20,0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIMESTAMP": "timestamp without time zone",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "UUID": "uuid",
}
_DECIMAL = re.compile(r"DECIMAL\(\d+,\d+\)")


@dataclass(frozen=True)
class PostgresSchema:
    """The schema that gold is published into, and the role that may read it (None: nobody is granted anything).

    The server, the database and the user are libpq's: PGHOST, PGDATABASE, PGUSER, PGPASSWORD, PGSSLMODE and so on.
    """

    name: str
    reader_role: str | None

    @classmethod
    def of(cls, settings: Any) -> PostgresSchema:
        """The schema of `vars.publish.postgres`; raises PublishingError if it names none."""
        if not isinstance(settings, dict) or set(settings) - {"schema", "reader_role"}:
            expected = (
                "null or {schema: gold, reader_role: NAME} (PGHOST, PGDATABASE, PGUSER and PGPASSWORD tell the server"
                " and the credentials)"
            )
            # whoever writes a password there does not want to read it
            raise unfit(
                "postgres",
                list(settings) if isinstance(settings, dict) else type(settings).__name__,
                expected,
            )
        for name, value in settings.items():
            # names are quoted; what PostgreSQL would cut or keeps to itself is refused
            if value is not None and (
                not isinstance(value, str)
                or not 0 < len(value.encode()) < 64
                or value.startswith("pg_")
                or value in ("public", "none", "information_schema")
            ):
                expected = "a name of at most 63 bytes that PostgreSQL does not reserve"
                raise unfit(f"postgres.{name}", value, expected)
        return cls(settings.get("schema") or "gold", settings.get("reader_role"))


def connection_options(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What is added to libpq's own variables: TLS with a checked certificate, unless told otherwise.

    A server of this machine (loopback or a socket) is asked as libpq does by default.

    Raises:
        PublishingError: PGHOST, PGUSER or PGDATABASE is not set, and no PGSERVICE that would say it.
    """
    absent = absent_variable(environment)
    if absent:
        raise PublishingError(
            f"vars.publish names PostgreSQL, and the environment variable {absent} is not set. Set PGHOST, PGUSER,"
            " PGDATABASE and PGPASSWORD (or PGPASSFILE), as for psql."
        )
    options = {"application_name": "likely-buyers publish", "connect_timeout": "10"}
    return options | tls_options(environment)


def publish_postgres(schema: PostgresSchema, options: Mapping[str, str], gold: Gold) -> Published:
    """Replace what differs from what stands there, all in one transaction; it is tried again when the server goes away.

    Rows are deleted and written anew instead of tables being swapped: a swap waits for the longest query that reads the
    table and lets every newer one wait behind it.

    Raises:
        PublishingError: the server asks for a password that is not set, a column has a type that PostgreSQL has not, or
            the reader role may not be made or may do more than read.
        psycopg.Error: the server refused, or stayed away.
    """
    waits = iter(_SECONDS_BEFORE_ATTEMPTS)
    was_there = False
    while True:
        try:
            with psycopg.connect("", **dict(options)) as connection:  # type: ignore[arg-type]
                was_there = True
                published = _Transaction(connection, gold, schema).publish()
            break
        except psycopg.OperationalError as error:
            if "no password supplied" in str(error) and not os.environ.get("PGPASSWORD"):
                raise PublishingError(
                    "PostgreSQL asks for a password, and the environment variable PGPASSWORD is not set (nor"
                    " PGPASSFILE). Set one."
                ) from error
            seconds = next(waits, None)
            # who never answered is misnamed or down: that is said at once
            if not was_there or seconds is None:
                raise
            say(f"publish: PostgreSQL went away ({_first_line(error)}), once more in {seconds} s")
            time.sleep(seconds)
    _vacuum(options, schema, [table.name for table in published.tables if table.written])
    return published


class _Transaction:
    """The one transaction of a publish."""

    def __init__(
        self, connection: psycopg.Connection[tuple[Any, ...]], gold: Gold, schema: PostgresSchema
    ):
        self._connection = connection
        self._gold = gold
        self._schema = schema
        self._digests = self._relation("published_parts")

    def publish(self) -> Published:
        with self._connection.transaction():
            self._run("set local lock_timeout to '60s'")
            self._run("select pg_advisory_xact_lock(%s)", values=[_LOCK])
            self._make_schema()
            tables = tuple(map(self._publish_table, self._gold.build.tables))
            self._publish_table(publication(self._gold, tables))
            if self._schema.reader_role is not None:
                self._grant(self._schema.reader_role)
        info = self._connection.info
        address = f"postgresql://{info.host}:{info.port}/{info.dbname}, schema {self._schema.name}"
        return Published(address, self._gold.served, tables)

    def _run(
        self, statement: str, *parts: sql.Composable, values: Sequence[Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Execute a statement with a part of SQL in the place of each `{}`, and fetch what it gives."""
        cursor = self._connection.execute(sql.SQL(statement).format(*parts), values)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []

    def _relation(self, table: str) -> sql.Identifier:
        return sql.Identifier(self._schema.name, table)

    def _make_schema(self) -> None:
        name = self._schema.name
        # asked first: `if not exists` needs the right to make one even when there is one
        if not self._run("select 1 from pg_namespace where nspname = %s", values=[name]):
            self._run("create schema {}", sql.Identifier(name))
        self._run(
            "create table if not exists {} (table_name text not null, part text not null, digest bigint not null,"
            " primary key (table_name, part))",
            self._digests,
        )

    def _publish_table(self, table: GoldTable) -> PublishedTable:
        rows = self._gold.rows(table)
        parts = self._gold.parts(rows, by_partition=table.is_log and rows.are_partitioned)
        self._make_table(table, rows)
        known = dict(
            self._run(
                "select part, digest from {} where table_name = %s",
                self._digests,
                values=[table.name],
            )
        )
        changed = [part for part in parts if known.get(part.name) != part.digest]
        self._gold.count(sum(part.rows for part in parts if part not in changed))
        for part in changed:
            self._replace(table, rows, part)
        return PublishedTable(table.name, sum(part.rows for part in parts), len(changed))

    def _make_table(self, table: GoldTable, rows: Rows) -> None:
        """The table with the columns of gold, and the comments of the dbt docs; made anew when its columns changed."""
        relation = self._relation(table.name)
        wanted = [(name, _postgres_type(table, name, kind)) for name, kind in rows.columns.items()]
        stands = self._run(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute"
            " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
            values=[relation.as_string(self._connection)],
        )
        if stands != wanted:
            columns = [sql.SQL("{} " + kind).format(sql.Identifier(name)) for name, kind in wanted]  # type: ignore[arg-type]
            self._run("drop table if exists {}", relation)
            self._run("delete from {} where table_name = %s", self._digests, values=[table.name])
            self._run("create table {} ({})", relation, sql.SQL(", ").join(columns))
            if "user_id" in rows.columns:
                self._run("create index on {} (user_id)", relation)
        self._run("comment on table {} is {}", relation, sql.Literal(table.description))
        for name, description in table.columns.items():
            if name in rows.columns:
                column = sql.Identifier(self._schema.name, table.name, name)
                self._run("comment on column {} is {}", column, sql.Literal(description))

    def _replace(self, table: GoldTable, rows: Rows, part: Part) -> None:
        """Stream the new rows as CSV, which Arrow writes many times faster than rows are made in Python.

        Arrow quotes every text and no null, so that an empty text and a null differ, as PostgreSQL reads them.
        """
        relation = self._relation(table.name)
        where = " and ".join(f"{name} = %s" for name in PARTITION) if part.partition else "true"
        self._run(f"delete from {{}} where {where}", relation, values=part.partition)  # noqa: S608
        options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
        with self._connection.cursor().copy(
            sql.SQL("copy {} from stdin (format csv)").format(relation)
        ) as copy:
            for batch in self._gold.batches(rows, part):
                buffer = io.BytesIO()
                pa_csv.write_csv(batch, buffer, options)
                copy.write(buffer.getbuffer())
        self._run(
            "insert into {} values (%s, %s, %s)"
            " on conflict (table_name, part) do update set digest = excluded.digest",
            self._digests,
            values=[table.name, part.name, part.digest],
        )

    def _grant(self, role: str) -> None:
        """Let a role read the tables and nothing else; it is made, without a login, when it is not there."""
        name = sql.Identifier(role)
        found = self._run(
            "select rolsuper or rolname = current_user from pg_roles where rolname = %s",
            values=[role],
        )
        if found == [(True,)]:
            raise PublishingError(
                f"vars.publish.postgres.reader_role is {role}, a superuser or the user who publishes: expected a role"
                " that may only read. Nothing was changed."
            )
        if not found:
            try:
                with self._connection.transaction():
                    self._run("create role {} nologin", name)
            except psycopg.errors.InsufficientPrivilege as error:
                raise PublishingError(
                    f"PostgreSQL has no role {role}, and the user who publishes may not make one. Have it made: create"
                    f" role {name.as_string(self._connection)} nologin. Nothing was changed."
                ) from error
        self._run("grant usage on schema {} to {}", sql.Identifier(self._schema.name), name)
        for table in (*(table.name for table in self._gold.build.tables), "publication"):
            self._run("grant select on {} to {}", self._relation(table), name)


def _vacuum(options: Mapping[str, str], schema: PostgresSchema, tables: Sequence[str]) -> None:
    """Give back the room of replaced rows and renew the statistics; readers do not wait for it."""
    try:
        with psycopg.connect("", autocommit=True, **dict(options)) as connection:  # type: ignore[arg-type]
            for table in tables:
                relation = sql.Identifier(schema.name, table)
                connection.execute(sql.SQL("vacuum (analyze, truncate false) {}").format(relation))
    except psycopg.Error as error:
        # autovacuum does it later; what was published stands
        say(f"publish: PostgreSQL did not vacuum ({_first_line(error)})")


def _postgres_type(table: GoldTable, column: str, kind: str) -> str:
    if _DECIMAL.fullmatch(kind):
        return kind.replace("DECIMAL", "numeric")
    if kind not in _TYPES:
        raise PublishingError(
            f"gold.{table.name} has a column {column} of type {kind}, which PostgreSQL has no column for here:"
            f" expected {', '.join(_TYPES)} or DECIMAL. Cast it in the model."
        )
    return _TYPES[kind]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
