"""A stage without a warehouse: a model of a few features, and a copy of two users."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from likely_buyers.outcomes import Outcome
from likely_buyers.registry import Registry
from likely_buyers.serving.copy import LAYOUT
from likely_buyers.serving.packed_days import DayFormat
from likely_buyers.serving.state import Serving
from likely_buyers.training.estimator import PurchaseModel

FEATURES = ("active_days", "purchases", "revenue")
AS_OF = date(2020, 3, 1)
OUTCOMES = (
    Outcome("purchase_7d", 7),
    Outcome("purchase_30d", 30, population="active_days > 1"),
)
DAYS = pa.schema(
    [
        ("user_id", pa.string()),
        ("event_date", pa.date32()),
        ("purchases", pa.int64()),
        ("revenue", pa.decimal128(18, 4)),
    ]
)
_FEATURES = """
select
    all_days.user_id,
    scoring_cutoff.cutoff_date as as_of_date,
    cast(count(*) as double) as active_days,
    cast(sum(all_days.purchases) as double) as purchases,
    cast(sum(all_days.revenue) as double) as revenue
from all_days
inner join scoring_cutoff on all_days.event_date < scoring_cutoff.cutoff_date
group by all_days.user_id, scoring_cutoff.cutoff_date
"""
_DAYS = """
select
    user_id,
    event_date,
    count(case when event_type = 'purchase' then 1 end) as purchases,
    cast(sum(case when event_type = 'purchase' then price * quantity else 0 end) as decimal(18, 4)) as revenue
from live_events
group by user_id, event_date
"""
_TYPES = {
    "event_time": "timestamp",
    "event_date": "date",
    "price": "decimal(18, 4)",
    "quantity": "decimal(18, 3)",
}


def registries(state: Path) -> list[tuple[Outcome, Registry]]:
    return [(one, Registry(state, model_name=f"shop.{one.name}")) for one in OUTCOMES]


def train(
    state: Path,
    seed: int = 0,
    outcomes: Sequence[Outcome] = OUTCOMES,
    features: Sequence[str] = FEATURES,
) -> None:
    """A version of each outcome, promoted; `features` are the first so many of FEATURES."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.poisson(5, 400), rng.poisson(1, 400), rng.exponential(50, 400)])
    estimator = PurchaseModel([{"kind": "boosting", "trees": 20}]).fit(
        X[:, : len(features)], rng.random(400) < X[:, 0] / 12
    )
    at = datetime.now(UTC)
    for outcome in outcomes:
        registry = Registry(state, model_name=f"shop.{outcome.name}")
        version = registry.register(
            estimator.calibrate(1.0, outcome.horizon_days / 100 + seed / 10),
            feature_names=features,
            feature_types=["double"] * len(features),
            metrics={},
            as_of=AS_OF,
            horizon_days=outcome.horizon_days,
            at=at,
            parameters={"outcome": outcome.definition},
        )
        registry.promote(version.version, reason="test", by="test", at=at)


def write_small_copy(file: Path, build_id: str = "b1", **about: object) -> None:
    """Users 'ann', who bought on the last of three days, and 'bob', who looked in once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    days = pa.table(
        {
            "user_id": ["ann", "ann", "ann", "bob"],
            "event_date": [
                date(2020, 2, 1),
                date(2020, 2, 9),
                date(2020, 2, 20),
                date(2020, 2, 29),
            ],
            "purchases": [0, 0, 2, 0],
            "revenue": pa.array([0, 0, 19.5, 0]).cast(pa.decimal128(18, 4)),
        },
        schema=DAYS,
    )
    told = {
        "layout": LAYOUT,
        "build_id": build_id,
        "as_of": AS_OF.isoformat(),
        "features_query": _FEATURES,
        "days_query": _DAYS,
        "event_columns": {
            name: _TYPES.get(name, "varchar")
            for name in (
                *("user_id", "event_time", "event_date", "event_type", "session_id", "product_id"),
                *("price", "quantity", "currency"),
            )
        },
        "days": DAYS.serialize().to_pybytes().hex(),
        "types": {"add": "cart"},
        "currencies": ["EUR"],
        "rates": {},
        "time_zone": "UTC",
        "keep_last": False,
        "equal_are_separate": False,
    } | about
    score = {
        "outcome": "purchase_7d",
        "probability": 0.25,
        "horizon_days": 7,
        "as_of": AS_OF.isoformat(),
        "model": "shop.purchase_7d",
        "version": 1,
        "listed": None,
        "reasons": [],
    }
    part = file.with_suffix(".part")
    with sqlite3.connect(part) as to:
        to.execute("create table scores (user_id text primary key, told text) without rowid")
        to.execute("create table days (user_id text primary key, days blob) without rowid")
        to.execute("create table about (name text primary key, told text) without rowid")
        scores = json.dumps({"scores": [score], "campaigns": []})
        to.executemany("insert into scores values (?, ?)", [("ann", scores), ("bob", scores)])
        packed = DayFormat.of(DAYS).packed(days.to_reader(max_chunksize=2))
        to.executemany("insert into days values (?, ?)", packed)
        to.executemany(
            "insert into about values (?, ?)",
            [(name, json.dumps(value)) for name, value in told.items()],
        )
    to.close()
    part.replace(file)


def small_stage(state: Path, stage: str = "production") -> Serving:
    """Trained and looked for once, so that it is ready."""
    train(state)
    write_small_copy(state / "serving" / "copy.sqlite")
    serving = Serving(stage, registries(state), state / "serving" / "copy.sqlite")
    serving.refresh()
    return serving
