"""Features of some users as of a day, from their days so far and the events since: by the macros of the build.

The SQL is what dbt rendered of `days_of_users` and `user_features` when the copy was written. Any number of users come
in one query: most of what one costs is the query, not the user.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from likely_buyers.outcomes import Outcome
from likely_buyers.scoring import population_columns
from likely_buyers.sql_text import quoted

EVENT_COLUMNS = (
    "user_id",
    "event_time",
    "event_date",
    "event_type",
    "session_id",
    "product_id",
    "price",
    "quantity",
    "currency",
)
"""Of silver.events, those that days are made of."""


@dataclass(frozen=True)
class LiveSql:
    """What dbt rendered, and over what.

    Attributes:
        query: features over the relations `stored_days`, `live_events`, `live_rates` and `scoring_cutoff`.
        event_types: DuckDB's types of EVENT_COLUMNS.
        days: columns of silver.user_days.
        rates: what money of each other currency is worth in the shop's.
    """

    query: str
    event_types: Mapping[str, str]
    days: pa.Schema
    rates: Mapping[str, str]


class LiveFeatures:
    """A connection of its own to a database in memory, with the query planned once. For one thread at a time."""

    def __init__(self, sql: LiveSql, outcomes: Sequence[Outcome], threads: int = 1) -> None:
        """outcomes: whose populations are told, as `population_columns`."""
        self._connection = duckdb.connect(
            config={"threads": threads, "enable_external_access": "false"}
        )
        run = self._connection.execute
        run("set TimeZone = 'UTC'")
        # a plan keeps what the tables held when it was made, and finds nothing of what comes later (DuckDB 1.5)
        run("set disabled_optimizers = 'statistics_propagation'")
        self._connection.register("given", sql.days.empty_table())
        run("create table stored_days as from given")
        columns = ", ".join(f"{name} {sql.event_types[name]}" for name in EVENT_COLUMNS)
        run(f"create table live_events ({columns})")
        run("create table live_rates (currency varchar, rate decimal(18, 8))")
        for currency, rate in sql.rates.items():
            run("insert into live_rates values (?, ?)", [currency, rate])
        run("create table scoring_cutoff (cutoff_date date)")
        selected = ", ".join(["*", *population_columns(outcomes)])
        query = f"select {selected} from ({sql.query}) as features"
        self.columns: list[str] = list(self._connection.sql(query).columns)
        run(f"prepare features as {query}")
        self._insert_events = (
            "insert into live_events select "
            + ", ".join(
                f"cast({quoted(name)} as {sql.event_types[name]})" for name in EVENT_COLUMNS
            )
            + " from given_events"
        )

    def rows(self, days: pa.Table | None, events: pa.Table | None, as_of: date) -> list[Any]:
        """One row per user with a day before `as_of`: values of `columns`, None where undefined, in any order.

        Args:
            days: as silver.user_days.
            events: EVENT_COLUMNS, of days that `days` does not have.
            as_of: the day features speak from.
        """
        connection = self._connection
        run = connection.execute
        # nothing of it stays, whatever happens
        run("begin")
        try:
            run("insert into scoring_cutoff values (?)", [as_of])
            if days is not None:
                connection.register("given_days", days)
                run("insert into stored_days by name from given_days")
            if events is not None:
                connection.register("given_events", events)
                run(self._insert_events)
            return run("execute features").fetchall()
        finally:
            run("rollback")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
