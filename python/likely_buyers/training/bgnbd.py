"""BG/NBD, a probability model of repeat buying (Fader, Hardie and Lee 2005, '"Counting your customers" the easy way',
Marketing Science 24(2)).

While active, a customer buys as a Poisson process whose rate is gamma distributed over customers, and after each
purchase drops out with a probability that is beta distributed over customers. Purchases are purchase days, time is in
weeks.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from likely_buyers.evaluation import EvaluationInputError, Floats
from likely_buyers.training.errors import TrainingError

BGNBD_FEATURES = ("purchase_days", "days_since_first_purchase", "days_since_last_purchase")
"""The features that BG/NBD reads, in the order in which it wants them."""

_DAYS_PER_WEEK = 7.0
# exp(-8) to exp(8): wider than any shop; without a bound a shop without drop-outs sends b to infinity.
_LOG_BOUND = 8.0


class BgNbdFitError(TrainingError):
    """BG/NBD cannot be fitted: too few customers, nobody who ever came back, or no optimum found."""


@dataclass(frozen=True)
class BgNbdInputs:
    """Sufficient statistics per user, arrays (n,).

    Attributes:
        repeats: purchase days after the first; -1 for a user who never bought.
        last: weeks from the first purchase day to the last.
        age: weeks from the first purchase day to the cutoff.
    """

    repeats: Floats
    last: Floats
    age: Floats


def inputs_of(X: Floats) -> BgNbdInputs:
    """BG/NBD's statistics of BGNBD_FEATURES (n, 3), NaN where missing."""
    days, first, last = np.nan_to_num(X).T
    # A mixed example of an explanation may hold a last purchase before the first.
    span = np.maximum(first - last, 0.0)
    return BgNbdInputs(repeats=days - 1.0, last=span / _DAYS_PER_WEEK, age=first / _DAYS_PER_WEEK)


def bgnbd_inputs(features: pa.Table) -> BgNbdInputs:
    """BG/NBD's statistics from a table that has BGNBD_FEATURES."""
    return inputs_of(np.column_stack([feature_column(features, name) for name in BGNBD_FEATURES]))


def feature_column(features: pa.Table, name: str) -> Floats:
    """A feature as doubles (n,), null as NaN.

    Raises:
        EvaluationInputError: the table has no such column.
    """
    if name not in features.column_names:
        raise EvaluationInputError(
            f"the baselines need feature column {name!r}; the table has {', '.join(features.column_names)}"
        )
    values = features.column(name).cast(pa.float64()).to_numpy()
    return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True)
class BgNbd:
    """A fitted BG/NBD model.

    Attributes:
        r: shape of the gamma distribution of purchase rates.
        alpha: its scale, in weeks.
        a: first parameter of the beta distribution of the drop-out probability.
        b: its second parameter.
    """

    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fit(cls, inputs: BgNbdInputs) -> "BgNbd":
        """Maximum likelihood over users with a purchase (equation 6 of the paper).

        Raises:
            BgNbdFitError: fewer than 10 customers, nobody bought twice, or the optimiser found no finite optimum.
        """
        bought = inputs.repeats >= 0
        statistics = np.column_stack([inputs.repeats, inputs.last, inputs.age])[bought]
        if len(statistics) < 10 or not (statistics[:, 0] > 0).any():
            raise BgNbdFitError(
                "BG/NBD needs at least 10 customers, some of whom came back: found "
                f"{len(statistics)} customers, {int((statistics[:, 0] > 0).sum())} of whom bought again"
            )
        distinct, users = np.unique(statistics, axis=0, return_counts=True)
        repeats, last, age = distinct.T

        def mean_loss(logs: Floats) -> float:
            model = cls(*np.exp(logs))
            alive, dropped = model._log_likelihoods(repeats, last, age)
            return float(-(users * np.logaddexp(alive, dropped)).sum() / users.sum())

        # Started from the time scale of the data: alpha is in weeks.
        typical_gap = float(age.mean() / (1.0 + repeats.mean()))
        start = np.clip(np.log([0.5, max(typical_gap, 0.1), 1.0, 3.0]), -_LOG_BOUND, _LOG_BOUND)
        found = minimize(
            mean_loss, start, method="L-BFGS-B", bounds=[(-_LOG_BOUND, _LOG_BOUND)] * 4
        )
        if not np.isfinite(found.fun):
            raise BgNbdFitError(f"BG/NBD found no finite optimum: {found.message}")
        return cls(*(float(value) for value in np.exp(found.x)))

    def _log_likelihoods(self, repeats: Floats, last: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Log likelihood of the history together with (still active, dropped out after the last purchase)."""
        x = repeats
        common = (
            gammaln(self.r + x)
            - gammaln(self.r)
            + self.r * np.log(self.alpha)
            - betaln(self.a, self.b)
        )
        alive = common + betaln(self.a, self.b + x) - (self.r + x) * np.log(self.alpha + age)
        came_back = x > 0
        dropped = np.where(
            came_back,
            common
            + betaln(self.a + 1.0, np.where(came_back, self.b + x - 1.0, 1.0))
            - (self.r + x) * np.log(self.alpha + last),
            -np.inf,
        )
        return alive, dropped

    def probability_active(self, inputs: BgNbdInputs) -> Floats:
        """Chance that a user has not dropped out by the cutoff; 0 for a user who never bought. Shape (n,)."""
        bought = inputs.repeats >= 0
        alive, dropped = self._log_likelihoods(
            np.maximum(inputs.repeats, 0.0), inputs.last, inputs.age
        )
        return np.where(bought, np.exp(alive - np.logaddexp(alive, dropped)), 0.0)

    def probability_of_purchase(self, inputs: BgNbdInputs, horizon_days: ArrayLike) -> Floats:
        """Chance of at least one purchase in the next `horizon_days`. Shape (n,); 0 for a user who never bought.

        Exact: given still active, the posterior rate is gamma(r + x, alpha + T), so no purchase in the
        next t weeks has probability ((alpha + T) / (alpha + T + t)) ** (r + x).
        """
        weeks = np.asarray(horizon_days, dtype=np.float64) / _DAYS_PER_WEEK
        exposure = self.alpha + inputs.age
        shape = self.r + np.maximum(inputs.repeats, 0.0)
        none = np.exp(shape * np.log(exposure / (exposure + weeks)))
        return self.probability_active(inputs) * (1.0 - none)
