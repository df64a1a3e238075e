"""A catalog on a PostgreSQL server: how it is reached, and the lock by which one process at a time writes.

Readers need no lock: DuckLake's snapshots are whole. Of two builds that mix, each table would be whole, but not all of
one build.
"""

from __future__ import annotations

import os
import socket
import sys
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likely_buyers.errors import from_extra, said_by
from likely_buyers.lake.errors import LakeProblem
from likely_buyers.libpq import connection_options
from likely_buyers.settings import CATALOG, DATA, Lake

if TYPE_CHECKING:
    import psycopg

# a number of this database; publishing has another
_LOCK = int.from_bytes(b"the lake", "big")
# what a connection string may say instead of the environment
_VARIABLES = {
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "dbname": "PGDATABASE", "user": "PGUSER",
    "service": "PGSERVICE", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
}  # fmt: skip
# PostgreSQL shows the number of a lock in two halves
_HOLDER = """
    select session.application_name, session.pid,
        to_char(session.backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
    from pg_locks as held join pg_stat_activity as session using (pid)
    where held.locktype = 'advisory' and held.granted and session.datname = current_database()
        and (cast(held.classid as bigint) << 32) | cast(held.objid as bigint) = %s
"""


def connection_string(lake: Lake) -> str:
    """libpq's, of what the catalog says of one: with who asks, how long it is waited for, and TLS.

    Raises:
        LakeProblem: it is none, or neither it nor the environment says where the server is.
        MissingPackage: the client of PostgreSQL is not installed.
    """
    with from_extra("postgres", f"{CATALOG}=postgres:"):
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict, make_conninfo
    try:
        given: dict[str, Any] = conninfo_to_dict(lake.catalog.removeprefix("postgres:"))
    except ProgrammingError as error:
        raise LakeProblem(
            f"{CATALOG} must be a file, or postgres: and a connection string as psql takes it, such as"
            f" 'postgres:host=db.example dbname=shop'. libpq says: {said_by(error)}"
        ) from error
    said = {_VARIABLES[name]: str(value) for name, value in given.items() if name in _VARIABLES}
    options = connection_options(
        os.environ | said, "likely_buyers", f"{CATALOG} names PostgreSQL", LakeProblem
    )
    return make_conninfo(**(options | given))


def refused(lake: Lake, said: str) -> str:
    """Why a server that answers does not open its catalog, in words."""
    return (
        f"the catalog {lake.catalog} cannot be opened, so nothing was read or written. Who reads needs the right to"
        " read the tables ducklake_* of the schema public; who writes, to write them; who makes the lake, to create"
        f" them: own the database. The server says: {said}"
    )


class Session:
    """A session of the server; one a process, which ends when nobody of the process has it any more."""

    def __init__(self, lake: Lake, connection: str) -> None:
        import psycopg

        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
        who = f"PID {os.getpid()} on {socket.gethostname()}, {command}"
        try:
            self._server = psycopg.connect(connection, autocommit=True, application_name=who)
        except psycopg.OperationalError as error:
            remedy = (
                "Set PGPASSWORD (or PGPASSFILE) to the password of that user."
                if "password" in str(error)
                else f"Check {CATALOG} and the variables PG*, and that the server answers there."
            )
            raise LakeProblem(
                f"the catalog {lake.catalog} cannot be reached, so nothing was read or written. {remedy}"
                f" PostgreSQL says: {said_by(error)}"
            ) from error
        weakref.finalize(self, _end, self._server)

    @classmethod
    def of(cls, lake: Lake) -> Session:
        """That of this process, once the catalog is known to be that of the lake's data.

        Raises:
            LakeProblem: server, database, user or password are others, or the catalog is that of other data.
        """
        connection = connection_string(lake)
        import psycopg

        key = (connection, *(item for item in os.environ.items() if item[0].startswith("PG")))
        session = _sessions.get(key) or cls(lake, connection)
        _sessions[key] = session
        try:
            session.check_data(lake)
        except psycopg.Error as error:
            raise LakeProblem(refused(lake, said_by(error))) from error
        return session

    def check_data(self, lake: Lake) -> None:
        """DuckLake compares as well, and calls its own options the remedy."""
        if not self.has_lake():
            return
        known = self._row(
            "select value from public.ducklake_metadata where key = 'data_path' and scope is null"
        )
        if known and known[0].rstrip("/") != lake.data.rstrip("/"):
            raise LakeProblem(
                f"the catalog {lake.catalog} is that of the data in {known[0]}, and {DATA} is {lake.data}. Nothing was"
                f" read or written. Set {DATA}={known[0]}, or have {CATALOG} name a database of its own. If the files"
                " were moved, tell the catalog: update ducklake_metadata set value = 'PATH/' where key = 'data_path'."
            )

    def has_lake(self) -> bool:
        """Whether a lake was made in the database."""
        return bool(self._row("select to_regclass('public.ducklake_metadata') is not null")[0])

    def holder(self) -> str:
        """Take the lock, which is this session's until it ends; '' if it is ours now, else who has it."""
        if self._row("select pg_try_advisory_lock(%s)", _LOCK) == (True,):
            return ""
        found = self._row(_HOLDER, _LOCK)
        if found is None:
            return "another process, which has just ended"
        return (
            f"another process: {found[0]} (since {found[2]} UTC; session {found[1]} of PostgreSQL)"
        )

    def give_back(self) -> None:
        """The lock, once as often as it was taken."""
        self._row("select pg_advisory_unlock(%s)", _LOCK)

    def check_lock(self) -> None:
        """Stop who would write on without it: a server that was restarted has forgotten the lock, and DuckLake goes on.

        Raises:
            LakeProblem: the session was ended.
        """
        import psycopg

        try:
            self._row("select 1")
        except psycopg.Error as error:
            raise LakeProblem(
                "the server of the catalog ended the session that kept other writers out, so nothing more is written."
                f" Run the same again: it goes on from what is written. PostgreSQL says: {said_by(error)}"
            ) from error

    def _row(self, query: str, *values: object) -> Any:
        return self._server.execute(query.encode(), values or None).fetchone()


_sessions: weakref.WeakValueDictionary[object, Session] = weakref.WeakValueDictionary()


def _end(server: psycopg.Connection[Any]) -> None:
    import psycopg

    # who is next need not wait until the server has noticed the end
    with suppress(psycopg.Error):
        server.execute("select pg_advisory_unlock_all()")
    server.close()
