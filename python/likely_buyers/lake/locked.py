"""Writing under the lock of a catalog on a server; beside a catalog that is a file there is none to be lost."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb

from likely_buyers.lake.postgres import Session

_locks: weakref.WeakKeyDictionary[duckdb.DuckDBPyConnection, Session] = weakref.WeakKeyDictionary()


def keep_lock(connection: duckdb.DuckDBPyConnection, lock: Session) -> None:
    """Hold the lock until the connection that writes is gone, or the process."""
    _locks[connection] = lock


def check_lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Stop who has lost the lock. It is that of the connection which was attached, and no cursor of it knows it.

    Raises:
        LakeProblem: the lock is gone, and another process may be writing.
    """
    if lock := _locks.get(connection):
        lock.check_lock()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit all that is done within, if the lock stands by then; else nothing of it.

    Raises:
        LakeProblem: as `check_lock`.
    """
    # upkeep removes files before it commits
    check_lock(connection)
    connection.begin()
    try:
        yield
        check_lock(connection)
        connection.commit()
    except BaseException:
        # one that failed to commit is over
        with suppress(duckdb.Error):
            connection.rollback()
        raise
