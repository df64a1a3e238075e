"""Evaluation: how good a ranking and its probabilities are, and what simple rules would have reached.

Knows arrays and Arrow tables, neither dbt nor any model of ours. Scores go in, numbers come out:
`metrics` for ranking and calibration, `intervals` for bootstrap confidence intervals, `baselines` for the
rules that a model has to beat (recency, frequency, BG/NBD).
"""

from likely_buyers.evaluation.baselines import (
    SIMPLE_RULES,
    BgNbd,
    BgNbdFitError,
    BgNbdInputs,
    bgnbd_inputs,
    frequency_score,
    recency_score,
    simple_rules,
)
from likely_buyers.evaluation.intervals import bootstrap_intervals
from likely_buyers.evaluation.metrics import (
    TOP_FRACTIONS,
    EvaluationInputError,
    average_precision,
    brier_score,
    capture_at,
    evaluate,
    expected_calibration_error,
    lift_at,
    log_loss,
    predicted_over_realized,
    reliability_table,
    roc_auc,
)

__all__ = [
    "SIMPLE_RULES",
    "TOP_FRACTIONS",
    "BgNbd",
    "BgNbdFitError",
    "BgNbdInputs",
    "EvaluationInputError",
    "average_precision",
    "bgnbd_inputs",
    "bootstrap_intervals",
    "brier_score",
    "capture_at",
    "evaluate",
    "expected_calibration_error",
    "frequency_score",
    "lift_at",
    "log_loss",
    "predicted_over_realized",
    "recency_score",
    "reliability_table",
    "roc_auc",
    "simple_rules",
]
