"""Scoring: batches of features in, batches of predictions out. Memory does not grow with the users."""

from likely_buyers.scoring.errors import FeatureTableMismatch, HorizonMismatch, ScoringError
from likely_buyers.scoring.stream import (
    BATCH_ROWS,
    PREDICTIONS_SCHEMA,
    Scoring,
    check_signature,
    feature_matrix,
    score_batches,
)

__all__ = [
    "BATCH_ROWS",
    "PREDICTIONS_SCHEMA",
    "FeatureTableMismatch",
    "HorizonMismatch",
    "Scoring",
    "ScoringError",
    "check_signature",
    "feature_matrix",
    "score_batches",
]
