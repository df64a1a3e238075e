"""A script for Polars: one lazy query from the event files to all features, and the streaming engine.

    python lazy_polars.py EVENTS_FOLDER REGISTRY_FOLDER OUT_FOLDER

It makes user days and all features that the champion takes, scores everybody and writes predictions and the list of
top buyers as Parquet. It keeps no line and no id, tests nothing, and reads everything again in each run. Money is
rounded to cents after each sum, since a tree may split at exactly such a value.

Equal lines are of the same user and day. So the aggregate counts distinct hashes of views, and only the other lines,
which are few, are made distinct. User days of 2 M lines took 0.8 seconds of processor time that way, 1.7 of `unique`
lines, and 1.3 of unique lines cut down to what is needed and a hash of the whole. `when` takes half as long as `filter`
in an aggregate, and `max_by` half as long as sorting days first. The streaming engine takes half to two thirds of the
time of the other one, and half of its memory.
"""

import sys
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path

import numpy as np
import polars as pl
from windows import (
    ACTIVITY_WINDOWS,
    GAP_WINDOWS,
    HALF_LIVES,
    PURCHASE_WINDOWS,
    REVENUE_WINDOWS,
    SEASONS,
)

from likely_buyers.registry import LoadedModel, Registry

EVENT_TYPES = {
    "view": "views",
    "cart": "carts",
    "remove_from_cart": "removals",
    "purchase": "purchases",
    "refund": "refunds",
}
CSV_SCHEMA = {
    "event_time": pl.String,
    "event_type": pl.String,
    "product_id": pl.Int64,
    "category_id": pl.Int64,
    "category_code": pl.String,
    "brand": pl.String,
    "price": pl.Float64,
    "user_id": pl.Int64,
    "user_session": pl.String,
}
TOP_FRACTION = 0.10
USERS_SCORED_AT_ONCE = 131_072
USER_DAY = ["user_id", "event_date"]
AGO = pl.col("days_ago")


def main() -> None:
    """Read, group, predict, rank, write."""
    events, registry, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    model = Registry(registry).load()
    features = user_features(user_days(valid_lines(read(events)))).collect(engine="streaming")
    predictions = predict(features, model)
    predictions.write_parquet(out / "predictions.parquet")
    top_buyers(predictions).write_parquet(out / "top_buyers.parquet")


def read(events: Path) -> pl.LazyFrame:
    """All event files."""
    if not any(events.glob("*.csv")):
        return pl.scan_parquet(events / "*.parquet")
    # a line with too many fields has something in one more column, one with too few has no user
    lines = pl.scan_csv(
        events / "*.csv", schema=CSV_SCHEMA | {"surplus": pl.String}, missing_columns="insert"
    )
    return (
        lines.filter(pl.col("surplus").is_null())
        .drop("surplus")
        .with_columns(pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S UTC"))
    )


def valid_lines(lines: pl.LazyFrame) -> pl.LazyFrame:
    """What user days need of lines that keep the contract, and a hash of the whole line."""
    return lines.filter(
        pl.col("event_type").is_in(list(EVENT_TYPES)),
        pl.col("user_id").is_not_null(),
        pl.col("price").is_null() | (pl.col("price") >= 0),
        pl.col("event_time") <= datetime.now() + timedelta(days=1),
    ).select(
        "user_id",
        "event_type",
        "product_id",
        event_date=pl.col("event_time").dt.date(),
        price=pl.col("price").cast(pl.Float64),
        # the hash of null is a number, too
        session=pl.when(pl.col("user_session").is_not_null()).then(pl.col("user_session").hash()),
        line=pl.struct(pl.all()).hash(),
    )


def of_type(event_type: str, column: str) -> pl.Expr:
    """A column where the event is of that type, null elsewhere."""
    return pl.when(pl.col("event_type") == event_type).then(column)


def distinct(values: pl.Expr) -> pl.Expr:
    """How many different values there are besides null."""
    return values.drop_nulls().n_unique()


def user_days(lines: pl.LazyFrame) -> pl.LazyFrame:
    """One row per user and day; counts are floating point, as features are."""
    visits = lines.group_by(USER_DAY).agg(
        sessions=distinct(pl.col("session")),
        products=distinct(pl.col("product_id")),
        views=distinct(of_type("view", "line")),
    )
    deals = (
        lines.filter(pl.col("event_type") != "view")
        .unique("line")
        .group_by(USER_DAY)
        .agg(
            *(
                (pl.col("event_type") == event_type).sum().alias(name)
                for event_type, name in EVENT_TYPES.items()
                if event_type != "view"
            ),
            purchased_products=distinct(of_type("purchase", "product_id")),
            revenue=of_type("purchase", "price").sum().round(2),
            refunded=of_type("refund", "price").sum().round(2),
        )
    )
    numbers = pl.exclude(USER_DAY).cast(pl.Float64)
    return visits.join(deals, on=USER_DAY, how="left").with_columns(numbers.fill_null(0))


def user_features(days: pl.LazyFrame) -> pl.LazyFrame:
    """One row per user: every feature that the champion may take."""
    as_of = pl.col("event_date").max() + timedelta(days=1)
    days = days.with_columns(days_ago=(as_of - pl.col("event_date")).dt.total_days())
    return (
        activity(days)
        .join(buying(days), on="user_id", how="left")
        .with_columns(pl.col(ZERO_IF_NEVER_BOUGHT).fill_null(0))
    )


def within(window: int, number: pl.Expr) -> pl.Expr:
    """The sum of a number over the last days."""
    return pl.when(AGO.le(window)).then(number).sum()


def fading(half_life: int) -> pl.Expr:
    """Days, one counting half for each half-life that it is ago: a whole number of 2^-30 each, for exact sums."""
    return (2**30 * pl.lit(2.0).pow(-AGO / half_life)).round().sum() / 2**30


def activity(days: pl.LazyFrame) -> pl.LazyFrame:
    """Features of all active days of a user."""
    excess = (pl.col("carts") - pl.col("removals") - pl.col("purchases")).clip(0)
    features = {
        "active_days": pl.len(),
        "refunded": pl.col("refunded").sum().round(2),
        "days_since_first_event": AGO.max(),
        "days_since_last_event": AGO.min(),
        "products_per_active_day": pl.col("products").sum() / pl.len(),
        "active_days_per_30d": 30 * pl.len() / AGO.max(),
        "sessions_30d": within(30, pl.col("sessions")),
        "product_days_30d": within(30, pl.col("products")),
    }
    for name in ["sessions", "views", "carts"]:
        features[name] = pl.col(name).sum()
    for name in ["views", "carts", "products"]:
        features[f"{name}_on_last_active_day"] = pl.col(name).max_by("event_date")
    for window in ACTIVITY_WINDOWS:
        features[f"active_days_{window}d"] = (AGO.le(window)).sum()
        for name in ["views", "carts"]:
            features[f"{name}_{window}d"] = within(window, pl.col(name))
    for window in [7, 30]:
        features[f"carts_not_bought_{window}d"] = within(window, excess)
    for kind in ["view", "cart", "refund"]:
        ago = pl.when(pl.col(f"{kind}s") > 0).then(AGO)
        features[f"{kind}_days"] = ago.count()
        features[f"days_since_last_{kind}"] = ago.min()
        features[f"days_since_first_{kind}"] = ago.max()
    return days.group_by("user_id").agg(**features)


def buying(days: pl.LazyFrame) -> pl.LazyFrame:
    """Features of a user's purchase days; one row per user who ever bought. What cannot be had is null or NaN."""
    # days since the purchase day before
    gap = pl.col("event_date").diff().over("user_id", order_by="event_date").dt.total_days()
    days = days.filter(pl.col("purchases") > 0).with_columns(
        gap=gap.cast(pl.Float64), silent=AGO.min().over("user_id")
    )
    longer = pl.col("gap") > pl.col("silent")
    gaps, gap_sum = pl.col("gap").count(), pl.col("gap").sum()
    gap_squares = (pl.col("gap") * pl.col("gap")).sum()
    last_gap, last_revenue = (pl.col(name).max_by("event_date") for name in ["gap", "revenue"])
    revenue = pl.col("revenue").sum().round(2)
    features = {
        "purchase_days": pl.len(),
        **{name: AGO.is_between(*days_ago).sum() for name, days_ago in SEASONS.items()},
        "days_since_last_purchase": AGO.min(),
        "days_since_second_last_purchase": AGO.min() + last_gap,
        "days_since_first_purchase": AGO.max(),
        "purchase_days_per_30d": 30 * pl.len() / AGO.max(),
        "days_from_first_to_last_purchase": pl.when(gaps > 0).then(gap_sum),
        "purchase_gap_mean_days": gap_sum / gaps,
        "purchase_gap_spread_days": (
            (gaps * gap_squares - gap_sum * gap_sum) / (gaps * (gaps.cast(pl.Float64) - 1))
        ).sqrt(),
        "purchase_gap_last_days": last_gap,
        "purchase_gap_longest_days": pl.col("gap").max(),
        "days_since_last_purchase_in_mean_gaps": AGO.min() * gaps / gap_sum,
        "days_since_last_purchase_in_longest_gaps": AGO.min() / pl.col("gap").max(),
        "share_of_gaps_outlasted": (pl.col("gap") <= pl.col("silent")).sum() / gaps,
        "revenue": revenue,
        "revenue_per_purchase_day": revenue / pl.len(),
        "largest_purchase_day_revenue": pl.col("revenue").max(),
        "last_purchase_day_revenue": last_revenue,
        "last_purchase_day_revenue_in_means": (last_revenue * pl.len()).round(2) / revenue,
        "lines_per_purchase_day": pl.col("purchases").sum() / pl.len(),
        "last_purchase_day_lines": pl.col("purchases").max_by("event_date"),
        # a line is one piece in this log
        "quantity_per_purchase_day": pl.col("purchases").sum() / pl.len(),
        "products_per_purchase_day": pl.col("purchased_products").sum() / pl.len(),
    }
    for window in GAP_WINDOWS:
        ending = longer & (pl.col("gap") <= pl.col("silent") + window)
        features[f"share_of_longer_gaps_ending_{window}d"] = ending.sum() / longer.sum()
    for half_life in HALF_LIVES:
        features[f"fading_purchase_days_{half_life}d"] = fading(half_life)
    for window in PURCHASE_WINDOWS:
        features[f"purchase_days_{window}d"] = (AGO.le(window)).sum()
    for window in REVENUE_WINDOWS:
        features[f"revenue_{window}d"] = within(window, pl.col("revenue")).round(2)
        features[f"purchase_lines_{window}d"] = within(window, pl.col("purchases"))
    return days.group_by("user_id").agg(**features)


ZERO_IF_NEVER_BOUGHT = [
    "purchase_days",
    *SEASONS,
    *(f"fading_purchase_days_{half_life}d" for half_life in HALF_LIVES),
    "revenue",
    *(f"purchase_days_{window}d" for window in PURCHASE_WINDOWS),
    *(f"{name}_{window}d" for name in ["revenue", "purchase_lines"] for window in REVENUE_WINDOWS),
]


def predict(features: pl.DataFrame, model: LoadedModel) -> pl.DataFrame:
    """`user_id` and `probability` of everybody."""
    matrices = (
        users.select(pl.col(model.feature_names).cast(pl.Float64)).to_numpy()
        for users in features.iter_slices(USERS_SCORED_AT_ONCE)
    )
    scores = [model.estimator.predict_proba(matrix)[:, 1] for matrix in matrices]
    return features.select("user_id", probability=pl.Series(np.concatenate(scores)))


def top_buyers(predictions: pl.DataFrame) -> pl.DataFrame:
    """The likeliest tenth, ranked; of equally likely ones the first by their ids as text."""
    users = len(predictions)
    order = [pl.col("probability"), pl.col("user_id").cast(pl.String)]
    return (
        predictions.sort(order, descending=[True, False])
        .head(ceil(users * TOP_FRACTION))
        .with_row_index("rank", offset=1)
        .with_columns(decile=(10 * pl.col("rank") / users).ceil().cast(pl.Int32))
    )


if __name__ == "__main__":
    main()
