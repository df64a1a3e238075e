"""The job of the textbooks: plain PySpark, a layer after the other, everything read and written anew in each run.

    python textbook_pyspark.py EVENTS_FOLDER REGISTRY_FOLDER OUT_FOLDER --cores 2 --driver-memory 6g

It writes the tables of the pipeline as Parquet, with the same rows: bronze/raw_events, silver/events with their ids,
silver/quarantined_events, silver/user_days, silver/user_features, gold/predictions (a pandas UDF with the broadcast
champion), gold/prediction_history and gold/top_buyers. It leaves out reasons, audiences and campaigns, and every test.

Distinct counts go through sets, since several countDistinct in one aggregate copy every row for each of them; shuffles
have 16 parts a core instead of 200 in all.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as f
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
CSV_COLUMNS = [
    *("event_time", "event_type", "product_id", "category_id", "category_code", "brand"),
    *("price", "user_id", "user_session"),
]
TOP_FRACTION = 0.10


def main() -> None:
    """Every layer, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    parser.add_argument("registry", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--master", help="a cluster's address, in place of --cores of this machine")
    parser.add_argument("--driver-memory", default="6g")
    parser.add_argument("--executor-memory", default="1g", help="of each on a cluster")
    options = parser.parse_args()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master(options.master or f"local[{options.cores}]")
        .appName("likely_buyers benchmark")
        .config("spark.driver.memory", options.driver_memory)
        .config("spark.executor.memory", options.executor_memory)
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.local.dir", str(options.out / "spill"))
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", 16 * options.cores)
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    started = time.perf_counter()

    def written(table: DataFrame, name: str) -> DataFrame:
        path = str(options.out / name)
        table.write.mode("overwrite").parquet(path)
        return spark.read.parquet(path)

    raw_events = written(
        read(spark, options.events).withColumns(
            {
                "source_file": f.input_file_name(),
                "load_id": f.lit(1),
                "loaded_at": f.current_timestamp(),
            }
        ),
        "bronze/raw_events",
    )
    written(quarantined(raw_events), "silver/quarantined_events")
    events = written(cleaned(raw_events), "silver/events")
    days = written(user_days(events), "silver/user_days")
    (last_day,) = days.agg(f.max("event_date")).first()
    as_of = last_day + timedelta(days=1)
    features = written(user_features(days, as_of), "silver/user_features")
    model = Registry(options.registry).load()
    predictions = written(predicted(spark, features, model), "gold/predictions")
    dated = predictions.withColumn("as_of_date", f.lit(as_of))
    dated.write.mode("append").parquet(str(options.out / "gold/prediction_history"))
    written(top_buyers(predictions, events, as_of), "gold/top_buyers")
    print(f"seconds: {time.perf_counter() - started:.1f}")
    spark.stop()


def read(spark: SparkSession, events: Path) -> DataFrame:
    """All event files: text as text, since ids are made of it, without lines of too few or too many fields."""
    if not any(events.glob("*.csv")):
        return spark.read.parquet(str(events / "*.parquet"))
    return spark.read.csv(
        str(events / "*.csv"),
        schema=", ".join(f"{name} string" for name in CSV_COLUMNS),
        header=True,
        mode="DROPMALFORMED",
    )


def event_time() -> Column:
    """Of a line whose columns may be text."""
    return f.col("event_time").cast("timestamp_ntz")


def price() -> Column:
    """Of a line whose columns may be text."""
    return f.col("price").cast("decimal(10,2)")


def broken_rules() -> Column:
    """Names of the rules that a raw line breaks, with spaces between; empty if it is an event."""
    rules = {
        "future_event_time": event_time() > f.expr("localtimestamp() + interval 1 day"),
        "unknown_event_type": ~f.coalesce(
            f.col("event_type").isin(list(EVENT_TYPES)), f.lit(False)
        ),
        "missing_user_id": f.col("user_id").isNull(),
        "negative_price": price() < 0,
    }
    return f.concat_ws(" ", *(f.when(broken, f.lit(name)) for name, broken in rules.items()))


def quarantined(raw_events: DataFrame) -> DataFrame:
    """Lines that are no events, and why."""
    return raw_events.withColumn("reasons", broken_rules()).where(f.col("reasons") != "")


def cleaned(raw_events: DataFrame) -> DataFrame:
    """Valid events, each once, with an id made of the whole line."""
    line = [
        f.concat(f.lit(f"\x1f{name}="), f.col(name).cast("string"))
        for name in sorted(set(raw_events.columns) - {"source_file", "load_id", "loaded_at"})
    ]
    return (
        raw_events.where(broken_rules() == "")
        .select(
            f.md5(f.concat_ws("", *line)).alias("event_id"),
            event_time().alias("event_time"),
            f.to_date(event_time()).alias("event_date"),
            "event_type",
            f.col("user_id").cast("string").alias("user_id"),
            f.col("user_session").alias("session_id"),
            f.col("product_id").cast("string").alias("product_id"),
            f.col("category_code").alias("category"),
            "brand",
            price().alias("price"),
        )
        .dropDuplicates(["event_id"])
    )


def user_days(events: DataFrame) -> DataFrame:
    """One row per user and day."""

    def is_type(event_type: str) -> Column:
        return f.col("event_type") == event_type

    return events.groupBy("user_id", "event_date").agg(
        *(f.count_if(is_type(kind)).alias(name) for kind, name in EVENT_TYPES.items()),
        f.size(f.collect_set("session_id")).alias("sessions"),
        f.size(f.collect_set("product_id")).alias("products"),
        f.size(f.collect_set(f.when(is_type("purchase"), f.col("product_id")))).alias(
            "purchased_products"
        ),
        f.coalesce(f.sum(f.when(is_type("purchase"), f.col("price"))), f.lit(0)).alias("revenue"),
        f.coalesce(f.sum(f.when(is_type("refund"), f.col("price"))), f.lit(0)).alias("refunded"),
    )


def user_features(days: DataFrame, as_of: date) -> DataFrame:
    """One row per user: every feature that the champion may take."""
    aged = days.withColumn("days_ago", f.datediff(f.lit(as_of), "event_date"))
    features = activity(aged).join(buying(aged), "user_id", "left")
    return features.fillna(0, ZERO_IF_NEVER_BOUGHT)


def fading(half_life: int) -> Column:
    """Days, one counting half for each half-life that it is ago: a whole number of 2^-30 each, for exact sums."""
    return f.sum(f.round(2**30 * f.pow(f.lit(2.0), -f.col("days_ago") / half_life))) / 2**30


def activity(days: DataFrame) -> DataFrame:
    """Features of all active days of a user."""
    ago = f.col("days_ago")
    excess = f.greatest(f.col("carts") - f.col("removals") - f.col("purchases"), f.lit(0))

    def last_day(name: str) -> Column:
        return f.max_by(name, "event_date").alias(f"{name}_on_last_active_day")

    def within(window: int) -> list[Column]:
        return [
            f.count_if(ago <= window).alias(f"active_days_{window}d"),
            *(
                f.sum(f.when(ago <= window, f.col(name)).otherwise(0)).alias(f"{name}_{window}d")
                for name in ["views", "carts"]
            ),
        ]

    def of_kind(kind: str) -> list[Column]:
        days_ago = f.when(f.col(f"{kind}s") > 0, ago)
        return [
            f.count(days_ago).alias(f"{kind}_days"),
            f.min(days_ago).alias(f"days_since_last_{kind}"),
            f.max(days_ago).alias(f"days_since_first_{kind}"),
        ]

    return days.groupBy("user_id").agg(
        f.count("*").alias("active_days"),
        *(f.sum(name).alias(name) for name in ["sessions", "views", "carts", "refunded"]),
        f.max("days_ago").alias("days_since_first_event"),
        f.min("days_ago").alias("days_since_last_event"),
        (f.sum("products") / f.count("*")).alias("products_per_active_day"),
        (30 * f.count("*") / f.max("days_ago")).alias("active_days_per_30d"),
        *(last_day(name) for name in ["views", "carts", "products"]),
        *(column for window in ACTIVITY_WINDOWS for column in within(window)),
        f.sum(f.when(ago <= 30, f.col("sessions")).otherwise(0)).alias("sessions_30d"),
        f.sum(f.when(ago <= 30, f.col("products")).otherwise(0)).alias("product_days_30d"),
        *(
            f.sum(f.when(ago <= window, excess).otherwise(0)).alias(f"carts_not_bought_{window}d")
            for window in [7, 30]
        ),
        *(column for kind in ["view", "cart", "refund"] for column in of_kind(kind)),
    )


def buying(days: DataFrame) -> DataFrame:
    """Features of a user's purchase days; one row per user who ever bought."""
    in_order = Window.partitionBy("user_id").orderBy("event_date")
    days = (
        days.where(f.col("purchases") > 0)
        .withColumn("gap", f.datediff("event_date", f.lag("event_date").over(in_order)))
        .withColumn("silent", f.min("days_ago").over(Window.partitionBy("user_id")))
    )
    ago, gap, silent = f.col("days_ago"), f.col("gap"), f.col("silent")
    purchase_days, gaps, gap_sum = f.count("*"), f.count("gap"), f.sum("gap")
    last, last_gap = f.min("days_ago"), f.max_by("gap", "event_date")
    revenue, last_revenue = f.sum("revenue"), f.max_by("revenue", "event_date")

    def money(amount: Column) -> Column:
        return amount.cast("double")

    def within(window: int) -> list[Column]:
        return [
            f.sum(f.when(ago <= window, f.col(name)).otherwise(0)).alias(f"{alias}_{window}d")
            for name, alias in [("revenue", "revenue"), ("purchases", "purchase_lines")]
        ]

    return days.groupBy("user_id").agg(
        purchase_days.alias("purchase_days"),
        *(
            f.count_if(ago <= window).alias(f"purchase_days_{window}d")
            for window in PURCHASE_WINDOWS
        ),
        *(f.count_if(ago.between(*days)).alias(name) for name, days in SEASONS.items()),
        last.alias("days_since_last_purchase"),
        (last + last_gap).alias("days_since_second_last_purchase"),
        f.max("days_ago").alias("days_since_first_purchase"),
        (30 * purchase_days / f.max("days_ago")).alias("purchase_days_per_30d"),
        gap_sum.alias("days_from_first_to_last_purchase"),
        f.try_divide(gap_sum, gaps).alias("purchase_gap_mean_days"),
        f.sqrt(f.try_divide(gaps * f.sum(gap * gap) - gap_sum * gap_sum, gaps * (gaps - 1))).alias(
            "purchase_gap_spread_days"
        ),
        last_gap.alias("purchase_gap_last_days"),
        f.max("gap").alias("purchase_gap_longest_days"),
        f.try_divide(last * gaps, gap_sum).alias("days_since_last_purchase_in_mean_gaps"),
        (last / f.max("gap")).alias("days_since_last_purchase_in_longest_gaps"),
        f.try_divide(f.count_if(gap <= silent), gaps).alias("share_of_gaps_outlasted"),
        *(
            f.try_divide(
                f.count_if((gap > silent) & (gap <= silent + window)), f.count_if(gap > silent)
            ).alias(f"share_of_longer_gaps_ending_{window}d")
            for window in GAP_WINDOWS
        ),
        *(
            fading(half_life).alias(f"fading_purchase_days_{half_life}d")
            for half_life in HALF_LIVES
        ),
        revenue.alias("revenue"),
        *(column for window in REVENUE_WINDOWS for column in within(window)),
        (money(revenue) / purchase_days).alias("revenue_per_purchase_day"),
        f.max("revenue").alias("largest_purchase_day_revenue"),
        last_revenue.alias("last_purchase_day_revenue"),
        f.try_divide(money(last_revenue * purchase_days), money(revenue)).alias(
            "last_purchase_day_revenue_in_means"
        ),
        (f.sum("purchases") / purchase_days).alias("lines_per_purchase_day"),
        f.max_by("purchases", "event_date").alias("last_purchase_day_lines"),
        # a line is one piece in this log
        (f.sum("purchases") / purchase_days).alias("quantity_per_purchase_day"),
        (f.sum("purchased_products") / purchase_days).alias("products_per_purchase_day"),
    )


ZERO_IF_NEVER_BOUGHT = [
    "purchase_days",
    *SEASONS,
    *(f"fading_purchase_days_{half_life}d" for half_life in HALF_LIVES),
    "revenue",
    *(f"purchase_days_{window}d" for window in PURCHASE_WINDOWS),
    *(f"{name}_{window}d" for name in ["revenue", "purchase_lines"] for window in REVENUE_WINDOWS),
]


def predicted(spark: SparkSession, features: DataFrame, model: LoadedModel) -> DataFrame:
    """`user_id` and `probability` of everybody."""
    names = list(model.feature_names)
    estimator = spark.sparkContext.broadcast(model.estimator)

    def score(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            probability = estimator.value.predict_proba(batch[names].to_numpy())[:, 1]
            yield pd.DataFrame({"user_id": batch["user_id"], "probability": probability})

    numbers = features.select("user_id", *(f.col(name).cast("double") for name in names))
    return numbers.mapInPandas(score, "user_id string, probability double")


def top_buyers(predictions: DataFrame, events: DataFrame, as_of: date) -> DataFrame:
    """The likeliest tenth, ranked, with what they like lately."""
    users, mean = predictions.agg(f.count("*"), f.avg("probability")).first()
    by_probability = Window.orderBy(f.desc("probability"), "user_id")
    ranked = predictions.withColumn("rank", f.row_number().over(by_probability))
    selected = ranked.where(f.col("rank") <= f.ceil(f.lit(users * TOP_FRACTION)))
    recent = events.where(
        f.col("category").isNotNull() & (f.col("event_date") >= as_of - timedelta(days=90))
    )
    by_liking = Window.partitionBy("user_id").orderBy(
        f.desc("events"), f.desc("purchases"), f.desc("last_time"), "category"
    )
    favourites = (
        recent.join(selected.select("user_id"), "user_id")
        .groupBy("user_id", "category")
        .agg(
            f.count("*").alias("events"),
            f.count_if(f.col("event_type") == "purchase").alias("purchases"),
            f.max("event_time").alias("last_time"),
        )
        .withColumn("place", f.row_number().over(by_liking))
        .where(f.col("place") == 1)
        .select("user_id", f.col("category").alias("favourite_category"))
    )
    return (
        selected.join(favourites, "user_id", "left")
        .withColumn("decile", f.ceil(10 * f.col("rank") / users).cast("int"))
        .withColumn("lift", f.col("probability") / mean)
    )


if __name__ == "__main__":
    main()
