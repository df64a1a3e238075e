"""The users: latent rates drawn once, states that change at midnight."""

from dataclasses import dataclass

import numpy as np

from likely_buyers.demo_shop.arrays import Bools, Ints, Longs, Singles
from likely_buyers.demo_shop.behaviour import Law, interest_begins
from likely_buyers.demo_shop.settings import SimulationSettings, random_stream

NEVER = np.int32(2**30)
"""A day index after every simulated day."""

FIRST_WAVE_SHARE = 0.55
FIRST_WAVE_DAYS = 8.0
# Shapes of the latent rates: lognormal visits, beta propensity and leaving, gamma interest.
VISIT_RATE_SIGMA = 1.2
PROPENSITY_BETA = (2.0, 24.0)
LEAVE_BETA = (0.7, 30.0)
INTEREST_GAMMA = (1.2, 0.016)
# A prime, so that multiplying by anything permutes the residues: ids look shuffled and need no
# table.
USER_ID_PRIME = 449_999_993
USER_ID_BASE = 500_000_000


@dataclass
class People:
    """One entry per user in every array; days are indices from the first simulated day."""

    user_id: Longs
    joined: Ints
    left: Ints
    """First day the user is gone; NEVER or any day past the last if they are still there."""
    visit_rate: Singles
    """Visits per average day when idle. Drawn with mean 1, then scaled to meet the wanted events
    per user."""
    propensity: Singles
    """Chance, before state and date, that a visit ends in a purchase."""
    leave_chance: Singles
    """Chance to leave for good at each midnight."""
    interest_chance: Singles
    """Chance of an idle user to become interested at a midnight of factor 1."""
    favourite: Ints
    """Position of the favourite category."""
    interested: Bools
    interested_since: Ints
    """Day index the present interest began; meaningless when idle."""

    def __len__(self) -> int:
        """The number of users."""
        return len(self.user_id)

    def present(self, day: int) -> Bools:
        """Who has joined and not left on a day."""
        return (self.joined <= day) & (self.left > day)


def draw_people(settings: SimulationSettings, category_weight: np.ndarray) -> People:
    """Users as they are before the first midnight, with unscaled visit rates."""
    rng = random_stream(settings.seed, "people")
    n, days = settings.users, settings.days

    # The shop is older than its log: regular visitors appear in its first days, newcomers
    # throughout.
    joined = rng.integers(0, days, n, dtype=np.int32)
    first_wave = np.flatnonzero(rng.random(n, dtype=np.float32) < FIRST_WAVE_SHARE)
    wait = np.floor(rng.exponential(FIRST_WAVE_DAYS, len(first_wave)))
    in_time = wait < days
    joined[first_wave[in_time]] = wait[in_time].astype(np.int32)

    leave_chance = np.clip(rng.beta(*LEAVE_BETA, n), 1e-4, 0.9).astype(np.float32)
    stays = np.minimum(rng.geometric(leave_chance.astype(np.float64)), int(NEVER) // 2)
    interest_chance = np.clip(rng.gamma(*INTEREST_GAMMA, n), 1e-4, 0.5).astype(np.float32)
    return People(
        user_id=_user_ids(settings),
        joined=joined,
        left=(joined + stays).astype(np.int32),
        visit_rate=np.exp(rng.normal(-0.5 * VISIT_RATE_SIGMA**2, VISIT_RATE_SIGMA, n)).astype(
            np.float32
        ),
        propensity=rng.beta(*PROPENSITY_BETA, n).astype(np.float32),
        leave_chance=leave_chance,
        interest_chance=interest_chance,
        favourite=_draw_categories(rng, category_weight, n),
        interested=np.zeros(n, dtype=np.bool_),
        interested_since=np.zeros(n, dtype=np.int32),
    )


def _draw_categories(rng: np.random.Generator, weight: np.ndarray, n: int) -> Ints:
    return np.searchsorted(np.cumsum(weight)[:-1], rng.random(n), side="right").astype(np.int32)


def _user_ids(settings: SimulationSettings) -> Longs:
    rng = random_stream(settings.seed, "user_ids")
    multiplier, shift = (int(number) for number in rng.integers(10**8, USER_ID_PRIME - 1, 2))
    # Below 1e8 users times 4.5e8 the products stay inside int64.
    return (
        USER_ID_BASE
        + (np.arange(settings.users, dtype=np.int64) * multiplier + shift) % USER_ID_PRIME
    )


@dataclass(frozen=True)
class EndedInterest:
    """Spells of interest that are over: user positions, first days, first days without it."""

    user: Longs
    began: Ints
    ended: Ints


def pass_midnight(
    people: People, law: Law, *, seed: int, day: int, factor: float, buyers: Longs
) -> EndedInterest:
    """Bring every user's state from the day before to `day`, and tell whose interest ended.

    factor: the calendar's interest factor of `day`. buyers: positions of those who bought the day
    before.
    """
    rng = random_stream(seed, "midnight", day)
    n = len(people)
    draw = rng.random(n, dtype=np.float32)
    satisfied = buyers[rng.random(len(buyers)) < law.purchase_satisfies]

    was = people.interested
    may_rise = ~was
    may_rise[satisfied] = False
    here = people.present(day)
    joins = people.joined == day

    stays = was & (draw >= law.interest_ends)
    stays[satisfied] = False
    rises = may_rise & (draw < interest_begins(people.interest_chance, factor))
    now = here & np.where(joins, draw < law.joins_interested, stays | rises)

    over = np.flatnonzero(was & ~now)
    ended = EndedInterest(
        over, people.interested_since[over], np.full(len(over), day, dtype=np.int32)
    )
    people.interested_since[now & ~was] = day
    people.interested = now
    return ended
