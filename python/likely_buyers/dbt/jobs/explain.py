"""The job behind gold.top_buyer_contributions: why the selected users stand where they stand, as a stream."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from likely_buyers.dbt.on_spark.frames import in_duckdb, is_frame
from likely_buyers.dbt.refusals import without_traceback
from likely_buyers.registry import Registry
from likely_buyers.scoring import BATCH_ROWS
from likely_buyers.scoring.explaining import CONTRIBUTIONS_SCHEMA, FeatureGroup, explain_batches
from likely_buyers.settings import Settings
from likely_buyers.sql_text import literal
from likely_buyers.terminal import Progress

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

# Listed users whose contributions are averaged. A mean of so many is known to a hundredth of their spread, and a list
# of millions need not be explained twice.
_SAMPLED_USERS = 10_000


@without_traceback
def explain_buyers(
    top_buyers: "DuckDBPyRelation",
    user_features: "DuckDBPyRelation",
    feature_labels: "DuckDBPyRelation",
) -> pa.RecordBatchReader:
    """Explain the scores of gold.top_buyers, of each outcome with the version that gave them, champion or not.

    Raises:
        RegistryError: that version cannot be loaded safely.
        ScoringError: silver.user_features does not fit it.
        ExplainingError: a feature has no label, or the contributions do not add up to the score.
    """
    if is_frame(user_features):
        # of the users on the list alone
        features: Any = user_features
        user_features = features.join(top_buyers, ["user_id", "as_of_date"], "left_semi")
    top_buyers, user_features = in_duckdb(top_buyers), in_duckdb(user_features)
    feature_labels = in_duckdb(feature_labels)
    scored_by = top_buyers.project("outcome, model_name, model_version").distinct().order("all")
    groups = _groups(feature_labels)
    streams = [
        _explained(outcome, name, int(version), top_buyers, user_features, groups)
        for outcome, name, version in scored_by.fetchall()
    ]
    # one after the other: another query on the connection would end a stream without a word
    return pa.RecordBatchReader.from_batches(
        CONTRIBUTIONS_SCHEMA, (batch for stream in streams for batch in stream())
    )


def _explained(
    outcome: str,
    model_name: str,
    version: int,
    top_buyers: "DuckDBPyRelation",
    user_features: "DuckDBPyRelation",
    groups: dict[str, FeatureGroup],
) -> Callable[[], pa.RecordBatchReader]:
    """How the list of one outcome is explained, once it is its turn."""
    model = Registry.of(Settings.of(), model_name=model_name).load(version)
    listed = top_buyers.filter(f"outcome = {literal(outcome)}")

    def stream() -> pa.RecordBatchReader:
        users = listed.count("*").fetchall()[0][0]
        keys = "user_id, as_of_date"
        selected = user_features.join(listed.project(keys), keys, how="semi")
        sampled = listed.order("md5(user_id), user_id").limit(_SAMPLED_USERS).project(keys)
        sample = user_features.join(sampled, keys, how="semi").order("user_id").to_arrow_table()
        return explain_batches(
            selected.to_arrow_reader(BATCH_ROWS),
            model,
            groups,
            outcome=outcome,
            users=users,
            sample=sample,
            progress=Progress("explaining", total=users, unit="users"),
        )

    return stream


def _groups(feature_labels: "DuckDBPyRelation") -> dict[str, FeatureGroup]:
    labels = feature_labels.project(
        "feature, feature_group, label_if_missing is not null"
    ).fetchall()
    return {
        feature: FeatureGroup(group, has_missing_label)
        for feature, group, has_missing_label in labels
    }
