"""Who is scored on Spark: the users whose days have changed, by Delta's change feed, read by Structured Streaming."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from likely_buyers.scoring import Scorer
from likely_buyers.settings import Settings
from likely_buyers.spark.live import LiveBatch
from likely_buyers.spark.scoring import Champions
from likely_buyers.streaming.errors import StreamingError
from likely_buyers.streaming.live import Scored

# features note the version they are made from before they are made, and each table itself when it is (table_states)
_BUILT = """
    with states as (select *, _metadata.row_id as place from bronze.table_states),
    predictions as (select max(place) as place from states where table_name = 'predictions'),
    features as (
        select max(states.place) as place
        from states inner join predictions on states.place < predictions.place
        where table_name = 'user_features'
    )
    select max_by(load_id, states.place) as version
    from states inner join features on states.place < features.place
    where table_name = 'days_of_user_features'
"""
_WRITTEN = """
    select count(distinct user_id) as users, count(*) as scores, max(as_of_date) as as_of
    from gold.live_scores
    where snapshot_id > {before}
"""


def built_version(spark: Any) -> int:
    """The version of silver.user_days that the last build has scored everybody from.

    Raises:
        StreamingError: none has.
    """
    tables = ("bronze.table_states", "gold.predictions", "gold.live_scores")
    version = None
    if all(spark.catalog.tableExists(name) for name in tables):
        version = spark.sql(_BUILT).first().version
    if version is None:
        raise StreamingError(
            "no build has scored anybody on this cluster yet. Run dbt build --target spark once, with a champion, and"
            " then this again."
        )
    return int(version)


def score_changes(
    spark: Any, features: str, scorers: Sequence[Scorer], as_of: date | None, settings: Settings
) -> Scored:
    """Score the users whose days have changed since they were scored last, and append to gold.live_scores.

    Args:
        spark: a session of Spark Connect.
        features: SQL of features over the relations `all_days` and `scoring_cutoff`.
        scorers: the models, which the executors are told by name and version.
        as_of: the day scores speak from; None is the one after the last event.
        settings: where executors find the registry.

    Raises:
        StreamingError: no build has scored anybody yet.
    """
    built = built_version(spark)
    (days,) = spark.sql("describe detail silver.user_days").collect()
    (scores,) = spark.sql("describe detail gold.live_scores").collect()
    before = spark.sql(
        "select coalesce(max(snapshot_id), -1) as last from gold.live_scores"
    ).first()
    champions = Champions.of([(scorer.outcome, scorer.model) for scorer in scorers], settings)
    batch = LiveBatch(features, champions, as_of, built, days.id)
    changes = spark.readStream.option("readChangeFeed", "true").option("startingVersion", built)
    query = (
        changes.table("silver.user_days")
        .writeStream.foreachBatch(batch)
        # Delta takes what begins with an underline for no part of the table
        .option("checkpointLocation", f"{scores.location}/_checkpoints/{days.id}")
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    written = spark.sql(_WRITTEN.format(before=before.last)).first()
    return Scored(written.users, written.scores, written.as_of)
