"""The model: a weighted mean, in log-odds, of gradient boosting and logistic regression, then a calibration line.

Each part is additive in log-odds, so contributions of features to the two parts, weighted alike, add up to the raw
score exactly; the calibration is a straight rising line on top of it and changes no ranking.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from likely_buyers.training.errors import ConstantFeaturesError, FeatureMismatchError

Floats = NDArray[np.float64]

TRUSTED_TYPES = [
    "likely_buyers.training.estimator.LinearPart",
    "likely_buyers.training.estimator.PurchaseModel",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]
"""The types, beside what skops trusts by itself, that a stored model may hold."""

# A standardised input further out than this is an outlier of one shop's data, not a stronger reason to buy.
_FARTHEST = 5.0


class LinearPart(BaseEstimator):
    """Logistic regression on standardised logarithms of the features.

    Features become sign(x) * log(1 + |x|), missing values the median, and what lies beyond five standard deviations
    is brought back to five: counts and amounts are long-tailed, and a straight line must not follow their tail.

    Args:
        penalty: strength of the ridge penalty on the coefficients, relative to one example.
    """

    def __init__(self, penalty: float = 20.0) -> None:
        self.penalty = penalty

    def fit(self, X: Floats, y: NDArray[np.int8]) -> LinearPart:
        """Fit on features (n, f) that all vary, and outcomes (n,) of 0 and 1."""
        logs = _signed_log(X)
        self.median_ = np.nanmedian(logs, axis=0)
        filled = np.where(np.isnan(logs), self.median_, logs)
        self.mean_ = filled.mean(axis=0)
        spread = filled.std(axis=0)
        self.scale_ = np.where(spread > 1e-12, spread, 1.0)
        inputs = self._standardised(filled)
        regression = LogisticRegression(
            C=1.0 / self.penalty, solver="newton-cholesky", max_iter=100
        ).fit(inputs, y)
        self.coefficients_ = regression.coef_[0].astype(np.float64)
        self.intercept_ = float(regression.intercept_[0])
        return self

    def _standardised(self, filled_logs: Floats) -> Floats:
        return np.clip((filled_logs - self.mean_) / self.scale_, -_FARTHEST, _FARTHEST)

    def inputs(self, X: Floats) -> Floats:
        """What the regression sees, (n, f)."""
        logs = _signed_log(X)
        return self._standardised(np.where(np.isnan(logs), self.median_, logs))

    def decision_function(self, X: Floats) -> Floats:
        """Log-odds (n,)."""
        return self.inputs(X) @ self.coefficients_ + self.intercept_

    def contributions(self, X: Floats) -> Floats:
        """Log-odds by feature (n, f), against an average example; with `intercept_` they add up to the whole."""
        return self.inputs(X) * self.coefficients_


def _signed_log(X: Floats) -> Floats:
    return np.sign(X) * np.log1p(np.abs(X))


class PurchaseModel(ClassifierMixin, BaseEstimator):
    """Probability of a purchase within the horizon.

    Args:
        linear_weight: share of logistic regression in the raw score, 0 to 1; the rest is boosting.
        penalty: ridge penalty of the logistic regression.
        trees: number of trees.
        leaves: most leaves of a tree.
        learning_rate: shrinkage of each tree.
        examples_per_leaf: fewest examples in a leaf.
        leaf_penalty: ridge penalty on the value of a leaf.
        seed: seed of boosting.

    Attributes after fitting:
        columns_: positions (c,) of the features that vary, the only ones used.
        boosting_: the fitted HistGradientBoostingClassifier on `columns_`, or None.
        linear_: the fitted LinearPart on `columns_`, or None.
        slope_, offset_: calibration line, probability = sigmoid(offset_ + slope_ * raw score).
    """

    def __init__(
        self,
        linear_weight: float = 0.5,
        penalty: float = 20.0,
        trees: int = 120,
        leaves: int = 8,
        learning_rate: float = 0.05,
        examples_per_leaf: int = 50,
        leaf_penalty: float = 10.0,
        seed: int = 0,
    ) -> None:
        self.linear_weight = linear_weight
        self.penalty = penalty
        self.trees = trees
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.examples_per_leaf = examples_per_leaf
        self.leaf_penalty = leaf_penalty
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> PurchaseModel:
        """Fit the parts; the calibration starts as the identity.

        Args:
            X: features (n, n_features), NaN where undefined.
            y: outcomes (n,) of 0 and 1.

        Raises:
            ConstantFeaturesError: no column varies.
        """
        features = np.asarray(X, dtype=np.float64)
        outcomes = np.asarray(y, dtype=np.int8)
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = features.shape[1]
        self.columns_ = varying_columns(features)
        if self.columns_.size == 0:
            raise ConstantFeaturesError(
                f"all {features.shape[1]} features are constant over {features.shape[0]} examples, so nothing tells "
                "buyers from others. Check that events before the cutoffs were loaded and mapped."
            )
        used = features[:, self.columns_]
        self.linear_ = (
            LinearPart(self.penalty).fit(used, outcomes) if self.linear_weight > 0 else None
        )
        self.boosting_ = self._boosting().fit(used, outcomes) if self.linear_weight < 1 else None
        self.slope_ = 1.0
        self.offset_ = 0.0
        return self

    def _boosting(self) -> HistGradientBoostingClassifier:
        return HistGradientBoostingClassifier(
            max_iter=self.trees,
            max_leaf_nodes=self.leaves,
            learning_rate=self.learning_rate,
            min_samples_leaf=self.examples_per_leaf,
            l2_regularization=self.leaf_penalty,
            early_stopping=False,
            random_state=self.seed,
        )

    def calibrate(self, slope: float, offset: float) -> PurchaseModel:
        """Set the calibration line; `slope` must be above 0 so that the ranking stays."""
        if not slope > 0 or not np.isfinite(offset):
            raise ValueError(f"calibration needs slope > 0 and a finite offset: {slope}, {offset}")
        self.slope_ = float(slope)
        self.offset_ = float(offset)
        return self

    def _used(self, X: ArrayLike) -> Floats:
        check_is_fitted(self, "columns_")
        features = np.asarray(X, dtype=np.float64)
        if features.ndim != 2 or features.shape[1] != self.n_features_in_:
            raise FeatureMismatchError(
                f"the model was trained on {self.n_features_in_} features: found an array of shape {features.shape}"
            )
        if self.columns_.size == self.n_features_in_:
            return features
        return features[:, self.columns_]

    def parts(self, X: ArrayLike) -> dict[str, Floats]:
        """Weighted log-odds (n,) of each part by name; they add up to `decision_function`."""
        used = self._used(X)
        parts = {}
        if self.boosting_ is not None:
            parts["boosting"] = (1.0 - self.linear_weight) * self.boosting_.decision_function(used)
        if self.linear_ is not None:
            parts["linear"] = self.linear_weight * self.linear_.decision_function(used)
        return parts

    def decision_function(self, X: ArrayLike) -> Floats:
        """Raw log-odds (n,), before calibration."""
        parts = self.parts(X)
        return np.sum(list(parts.values()), axis=0)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Calibrated probabilities (n, 2) of no purchase and of a purchase within the horizon."""
        p = expit(self.offset_ + self.slope_ * self.decision_function(X))
        return np.column_stack([1.0 - p, p])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Whether a purchase is more likely than not, (n,) of 0 and 1."""
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]


def varying_columns(features: Floats) -> NDArray[np.int64]:
    """Positions of columns with at least two distinct values; boosting cannot bin an all-missing one."""
    low = np.fmin.reduce(features, axis=0)
    high = np.fmax.reduce(features, axis=0)
    return np.flatnonzero(low < high)
