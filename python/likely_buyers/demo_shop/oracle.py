"""The chance that a user buys, computed from everything that is latently true at as_of.

Nobody who only sees events can know more, so the oracle's AUC bounds what a model can reach, up to
sampling error.
"""

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from likely_buyers.demo_shop.arrays import Bools, Floats
from likely_buyers.demo_shop.behaviour import Law, interest_begins, purchase_chance, visits_per_day
from likely_buyers.demo_shop.settings import SimulationError
from likely_buyers.demo_shop.truth import DAYS, PURCHASE_DAYS, SPELLS, USERS, read_recipe

# Bounds the memory of the recursion: a dozen arrays of doubles of this length.
USERS_PER_STEP = 262_144


def purchase_probability(truth_dir: Path, as_of: dt.date, horizon_days: int) -> pa.Table:
    """The exact chance of at least one valid purchase in [as_of, as_of + horizon_days).

    truth_dir: the `_truth` folder of a simulation. as_of: UTC midnight, after the first simulated
    day and at most the day after the last.

    Returns one row per user seen before as_of, in the order of users.parquet: `user_id` int64,
    `probability` double, `bought` bool, null when the simulation ended before the horizon did.

    Raises SimulationError for a folder without a finished truth, or a time outside it.
    """
    truth = Path(truth_dir)
    begin, end, law = read_recipe(truth)
    first = begin + dt.timedelta(days=1)
    if type(as_of) is not dt.date or not first <= as_of <= end:
        raise SimulationError(
            f"as_of: expected a date from {first} to {end}, found {as_of!r}. Users and their "
            f"states are known only within the simulated days of {truth}."
        )
    days = pq.read_table(truth / DAYS)
    known = int(pc.sum(pc.greater_equal(days["date"], as_of)).as_py())
    if isinstance(horizon_days, bool) or not 1 <= horizon_days <= known:
        raise SimulationError(
            f"horizon_days: expected 1 to {known} with as_of {as_of}, found {horizon_days!r}. "
            "Choose a shorter horizon or an earlier as_of."
        )
    horizon_end = as_of + dt.timedelta(days=horizon_days)
    ahead = days.filter(
        pc.and_(pc.greater_equal(days["date"], as_of), pc.less(days["date"], horizon_end))
    )

    users = pq.read_table(truth / USERS)
    users = users.filter(pc.less(users["joined_on"], as_of))
    probability = np.zeros(len(users))
    here = np.flatnonzero(
        pc.fill_null(pc.greater(users["left_on"], as_of), True).to_numpy(zero_copy_only=False)
    )
    interested = _are_in(users["user_id"], _interested_users(truth, as_of))
    for start in range(0, len(here), USERS_PER_STEP):
        some = here[start : start + USERS_PER_STEP]
        probability[some] = _chance_to_buy(law, users.take(pa.array(some)), interested[some], ahead)

    bought = pa.nulls(len(users), pa.bool_())
    if horizon_end <= end:
        bought = pa.array(_are_in(users["user_id"], _buyers(truth, as_of, horizon_end)))
    return pa.table({"user_id": users["user_id"], "probability": probability, "bought": bought})


def true_probabilities(events: Path, as_of: dt.date, horizon_days: int) -> dict[str, float] | None:
    """The oracle's probability by user_id, for `likely-buyers backtest`; None for events that were not simulated.

    events: the folder that a simulation wrote to. A time outside the simulation is None, too.
    """
    truth = events / "_truth"
    if not (truth / "settings.json").is_file():
        return None
    try:
        known = purchase_probability(truth, as_of, horizon_days)
    except SimulationError:
        return None
    users = known["user_id"].cast(pa.string()).to_pylist()
    return dict(zip(users, known["probability"].to_pylist(), strict=True))


def _chance_to_buy(law: Law, users: pa.Table, interested: Bools, ahead: pa.Table) -> Floats:
    """Follow the weight of every path without a purchase, forward through the days ahead."""
    # Stored in single precision; 1 - chance must not be rounded to it once more.
    visit_rate, propensity, leaves, rises = (
        users[name].to_numpy().astype(np.float64)
        for name in (
            "visits_per_idle_day",
            "purchase_propensity",
            "leave_chance",
            "interest_chance",
        )
    )
    stays: Floats = 1.0 - leaves
    hot, idle = interested.astype(np.float64), (~interested).astype(np.float64)
    gone = np.zeros(len(users))
    rows = ahead.select(["visit_factor", "purchase_factor", "interest_factor"]).to_pylist()
    for number, row in enumerate(rows):
        visits, purchases = row["visit_factor"], row["purchase_factor"]
        if number > 0:
            # At as_of itself the midnight is over: the states given are the day's own.
            gone += (hot + idle) * leaves
            rising = interest_begins(rises, row["interest_factor"])
            cooled = hot * law.interest_ends
            hot, idle = (
                stays * (hot - cooled + idle * rising),
                stays * (idle * (1.0 - rising) + cooled),
            )
        # The mean number of purchasing visits of a day is all that counts: see behaviour.
        hot_mean, idle_mean = (
            visits_per_day(law, visit_rate, state, visits)
            * purchase_chance(law, propensity, state, purchases)
            for state in (True, False)
        )
        hot *= np.exp(-hot_mean)
        idle *= np.exp(-idle_mean)
    result: Floats = np.clip(1.0 - (gone + hot + idle), 0.0, 1.0)
    return result


def _interested_users(truth: Path, as_of: dt.date) -> pa.Array:
    spells = pq.read_table(truth / SPELLS, filters=pc.field("began_on") <= as_of)
    on = pc.fill_null(pc.greater(spells["ended_on"], as_of), True)
    return spells.filter(on)["user_id"]


def _buyers(truth: Path, since: dt.date, until: dt.date) -> pa.Array:
    within = (pc.field("date") >= since) & (pc.field("date") < until)
    return pq.read_table(truth / PURCHASE_DAYS, filters=within)["user_id"]


def _are_in(values: pa.ChunkedArray, chosen: pa.ChunkedArray) -> Bools:
    mask: Bools = pc.is_in(values, value_set=chosen).to_numpy(zero_copy_only=False)
    return mask
