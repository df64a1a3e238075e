"""Tests of data whose answer a build knows: the same query passed over tables that are as they were."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import duckdb

from likely_buyers.dbt.inputs import package_digest
from likely_buyers.lake.versions import latest_version, versions
from likely_buyers.sources.register import REGISTER, UNREADABLE

# beside the tables themselves in bronze.table_states, which has the latest state last
_KIND = "test "
_KNOWN = (
    "select table_name, max_by(definition, rowid) from likely_buyers.bronze.table_states"  # noqa: S608
    f" where starts_with(table_name, '{_KIND}') group by table_name"
)
_TAKEN_IN = (
    "select max_by(load_id, rowid) from likely_buyers.bronze.table_states"
    " where table_name = 'left_out_lines'"
)
# what views read and dbt does not know of: the tables of loads, and which load is taken in
_BEHIND = {
    "bronze.loaded_files": REGISTER,
    "bronze.rejected_lines": UNREADABLE,
    "silver.events": _TAKEN_IN,
}


class KnownTests:
    """What tests of this run look at, and what those that passed had looked at."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._known: dict[str, str] | None = None
        self._asked: dict[str, str] = {}
        self._found: tuple[int, dict[str, str]] = (-1, {})

    def has_passed(self, request: dict[str, Any]) -> dict[str, Any]:
        """Whether a test passed with this query over what it reads.

        request: "test" and "query", and under "reads" the names of relations, with SQL that digests the rows or None.
        """
        with self._connection.cursor() as cursor:
            if self._known is None:
                self._known = dict(cursor.execute(_KNOWN).fetchall())
            found = self._versions(cursor)
            read = {
                name: str(cursor.execute(f"select {digest}").fetchall())
                if digest
                else found.get(name)
                for name, digest in request["reads"].items()
            }
        read |= {name: found.get(name) for view, name in _BEHIND.items() if view in read}
        if None in read.values():
            # not of the lake: nobody knows
            return {"passed": False}
        told = json.dumps(
            [request["query"], read, package_digest(), duckdb.__version__], sort_keys=True
        )
        test = _KIND + request["test"]
        state = hashlib.sha256(told.encode()).hexdigest()
        self._asked[test] = state
        return {"passed": self._known.get(test) == state}

    def _versions(self, cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
        latest = latest_version(cursor)
        if self._found[0] != latest:
            (taken_in,) = cursor.execute(_TAKEN_IN).fetchall()
            self._found = (latest, versions(cursor) | {_TAKEN_IN: str(taken_in)})
        return self._found[1]

    def note(self, passed: Iterable[str]) -> None:
        """Write down what tests looked at that have passed, by dbt's ids, and begin anew."""
        tests = [_KIND + test for test in passed]
        states = [
            (test, self._asked[test])
            for test in tests
            if test in self._asked and self._asked[test] != (self._known or {}).get(test)
        ]
        self._known, self._asked = None, {}
        if states:
            places = ", ".join(["(?, ?, null)"] * len(states))
            with self._connection.cursor() as cursor:
                cursor.execute(
                    f"insert into likely_buyers.bronze.table_states values {places}",  # noqa: S608
                    [value for state in states for value in state],
                )
