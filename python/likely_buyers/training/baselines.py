"""Simple rules that a model has to beat, from the feature table alone.

Recency and frequency are scores, not probabilities; BG/NBD gives probabilities.
"""

from contextlib import suppress

import numpy as np
import pyarrow as pa

from likely_buyers.evaluation import EvaluationInputError, Floats
from likely_buyers.training.bgnbd import BgNbd, BgNbdFitError, bgnbd_inputs, feature_column


def recency_score(features: pa.Table) -> Floats:
    """Days since the last purchase, negated; users who never bought come last. Shape (n,)."""
    days = feature_column(features, "days_since_last_purchase")
    never = np.nanmax(days, initial=0.0) + 1.0
    return -np.where(np.isnan(days), never, days)


def frequency_score(features: pa.Table) -> Floats:
    """Distinct purchase days. Shape (n,)."""
    return np.nan_to_num(feature_column(features, "purchase_days"))


SIMPLE_RULES = ("recency", "frequency", "bg_nbd")
"""Names of the rules, as in tables and metrics."""


def simple_rules(features: pa.Table, horizon_days: int) -> dict[str, Floats]:
    """Scores (n,) by rule of users at one cutoff, from `features` alone: no outcome is used.

    BG/NBD, fitted on the same users' histories, gives probabilities; it is left out where it cannot be fitted, and a
    rule where its features are missing.
    """
    scores: dict[str, Floats] = {}
    for name, rule in (
        ("recency", recency_score),
        ("frequency", frequency_score),
        ("bg_nbd", lambda table: _bgnbd_probability(table, horizon_days)),
    ):
        with suppress(BgNbdFitError, EvaluationInputError):
            scores[name] = rule(features)
    return scores


def _bgnbd_probability(features: pa.Table, horizon_days: int) -> Floats:
    inputs = bgnbd_inputs(features)
    return BgNbd.fit(inputs).probability_of_purchase(inputs, horizon_days)
