"""Expected revenue: no single order, whatever its amount, moves what is expected of other users by much."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.installation import Installation
from support.tries import tries

AS_OF = date(2020, 2, 1)
HORIZON = 30
TYPICAL, CENT, TYPO = 100.0, 0.01, 8e6
TABLES = """
    create schema gold; create schema silver;
    create table gold.predictions (user_id text, outcome text, as_of_date date, horizon_days int, probability double,
        model_name text, model_version int);
    create table silver.user_days (user_id text, event_date date, purchases bigint, revenue decimal(18, 4));
    create table silver.user_features (user_id text, revenue double, purchase_days bigint,
        largest_purchase_day_revenue double, days_since_last_purchase int);
    create table silver.events (user_id text, event_date date, event_time timestamp, event_type text, category text);
"""
FEATURES = """
    insert into silver.user_features
    select 'nobody', 0, 0, null, null
    union all
    select user_id, sum(revenue), count(*), max(revenue), min(date_diff('day', event_date, $1))
    from silver.user_days where event_date < $1 group by user_id
"""

amounts = st.one_of(
    st.sampled_from([CENT, TYPICAL, TYPO]), st.floats(-2, 7).map(lambda power: 10.0**power)
)
seeds = st.integers(0, 2**32 - 1)


class Shop:
    """The model's own SQL on a shop of a few tables in memory."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._connection = duckdb.connect()
        self._connection.execute(TABLES)

    def expected(
        self, orders: np.ndarray, days_ago: np.ndarray, buyers: np.ndarray
    ) -> dict[str, float]:
        """Expected revenue by user; a user nobody never bought. The last order is of a user of its own, "one"."""
        users = [*(f"u{number}" for number in buyers[:-1]), "one"]
        days = pa.table(
            {
                "user_id": users,
                "event_date": [AS_OF - timedelta(days=int(ago)) for ago in days_ago],
                "revenue": orders,
            }
        )
        everybody = pa.table({"user_id": sorted({*users, "nobody"})})
        for table in ("gold.predictions", "silver.user_days", "silver.user_features"):
            self._connection.execute(f"delete from {table}")
        self._connection.register("days", days)
        self._connection.register("everybody", everybody)
        self._connection.execute(
            "insert into silver.user_days select user_id, event_date, 1, sum(revenue) from days group by all"
        )
        self._connection.execute(FEATURES, [AS_OF])
        self._connection.execute(
            f"insert into gold.predictions select user_id, 'purchase_30d', '{AS_OF}', {HORIZON}, 1, 'm', 1"
            " from everybody"
        )
        rows = self._connection.sql(self._sql).project("user_id, cast(expected_revenue as double)")
        return dict(rows.fetchall())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    installation = Installation(tmp_path_factory.mktemp("expected") / "state")
    variables = {"top_fraction": 1.0, "min_probability": None, "min_lift": None}
    finished = installation.dbt("compile", "--select", "top_buyers", variables=variables)
    assert finished.succeeded, finished.output
    (compiled,) = Path(installation.state).glob("target/compiled/**/top_buyers.sql")
    return Shop(compiled.read_text("utf-8").replace('"likely_buyers".', ""))


def largest_move(
    shop: Shop, others: np.ndarray, amount: float, longest: int, rng: np.random.Generator
) -> float:
    """By what factor one order of a cent, of the amount or of eight million moves what is expected of anybody else."""
    count = len(others) + 1
    # the one order is in the last horizon
    days_ago = np.r_[rng.integers(1, longest + 1, count - 1), 1]
    buyers = rng.integers(0, max(count // 3, 1), count)
    found = [
        shop.expected(np.r_[others, of_one], days_ago, buyers) for of_one in (CENT, amount, TYPO)
    ]
    return max(
        max(expected[user] for expected in found) / min(expected[user] for expected in found)
        for user in set(found[0]) - {"one"}
    )


def most_moved(count: int) -> float:
    """By which factor, in a shop of so many purchase days in a year; no rule can hold 5 % with few."""
    return 1.05 if count >= 200 else 1 + 12 / count


@example(count=21, spread=1.5, prices=0.45, longest=HORIZON, amount=TYPICAL, seed=1)
@example(count=200, spread=1.5, prices=0.5, longest=365, amount=TYPICAL, seed=1)
@given(
    count=st.one_of(st.integers(20, 400), st.integers(401, 4000)),
    spread=st.floats(0, 1.5),
    prices=st.one_of(st.none(), st.floats(0.1, 0.9)),
    longest=st.sampled_from([HORIZON, 365]),
    amount=amounts,
    seed=seeds,
)
@settings(
    max_examples=tries(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_order_moves_what_is_expected_of_others(
    shop: Shop,
    count: int,
    spread: float,
    prices: float | None,
    longest: int,
    amount: float,
    seed: int,
) -> None:
    """Shops of any size whose amounts are log-normal, or two prices of which one is up to 30 times the other."""
    rng = np.random.default_rng(seed)
    logs = spread * rng.standard_normal(count - 1)
    if prices is not None:
        logs = np.where(rng.random(count - 1) < prices, 0, spread * np.log(10))
    moved = largest_move(shop, TYPICAL * np.exp(logs), amount, longest, rng)
    assert moved <= most_moved(count)


def test_what_one_user_spends_is_not_extrapolated(shop: Shop) -> None:
    """Of who gave one order of eight million no more is expected than of who gave one of eight hundred thousand."""
    rng = np.random.default_rng(1)
    others, days_ago = TYPICAL * np.exp(rng.standard_normal(199)), rng.integers(1, HORIZON, 200)
    of_typo, of_less = (
        shop.expected(np.r_[others, amount], days_ago, np.arange(200))
        for amount in (TYPO, TYPO / 10)
    )
    assert of_typo["one"] == of_less["one"]
    assert of_typo["one"] < 10 * of_typo["nobody"]
