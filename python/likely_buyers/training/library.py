"""What is compared: the rules that any model must beat, and families of fits on groups of features."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from likely_buyers.training.bgnbd import BGNBD_FEATURES

Member = Mapping[str, Any]
"""Arguments of a member of PurchaseModel, but for its share."""

PLAIN_RATE = "plain rate"
RECENCY_AND_FREQUENCY = "recency and frequency"
BGNBD = "BG/NBD"
RULES = (PLAIN_RATE, RECENCY_AND_FREQUENCY, BGNBD)
"""The simplest first."""

_HABIT = ("purchase_days", "days_since_last_purchase", "active_days", "days_since_last_event")

# Features, by the beginnings of their names, that help some shops and cost others: they are left out of most fits.
FURTHER_FEATURES = {
    "season": ("purchase_days_same_", "days_to_anniversary", "nearest_day_of_year"),
    "gaps": ("purchase_gaps_",),
    "trend": ("recent_",),
    "value": ("purchase_day_revenue_spread",),
}

# Age, in days before the newest, at which an example counts half: shops and the length of histories drift.
_HALF_LIFE_DAYS = 60.0

_LINEAR = {"kind": "linear", "penalty": 20.0}
_STRONG_LINEAR = {"kind": "linear", "penalty": 200.0}
_SMALL_TREES = {"kind": "boosting", "trees": 120, "leaves": 4, "learning_rate": 0.04}
_TREES = {"kind": "boosting", "trees": 100, "leaves": 8, "learning_rate": 0.05}
_LARGE_TREES = {"kind": "boosting", "trees": 120, "leaves": 24, "learning_rate": 0.06}


def rules(names: Sequence[str], horizon_days: int) -> dict[str, Member]:
    """The rules that the features allow, the simplest first."""
    found: dict[str, Member] = {PLAIN_RATE: {"kind": "rate"}}
    habit = [names.index(name) for name in _HABIT if name in names]
    if habit:
        found[RECENCY_AND_FREQUENCY] = {**_LINEAR, "columns": habit}
    if set(BGNBD_FEATURES) <= set(names):
        columns = [names.index(name) for name in BGNBD_FEATURES]
        found[BGNBD] = {"kind": "bgnbd", "columns": columns, "horizon_days": horizon_days}
    return found


def fits(names: Sequence[str]) -> dict[str, Member]:
    """Families of fits by name, the cheapest first."""
    further = {
        group: [name for name in names if name.startswith(beginnings)]
        for group, beginnings in FURTHER_FEATURES.items()
    }
    usual = [name for name in names if not any(name in own for own in further.values())]
    found: dict[str, Member] = {}

    def add(family: str, settings: Member, what: str, columns: Iterable[str], aged: bool) -> None:
        words = ", ".join(
            [family, *([what] if what else []), *([] if aged else ["all ages alike"])]
        )
        found[words] = {
            **settings,
            "columns": [names.index(name) for name in columns],
            **({"half_life_days": _HALF_LIFE_DAYS} if aged else {}),
        }

    for aged in (True, False):
        add("logistic regression", _LINEAR, "", usual, aged)
        add("logistic regression, strong penalty", _STRONG_LINEAR, "", usual, aged)
        add("boosting, 4 leaves", _SMALL_TREES, "", usual, aged)
        add("boosting, 8 leaves", _TREES, "", usual, aged)
    add("boosting, 24 leaves", _LARGE_TREES, "", usual, aged=True)
    return found
