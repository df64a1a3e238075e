"""What is compared: the rules that any model must beat, and a library of fits."""

from collections.abc import Mapping, Sequence
from typing import Any

from likely_buyers.training.bgnbd import BGNBD_FEATURES

Member = Mapping[str, Any]
"""Arguments of a member of PurchaseModel, but for its share."""

PLAIN_RATE = "plain rate"
RECENCY_AND_FREQUENCY = "recency and frequency"
BGNBD = "BG/NBD"
RULES = (PLAIN_RATE, RECENCY_AND_FREQUENCY, BGNBD)
"""The simplest first."""

_RECENCY_AND_FREQUENCY = (
    "purchase_days",
    "days_since_last_purchase",
    "active_days",
    "days_since_last_event",
)

# Age, in days before the newest, at which an example counts half: shops and the length of histories drift. In a shop
# that is stable it throws away what old examples tell, so that each family is fitted without it, too.
_HALF_LIFE_DAYS = 60.0

_FAMILIES: dict[str, Member] = {
    "logistic regression": {"kind": "linear", "penalty": 20.0},
    "logistic regression, strong penalty": {"kind": "linear", "penalty": 200.0},
    "boosting, 4 leaves": {"kind": "boosting", "trees": 120, "leaves": 4, "learning_rate": 0.04},
    "boosting, 8 leaves": {"kind": "boosting", "trees": 100, "leaves": 8, "learning_rate": 0.05},
    "boosting, 24 leaves": {"kind": "boosting", "trees": 120, "leaves": 24, "learning_rate": 0.06},
}

FITS: dict[str, Member] = {
    **{name: {**own, "half_life_days": _HALF_LIFE_DAYS} for name, own in _FAMILIES.items()},
    **{f"{name}, all ages alike": own for name, own in _FAMILIES.items()},
}
"""Fits on all features, by name."""


def rules(names: Sequence[str], horizon_days: int) -> dict[str, Member]:
    """The rules that the features allow, as fits whose probabilities hold; the simplest first."""
    found: dict[str, Member] = {PLAIN_RATE: {"kind": "rate"}}
    columns = [names.index(name) for name in _RECENCY_AND_FREQUENCY if name in names]
    if columns:
        found[RECENCY_AND_FREQUENCY] = {"kind": "linear", "penalty": 20.0, "columns": columns}
    if set(BGNBD_FEATURES) <= set(names):
        columns = [names.index(name) for name in BGNBD_FEATURES]
        found[BGNBD] = {"kind": "bgnbd", "columns": columns, "horizon_days": horizon_days}
    return found
