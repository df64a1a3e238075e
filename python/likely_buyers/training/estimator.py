"""The model: a weighted mean, in log-odds, of three components, then a calibration line.

The components are gradient boosting, logistic regression and BG/NBD. Each is additive in log-odds, so the
contributions of features to the components, weighted alike, add up to the raw score exactly; the calibration is a
straight rising line on top of it and changes no ranking.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils.validation import check_is_fitted

from likely_buyers.evaluation import Floats
from likely_buyers.training.boosted_scores import boosted_log_odds
from likely_buyers.training.components import BgNbdComponent, LinearComponent
from likely_buyers.training.errors import ConstantFeaturesError, FeatureMismatchError

# Boosting takes weights as copies of rows, a fraction by lot: given weights, scikit-learn 1.9 bins by a weighted
# percentile per bin and feature, which takes longer than growing the trees. Small shops get more copies of a row of
# weight one, for finer weights.
_ROWS_WORTH_COPYING = 50_000
_MOST_COPIES = 4


class PurchaseModel(ClassifierMixin, BaseEstimator):
    """Probability of a purchase within the horizon.

    Args:
        linear_weight: share of logistic regression in the raw score.
        bgnbd_weight: share of BG/NBD; boosting has the rest.
        bgnbd_columns: positions of `components.BGNBD_FEATURES` in X; may be None when `bgnbd_weight` is 0.
        horizon_days: days ahead, for BG/NBD.
        penalty: ridge penalty of the logistic regression.
        trees: number of trees.
        leaves: most leaves of a tree.
        learning_rate: shrinkage of each tree.
        examples_per_leaf: fewest examples in a leaf.
        leaf_penalty: ridge penalty on the value of a leaf.
        feature_share: share of the features tried at each split.
        seed: seed of boosting.

    Attributes after fitting:
        columns_: positions (c,) of the features that vary, which boosting and regression use.
        boosting_: the fitted HistGradientBoostingClassifier on `columns_`, or None.
        linear_: the fitted LinearComponent on `columns_`, or None.
        bgnbd_: the fitted BgNbdComponent on `bgnbd_columns`, or None.
        slope_, offset_: calibration line, probability = sigmoid(offset_ + slope_ * raw score).
    """

    def __init__(
        self,
        linear_weight: float = 0.5,
        bgnbd_weight: float = 0.0,
        bgnbd_columns: tuple[int, int, int] | None = None,
        horizon_days: int = 30,
        penalty: float = 20.0,
        trees: int = 100,
        leaves: int = 8,
        learning_rate: float = 0.05,
        examples_per_leaf: int = 12,
        leaf_penalty: float = 10.0,
        feature_share: float = 0.3,
        seed: int = 0,
    ) -> None:
        self.linear_weight = linear_weight
        self.bgnbd_weight = bgnbd_weight
        self.bgnbd_columns = bgnbd_columns
        self.horizon_days = horizon_days
        self.penalty = penalty
        self.trees = trees
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.examples_per_leaf = examples_per_leaf
        self.leaf_penalty = leaf_penalty
        self.feature_share = feature_share
        self.seed = seed

    @property
    def component_weights(self) -> dict[str, float]:
        """Share of each part with a share, by name."""
        weights = {
            "boosting": 1.0 - self.linear_weight - self.bgnbd_weight,
            "linear": self.linear_weight,
            "bgnbd": self.bgnbd_weight,
        }
        return {name: weight for name, weight in weights.items() if weight > 1e-9}

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> "PurchaseModel":
        """Fit the components; the calibration starts as the identity.

        Args:
            X: features (n, n_features), NaN where undefined.
            y: outcomes (n,) of 0 and 1.
            sample_weight: weights (n,), 1 by default; boosting takes them in copies of rows.

        Raises:
            ConstantFeaturesError: no column varies.
            BgNbdFitError: BG/NBD has a share and cannot be fitted.
        """
        features = np.asarray(X, dtype=np.float64)
        outcomes = np.asarray(y, dtype=np.int8)
        weights = np.ones(len(outcomes)) if sample_weight is None else np.asarray(sample_weight)
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = features.shape[1]
        self.columns_ = varying_columns(features)
        if self.columns_.size == 0:
            raise ConstantFeaturesError(
                f"all {features.shape[1]} features are constant over {features.shape[0]} examples, so nothing "
                "tells buyers from others. Check that events before the cutoffs were loaded and mapped."
            )
        used = features[:, self.columns_]
        shares = self.component_weights
        self.linear_ = self.boosting_ = self.bgnbd_ = None
        if "linear" in shares:
            self.linear_ = LinearComponent(self.penalty).fit(used, outcomes, weights)
        if "boosting" in shares:
            copies = int(np.clip(_ROWS_WORTH_COPYING // len(outcomes), 1, _MOST_COPIES))
            lots = np.random.default_rng(self.seed).random(len(outcomes))
            copied = np.repeat(
                np.arange(len(outcomes)), np.floor(copies * weights + lots).astype(np.int64)
            )
            self.boosting_ = self._boosting(copies).fit(used[copied], outcomes[copied])
        if "bgnbd" in shares:
            self.bgnbd_ = BgNbdComponent(self.horizon_days).fit(
                features[:, self._bgnbd_positions()], outcomes, weights
            )
        self.slope_ = 1.0
        self.offset_ = 0.0
        return self

    def _boosting(self, copies: int) -> HistGradientBoostingClassifier:
        return HistGradientBoostingClassifier(
            max_iter=self.trees,
            max_leaf_nodes=self.leaves,
            learning_rate=self.learning_rate,
            min_samples_leaf=copies * self.examples_per_leaf,
            l2_regularization=copies * self.leaf_penalty,
            max_features=self.feature_share,
            early_stopping=False,
            random_state=self.seed,
        )

    def calibrate(self, slope: float, offset: float) -> "PurchaseModel":
        """Set the calibration line; `slope` must be above 0 so that the ranking stays."""
        if not slope > 0 or not np.isfinite(offset):
            raise ValueError(f"calibration needs slope > 0 and a finite offset: {slope}, {offset}")
        self.slope_ = float(slope)
        self.offset_ = float(offset)
        return self

    def _bgnbd_positions(self) -> NDArray[np.int64]:
        if self.bgnbd_columns is None:
            raise FeatureMismatchError(
                "bgnbd_weight is above 0 but bgnbd_columns does not say where its features are"
            )
        return np.array(self.bgnbd_columns, dtype=np.int64)

    def _checked(self, X: ArrayLike) -> Floats:
        check_is_fitted(self, "columns_")
        features = np.asarray(X, dtype=np.float64)
        if features.ndim != 2 or features.shape[1] != self.n_features_in_:
            raise FeatureMismatchError(
                f"the model was trained on {self.n_features_in_} features: "
                f"found an array of shape {features.shape}"
            )
        return features

    def components(self, X: ArrayLike) -> dict[str, Floats]:
        """Weighted log-odds (n,) of each part by name; they add up to `decision_function`."""
        features = self._checked(X)
        shares = self.component_weights
        # column by column in memory, as the components read it
        used = np.ascontiguousarray(features.T[self.columns_]).T
        components = {}
        if self.boosting_ is not None:
            components["boosting"] = shares["boosting"] * boosted_log_odds(self.boosting_, used)
        if self.linear_ is not None:
            components["linear"] = shares["linear"] * self.linear_.decision_function(used)
        if self.bgnbd_ is not None:
            bgnbd = features[:, self._bgnbd_positions()]
            components["bgnbd"] = shares["bgnbd"] * self.bgnbd_.decision_function(bgnbd)
        return components

    def additive_contributions(self, X: ArrayLike) -> tuple[Floats, float]:
        """What each feature adds to the raw score through regression and BG/NBD, boosting left out.

        Args:
            X: features (n, n_features).

        Returns:
            Weighted log-odds (n, n_features) and the base to which they are added: base plus their sum is
            `components` without boosting. Boosting's own, times `component_weights["boosting"]`, come from TreeSHAP on
            `boosting_` and `columns_`.
        """
        features = self._checked(X)
        shares = self.component_weights
        contributions = np.zeros_like(features)
        base = 0.0
        if self.linear_ is not None:
            own = self.linear_.contributions(features[:, self.columns_])
            contributions[:, self.columns_] += shares["linear"] * own
            base += shares["linear"] * self.linear_.base
        if self.bgnbd_ is not None:
            positions = self._bgnbd_positions()
            own = self.bgnbd_.contributions(features[:, positions])
            contributions[:, positions] += shares["bgnbd"] * own
            base += shares["bgnbd"] * self.bgnbd_.base
        return contributions, base

    def decision_function(self, X: ArrayLike) -> Floats:
        """Raw log-odds (n,), before calibration."""
        return np.sum(list(self.components(X).values()), axis=0)

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
