"""Scores between two builds: what Structured Streaming has done with each batch of days that have changed.

It runs in a Python process beside the Connect server, which is told SQL, names and versions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from likely_buyers.spark.arrow import plain_texts
from likely_buyers.spark.scoring import Champions, scored_on_executors

# a user's day that was written again as it was is no change
_TOUCHED = """
    select distinct user_id
    from (
        select
            * except (_change_type, _commit_version, _commit_timestamp),
            sum(case when _change_type in ('insert', 'update_postimage') then 1 else -1 end) as net
        from changed_days
        where _commit_version > {built}
        group by all
    )
    where net <> 0
"""
_SIGNED = """
    select unix_micros(max(scored_at)) as micros
    from (select scored_at from gold.live_scores union all select scored_at from gold.predictions)
"""


@dataclass(frozen=True)
class LiveBatch:
    """Scores a batch's users as of the last version in it, and appends to gold.live_scores, once.

    Attributes:
        features: SQL of features over the relations `all_days` and `scoring_cutoff`.
        champions: who scores.
        as_of: the day scores speak from; None is the one after the last event.
        built: the version of silver.user_days that the last build has scored everybody from.
        table_id: Delta's, of silver.user_days. A version of it is written once, whatever becomes of the checkpoint.
    """

    features: str
    champions: Champions
    as_of: date | None
    built: int
    table_id: str

    def __call__(self, changes: Any, _batch_id: int) -> None:
        """What foreachBatch calls, with rows of the change feed: those of whole versions."""
        spark = changes.sparkSession
        changes.createOrReplaceTempView("changed_days")
        version = spark.sql("select max(_commit_version) from changed_days").first()[0]
        if version is None:
            # a version without changes, as OPTIMIZE makes one
            return
        with _kept(spark, "touched_users", _TOUCHED.format(built=self.built)) as touched:
            if not touched.isEmpty():
                self._score(spark, version)

    def _score(self, spark: Any, version: int) -> None:
        days = f"silver.user_days version as of {version}"
        day = self.as_of or spark.sql(f"select date_add(max(event_date), 1) from {days}").first()[0]
        if day is None:
            # a build that makes them anew has deleted them, and is about to write them
            return
        spark.sql(f"select date '{day}' as cutoff_date").createOrReplaceTempView("scoring_cutoff")
        # read several times by what makes features of them
        of_touched = f"select * from {days} left semi join touched_users using (user_id)"
        with _kept(spark, "all_days", of_touched):
            scored = scored_on_executors(
                spark.sql(self.features), self.champions, _signed_at(spark), ""
            )
            writer = (
                plain_texts(scored)
                .selectExpr("* except (run_id)", f"cast({version} as bigint) as snapshot_id")
                .write.format("delta")
                .mode("append")
                # a batch that is run again after a kill finds its version written, and writes nothing
                .option("txnAppId", f"likely_buyers.stream.{self.table_id}")
                .option("txnVersion", version)
            )
            writer.saveAsTable("gold.live_scores")


@contextmanager
def _kept(spark: Any, view: str, query: str) -> Iterator[Any]:
    """A query's rows as a view, computed once."""
    rows = spark.sql(query).persist()
    rows.createOrReplaceTempView(view)
    try:
        yield rows
    finally:
        rows.unpersist()


def _signed_at(spark: Any) -> datetime:
    """Now, in UTC without a zone; not earlier than any score that is there, since a clock may jump."""
    now = datetime.now(UTC).replace(tzinfo=None)
    micros = spark.sql(_SIGNED).first().micros
    if micros is None:
        return now
    return max(now, datetime(1970, 1, 1) + timedelta(microseconds=micros + 1))
