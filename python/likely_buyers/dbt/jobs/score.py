"""The job behind gold.predictions: the champion on every user, as a stream."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
from dbt_common.invocation import get_invocation_id

from likely_buyers.dbt.refusals import without_traceback
from likely_buyers.registry import Registry
from likely_buyers.scoring import BATCH_ROWS, Scoring, score_batches
from likely_buyers.settings import Settings
from likely_buyers.terminal import Progress

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation


@without_traceback
def score_users(
    user_features: "DuckDBPyRelation", *, model_name: str, horizon_days: int
) -> pa.RecordBatchReader:
    """Score all rows of silver.user_features with the champion.

    Raises:
        RegistryError: there is no champion, or it cannot be loaded safely.
        ScoringError: the table does not fit the champion, or it looks ahead another horizon.
    """
    champion = Registry.of(Settings.of(), model_name=model_name).load()
    scoring = Scoring(
        model=champion,
        horizon_days=horizon_days,
        scored_at=datetime.now(UTC).replace(tzinfo=None),
        run_id=get_invocation_id(),
    )
    users = user_features.count("*").fetchall()[0][0]
    return score_batches(
        user_features.to_arrow_reader(BATCH_ROWS),
        scoring,
        progress=Progress("scoring", total=users, unit="users"),
    )
