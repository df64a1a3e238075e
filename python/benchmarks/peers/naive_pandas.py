"""The script that people write: everything in pandas, in one go.

    python naive_pandas.py EVENTS_FOLDER REGISTRY_FOLDER OUT_FOLDER

It reads all event files, cleans, drops duplicates, groups by user and day, makes all features that the champion
takes, scores everybody and appends a Parquet file of predictions. It does not know what it read before: every run reads
everything. Two things keep its result equal to the pipeline's, since a tree may split at exactly such a value: money is
rounded to cents after each sum, and the spread of gaps comes from whole numbers.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
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
# a day that fades is a whole number of these, so that sums are exact
WHOLE = 2**30
USER_DAY = ["user_id", "event_date"]


def main() -> None:
    """Read, clean, group, predict, append."""
    events_folder, registry, out = map(Path, sys.argv[1:])
    events = read_events(events_folder)
    events = clean(events)
    days = user_days(events)
    as_of = events["event_date"].max() + pd.Timedelta(days=1)
    features = user_features(days, as_of)
    predictions = predict(features, Registry(registry).load())
    out.mkdir(parents=True, exist_ok=True)
    predictions.assign(as_of_date=as_of).to_parquet(out / f"predictions-{as_of:%Y-%m-%d}.parquet")


def read_events(folder: Path) -> pd.DataFrame:
    """All event files."""
    if texts := sorted(folder.glob("*.csv")):
        # lines with too many fields are skipped, those with too few have no user
        events = pd.concat(
            [pd.read_csv(file, on_bad_lines="skip") for file in texts], ignore_index=True
        )
        events["event_time"] = pd.to_datetime(events["event_time"], format="%Y-%m-%d %H:%M:%S UTC")
        return events
    # Decimals become Python objects in pandas: file by file there are never many of them
    return pd.concat(
        [
            pd.read_parquet(file).astype({"price": float})
            for file in sorted(folder.glob("*.parquet"))
        ],
        ignore_index=True,
    )


def clean(events: pd.DataFrame) -> pd.DataFrame:
    """Valid events, each once."""
    valid = (
        events["event_type"].isin(list(EVENT_TYPES))
        & events["user_id"].notna()
        & ~(events["price"] < 0)
        & (events["event_time"] <= pd.Timestamp.now() + pd.Timedelta(days=1))
    )
    events = events[valid].drop_duplicates()
    events["user_id"] = events["user_id"].astype("int64")
    events["event_date"] = events["event_time"].dt.normalize()
    return events


def user_days(events: pd.DataFrame) -> pd.DataFrame:
    """One row per user and day, in this order."""
    for event_type, name in EVENT_TYPES.items():
        events[name] = events["event_type"] == event_type
    days = events.groupby(USER_DAY).agg(
        sessions=("user_session", "nunique"),
        products=("product_id", "nunique"),
        **{name: (name, "sum") for name in EVENT_TYPES.values()},
    )
    bought = events[events["purchases"]].groupby(USER_DAY)
    days["revenue"] = bought["price"].sum().round(2)
    days["purchased_products"] = bought["product_id"].nunique()
    days["refunded"] = events[events["refunds"]].groupby(USER_DAY)["price"].sum().round(2)
    return days.fillna(0).reset_index()


def user_features(days: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """One row per user: every feature that the champion may take."""
    days["days_ago"] = (as_of - days["event_date"]).dt.days
    return pd.concat([activity(days), buying(days)], axis=1).fillna(
        {name: 0 for name in ZERO_IF_NEVER_BOUGHT}
    )


def activity(days: pd.DataFrame) -> pd.DataFrame:
    """Features of all active days of a user."""
    excess = days["carts"] - days["removals"] - days["purchases"]
    days["carts_not_bought"] = excess.clip(lower=0)
    users = days.groupby("user_id")
    features = pd.DataFrame(index=pd.Index(days["user_id"].unique(), name="user_id"))
    features["active_days"] = users.size()
    for name in ["sessions", "views", "carts"]:
        features[name] = users[name].sum()
    features["refunded"] = users["refunded"].sum().round(2)
    features["days_since_first_event"] = users["days_ago"].max()
    features["days_since_last_event"] = users["days_ago"].min()
    features["products_per_active_day"] = users["products"].sum() / features["active_days"]
    features["active_days_per_30d"] = (
        30 * features["active_days"] / features["days_since_first_event"]
    )
    last_days = users[["views", "carts", "products"]].last()
    for name in ["views", "carts", "products"]:
        features[f"{name}_on_last_active_day"] = last_days[name]
    for window in ACTIVITY_WINDOWS:
        recent = days[days["days_ago"] <= window].groupby("user_id")
        features[f"active_days_{window}d"] = recent.size()
        features[f"views_{window}d"] = recent["views"].sum()
        features[f"carts_{window}d"] = recent["carts"].sum()
        if window in {7, 30}:
            features[f"carts_not_bought_{window}d"] = recent["carts_not_bought"].sum()
        if window == 30:
            features["sessions_30d"] = recent["sessions"].sum()
            features["product_days_30d"] = recent["products"].sum()
    features = features.fillna(0)
    for kind in ["view", "cart", "refund"]:
        of_kind = days[days[f"{kind}s"] > 0].groupby("user_id")["days_ago"]
        features[f"{kind}_days"] = of_kind.size()
        features[f"days_since_last_{kind}"] = of_kind.min()
        features[f"days_since_first_{kind}"] = of_kind.max()
        features[f"{kind}_days"] = features[f"{kind}_days"].fillna(0)
    return features


def buying(days: pd.DataFrame) -> pd.DataFrame:
    """Features of a user's purchase days; one row per user who ever bought."""
    days = days[days["purchases"] > 0].copy()
    days["gap"] = -days.groupby("user_id")["days_ago"].diff()
    days["gap_square"] = days["gap"] ** 2
    days["silent"] = days.groupby("user_id")["days_ago"].transform("min")
    days["is_outlasted"] = days["gap"] <= days["silent"]
    days["is_longer"] = days["gap"] > days["silent"]
    users = days.groupby("user_id")
    purchase_days, gaps = users.size(), users["gap"].count()
    gap_sum = users["gap"].sum(min_count=1)
    revenue, last_revenue = users["revenue"].sum().round(2), users["revenue"].last()
    last = users["days_ago"].min()
    features = pd.DataFrame(
        {
            "purchase_days": purchase_days,
            "days_since_last_purchase": last,
            "days_since_second_last_purchase": last + users["gap"].last(),
            "days_since_first_purchase": users["days_ago"].max(),
            "purchase_days_per_30d": 30 * purchase_days / users["days_ago"].max(),
            "days_from_first_to_last_purchase": gap_sum,
            "purchase_gap_mean_days": gap_sum / gaps,
            "purchase_gap_spread_days": np.sqrt(
                (gaps * users["gap_square"].sum() - gap_sum**2) / (gaps * (gaps - 1))
            ),
            "purchase_gap_last_days": users["gap"].last(),
            "purchase_gap_longest_days": users["gap"].max(),
            "days_since_last_purchase_in_mean_gaps": last * gaps / gap_sum,
            "days_since_last_purchase_in_longest_gaps": last / users["gap"].max(),
            "share_of_gaps_outlasted": users["is_outlasted"].sum() / gaps,
            "revenue": revenue,
            "revenue_per_purchase_day": revenue / purchase_days,
            "largest_purchase_day_revenue": users["revenue"].max(),
            "last_purchase_day_revenue": last_revenue,
            "last_purchase_day_revenue_in_means": (last_revenue * purchase_days).round(2) / revenue,
            "lines_per_purchase_day": users["purchases"].sum() / purchase_days,
            "last_purchase_day_lines": users["purchases"].last(),
            # a line is one piece in this log
            "quantity_per_purchase_day": users["purchases"].sum() / purchase_days,
            "products_per_purchase_day": users["purchased_products"].sum() / purchase_days,
        }
    )
    for window in PURCHASE_WINDOWS:
        recent = days[days["days_ago"] <= window].groupby("user_id")
        features[f"purchase_days_{window}d"] = recent.size()
        if window in REVENUE_WINDOWS:
            features[f"revenue_{window}d"] = recent["revenue"].sum().round(2)
            features[f"purchase_lines_{window}d"] = recent["purchases"].sum()
    for window in GAP_WINDOWS:
        ending = days["is_longer"] & (days["gap"] <= days["silent"] + window)
        features[f"share_of_longer_gaps_ending_{window}d"] = (
            ending.groupby(days["user_id"]).sum() / users["is_longer"].sum()
        )
    for half_life in HALF_LIVES:
        features[f"fading_purchase_days_{half_life}d"] = fading(days, half_life)
    for name, (first, last) in SEASONS.items():
        features[name] = days[days["days_ago"].between(first, last)].groupby("user_id").size()
    return features


def fading(days: pd.DataFrame, half_life: int) -> pd.Series:
    """Days of each user, one counting half for each half-life that it is ago."""
    weights = (WHOLE * 2.0 ** (-days["days_ago"] / half_life)).round()
    return weights.groupby(days["user_id"]).sum() / WHOLE


ZERO_IF_NEVER_BOUGHT = [
    "purchase_days",
    *SEASONS,
    *(f"fading_purchase_days_{half_life}d" for half_life in HALF_LIVES),
    "revenue",
    *(f"purchase_days_{window}d" for window in PURCHASE_WINDOWS),
    *(f"{name}_{window}d" for name in ["revenue", "purchase_lines"] for window in REVENUE_WINDOWS),
]


def predict(features: pd.DataFrame, model: LoadedModel) -> pd.DataFrame:
    """`user_id` and `probability` of everybody."""
    matrix = features[list(model.feature_names)].to_numpy(dtype=float)
    return pd.DataFrame(
        {"user_id": features.index, "probability": model.estimator.predict_proba(matrix)[:, 1]}
    )


if __name__ == "__main__":
    main()
