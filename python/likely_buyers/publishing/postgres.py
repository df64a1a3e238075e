"""Tables of a PostgreSQL schema, all replaced in one transaction: a reader sees one run, and never waits."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg import sql

from likely_buyers.libpq import absent_variable, tls_options
from likely_buyers.publishing.build import GoldTable
from likely_buyers.publishing.errors import MissingCredentials, PlaceFailed, PublishingMisconfigured
from likely_buyers.publishing.gold import PARTITION, Gold, Part, is_partitioned
from likely_buyers.publishing.receipts import PUBLICATION, Published, PublishedTable
from likely_buyers.terminal import say

_ATTEMPTS = 6
# publishing beside itself would only wait for itself
_LOCK = 0x6C696B656C79
_TYPES = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "numeric(39, 0)",
    "UBIGINT": "numeric(20, 0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UUID": "uuid",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


@dataclass(frozen=True)
class PostgresPlace:
    """The schema that gold is published into, and the role that may read it (None: nobody is granted anything).

    The server, the database and the user are libpq's: PGHOST, PGDATABASE, PGUSER, PGPASSWORD, PGSSLMODE and so on.
    """

    schema: str
    reader_role: str | None


def connection_options(environment: Mapping[str, str]) -> dict[str, str]:
    """What is added to libpq's own variables: TLS with a checked certificate, unless told otherwise.

    A server of this machine (loopback or a socket) is asked as libpq does by default.

    Raises:
        MissingCredentials: PGHOST, PGUSER or PGDATABASE is not set, and no PGSERVICE that would say it.
    """
    absent = absent_variable(environment)
    if absent:
        raise MissingCredentials(
            f"vars.publish names PostgreSQL, and the environment variable {absent} is not set. Set PGHOST, PGUSER,"
            " PGDATABASE and PGPASSWORD (or PGPASSFILE), as for psql."
        )
    options = {"application_name": "likely-buyers publish", "connect_timeout": "10"}
    return options | tls_options(environment)


def publish_postgres(gold: Gold, place: PostgresPlace, at: datetime) -> Published:
    """Replace what differs from what stands there, all in one transaction; it is tried again when the server goes away.

    Rows are deleted and written anew instead of tables being swapped: a swap waits for the longest query that reads the
    table and lets every newer one wait behind it.

    Raises:
        MissingCredentials: see `connection_options`; or the server asks for a password that is not set.
        PlaceFailed: the reader role is not there and may not be made.
        psycopg.Error: the server refused, or stayed away.
    """
    options = connection_options(os.environ)
    was_there = False
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with _connected(options) as connection:
                was_there = True
                published = _publish(connection, gold, place, at)
        except psycopg.OperationalError as error:
            # who never answered is misnamed or down: that is said at once
            if not was_there or attempt == _ATTEMPTS:
                raise
            seconds = 2 ** (attempt - 1)
            say(f"publish: PostgreSQL went away ({_first_line(error)}), once more in {seconds} s")
            time.sleep(seconds)
        else:
            _remove_old_rows(options, place, published)
            return published
    raise AssertionError("the last attempt returns or raises")


def _connected(options: Mapping[str, str]) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        connection = psycopg.connect("", **dict(options))  # type: ignore[arg-type]
    except psycopg.OperationalError as error:
        if "no password supplied" in str(error) and not os.environ.get("PGPASSWORD"):
            raise MissingCredentials(
                "PostgreSQL asks for a password, and the environment variable PGPASSWORD is not set (nor PGPASSFILE)."
                " Set one."
            ) from error
        raise
    connection.execute("set timezone to 'UTC'")
    connection.execute("set lock_timeout to '60s'")
    connection.commit()
    return connection


def _publish(
    connection: psycopg.Connection[tuple[Any, ...]],
    gold: Gold,
    place: PostgresPlace,
    at: datetime,
) -> Published:
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        schema = sql.Identifier(place.schema)
        _make_schema(connection, place)
        tables = tuple(
            _publish_table(connection, gold, place.schema, table) for table in gold.build.tables
        )
        info = connection.info
        published = Published(
            f"postgresql://{info.host}:{info.port}/{info.dbname}, schema {place.schema}",
            gold.served,
            at,
            tables,
        )
        _leave_receipt(connection, place.schema, published)
        if place.reader_role is not None:
            _grant(connection, schema, place.reader_role, [table.name for table in tables])
    return published


def _make_schema(connection: psycopg.Connection[tuple[Any, ...]], place: PostgresPlace) -> None:
    schema = sql.Identifier(place.schema)
    # asked first: `if not exists` needs the right to make one even when there is one
    stands = connection.execute(
        "select 1 from pg_namespace where nspname = %s", [place.schema]
    ).fetchone()
    if stands is None:
        connection.execute(sql.SQL("create schema {}").format(schema))
    connection.execute(
        sql.SQL(
            "create table if not exists {} (table_name text not null, part text not null, digest bigint not null,"
            " primary key (table_name, part))"
        ).format(sql.Identifier(place.schema, "published_parts"))
    )
    connection.execute(
        sql.SQL(
            "create table if not exists {} (table_name text primary key, row_count bigint, run_id text,"
            " build_id text, as_of_date date, model_name text, model_version integer, published_at timestamp)"
        ).format(sql.Identifier(place.schema, "publication"))
    )
    connection.execute(
        sql.SQL("comment on table {} is {}").format(
            sql.Identifier(place.schema, "publication"), sql.Literal(PUBLICATION)
        )
    )


def _publish_table(
    connection: psycopg.Connection[tuple[Any, ...]], gold: Gold, schema: str, table: GoldTable
) -> PublishedTable:
    query = gold.select(table)
    columns = gold.columns(query)
    by_partition = table.is_log and is_partitioned(columns)
    parts = gold.partitions(query) if by_partition else [gold.whole(query)]
    relation = sql.Identifier(schema, table.name)
    ledger = sql.Identifier(schema, "published_parts")
    _make_table(connection, schema, table, columns)
    known: dict[str, int] = dict(
        connection.execute(
            sql.SQL("select part, digest from {} where table_name = %s").format(ledger),
            [table.name],
        ).fetchall()
    )
    written = 0
    for part in parts:
        if known.get(_name(part)) == part.digest:
            gold.count(part.rows)
            continue
        _delete(connection, relation, part)
        _copy(connection, relation, gold.batches(query, part))
        connection.execute(
            sql.SQL(
                "insert into {} values (%s, %s, %s)"
                " on conflict (table_name, part) do update set digest = excluded.digest"
            ).format(ledger),
            [table.name, _name(part), part.digest],
        )
        written += 1
    return PublishedTable(table.name, sum(part.rows for part in parts), written)


def _make_table(
    connection: psycopg.Connection[tuple[Any, ...]],
    schema: str,
    table: GoldTable,
    columns: Mapping[str, str],
) -> None:
    """The table with the columns of gold, and the comments of the dbt docs; made anew when its columns changed."""
    relation = sql.Identifier(schema, table.name)
    wanted = {name: _postgres_type(table, name, kind) for name, kind in columns.items()}
    stands = dict(
        connection.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute"
            " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
            [relation.as_string(connection)],
        ).fetchall()
    )
    if list(stands) != list(wanted) or any(
        _spelt(stands[name]) != _spelt(kind) for name, kind in wanted.items()
    ):
        connection.execute(sql.SQL("drop table if exists {}").format(relation))
        connection.execute(
            sql.SQL("delete from {} where table_name = %s").format(
                sql.Identifier(schema, "published_parts")
            ),
            [table.name],
        )
        connection.execute(
            sql.SQL("create table {} ({})").format(
                relation,
                sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))  # type: ignore[arg-type]
                    for name, kind in wanted.items()
                ),
            )
        )
        if "user_id" in wanted:
            connection.execute(sql.SQL("create index on {} (user_id)").format(relation))
    _comment(connection, relation, table, columns)


def _comment(
    connection: psycopg.Connection[tuple[Any, ...]],
    relation: sql.Identifier,
    table: GoldTable,
    columns: Mapping[str, str],
) -> None:
    connection.execute(
        sql.SQL("comment on table {} is {}").format(relation, sql.Literal(table.description))
    )
    for name, description in table.columns.items():
        if name in columns:
            connection.execute(
                sql.SQL("comment on column {}.{} is {}").format(
                    relation, sql.Identifier(name), sql.Literal(description)
                )
            )


def _delete(
    connection: psycopg.Connection[tuple[Any, ...]], relation: sql.Identifier, part: Part
) -> None:
    if part.partition is None:
        connection.execute(sql.SQL("delete from {}").format(relation))
    else:
        rows = sql.SQL(" and ").join(
            sql.SQL("{} = %s").format(sql.Identifier(name)) for name in PARTITION
        )
        connection.execute(
            sql.SQL("delete from {} where {}").format(relation, rows), list(part.partition)
        )


def _copy(
    connection: psycopg.Connection[tuple[Any, ...]],
    relation: sql.Identifier,
    batches: pa.RecordBatchReader,
) -> None:
    """Stream batches as CSV, which Arrow writes many times faster than rows are made in Python.

    Arrow quotes every text and no null, so that an empty text and a null differ, as PostgreSQL reads them.
    """
    options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
    with connection.cursor().copy(
        sql.SQL("copy {} from stdin (format csv)").format(relation)
    ) as copy:
        for batch in batches:
            buffer = io.BytesIO()
            pa_csv.write_csv(batch, buffer, options)
            copy.write(buffer.getbuffer())


def _leave_receipt(
    connection: psycopg.Connection[tuple[Any, ...]], schema: str, published: Published
) -> None:
    relation = sql.Identifier(schema, "publication")
    served = published.served
    connection.execute(sql.SQL("delete from {}").format(relation))
    with connection.cursor() as cursor:
        cursor.executemany(
            sql.SQL("insert into {} values (%s, %s, %s, %s, %s, %s, %s, %s)").format(relation),
            [
                [
                    *(table.name, table.rows, served.run_id, served.build_id, served.as_of_date),
                    *(served.model_name, served.model_version),
                    published.published_at.replace(tzinfo=None),
                ]
                for table in published.tables
            ],
        )


def _grant(
    connection: psycopg.Connection[tuple[Any, ...]],
    schema: sql.Identifier,
    role: str,
    tables: list[str],
) -> None:
    """Let a role read the tables and nothing else; it is made, without a login, when it is not there."""
    name = sql.Identifier(role)
    found = connection.execute(
        "select rolsuper, rolname = current_user from pg_roles where rolname = %s", [role]
    ).fetchone()
    if found is None:
        try:
            with connection.transaction():
                connection.execute(sql.SQL("create role {} nologin").format(name))
        except psycopg.errors.InsufficientPrivilege as error:
            raise PlaceFailed(
                f"PostgreSQL has no role {role}, and the user who publishes may not make one. Have it made:"
                f" {sql.SQL('create role {} nologin').format(name).as_string(connection)}. Nothing was changed."
            ) from error
    elif any(found):
        raise PublishingMisconfigured(
            f"vars.publish.postgres.reader_role is {role}, a superuser or the user who publishes: expected a role that"
            " may only read. Nothing was changed."
        )
    connection.execute(sql.SQL("grant usage on schema {} to {}").format(schema, name))
    for table in [*tables, "publication"]:
        connection.execute(
            sql.SQL("grant select on {}.{} to {}").format(schema, sql.Identifier(table), name)
        )


def _remove_old_rows(
    options: Mapping[str, str], place: PostgresPlace, published: Published
) -> None:
    """Give back the room of replaced rows and renew the statistics; readers do not wait for it."""
    changed = [table.name for table in published.tables if table.written]
    try:
        with psycopg.connect("", autocommit=True, **dict(options)) as connection:  # type: ignore[arg-type]
            for name in changed:
                connection.execute(
                    sql.SQL("vacuum (analyze, truncate false) {}").format(
                        sql.Identifier(place.schema, name)
                    )
                )
    except psycopg.Error as error:
        # autovacuum does it later; what was published stands
        say(f"publish: PostgreSQL did not vacuum ({_first_line(error)})")


def _postgres_type(table: GoldTable, column: str, kind: str) -> str:
    decimal = _DECIMAL.fullmatch(kind)
    if decimal:
        return f"numeric({decimal[1]}, {decimal[2]})"
    if kind not in _TYPES:
        raise PublishingMisconfigured(
            f"gold.{table.name} has a column {column} of type {kind}, which PostgreSQL has no column for here:"
            f" expected {', '.join(_TYPES)} or DECIMAL. Cast it in the model."
        )
    return _TYPES[kind]


def _spelt(kind: str) -> str:
    return (
        kind.replace(" ", "")
        .replace("withouttimezone", "")
        .replace("timestampwithtimezone", "timestamptz")
    )


def _name(part: Part) -> str:
    return "/".join(map(str, part.partition)) if part.partition else ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
