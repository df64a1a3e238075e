"""The job behind gold.top_buyer_contributions: why the selected users stand where they stand, as a stream."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from likely_buyers.errors import without_traceback
from likely_buyers.explaining import (
    CONTRIBUTIONS_SCHEMA,
    FeatureTheme,
    explain_batches,
)
from likely_buyers.registry import Registry
from likely_buyers.scoring import BATCH_ROWS
from likely_buyers.terminal import progress_bar

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

# Listed users whose contributions are averaged. A mean of so many is known to a hundredth of their spread, and a list
# of millions need not be explained twice.
_SAMPLED_USERS = 10_000


@without_traceback
def explain_buyers(
    top_buyers: "DuckDBPyRelation",
    user_features: "DuckDBPyRelation",
    feature_words: "DuckDBPyRelation",
) -> pa.RecordBatchReader:
    """Explain the scores of gold.top_buyers with the version that gave them, champion or not.

    Raises:
        RegistryError: that version cannot be loaded safely.
        ScoringError: silver.user_features does not fit it.
        ExplainingError: a feature has no words, or the contributions do not add up to the score.
    """
    scored_by = top_buyers.project("model_name, model_version").distinct().fetchall()
    if not scored_by:
        return CONTRIBUTIONS_SCHEMA.empty_table().to_reader()
    # gold.predictions is replaced whole, so one version gave all scores
    [(model_name, model_version)] = scored_by
    registry = Registry.from_environment(Path.cwd(), os.environ, model_name=model_name)
    model = registry.load(int(model_version))
    themes = _themes(feature_words)
    users = top_buyers.count("*").fetchall()[0][0]
    keys = "user_id, as_of_date"
    selected = user_features.join(top_buyers.project(keys), keys, how="semi")
    sampled = top_buyers.order("md5(user_id), user_id").limit(_SAMPLED_USERS).project(keys)
    sample = user_features.join(sampled, keys, how="semi").order("user_id").to_arrow_table()
    return explain_batches(
        # last: another query on the connection would end this stream without a word
        selected.to_arrow_reader(BATCH_ROWS),
        model,
        themes,
        users=users,
        sample=sample,
        progress=progress_bar("explaining", total=users, unit="users"),
    )


def _themes(feature_words: "DuckDBPyRelation") -> dict[str, FeatureTheme]:
    words = feature_words.project("feature, theme, words_if_missing is not null").fetchall()
    return {feature: FeatureTheme(theme, says_missing) for feature, theme, says_missing in words}
