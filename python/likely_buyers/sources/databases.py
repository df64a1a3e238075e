"""Databases of others, opened to be read: what a dialect needs, and what to do when one cannot be opened.

They are attached to a DuckDB of their own, in memory: the warehouse never holds a connection to them, and no statement
that dbt keeps names one. Who one is comes from the environment, which the drivers read themselves.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from likely_buyers.errors import said_by
from likely_buyers.lake.extensions import ExtensionMissing, load_extension
from likely_buyers.libpq import connection_options
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sql_text import literal, quoted

KINDS = ("postgres", "mysql", "sqlite", "duckdb")
FILES = ("sqlite", "duckdb")
_DEFAULT_SCHEMA = {"postgres": "public", "duckdb": "main", "sqlite": "main"}
_MYSQL_REQUIRED = ("MYSQL_HOST", "MYSQL_USER", "MYSQL_DATABASE")


@contextmanager
def opened(kind: str, path: str | None, memory: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to which the database is attached as `source`, read only, in one transaction.

    Args:
        kind: one of KINDS.
        path: of the file, for FILES.
        memory: how much DuckDB may use, as its memory_limit.

    Raises:
        SourceProblem: the database or what opens it is not there, or it refuses.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            # what is not installed is told, never fetched
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": memory,
            # one thread is one connection, and so one snapshot
            "threads": "1",
            "preserve_insertion_order": "false",
        },
    )
    try:
        connection.execute("set TimeZone = 'UTC'")
        if kind != "duckdb":
            try:
                load_extension(connection, f"{kind}_scanner", f"[{kind}]")
            except ExtensionMissing as error:
                raise SourceProblem(
                    f"vars.events_relation names a table of {kind}: {error} Nothing was loaded."
                ) from error
        _attach(connection, kind, path)
        connection.execute("begin")
        yield connection
    finally:
        # the transaction and the connection to the server end with it
        connection.close()


def table_name(kind: str, table: str) -> str:
    """`schema.table`, quoted, in the attached database. A name with a dot in it is written in double quotes.

    Raises:
        SourceProblem: it is no such name.
    """
    if not re.fullmatch(r'("(?:[^"]|"")+"|[^".\s]+)(\.("(?:[^"]|"")+"|[^".\s]+))?', table):
        raise SourceProblem(
            f"vars.events_relation: table must be schema.table, each in double quotes if it has a dot or a blank in it;"
            f" found: {table}."
        )
    parts = [
        part[1:-1].replace('""', '"') if part.startswith('"') else part
        for part in re.findall(r'"(?:[^"]|"")+"|[^".\s]+', table)
    ]
    if len(parts) == 1:
        schema = _DEFAULT_SCHEMA.get(kind) or os.environ.get("MYSQL_DATABASE", "")
        parts = [schema, *parts]
    return "source." + ".".join(quoted(part) for part in parts)


def _attach(connection: duckdb.DuckDBPyConnection, kind: str, path: str | None) -> None:
    if kind in FILES:
        target = str(path)
        # the engine would make an empty one
        if not Path(target).is_file():
            raise SourceProblem(
                f"vars.events_relation names the {kind} file '{target}', which is not there. Nothing was loaded."
                " Set path to the database's file."
            )
    elif kind == "postgres":
        names_it = "vars.events_relation names a table of PostgreSQL"
        options = connection_options(
            os.environ, "likely_buyers", names_it, SourceProblem, " Nothing was loaded."
        )
        target = " ".join(f"{name}={value}" for name, value in options.items())
    else:
        absent = next((name for name in _MYSQL_REQUIRED if not os.environ.get(name)), None)
        if absent:
            raise SourceProblem(
                f"vars.events_relation names a table of MySQL, and the environment variable {absent} is not set. Set"
                " MYSQL_HOST, MYSQL_USER, MYSQL_DATABASE and MYSQL_PWD. Nothing was loaded."
            )
        target = ""
    of_kind = "" if kind == "duckdb" else f"type {kind}, "
    try:
        connection.execute(f"attach {literal(target)} as source ({of_kind}read_only)")
        if kind == "postgres":
            # it connects when it is asked first
            connection.execute("select * from postgres_query('source', 'select 1')").fetchall()
    except duckdb.Error as error:
        raise SourceProblem(_refused(kind, target, said_by(error))) from error


def _refused(kind: str, target: str, said: str) -> str:
    if kind == "duckdb" and "lock" in said:
        return (
            f"the DuckDB file '{target}' is in use by another process, which keeps others out. Nothing was loaded. Run"
            f" dbt build again when it is free. DuckDB says: {said}"
        )
    if kind in FILES:
        return f"the file '{target}' cannot be opened as {kind}. Nothing was loaded. DuckDB says: {said}"
    who, password = {
        "postgres": ("PGHOST, PGPORT, PGDATABASE and PGUSER", "PGPASSWORD (or PGPASSFILE)"),
        "mysql": ("MYSQL_HOST, MYSQL_TCP_PORT, MYSQL_DATABASE and MYSQL_USER", "MYSQL_PWD"),
    }[kind]
    remedy = (
        f"Set {password} to the password of that user"
        if re.search(r"password|Access denied", said)
        else f"Check {who} of the environment, and that the server answers there"
    )
    return f"the {kind} server of vars.events_relation cannot be read. Nothing was loaded. {remedy}. It says: {said}"
