"""A champion for a warehouse whose scores are not what is tested, without the wait for a training."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from likely_buyers.registry import Registry


class Rising:
    """A classifier without a training: probability rises with the first feature; nulls arrive as NaN."""

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        p = np.nan_to_num(X[:, 0]) / 100
        return np.column_stack([1 - p, p])


def make_champion(state: Path, estimator: Any, names: list[str], as_of: date) -> None:
    """Register and promote a fitted classifier of features `names`, all doubles, 30 days ahead."""
    registry = Registry(state)
    at = datetime.now(UTC)
    version = registry.register(
        estimator,
        feature_names=names,
        feature_types=["double"] * len(names),
        metrics={},
        as_of=as_of,
        horizon_days=30,
        at=at,
    )
    registry.promote(version.version, reason="test", by="test", at=at)
