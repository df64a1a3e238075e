"""What boosted trees say, split by split over whole columns.

scikit-learn walks each row through each tree, some twenty nanoseconds a walk however small the tree. With every split
made for all rows at once, and the outcomes as the bits of a number that looks the leaf up, a tree takes a few.
"""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from likely_buyers.evaluation import Floats

# The outcomes of all splits of a tree are the bits of a byte.
_MOST_SPLITS = 8
# A column of so many rows stays in a core's cache; fewer would spend the time on calls.
_ROWS_AT_ONCE = 16_384


def boosted_log_odds(boosting: HistGradientBoostingClassifier, X: Floats) -> Floats:
    """Log-odds (n,) of features (n, c), NaN where missing: `boosting.decision_function(X)`, to the last bit.

    Args:
        boosting: a fitted model of two classes, without categorical features. One with a tree of more than nine leaves
            is asked itself.
        X: features (n, c).
    """
    trees = _small_trees(boosting)
    if trees is None:
        asked: Floats = boosting.decision_function(X)
        return asked
    log_odds = np.full(len(X), np.ravel(boosting._baseline_prediction)[0], dtype=np.float64)
    for start in range(0, len(X), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        columns = np.ascontiguousarray(X[rows].T)
        for tree in trees:
            log_odds[rows] += tree.values(columns)
    return log_odds


@dataclass(frozen=True)
class _Tree:
    """A tree of few splits: what each compares, and the value of the leaf for every set of outcomes."""

    splits: tuple[tuple[int, float, bool], ...]
    """Per split its column, threshold, and whether a missing value goes left."""
    leaves: Floats
    """Values (2 ** splits,) by the number whose bits say which splits sent the row left."""

    @classmethod
    def of(cls, nodes: NDArray[np.void]) -> "_Tree":
        """The tree of scikit-learn's nodes, of which at most `_MOST_SPLITS` are splits."""
        positions = np.flatnonzero(nodes["is_leaf"] == 0)
        outcomes = np.arange(1 << positions.size)
        bits = {int(position): bit for bit, position in enumerate(positions)}

        def value(position: int) -> Floats:
            node = nodes[position]
            if node["is_leaf"]:
                return np.full(outcomes.size, node["value"])
            return np.where(
                outcomes >> bits[position] & 1,
                value(int(node["left"])),
                value(int(node["right"])),
            )

        return cls(
            splits=tuple(
                (
                    int(node["feature_idx"]),
                    float(node["num_threshold"]),
                    bool(node["missing_go_to_left"]),
                )
                for node in nodes[positions]
            ),
            leaves=value(0),
        )

    def values(self, columns: Floats) -> Floats:
        """Value (n,) of the leaf that each row of `columns` (c, n) falls into."""
        outcomes = np.zeros(columns.shape[1], dtype=np.uint8)
        for bit, (column, threshold, missing_goes_left) in enumerate(self.splits):
            # no comparison with NaN is true: a missing value goes where the comparison's being false sends it
            if missing_goes_left:
                left = np.greater(columns[column], threshold)
                np.logical_not(left, out=left)
            else:
                left = np.less_equal(columns[column], threshold)
            outcomes |= left.view(np.uint8) << np.uint8(bit)
        return np.take(self.leaves, outcomes)


# A model's trees, and the stages they were read from: once, not with every batch of rows, and again when it was fitted
# again. They go when the model goes.
_read: WeakKeyDictionary[HistGradientBoostingClassifier, tuple[list[Any], list[_Tree] | None]] = (
    WeakKeyDictionary()
)


def _small_trees(boosting: HistGradientBoostingClassifier) -> list[_Tree] | None:
    """A model's trees; None if one of them has too many splits."""
    stages, trees = _read.get(boosting, ([], None))
    if stages != boosting._predictors:
        all_nodes = [stage[0].nodes for stage in boosting._predictors]
        small = all(np.count_nonzero(nodes["is_leaf"] == 0) <= _MOST_SPLITS for nodes in all_nodes)
        trees = [_Tree.of(nodes) for nodes in all_nodes] if small else None
        _read[boosting] = (list(boosting._predictors), trees)
    return trees
