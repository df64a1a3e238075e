"""Whether one model is better than another, or the difference is noise of these users and cutoffs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likely_buyers.evaluation import Floats
from likely_buyers.training.examples import Days

_NORMAL_975 = 1.959964


@dataclass(frozen=True)
class Difference:
    """A mean difference with its 95 % interval; below zero the first is better where less is better."""

    mean: float
    low: float
    high: float

    @property
    def is_noise(self) -> bool:
        """Whether zero lies in the interval."""
        return self.low <= 0.0 <= self.high


def paired_difference(
    first: Floats, second: Floats, users: NDArray[np.int64], cutoffs: Days
) -> Difference:
    """Mean over the cutoffs of the mean difference of losses, `first` less `second`.

    The variance is clustered by user and by cutoff (Cameron, Gelbach and Miller 2011, "Robust inference with multiway
    clustering", Journal of Business & Economic Statistics 29(2)): the same users come back at each cutoff, and what a
    season does to one of them it does to all.

    Args:
        first: losses (n,) of a model.
        second: losses (n,) of another for the same examples.
        users: (n,) whose they are.
        cutoffs: (n,) when.
    """
    _, cutoff_of, counts = np.unique(cutoffs, return_inverse=True, return_counts=True)
    weights = 1.0 / (counts.size * counts[cutoff_of])
    difference = first - second
    mean = float(weights @ difference)
    off = weights * (difference - mean)
    by_user = _variance(off, np.unique(users, return_inverse=True)[1])
    variance = by_user
    if counts.size > 1:
        variance = max(by_user, by_user + _variance(off, cutoff_of) - float(off @ off))
    reach = _NORMAL_975 * float(np.sqrt(variance))
    return Difference(mean, mean - reach, mean + reach)


def _variance(off: Floats, cluster: NDArray[np.int64]) -> float:
    sums = np.bincount(cluster, weights=off)
    return float(sums @ sums) * sums.size / max(sums.size - 1, 1)
