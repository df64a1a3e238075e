"""The model: a weighted mean of members in log-odds, then a calibration line.

A member is a component, fitted on some of the features, with newer examples counting more or all alike. Each is
additive in log-odds, so the contributions of features to the members, weighted alike, add up to the raw score exactly;
the calibration is a straight rising line on top of it and changes no ranking.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from likely_buyers.evaluation import Floats
from likely_buyers.parallel import a_thread_a_core
from likely_buyers.training.components import (
    BgNbdComponent,
    BoostingComponent,
    LinearComponent,
    RateComponent,
)
from likely_buyers.training.errors import FeatureMismatchError

Component = RateComponent | LinearComponent | BgNbdComponent | BoostingComponent

_KINDS: dict[str, type[Component]] = {
    "rate": RateComponent,
    "linear": LinearComponent,
    "bgnbd": BgNbdComponent,
    "boosting": BoostingComponent,
}
# what a member says of itself; the rest are the component's own settings
_OF_MEMBER = ("kind", "share", "columns", "half_life_days")


class Part(NamedTuple):
    """A fitted member: its share of the raw score, and the positions (c,) of the features that the component sees."""

    share: float
    columns: NDArray[np.int64]
    component: Component


class PurchaseModel(ClassifierMixin, BaseEstimator):
    """Probability of a purchase within the horizon.

    Args:
        members: mappings with `kind` (rate, linear, bgnbd or boosting), `share` (1 in all; 1 by default), `columns`
            (positions of the features to see; all by default), `half_life_days` (the age at which an example counts
            half; by default all count alike), and the settings of the component of that kind.
        seed: seed of boosting.

    Attributes after fitting:
        components_: the fitted component of each member; the plain rate where there was nothing to learn.
        columns_: for each, positions of its features: of those asked for the ones that vary, or BG/NBD's three.
        slope_, offset_: calibration line, probability = sigmoid(offset_ + slope_ * raw score).
    """

    def __init__(
        self, members: Sequence[Mapping[str, Any]] = ({"kind": "linear"},), seed: int = 0
    ) -> None:
        self.members = members
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike, age_days: ArrayLike | None = None) -> "PurchaseModel":
        """Fit the members; the calibration starts as the identity.

        Where all outcomes are the same, or no feature of a member varies, it is the plain rate.

        Args:
            X: features (n, n_features), NaN where undefined.
            y: outcomes (n,) of 0 and 1.
            age_days: days (n,) from each example to the newest, for members with a half-life; 0 by default.

        Raises:
            BgNbdFitError: BG/NBD is a member and cannot be fitted.
        """
        features = np.asarray(X, dtype=np.float64)
        outcomes = np.asarray(y, dtype=np.int8)
        age = np.zeros(len(outcomes)) if age_days is None else np.asarray(age_days, np.float64)
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = features.shape[1]
        varying = varying_columns(features)
        self.columns_ = [_columns(member, varying, features.shape[1]) for member in self.members]
        # most members see the same columns, and share one copy of them
        seen = {columns.tobytes(): features[:, columns] for columns in self.columns_}
        # what nobody else holds is free for the fits, which are where memory is short
        del X, features

        # a small shop's fold, or the sample of a rare outcome, may hold no buyer, or users who are all alike
        one_class = outcomes.min() == outcomes.max()

        def fitted(member: Mapping[str, Any], columns: NDArray[np.int64]) -> Component:
            half_life = member.get("half_life_days")
            settings = {name: value for name, value in member.items() if name not in _OF_MEMBER}
            if member["kind"] == "boosting":
                settings["seed"] = self.seed
            nothing_to_learn = one_class or columns.size == 0
            component = RateComponent() if nothing_to_learn else _KINDS[member["kind"]](**settings)
            weights = np.ones(len(age)) if half_life is None else 0.5 ** (age / half_life)
            return component.fit(seen[columns.tobytes()], outcomes, weights)

        with a_thread_a_core() as pool:
            self.components_ = list(pool.map(fitted, self.members, self.columns_))
        self.slope_ = 1.0
        self.offset_ = 0.0
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what a file holds.

        Raises:
            ValueError: the file is of an earlier release, whose models had no members.
        """
        if "members" not in state:
            raise ValueError("a model of an earlier release")
        super().__setstate__(state)

    def calibrate(self, slope: float, offset: float) -> "PurchaseModel":
        """Set the calibration line; `slope` must be above 0 so that the ranking stays."""
        if not slope > 0 or not np.isfinite(offset):
            raise ValueError(f"calibration needs slope > 0 and a finite offset: {slope}, {offset}")
        self.slope_ = float(slope)
        self.offset_ = float(offset)
        return self

    def parts(self) -> Iterator[Part]:
        """The fitted members."""
        check_is_fitted(self, "columns_")
        for member, columns, component in zip(
            self.members, self.columns_, self.components_, strict=True
        ):
            yield Part(float(member.get("share", 1.0)), columns, component)

    def decision_function(self, X: ArrayLike) -> Floats:
        """Raw log-odds (n,), before calibration."""
        check_is_fitted(self, "columns_")
        features = np.asarray(X, dtype=np.float64)
        if features.ndim != 2 or features.shape[1] != self.n_features_in_:
            raise FeatureMismatchError(
                f"the model was trained on {self.n_features_in_} features: "
                f"found an array of shape {features.shape}"
            )
        raw = np.zeros(len(features))
        seen: dict[bytes, Floats] = {}
        for share, columns, component in self.parts():
            # column by column in memory, as the components read it; most members see the same ones
            own = columns.tobytes()
            if own not in seen:
                seen[own] = np.ascontiguousarray(features.T[columns]).T
            raw += share * component.decision_function(seen[own])
        return raw

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Calibrated probabilities (n, 2) of no purchase and of a purchase within the horizon."""
        p = expit(self.offset_ + self.slope_ * self.decision_function(X))
        return np.column_stack([1.0 - p, p])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Whether a purchase is more likely than not, (n,) of 0 and 1."""
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]


def _columns(
    member: Mapping[str, Any], varying: NDArray[np.int64], features: int
) -> NDArray[np.int64]:
    """Positions of the features that a member sees."""
    asked = np.asarray(member.get("columns", range(features)), dtype=np.int64)
    return asked if member["kind"] == "bgnbd" else asked[np.isin(asked, varying)]


def varying_columns(features: Floats) -> NDArray[np.int64]:
    """Positions of columns with at least two distinct values; boosting cannot bin an all-missing one."""
    low = np.fmin.reduce(features, axis=0)
    high = np.fmax.reduce(features, axis=0)
    return np.flatnonzero(low < high)
