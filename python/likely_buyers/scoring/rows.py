"""A model laid out for single rows: what `predict_proba` says, to the last bit, in a few dozen numpy calls.

`predict_proba` goes through the trees one after the other, which costs the same for one row as for hundreds. Here the
splits of all trees are compared at once, and values are added in the order of `predict_proba`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from likely_buyers.evaluation import Floats
from likely_buyers.training.components import (
    BoostingComponent,
    LinearComponent,
    RateComponent,
)
from likely_buyers.training.estimator import PurchaseModel

MOST_ROWS = 256
"""Rows at once up to which this is worth it; more go to `predict_proba`."""

# leaves of a tree are the bits of a number
_MOST_LEAVES = 64

LogOdds = Callable[[Floats], Floats]


@dataclass(frozen=True)
class RowModel:
    """An estimator, and what it is laid out as; `parts` is None for one that cannot be, and it is asked itself.

    Attributes:
        estimator: with `predict_proba`.
        parts: share, columns and log-odds of each member; the log-odds (n,) are of features (n, c).
    """

    estimator: Any
    parts: Sequence[tuple[float, NDArray[np.int64], LogOdds]] | None

    @classmethod
    def of(cls, estimator: Any) -> "RowModel":
        """Lay an estimator out."""
        if type(estimator) is not PurchaseModel:
            return cls(estimator, None)
        return cls(
            estimator,
            [
                (share, columns, _laid_out(component))
                for share, columns, component in estimator.parts()
            ],
        )

    @property
    def is_laid_out(self) -> bool:
        """Whether it is faster than its estimator."""
        return self.parts is not None

    def probabilities(self, X: Floats) -> Floats:
        """Probabilities (n,) of features (n, f), NaN where missing: column 1 of `predict_proba`, to the last bit."""
        if not len(X):
            return np.empty(0)
        if self.parts is None or len(X) > MOST_ROWS:
            return np.asarray(self.estimator.predict_proba(X)[:, 1], dtype=np.float64)
        raw = np.zeros(len(X))
        for share, columns, log_odds in self.parts:
            raw += share * log_odds(X[:, columns])
        p: Floats = expit(self.estimator.offset_ + self.estimator.slope_ * raw)
        return p


def _laid_out(component: Any) -> LogOdds:
    if isinstance(component, LinearComponent):
        return _Line(component)
    if isinstance(component, BoostingComponent) and (trees := _Trees.of(component)):
        return trees
    if isinstance(component, RateComponent):
        base = component.base
        return lambda X: np.full(len(X), base)
    # BG/NBD has no loop over columns or trees
    found: LogOdds = component.decision_function
    return found


class _Line:
    """Logistic regression: all columns at once, added up in their order."""

    def __init__(self, component: LinearComponent) -> None:
        self._component = component

    def __call__(self, X: Floats) -> Floats:
        terms = np.empty((len(X), X.shape[1] + 1))
        terms[:, 0] = self._component.intercept_
        np.multiply(self._component.coefficients_, self._component._inputs(X), out=terms[:, 1:])
        return _added_up(terms)


@dataclass(frozen=True)
class _Trees:
    """All trees of a boosted model, each padded to the same number of splits.

    A split that a row does not pass rules out the leaves on its left; of those that no split rules out, the first is
    where the row ends (QuickScorer: Lucchese et al., SIGIR 2015).

    Attributes:
        columns: (trees * splits,) columns of a row, followed by the same row with missing values as minus infinity:
            these go left.
        thresholds: (trees * splits,) a value up to it passes.
        remaining: (trees, splits) leaves that are left where a row does not pass, as bits.
        values: (trees * most leaves,) of the leaves, tree after tree.
        first: (trees,) place of each tree's first leaf.
        base: log-odds before the first tree.
    """

    columns: NDArray[np.int64]
    thresholds: Floats
    remaining: NDArray[np.uint64]
    values: Floats
    first: NDArray[np.int64]
    base: float

    @classmethod
    def of(cls, component: BoostingComponent) -> "_Trees | None":
        """Those of a component; None where one has too many leaves or tells categories apart."""
        boosting = component.boosting_
        stages = [stage[0].nodes for stage in boosting._predictors]
        if any(np.count_nonzero(nodes["is_leaf"]) > _MOST_LEAVES for nodes in stages):
            return None
        if any(nodes["is_categorical"].any() for nodes in stages):
            return None
        most = max([1, *(int((nodes["is_leaf"] == 0).sum()) for nodes in stages)])
        shape = (len(stages), most)
        columns = np.zeros(shape, np.int64)
        thresholds = np.full(shape, np.inf)
        remaining = np.full(shape, ~np.uint64(0))
        values = np.zeros((len(stages), most + 1))
        for tree, nodes in enumerate(stages):
            splits, leaves = _walked(nodes)
            values[tree, : len(leaves)] = leaves
            for place, (position, first, behind) in enumerate(splits):
                node = nodes[position]
                columns[tree, place] = int(node["feature_idx"]) + (
                    boosting.n_features_in_ if node["missing_go_to_left"] else 0
                )
                thresholds[tree, place] = node["num_threshold"]
                remaining[tree, place] = ~np.uint64(((1 << behind) - 1) ^ ((1 << first) - 1))
        return cls(
            columns.ravel(),
            thresholds.ravel(),
            remaining,
            values.ravel(),
            np.arange(len(stages)) * (most + 1),
            float(np.ravel(boosting._baseline_prediction)[0]),
        )

    def __call__(self, X: Floats) -> Floats:
        both = np.concatenate([X, np.where(np.isnan(X), -np.inf, X)], axis=1)
        # no comparison with NaN is true: what is missing and does not go left does not pass
        passes = (both[:, self.columns] <= self.thresholds).reshape(len(X), *self.remaining.shape)
        left = np.bitwise_and.reduce(np.where(passes, ~np.uint64(0), self.remaining), axis=2)
        lowest = left & (~left + np.uint64(1))
        # a power of two is a float, exactly
        leaf = np.frexp(lowest.astype(np.float64))[1] - 1
        terms = np.empty((len(X), len(self.first) + 1))
        terms[:, 0] = self.base
        terms[:, 1:] = self.values[self.first + leaf]
        return _added_up(terms)


def _walked(nodes: NDArray[np.void]) -> tuple[list[tuple[int, int, int]], list[float]]:
    """Splits as (node, first leaf on its left, the one behind the last on its left), and leaves from left to right."""
    splits: list[tuple[int, int, int]] = []
    leaves: list[float] = []

    def walk(position: int) -> None:
        node = nodes[position]
        if node["is_leaf"]:
            leaves.append(float(node["value"]))
            return
        first = len(leaves)
        walk(int(node["left"]))
        splits.append((position, first, len(leaves)))
        walk(int(node["right"]))

    walk(0)
    return splits, leaves


def _added_up(terms: Floats) -> Floats:
    """Sums (n,) of terms (n, t), each row from left to right: a plain sum adds in pairs, and ends in other bits."""
    sums: Floats = np.add.accumulate(terms, axis=1)[:, -1]
    return sums
