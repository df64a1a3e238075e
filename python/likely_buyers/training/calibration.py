"""From raw log-odds to probabilities: a straight rising line, which changes no ranking and adds nothing to the reasons.

A model is fitted on the past and used in the present, and the level of buying moves between the two: the line's offset
is the level that `level` expects. Its slope stays 1: slopes learned at past cutoffs told nothing of the next one
(docs/decisions/level_of_probabilities.md).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from likely_buyers.evaluation import Floats

_FARTHEST_OFFSET = 3.0


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


@dataclass(frozen=True)
class Calibration:
    """How raw log-odds become probabilities.

    Attributes:
        method: "level" where the offset is the one expected by `level.learned_level`, else "none".
        line: the line.
    """

    method: str = "none"
    line: Line = Line()
