"""What a model is a mean of: the plain rate, logistic regression, BG/NBD and gradient boosting.

Each is fitted on features (n, f), outcomes (n,) of 0 and 1 and weights (n,), and gives log-odds. All but boosting give
the contributions of the features, too, which add up to them exactly; boosting's come from TreeSHAP, in
`scoring.explaining`.
"""

from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from likely_buyers.evaluation import Floats
from likely_buyers.training.bgnbd import BgNbd, inputs_of
from likely_buyers.training.boosted_scores import boosted_log_odds

Outcomes = NDArray[np.int8]

# A standardised input further out than this is an outlier of one shop's data, not a stronger reason to buy.
_FARTHEST = 5.0
# So many rows of a column stay in a core's cache from one step to the next.
_ROWS_AT_ONCE = 16_384
_ALL = slice(None)
_BGNBD_ROWS = 20_000
_SMALLEST_PROBABILITY = 1e-4
# Boosting takes weights as copies of rows, a fraction by lot: given weights, scikit-learn 1.9 bins by a weighted
# percentile per bin and feature, which takes longer than growing the trees. Small shops get more copies of a row of
# weight one, for finer weights.
_ROWS_WORTH_COPYING = 50_000
_MOST_COPIES = 4


class RateComponent(BaseEstimator):
    """The plain rate: everybody buys as often as users did, whatever they did. What any other model must beat."""

    def fit(self, X: Floats, y: Outcomes, sample_weight: Floats | None = None) -> "RateComponent":
        """Fit on outcomes alone, as if half a buyer and half another had been there besides (Jeffreys' prior)."""
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        self.base_ = float(logit((weights @ y + 0.5) / (weights.sum() + 1.0)))
        return self

    @property
    def base(self) -> float:
        """The log-odds."""
        return self.base_

    def decision_function(self, X: Floats) -> Floats:
        """The same log-odds for all (n,)."""
        return np.full(len(X), self.base_)

    def contributions(self, X: Floats) -> Floats:
        """Nothing (n, f): no feature is looked at."""
        return np.zeros_like(X)


class LinearComponent(BaseEstimator):
    """Logistic regression on standardised logarithms of the features.

    Features become sign(x) * log(1 + |x|), missing values the median, and what lies beyond five standard deviations
    is brought back to five: counts and amounts are long-tailed, and a straight line must not follow their tail.

    Args:
        penalty: strength of the ridge penalty on the coefficients, relative to one example.
    """

    def __init__(self, penalty: float = 20.0) -> None:
        self.penalty = penalty

    def fit(self, X: Floats, y: Outcomes, sample_weight: Floats | None = None) -> "LinearComponent":
        """Fit on features (n, f) that all vary, outcomes (n,) of 0 and 1, and weights (n,)."""
        filled = _signed_log(X)
        self.median_ = np.nanmedian(filled, axis=0)
        np.copyto(filled, self.median_, where=np.isnan(filled))
        self.mean_ = filled.mean(axis=0)
        spread = filled.std(axis=0)
        self.scale_ = np.where(spread > 1e-12, spread, 1.0)
        # row by row in memory, as scikit-learn would copy it itself and keep both
        inputs = np.ascontiguousarray(self._standardised(filled))
        del filled
        regression = LogisticRegression(
            C=1.0 / self.penalty, solver="newton-cholesky", max_iter=100
        ).fit(inputs, y, sample_weight)
        self.coefficients_ = regression.coef_[0].astype(np.float64)
        self.intercept_ = float(regression.intercept_[0])
        return self

    def _standardised(self, filled_logs: Floats, columns: int | slice = _ALL) -> Floats:
        # in place: with many examples a copy is what memory is short of
        inputs = np.subtract(filled_logs, self.mean_[columns], out=filled_logs)
        inputs /= self.scale_[columns]
        return np.clip(inputs, -_FARTHEST, _FARTHEST, out=inputs)

    def _inputs(self, X: Floats, columns: int | slice = _ALL) -> Floats:
        """What the regression sees of features: X holds all of them (n, f), or a single one (n,)."""
        logs = _signed_log(X)
        np.copyto(logs, self.median_[columns], where=np.isnan(logs))
        return self._standardised(logs, columns)

    @property
    def base(self) -> float:
        """Log-odds of an example with average inputs, to which contributions are added."""
        return self.intercept_

    def decision_function(self, X: Floats) -> Floats:
        """Log-odds (n,); those of a row do not depend on the rows beside it, as a matrix product's last bits do."""
        log_odds = np.full(len(X), self.intercept_)
        for start in range(0, len(X), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            for column, coefficient in enumerate(self.coefficients_):
                log_odds[rows] += coefficient * self._inputs(X[rows, column], column)
        return log_odds

    def contributions(self, X: Floats) -> Floats:
        """Log-odds by feature (n, f) against an average example; `base` plus their sum is the whole."""
        return self._inputs(X) * self.coefficients_


def _signed_log(X: Floats) -> Floats:
    logs = np.abs(X)
    np.log1p(logs, out=logs)
    return np.copysign(logs, X, out=logs)


class BgNbdComponent(BaseEstimator):
    """BG/NBD (see `bgnbd`) as log-odds, on a line fitted to the outcomes, which never falls.

    Where people buy by a steady habit and then stop, these four parameters know more than trees can learn from a
    small shop. Users who never bought share the log-odds of their kind.

    Args:
        horizon_days: days ahead.
    """

    def __init__(self, horizon_days: int = 30) -> None:
        self.horizon_days = horizon_days

    def fit(self, X: Floats, y: Outcomes, sample_weight: Floats | None = None) -> "BgNbdComponent":
        """Fit on the BGNBD_FEATURES (n, 3), outcomes (n,) of 0 and 1, and weights (n,).

        Raises:
            BgNbdFitError: too few customers, or none who came back.
        """
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        bought = np.flatnonzero(X[:, 0] > 0)
        # Evenly spaced rows are enough for four parameters, and are the same ones every time.
        some = bought[:: max(1, bought.size // _BGNBD_ROWS)]
        model = BgNbd.fit(inputs_of(X[some]))
        self.r_, self.alpha_, self.a_, self.b_ = model.r, model.alpha, model.a, model.b

        others = np.setdiff1d(np.arange(len(y)), bought)
        share = (weights[others] @ y[others] + 0.5) / (weights[others].sum() + 10.0)
        self.never_bought_ = float(logit(np.clip(share, _SMALLEST_PROBABILITY, 0.5)))
        self.slope_, self.offset_ = _line(self._bgnbd(X[bought]), y[bought], weights[bought])
        self.typical_ = np.median(X[bought], axis=0)
        return self

    def _bgnbd(self, X: Floats) -> Floats:
        model = BgNbd(self.r_, self.alpha_, self.a_, self.b_)
        p = model.probability_of_purchase(inputs_of(X), self.horizon_days)
        log_odds: Floats = logit(np.clip(p, _SMALLEST_PROBABILITY, 1.0 - _SMALLEST_PROBABILITY))
        return log_odds

    @property
    def base(self) -> float:
        """Log-odds of a typical customer (the median features), to which contributions are added."""
        return float(self.decision_function(self.typical_[None, :])[0])

    def decision_function(self, X: Floats) -> Floats:
        """Log-odds (n,)."""
        return np.where(
            X[:, 0] > 0, self.offset_ + self.slope_ * self._bgnbd(X), self.never_bought_
        )

    def contributions(self, X: Floats) -> Floats:
        """Log-odds by feature (n, 3) against a typical customer; `base` plus their sum is the whole.

        Exact Shapley values (Shapley 1953) of the three features.
        """
        features = range(X.shape[1])
        value = {}
        for size in range(len(features) + 1):
            for taken in combinations(features, size):
                mixed = np.tile(self.typical_, (len(X), 1))
                mixed[:, list(taken)] = X[:, list(taken)]
                value[taken] = self.decision_function(mixed)
        shares = np.zeros_like(X)
        count = len(features)
        for feature in features:
            for taken, without in value.items():
                if feature not in taken:
                    weight = (
                        factorial(len(taken)) * factorial(count - len(taken) - 1) / factorial(count)
                    )
                    joined = tuple(sorted((*taken, feature)))
                    shares[:, feature] += weight * (value[joined] - without)
        return shares


def _line(log_odds: Floats, y: Outcomes, weights: Floats) -> tuple[float, float]:
    """Slope and offset with which log-odds are those of the outcomes."""
    buyers, others = log_odds[y == 1], log_odds[y == 0]
    if not buyers.size or not others.size or buyers.min() >= others.max():
        # the steeper the line the likelier, without end: only the level is learned, that of the plain rate
        return 1.0, _offset_to_rate(log_odds, y, weights)
    if buyers.max() > others.min():
        fitted = LogisticRegression(C=np.inf, solver="newton-cholesky").fit(
            log_odds[:, None], y, weights
        )
        if fitted.coef_[0, 0] > 0:
            return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    # where the likelier buy less, the log-odds tell nothing of these outcomes: all have the plain rate
    return 0.0, RateComponent().fit(log_odds, y, weights).base


def _offset_to_rate(log_odds: Floats, y: Outcomes, weights: Floats) -> float:
    """The offset at which the probabilities have the plain rate as their mean."""
    base = RateComponent().fit(log_odds, y, weights).base
    # however far apart the log-odds are, it lies between these
    low, high = base - log_odds.max() - 1.0, base - log_odds.min() + 1.0
    rate = expit(base)
    return float(
        brentq(lambda o: np.average(expit(log_odds + o), weights=weights) - rate, low, high)
    )


class BoostingComponent(BaseEstimator):
    """Gradient boosted trees, by scikit-learn.

    Args:
        trees: number of trees.
        leaves: most leaves of a tree.
        learning_rate: shrinkage of each tree.
        examples_per_leaf: fewest examples in a leaf.
        leaf_penalty: ridge penalty on the value of a leaf.
        feature_share: share of the features tried at each split.
        seed: seed of the features tried and of the fractions of copies.

    Attributes after fitting:
        boosting_: the fitted HistGradientBoostingClassifier.
    """

    def __init__(
        self,
        trees: int = 100,
        leaves: int = 8,
        learning_rate: float = 0.05,
        examples_per_leaf: int = 12,
        leaf_penalty: float = 10.0,
        feature_share: float = 0.3,
        seed: int = 0,
    ) -> None:
        self.trees = trees
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.examples_per_leaf = examples_per_leaf
        self.leaf_penalty = leaf_penalty
        self.feature_share = feature_share
        self.seed = seed

    def fit(
        self, X: Floats, y: Outcomes, sample_weight: Floats | None = None
    ) -> "BoostingComponent":
        """Fit on features (n, f), NaN where undefined, outcomes (n,) and weights (n,) of at most 1."""
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        copies = int(np.clip(_ROWS_WORTH_COPYING // len(y), 1, _MOST_COPIES))
        lots = np.random.default_rng(self.seed).random(len(y))
        times = np.floor(copies * weights + lots).astype(np.int64)
        for outcome in (0, 1):
            # old examples may all go by lot, and of one class boosting says log-odds of -34, whichever class it is
            own = np.flatnonzero(y == outcome)
            if own.size and not times[own].any():
                times[own[np.argmax(weights[own])]] = 1
        # all of them once: as they stand, without a copy
        rows = _ALL if (times == 1).all() else np.repeat(np.arange(len(y)), times)
        self.boosting_ = HistGradientBoostingClassifier(
            max_iter=self.trees,
            max_leaf_nodes=self.leaves,
            learning_rate=self.learning_rate,
            min_samples_leaf=copies * self.examples_per_leaf,
            l2_regularization=copies * self.leaf_penalty,
            max_features=self.feature_share,
            early_stopping=False,
            random_state=self.seed,
        ).fit(X[rows], y[rows])
        return self

    def decision_function(self, X: Floats) -> Floats:
        """Log-odds (n,)."""
        return boosted_log_odds(self.boosting_, X)
