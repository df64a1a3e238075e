"""Features of some users as of a day, from their days so far and the events since: by the macros of the build.

The SQL is what dbt rendered of `days_of_users` and `user_features` when the copy was written. Any number of users come
in one query: most of what one costs is the query, not the user.
"""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from likely_buyers.errors import said_by
from likely_buyers.outcomes import Outcome
from likely_buyers.scoring import population_columns
from likely_buyers.scoring.stream import KEYS
from likely_buyers.serving.errors import ServingError

EVENTS = pa.schema(
    [
        ("user_id", pa.string()),
        ("event_time", pa.timestamp("us")),
        ("event_date", pa.date32()),
        *((name, pa.string()) for name in ("event_type", "session_id", "product_id")),
        *((name, pa.string()) for name in ("price", "quantity", "currency")),
    ]
)
"""The columns of silver.events that days are made of; amounts are text, for DuckDB to type as silver does."""

_capsule = ctypes.pythonapi.PyCapsule_New
_capsule.restype = ctypes.py_object
_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


@dataclass(frozen=True)
class LiveSql:
    """What dbt rendered, and over what.

    Attributes:
        features: SQL of features over the relations `all_days` and `scoring_cutoff`.
        days: SQL of rows like those of silver.user_days over `live_events` and `live_rates`.
        event_types: DuckDB's types of EVENT_COLUMNS.
        schema: columns of silver.user_days.
        rates: what money of each other currency is worth in the shop's.
    """

    features: str
    days: str
    event_types: Mapping[str, str]
    schema: pa.Schema
    rates: Mapping[str, str]


class _Given:
    """A relation whose rows are given anew before each query, which may read them once.

    It is a stream of Arrow's C interface at an address that DuckDB knows. Of another object it would make a data set
    and a scanner in each query, which takes longer than to read the rows.
    """

    def __init__(self, table: pa.Table) -> None:
        # get_schema, get_next, get_last_error, release, private_data
        self._stream = (ctypes.c_void_p * 5)()
        self._address = ctypes.addressof(self._stream)
        self.give(table)
        self.capsule = _capsule(self._address, b"arrow_array_stream", None)

    def give(self, table: pa.Table) -> None:
        """Rows for the next query, in place of those that the last one did not read."""
        self.take_back()
        table.to_reader()._export_to_c(self._address)

    def take_back(self) -> None:
        """Free rows that no query has read."""
        if self._stream[3]:
            pa.RecordBatchReader._import_from_c(self._address).close()


class LiveFeatures:
    """A connection of its own to a database in memory, with the queries planned once. For one thread at a time."""

    def __init__(
        self, sql: LiveSql, features: Sequence[str], outcomes: Sequence[Outcome], threads: int = 1
    ) -> None:
        """Plan the queries.

        Args:
            sql: what they are.
            features: those that models take, in their order.
            outcomes: whose populations are told, as `population_columns`.
            threads: of the database; one user is no work for several.

        Raises:
            ServingError: the query gives other features, or a population cannot be told by them.
        """
        self._connection = duckdb.connect(config={"threads": threads})
        run = self._connection.execute
        run("set TimeZone = 'UTC'")
        # what they do for many rows takes longer for few than it saves: each column of each step is memory to set up
        run("set disabled_optimizers = 'common_subexpressions'")
        run("set enable_caching_operators = false")
        self._no_days = sql.schema.empty_table()
        self._days = _Given(self._no_days)
        self._events = _Given(EVENTS.empty_table())
        self._cutoff = _Given(_cutoff(date.min))
        self._given = {
            "stored_days": self._days,
            "given_events": self._events,
            "given_cutoff": self._cutoff,
        }
        for name, given in self._given.items():
            self._connection.register(name, given.capsule)
        run("create table live_rates (currency varchar, rate decimal(18, 8))")
        for currency, rate in sql.rates.items():
            run("insert into live_rates values (?, ?)", [currency, rate])
        # nothing is read from here on but what is given
        run("set enable_external_access = false")
        typed = ", ".join(
            f"cast({name} as {sql.event_types[name]}) as {name}" for name in EVENTS.names
        )
        # materialized, since what is given may be read once
        cutoff = "scoring_cutoff as materialized (from given_cutoff)"
        population = "".join(f", {column}" for column in population_columns(outcomes))
        query = f"select *{population} from ({sql.features}) as features"
        without_events = f"with {cutoff}, all_days as materialized (from stored_days)"
        try:
            found = self._connection.sql(f"{without_events} {sql.features}").columns
            _check_features([name for name in found if name not in KEYS], features)
            self.columns: list[str] = list(
                self._connection.sql(f"{without_events} {query}").columns
            )
            # a plan made once: planning takes longer than the rest
            run(f"prepare features_of_days as {without_events} {query}")
            run(
                f"prepare features_with_events as with {cutoff}, live_events as (select {typed} from given_events),"
                f" all_days as materialized (from stored_days union all by name from ({sql.days})) {query}"
            )
        except duckdb.Error as error:
            raise ServingError(
                f"the query of the serving copy cannot be planned: {said_by(error)} Run dbt build, and then"
                " likely-buyers serving-copy."
            ) from error

    def rows(self, days: pa.Table | None, events: pa.Table | None, as_of: date) -> list[Any]:
        """One row per user with a day before `as_of`: values of `columns`, None where undefined, in any order.

        Args:
            days: as silver.user_days; None of new users alone.
            events: as EVENTS, of days that `days` does not have; None without any.
            as_of: the day features speak from.
        """
        self._days.give(self._no_days if days is None else days)
        self._cutoff.give(_cutoff(as_of))
        if events is None:
            return self._connection.execute("execute features_of_days").fetchall()
        self._events.give(events)
        return self._connection.execute("execute features_with_events").fetchall()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
        for given in self._given.values():
            given.take_back()


def _check_features(found: Sequence[str], expected: Sequence[str]) -> None:
    if tuple(found) != tuple(expected):
        others = ", ".join(sorted({*found} ^ {*expected})[:10]) or "the same in another order"
        raise ServingError(
            f"the serving copy has {len(found)} features and the models take {len(expected)}: {others}. Run dbt build,"
            " and then likely-buyers serving-copy; or train on the features as they are."
        )


def _cutoff(as_of: date) -> pa.Table:
    return pa.table({"cutoff_date": pa.array([as_of], pa.date32())})
