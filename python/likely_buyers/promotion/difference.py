"""What changes for the list when another version scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


@dataclass(frozen=True)
class Difference:
    """Two versions on the same users.

    Attributes:
        users: number of users.
        rank_correlation: Spearman's rho of the two rankings; NaN when one of them is constant.
        mean_before: mean probability by the version before, in [0, 1].
        mean_after: mean probability by the version after.
        enter: positions (k,) of users in the top only by the version after, likeliest first.
        leave: positions (k,) of users in the top only by the version before, likeliest first.
        top: number of users in the top.
    """

    users: int
    rank_correlation: float
    mean_before: float
    mean_after: float
    enter: NDArray[np.int64]
    leave: NDArray[np.int64]
    top: int


def difference(
    before: NDArray[np.float64], after: NDArray[np.float64], top_fraction: float
) -> Difference:
    """Compare probabilities (n,) of the same n users, n > 0; ties go by position."""
    top = int(np.ceil(top_fraction * before.size - 1e-9))
    first_before = np.argsort(-before, kind="stable")[:top]
    first_after = np.argsort(-after, kind="stable")[:top]
    ranks = rankdata(before), rankdata(after)
    varies = all(float(one.std()) > 0 for one in ranks)
    return Difference(
        users=before.size,
        rank_correlation=float(np.corrcoef(*ranks)[0, 1]) if varies else float("nan"),
        mean_before=float(before.mean()),
        mean_after=float(after.mean()),
        enter=first_after[~np.isin(first_after, first_before)],
        leave=first_before[~np.isin(first_before, first_after)],
        top=top,
    )
