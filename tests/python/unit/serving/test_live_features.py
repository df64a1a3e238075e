"""What a query is given is what it answers of: nothing of the one before, whether that was read, failed, or was not."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from likely_buyers.serving.live_features import EVENTS, LiveFeatures, LiveSql

AS_OF = date(2020, 1, 10)
DAYS = pa.schema([("user_id", pa.string()), ("event_date", pa.date32()), ("views", pa.int64())])
SQL = LiveSql(
    features=(
        "select user_id, cutoff_date as as_of_date, sum(cast(views as double)) as views from all_days"
        " inner join scoring_cutoff on event_date < cutoff_date group by all"
    ),
    days="select user_id, event_date, cast(sum(quantity) as bigint) as views from live_events group by all",
    event_types=dict.fromkeys(EVENTS.names, "varchar")
    | {"event_date": "date", "quantity": "decimal(18, 3)"},
    schema=DAYS,
    rates={},
)


@pytest.fixture
def features() -> Iterator[LiveFeatures]:
    live = LiveFeatures(SQL, ["views"], [])
    yield live
    live.close()


def days(user: str, views: int) -> pa.Table:
    return pa.table([[user], [date(2020, 1, 2)], [views]], schema=DAYS)


def events(user: str, quantity: str) -> pa.Table:
    row: list[list[Any]] = [
        [user],
        [datetime(2020, 1, 9)],
        [date(2020, 1, 9)],
        *[["view"]] * 4,
        [quantity],
        [None],
    ]
    return pa.table(row, schema=EVENTS)


def found(live: LiveFeatures, *given: pa.Table | None, as_of: date = AS_OF) -> dict[str, float]:
    return {user: views for user, _, views in live.rows(*given, as_of)}


def test_each_query_answers_of_what_it_was_given(features: LiveFeatures) -> None:
    assert found(features, days("ann", 1), events("ann", "2")) == {"ann": 3}
    assert found(features, days("bob", 4), None) == {"bob": 4}
    assert found(features, None, events("cid", "5")) == {"cid": 5}
    assert found(features, days("ann", 1), events("bob", "2")) == {"ann": 1, "bob": 2}
    assert found(features, days("ann", 1), events("ann", "2"), as_of=date(2020, 1, 9)) == {"ann": 1}
    assert found(features, None, None) == {}


def test_a_query_that_fails_leaves_nothing_to_the_next(features: LiveFeatures) -> None:
    with pytest.raises(duckdb.ConversionException):
        features.rows(days("ann", 1), events("ann", "many"), AS_OF)
    assert found(features, days("bob", 2), events("bob", "3")) == {"bob": 5}


def test_rows_are_freed_whether_they_were_read_or_not() -> None:
    before = pa.total_allocated_bytes()
    live = LiveFeatures(SQL, ["views"], [])
    for _ in range(3):
        live.rows(days("ann", 1), events("ann", "2"), AS_OF)
        with pytest.raises(duckdb.ConversionException):
            live.rows(days("ann", 1), events("ann", "many"), AS_OF)
    live.close()
    del live
    assert pa.total_allocated_bytes() == before
