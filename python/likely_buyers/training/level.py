"""The level of the probabilities: how far all of them are off at once, and so how many will buy, with an interval.

Single purchases are chance, but growth, a season or a campaign moves all users together, and by that a sum of many
probabilities is off. How it moved at the cutoffs at which models were held out says where it may be now, and how
surely.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student_t

from likely_buyers.evaluation import Floats
from likely_buyers.training.calibration import ScoredCutoff, matching_offset
from likely_buyers.training.examples import Examples

COVERAGE = 0.8
"""The share of intervals that should hold the actual number."""

# What is taken of a shop before it has shown anything: standard deviations, in log-odds, of how far its level is off.
# They were learned over shops: docs/decisions/level_of_probabilities.md. A part lasts, a part fades within a horizon
# or two, and a part is that horizon's alone.
_LASTS = 0.2
_FADES = 0.25
_FADES_WITHIN_HORIZONS = 1.5
_OF_ONE_HORIZON = 0.1
# The scale of all three is the shop's own as far as it has shown it; this prior counts as so many cutoffs.
_PRIOR_CUTOFFS = 6.0

# How alike two days of the year are (MacKay 1998, "Introduction to Gaussian processes", the periodic covariance): a
# quarter apart a third, half a year apart a seventh.
_DAYS_OF_A_YEAR = 365.25
_LENGTH_OF_SEASON = 1.0
# A horizon as long as this blurs any season.
_NO_SEASON_FROM_DAYS = 183

_ONE_DAY = np.timedelta64(1, "D")


class ExpectedBuyers(NamedTuple):
    """A number of buyers to expect, and the ends of its 80 % interval."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True)
class Level:
    """Where the level of raw scores is expected at a day, in log-odds, and how surely.

    Attributes:
        offset: what is added to raw log-odds; 0 where no later cutoff could be held out.
        spread: standard deviation of what will be missing then, without the chance of single purchases.
        degrees_of_freedom: of Student's t, which it follows.
        season: standard deviation of the part that comes back each year; 0 where the shop has not shown one.
        errors: the offset that would have been right at each held-out cutoff, oldest first.
    """

    offset: float = 0.0
    spread: float = float(np.sqrt(_LASTS**2 + _FADES**2 + _OF_ONE_HORIZON**2))
    degrees_of_freedom: float = _PRIOR_CUTOFFS
    season: float = 0.0
    errors: tuple[float, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As plain JSON, for the registry."""
        return asdict(self) | {"errors": list(self.errors)}

    @classmethod
    def of_json(cls, recorded: Mapping[str, Any]) -> "Level":
        """The level that `as_json` recorded."""
        return cls(**{**recorded, "errors": tuple(recorded["errors"])})


@dataclass(frozen=True)
class BaseRates:
    """How many bought at each cutoff.

    Attributes:
        cutoffs: (c,) dates, oldest first.
        log_odds: (c,) log-odds of the share that bought, half a buyer and half another added.
    """

    cutoffs: np.ndarray[Any, np.dtype[np.datetime64]]
    log_odds: Floats

    @classmethod
    def of(cls, examples: Examples) -> "BaseRates":
        """Those of examples."""
        cutoffs, of_cutoff = np.unique(examples.cutoffs, return_inverse=True)
        buyers = np.bincount(of_cutoff, weights=examples.labels)
        return cls(cutoffs, logit((buyers + 0.5) / (np.bincount(of_cutoff) + 1.0)))

    def over_by(self, day: np.datetime64, horizon_days: int) -> "BaseRates":
        """Those that were known by a day."""
        over = self.cutoffs + horizon_days * _ONE_DAY <= day
        return BaseRates(self.cutoffs[over], self.log_odds[over])


def learned_level(
    scored: Sequence[ScoredCutoff], rates: BaseRates, horizon_days: int, day: np.datetime64
) -> Level:
    """The level expected at a day, from cutoffs at which models were held out.

    The errors of the past are taken for a Gaussian process over time (Rasmussen and Williams 2006, "Gaussian processes
    for machine learning", chapter 2) of the parts named above, whose scale has a prior of its own, so that what is
    expected follows Student's t (Shah, Wilson and Ghahramani 2014, "Student-t processes as alternatives to Gaussian
    processes", AISTATS). Horizons that overlap share their chance. Little or contradicting evidence moves nothing.

    Args:
        scored: held-out cutoffs, each scored by a model that knew nothing from it on, and over by the day.
        rates: how many bought at all cutoffs over by the day.
        horizon_days: how far ahead scores look.
        day: the day.
    """
    if not scored:
        return Level()
    errors = np.array([matching_offset(one.raw, one.labels) for one in scored])
    moved = [expit(one.raw + error) for one, error in zip(scored, errors, strict=True)]
    chance = np.array([1.0 / np.sqrt(p @ (1.0 - p)) for p in moved] + [0.0])
    days = (np.array([*(one.cutoff for one in scored), day]) - scored[0].cutoff) / _ONE_DAY
    apart = np.abs(days[:, None] - days)
    shared = np.clip(1.0 - apart / horizon_days, 0.0, 1.0)
    season = _season(rates, horizon_days)
    covariance = (
        _LASTS**2
        + _FADES**2 * np.exp(-apart / horizon_days / _FADES_WITHIN_HORIZONS)
        + _OF_ONE_HORIZON**2 * shared
        + season**2
        * np.exp(-2.0 * (np.sin(np.pi * apart / _DAYS_OF_A_YEAR) / _LENGTH_OF_SEASON) ** 2)
        + np.outer(chance, chance) * shared
    )
    past, to_past = covariance[:-1, :-1], covariance[-1, :-1]
    # the least bit of chance of their own keeps cutoffs that are nearly one apart
    past = past + 1e-8 * np.eye(errors.size)
    weighted = np.linalg.solve(past, np.column_stack([errors, to_past]))
    degrees = _PRIOR_CUTOFFS + errors.size
    scale = (_PRIOR_CUTOFFS + float(errors @ weighted[:, 0])) / degrees
    variance = scale * float(covariance[-1, -1] - to_past @ weighted[:, 1])
    return Level(
        offset=float(to_past @ weighted[:, 0]),
        spread=float(np.sqrt(variance)),
        degrees_of_freedom=degrees,
        season=season,
        errors=tuple(errors.tolist()),
    )


def _season(rates: BaseRates, horizon_days: int) -> float:
    """Standard deviation of what the base rate has in common with itself a year before; few pairs count for less."""
    if horizon_days >= _NO_SEASON_FROM_DAYS:
        return 0.0
    days = (rates.cutoffs - rates.cutoffs[0]) / _ONE_DAY
    off = rates.log_odds - rates.log_odds.mean()
    later, before = np.nonzero(
        np.abs(days[:, None] - days - _DAYS_OF_A_YEAR) <= max(7.0, horizon_days / 4.0)
    )
    if not later.size:
        return 0.0
    horizons = min(1.0 + (days[later].max() - days[later].min()) / horizon_days, float(later.size))
    covariance = float(np.mean(off[later] * off[before])) * horizons / (horizons + 1.0)
    return float(np.sqrt(max(covariance, 0.0)))


def expected_buyers(p: float, p_not_p: float, level: Level) -> ExpectedBuyers:
    """How many of some users will buy, with an 80 % interval.

    The logarithm of their number is taken to follow Student's t around that of the sum of the probabilities. Its scale
    joins two parts: a shift of the level by s log-odds moves the sum by s times the sum of p (1 - p) (delta method),
    and the number of independent users who buy has the sum of p (1 - p) for its variance.

    Args:
        p: sum of the users' probabilities.
        p_not_p: sum of p (1 - p).
        level: the level of the model that gave them.
    """
    if p <= 0.0:
        return ExpectedBuyers(0.0, 0.0, 0.0)
    scale = float(np.sqrt((level.spread * p_not_p) ** 2 + p_not_p)) / p
    reach = float(student_t.ppf(0.5 + COVERAGE / 2.0, level.degrees_of_freedom)) * scale
    return ExpectedBuyers(p, p * float(np.exp(-reach)), p * float(np.exp(reach)))
