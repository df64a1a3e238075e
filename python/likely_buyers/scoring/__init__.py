"""Scoring: batches of features in, batches of predictions out. Memory does not grow with the users."""

from likely_buyers.registry.matrix import feature_matrix
from likely_buyers.scoring.backfill import backfill_scores
from likely_buyers.scoring.errors import (
    BackfillImpossible,
    FeatureTableMismatch,
    OutcomeMismatch,
    ReplayImpossible,
    ScoringError,
)
from likely_buyers.scoring.past_days import PastDays
from likely_buyers.scoring.replay import Replay, replay_scores
from likely_buyers.scoring.stream import (
    BATCH_ROWS,
    PREDICTIONS_SCHEMA,
    Scorer,
    Scoring,
    check_signature,
    population_columns,
    probabilities,
    score_batches,
)

__all__ = [
    "BATCH_ROWS",
    "PREDICTIONS_SCHEMA",
    "BackfillImpossible",
    "FeatureTableMismatch",
    "OutcomeMismatch",
    "PastDays",
    "Replay",
    "ReplayImpossible",
    "Scorer",
    "Scoring",
    "ScoringError",
    "backfill_scores",
    "check_signature",
    "feature_matrix",
    "population_columns",
    "probabilities",
    "replay_scores",
    "score_batches",
]
