"""The law of the shop: every chance that decides whether somebody buys.

The generator draws from these functions and the oracle integrates them, so the two cannot drift
apart.

A user is, on each day, *gone*, *idle* or *interested*. At midnight they leave for good with their
own chance; else idle ones may become interested and interested ones may cool down. During a day
they visit a Poisson number of times, and each visit ends in a purchase with a chance that depends
on the user, on the state and on the date. Thinning a Poisson number of visits leaves a Poisson
number of purchases, so the chance of a day without one is exp(-visits * chance).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likely_buyers.demo_shop.arrays import Bools, Floats


@dataclass(frozen=True)
class Law:
    """The constants all users share, written with the truth: an old shop keeps its exact oracle."""

    joins_interested: float = 0.35
    """Chance that a user is interested on the day they join."""
    interest_ends: float = 0.13
    """Chance at midnight that an interested user cools down: eight days on average."""
    purchase_satisfies: float = 0.6
    """Chance that a purchase ends the interest at the next midnight. Irrelevant before a first
    purchase."""
    visits_when_interested: float = 2.6
    """Factor on the visit rate."""
    purchases_when_idle: float = 0.4
    """Factor on the purchase propensity."""
    purchases_when_interested: float = 2.0
    """Factor on the purchase propensity."""
    most_purchase_chance: float = 0.65
    """No visit ends in a purchase with a higher chance than this."""


def visits_per_day(
    law: Law, visit_rate: NDArray[np.floating], interested: Bools | bool, factor: float
) -> Floats:
    """Expected visits of a user on a day with this calendar factor."""
    state = np.where(interested, law.visits_when_interested, 1.0)
    visits: Floats = np.multiply(visit_rate, state * factor, dtype=np.float64)
    return visits


def purchase_chance(
    law: Law, propensity: NDArray[np.floating], interested: Bools | bool, factor: float
) -> Floats:
    """Chance that one visit ends in a purchase."""
    state = np.where(interested, law.purchases_when_interested, law.purchases_when_idle)
    chance: Floats = np.multiply(propensity, state * factor, dtype=np.float64)
    np.minimum(chance, law.most_purchase_chance, out=chance)
    return chance


def interest_begins(chance: NDArray[np.floating], factor: float) -> Floats:
    """Chance at midnight to turn from idle to interested, given the factor of the day to come."""
    begins: Floats = np.minimum(np.multiply(chance, factor, dtype=np.float64), 1.0)
    return begins
