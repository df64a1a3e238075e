"""Tables of a PostgreSQL schema, all replaced in one transaction: a reader sees one run, and never waits."""

import io
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
import pyarrow.csv as pa_csv

from likely_buyers.errors import first_line
from likely_buyers.publishing.errors import PublishingError, unfit
from likely_buyers.publishing.gold import Gold, GoldTable, Part, Published, PublishedTable, Rows
from likely_buyers.sql_text import quoted
from likely_buyers.terminal import say

_SECONDS_BEFORE_ATTEMPTS = (1, 2, 4, 8, 16, None)
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


def schema_and_role(settings: Any) -> tuple[str, str | None]:
    """The schema that `vars.publish.postgres` names, and the role that may read it (None: nobody is granted anything).

    The server, the database and the user are libpq's: PGHOST, PGDATABASE, PGUSER, PGPASSWORD, PGSSLMODE and so on.

    Raises:
        PublishingError: the settings are others, or no names that PostgreSQL takes.
    """
    if not isinstance(settings, dict) or set(settings) - {"schema", "reader_role"}:
        expected = (
            "null or {schema: gold, reader_role: NAME} (PGHOST, PGDATABASE, PGUSER and PGPASSWORD tell the server"
            " and the credentials)"
        )
        # whoever writes a password there does not want to read it
        found = list(settings) if isinstance(settings, dict) else type(settings).__name__
        raise unfit("postgres", found, expected)
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
    return settings.get("schema") or "gold", settings.get("reader_role")


def publish_postgres(
    schema: str, role: str | None, options: Mapping[str, Any], gold: Gold
) -> Published:
    """Replace what differs from what stands there, all in one transaction; it is tried again when the server goes away.

    Rows are deleted and written anew instead of tables being swapped: a swap waits for the longest query that reads the
    table and lets every newer one wait behind it.

    Raises:
        PublishingError: the server asks for a password that is not set, a column has a type that PostgreSQL has not,
            somebody else's table is in the way, or the reader role may not be made or may do more than read.
        psycopg.Error: the server refused, or stayed away.
    """
    was_there = False
    for seconds in _SECONDS_BEFORE_ATTEMPTS:
        try:
            with psycopg.connect("", client_encoding="utf8", **options) as connection:
                was_there = True
                published = _Transaction(connection, gold).publish(schema, role)
            break
        except psycopg.OperationalError as error:
            if "no password supplied" in str(error) and not os.environ.get("PGPASSWORD"):
                raise PublishingError(
                    "PostgreSQL asks for a password, and the environment variable PGPASSWORD is not set (nor"
                    " PGPASSFILE). Set one."
                ) from error
            # who never answered is misnamed or down: that is said at once
            if not was_there or seconds is None:
                raise
            say(f"publish: PostgreSQL went away ({first_line(error)}), once more in {seconds} s")
            time.sleep(seconds)
    try:
        # the room of replaced rows is given back and statistics are renewed; readers do not wait for it
        with psycopg.connect("", autocommit=True, **options) as connection:
            for table in (table for table in published.tables if table.written):
                relation = f"{quoted(schema)}.{quoted(table.name)}"
                connection.execute(f"vacuum (analyze, truncate false) {relation}".encode())
    except psycopg.Error as error:
        # autovacuum does it later; what was published stands
        say(f"publish: PostgreSQL did not vacuum ({first_line(error)})")
    return published


@dataclass(frozen=True)
class _Transaction:
    """The one transaction of a publish; the schema is its search path."""

    connection: psycopg.Connection[tuple[Any, ...]]
    gold: Gold

    def publish(self, schema: str, reader_role: str | None) -> Published:
        with self.connection.transaction():
            self._run("set local lock_timeout to '60s'")
            # a backslash in a quoted text is one, whatever the server's default
            self._run("set local standard_conforming_strings to on")
            self._run(f"set local search_path to {quoted(schema)}")
            self._run("select pg_advisory_xact_lock(%s)", _LOCK)
            # asked first: `if not exists` needs the right to make one even when there is one
            if not self._run("select 1 from pg_namespace where nspname = %s", schema):
                self._run(f"create schema {quoted(schema)}")
            self._run(
                "create table if not exists published_parts (table_name text not null, part text not null,"
                " digest bigint not null, primary key (table_name, part))"
            )
            tables = [self._publish_table(table) for table in self.gold.tables]
            self._publish_table(self.gold.publication(tables))
            if reader_role is not None:
                self._grant(schema, reader_role)
        info = self.connection.info
        address = f"postgresql://{info.host}:{info.port}/{info.dbname}, schema {schema}"
        return Published(address, self.gold.served, tables)

    def _run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    def _publish_table(self, table: GoldTable) -> PublishedTable:
        rows = self.gold.rows(table)
        parts = self.gold.parts(rows, by_partition=table.is_log and rows.are_partitioned)
        query = "select part, digest from published_parts where table_name = %s and to_regclass(%s) is not null"
        digests = dict(self._run(query, table.name, quoted(table.name)))
        if self._make_table(rows):
            digests = dict.fromkeys(digests)
        return self.gold.replace_changed(
            table, parts, digests, partial(self._replace, rows), partial(self._remove, table)
        )

    def _make_table(self, rows: Rows) -> bool:
        """The table with the columns of gold and the comments of the dbt docs; whether it was made, or made anew."""
        relation = quoted(rows.table.name)
        wanted = [(name, _postgres_type(rows, name)) for name in rows.columns]
        stands = self._run(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute"
            " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
            relation,
        )
        if stands != wanted:
            if stands and not self._is_ours(rows.table.name):
                raise PublishingError(
                    f"a table {rows.table.name} stands in the schema already, with other columns, and was not published"
                    " from here. Nothing was published. Give it another name, or take another schema"
                    " (vars.publish.postgres.schema)."
                )
            columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted)
            self._run(f"drop table if exists {relation}")
            self._run("delete from published_parts where table_name = %s", rows.table.name)
            self._run(f"create table {relation} ({columns})")
            if "user_id" in rows.columns:
                self._run(f"create index on {relation} (user_id)")
        for comment in rows.comments(relation):
            self._run(comment)
        return stands != wanted

    def _is_ours(self, table: str) -> bool:
        """Whether it was published: known with a digest, or, as one without rows has none, listed in `publication`."""
        has_parts = "select 1 from published_parts where table_name = %s limit 1"
        listed = "select 1 from publication where table_name = %s"
        return bool(
            self._run(has_parts, table)
            or (self._run(has_parts, "publication") and self._run(listed, table))
        )

    def _replace(self, rows: Rows, part: Part) -> None:
        """Stream the new rows as CSV, which Arrow writes many times faster than rows are made in Python.

        Arrow quotes every text and no null, so that an empty text and a null differ, as PostgreSQL reads them.
        """
        relation = quoted(rows.table.name)
        self._run(f"delete from {relation} where {part.condition}")
        options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
        statement = f"copy {relation} from stdin (format csv)".encode()
        with self.connection.cursor().copy(statement) as copy:
            for batch in self.gold.batches(rows, part):
                buffer = io.BytesIO()
                pa_csv.write_csv(batch, buffer, options)
                copy.write(buffer.getbuffer())
        self._run(
            "insert into published_parts values (%s, %s, %s)"
            " on conflict (table_name, part) do update set digest = excluded.digest",
            *(rows.table.name, part.name, part.digest),
        )

    def _remove(self, table: GoldTable, part: Part) -> None:
        self._run(f"delete from {quoted(table.name)} where {part.condition}")
        of_part = "delete from published_parts where table_name = %s and part = %s"
        self._run(of_part, table.name, part.name)

    def _grant(self, schema: str, role: str) -> None:
        """Let a role read the tables and nothing else; it is made, without a login, when it is not there."""
        name = quoted(role)
        query = "select rolsuper or rolname = current_user from pg_roles where rolname = %s"
        found = self._run(query, role)
        if found == [(True,)]:
            raise PublishingError(
                f"vars.publish.postgres.reader_role is {role}, a superuser or the user who publishes: expected a role"
                " that may only read. Nothing was changed."
            )
        if not found:
            try:
                self._run(f"create role {name} nologin")
            except psycopg.errors.InsufficientPrivilege as error:
                raise PublishingError(
                    f"PostgreSQL has no role {role}, and the user who publishes may not make one. Have it made: create"
                    f" role {name} nologin. Nothing was changed."
                ) from error
        self._run(f"grant usage on schema {quoted(schema)} to {name}")
        tables = [quoted(table.name) for table in self.gold.tables]
        self._run(f"grant select on {', '.join([*tables, 'publication'])} to {name}")


def _postgres_type(rows: Rows, column: str) -> str:
    kind = rows.columns[column]
    if re.fullmatch(r"DECIMAL\(\d+,\d+\)", kind):
        return kind.replace("DECIMAL", "numeric")
    if kind not in _TYPES:
        raise PublishingError(
            f"gold.{rows.table.name} has a column {column} of type {kind}, which PostgreSQL has no column for here:"
            f" expected {', '.join(_TYPES)} or DECIMAL. Cast it in the model."
        )
    return _TYPES[kind]
