"""Exact Shapley values of boosted trees, once per distinct way through a tree."""

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from likely_buyers.evaluation import Floats


class BoostedTrees:
    """Shapley values of a boosting model, in log-odds, over the paths of its trees.

    The method is TreeSHAP (Lundberg et al. 2020, "From local explanations to global understanding with explainable AI
    for trees", Nature Machine Intelligence 2), by the `shap` library. A tree's values for a user depend on nothing but
    the outcomes of its splits, and many users share those: so each tree is asked once per distinct set of outcomes.

    Args:
        boosting: a fitted model of two classes.

    Attributes:
        base: log-odds to which the values of a user are added.
    """

    def __init__(self, boosting: HistGradientBoostingClassifier) -> None:
        start = float(np.ravel(boosting._baseline_prediction)[0])
        trees = [_Tree.of(boosting, stage) for stage in boosting._predictors]
        self.base = start + sum(tree.mean - start for tree in trees)
        # a tree that found nothing to split moves the base alone
        self._trees = [tree for tree in trees if tree.features.size]

    def contributions(self, X: Floats) -> Floats:
        """Log-odds by feature (n, c) for features (n, c), NaN where missing; `base` plus their sum is the whole."""
        # by column: a tree reads and writes few of them
        columns = np.ascontiguousarray(X.T)
        missing = np.isnan(columns)
        values = np.zeros_like(columns)
        for tree in self._trees:
            outcomes = tree.outcomes(columns, missing)
            _, first, which = np.unique(outcomes, return_index=True, return_inverse=True)
            own = tree.explainer.shap_values(X[first], check_additivity=False)
            for feature in np.unique(tree.features):
                values[feature] += own[:, feature][which]
        return values.T


@dataclass(frozen=True)
class _Tree:
    """One tree, its splits (s,) as `shap` has read them."""

    explainer: Any
    features: NDArray[np.int64]
    thresholds: Floats
    missing_goes_left: NDArray[np.bool_]
    mean: float

    @classmethod
    def of(cls, boosting: HistGradientBoostingClassifier, stage: list[Any]) -> "_Tree":
        # two seconds, which a build with an empty list need not spend
        from shap import TreeExplainer

        alone = copy(boosting)
        alone._predictors = [stage]
        explainer = TreeExplainer(alone, feature_perturbation="tree_path_dependent")
        read = explainer.model
        split = read.children_left[0] >= 0
        return cls(
            explainer=explainer,
            features=read.features[0][split].astype(np.int64),
            thresholds=read.thresholds[0][split],
            missing_goes_left=(read.children_default == read.children_left)[0][split],
            mean=float(np.ravel(explainer.expected_value)[0]),
        )

    def outcomes(self, columns: Floats, missing: NDArray[np.bool_]) -> NDArray[Any]:
        """One key per user (n,), equal where all splits turn out alike; of features (c, n)."""
        left = np.where(
            missing[self.features],
            self.missing_goes_left[:, None],
            columns[self.features] <= self.thresholds[:, None],
        )
        bits = np.packbits(left, axis=0)
        bits = np.ascontiguousarray(np.pad(bits, ((0, -len(bits) % 8), (0, 0))).T)
        # whole numbers sort three times as fast as strings of bytes
        whole = np.uint64 if bits.shape[1] == 8 else f"V{bits.shape[1]}"
        return bits.view(whole).ravel()
