"""Evaluation: how good a ranking and its probabilities are, and what simple rules would have reached.

Knows arrays and Arrow tables, neither dbt nor any model of ours. Scores go in, numbers come out:
`metrics` for ranking and calibration, `intervals` for bootstrap confidence intervals.
"""

from likely_buyers.evaluation.intervals import bootstrap_intervals
from likely_buyers.evaluation.metrics import (
    EvaluationInputError,
    Floats,
    average_precision,
    evaluate,
    expected_calibration_error,
    expected_over_observed,
    reliability_table,
    roc_auc,
)

__all__ = [
    "EvaluationInputError",
    "Floats",
    "average_precision",
    "bootstrap_intervals",
    "evaluate",
    "expected_calibration_error",
    "expected_over_observed",
    "reliability_table",
    "roc_auc",
]
