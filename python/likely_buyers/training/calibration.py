"""From raw log-odds to probabilities that hold at the next cutoff.

A model is fitted on the past and used in the present, and the level of buying moves between the two. A method of
calibration looks at earlier cutoffs, each scored by a model that did not know it, and proposes a line. Which method is
used, if any, is decided by how it would have done at later cutoffs: in a shop with seasons the last finished window may
point the wrong way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from likely_buyers.evaluation import Floats

# A method must save this many nats per user on average before it replaces no calibration.
SMALLEST_GAIN = 0.001
_FARTHEST_OFFSET = 3.0
# ... and at this share of the cutoffs, of which there must be so many.
SMALLEST_SHARE_OF_WINS = 0.8
_FEWEST_TESTS = 4


@dataclass(frozen=True)
class ScoredCutoff:
    """Users at a past cutoff, scored by a model that knew nothing from the cutoff on.

    Attributes:
        cutoff: the date.
        raw: (n,) raw log-odds.
        labels: (n,) outcomes of 0 and 1.
    """

    cutoff: np.datetime64
    raw: Floats
    labels: NDArray[np.int8]


@dataclass(frozen=True)
class Line:
    """probability = sigmoid(offset + slope * raw)."""

    slope: float = 1.0
    offset: float = 0.0

    def probabilities(self, raw: Floats) -> Floats:
        """Probabilities (n,) of raw log-odds (n,)."""
        return np.asarray(expit(self.offset + self.slope * raw), dtype=np.float64)


def mean_log_loss(raw: Floats, labels: NDArray[np.int8]) -> float:
    """Mean negative log likelihood, in nats, of outcomes given log-odds."""
    return float(np.mean(np.logaddexp(0.0, raw) - labels * raw))


def matching_offset(raw: Floats, labels: NDArray[np.int8]) -> float:
    """The offset in log-odds at which the probabilities add up to the buyers, within +-3: by Newton's method."""
    buyers = float(labels.sum())
    offset = 0.0
    for _ in range(30):
        p = expit(raw + offset)
        step = (buyers - float(p.sum())) / max(float(p @ (1.0 - p)), 1e-12)
        moved = float(
            np.clip(offset + np.clip(step, -1.0, 1.0), -_FARTHEST_OFFSET, _FARTHEST_OFFSET)
        )
        if abs(moved - offset) < 1e-10:
            break
        offset = moved
    return offset


def _identity(_: Sequence[ScoredCutoff]) -> Line:
    return Line()


def _mean_level(known: Sequence[ScoredCutoff]) -> Line:
    offsets = [matching_offset(scored.raw, scored.labels) for scored in known]
    # One pseudo-cutoff at zero: a single past window is weak evidence of a lasting bias.
    return Line(offset=float(sum(offsets) / (len(offsets) + 1.0)))


def _line(known: Sequence[ScoredCutoff]) -> Line:
    """Slope and offset by maximum likelihood over all known cutoffs (Platt 1999)."""
    raw = np.concatenate([scored.raw for scored in known])
    labels = np.concatenate([scored.labels for scored in known])
    line = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(
        raw[:, None], labels
    )
    slope, offset = float(line.coef_[0, 0]), float(line.intercept_[0])
    return Line(slope=float(np.clip(slope, 0.3, 3.0)), offset=float(np.clip(offset, -3.0, 3.0)))


METHODS: dict[str, Callable[[Sequence[ScoredCutoff]], Line]] = {
    "none": _identity,
    "mean level": _mean_level,
    "line": _line,
}


@dataclass(frozen=True)
class CalibrationChoice:
    """The method chosen and why.

    Attributes:
        method: key of METHODS.
        line: the line that the method gives for the newest cutoffs.
        log_loss: mean log loss by method over the cutoffs on which the methods were compared; with fewer than four of
            them nothing replaces "none".
    """

    method: str
    line: Line
    log_loss: dict[str, float]


def choose_calibration(scored: Sequence[ScoredCutoff], horizon_days: int) -> CalibrationChoice:
    """Compare the methods at every cutoff before which another one was over, and apply the best.

    Args:
        scored: past cutoffs, oldest first.
        horizon_days: days until the outcome of a cutoff is known.
    """
    losses: dict[str, list[float]] = {name: [] for name in METHODS}
    horizon = np.timedelta64(horizon_days, "D")
    for target in scored:
        known = [past for past in scored if past.cutoff + horizon <= target.cutoff]
        if not known:
            continue
        for name, method in METHODS.items():
            line = method(known)
            losses[name].append(mean_log_loss(line.offset + line.slope * target.raw, target.labels))
    means = {name: float(np.mean(values)) for name, values in losses.items() if values}
    chosen = "none"
    if len(losses["none"]) >= _FEWEST_TESTS:
        best = min(means, key=lambda name: means[name])
        wins = np.mean(np.array(losses[best]) < np.array(losses["none"]))
        if means["none"] - means[best] >= SMALLEST_GAIN and wins >= SMALLEST_SHARE_OF_WINS:
            chosen = best
    return CalibrationChoice(method=chosen, line=METHODS[chosen](scored), log_loss=means)
