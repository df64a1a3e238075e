"""What a caller may ask of the simulator, checked before any work is done."""

import datetime as dt
import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from likely_buyers.errors import LikelyBuyersError

FileFormat = Literal["csv", "parquet", "jsonl"]
FILE_FORMATS: tuple[str, ...] = get_args(FileFormat)

MOST_USERS = 100_000_000
MOST_DAYS = 3_650
# Every user's first visit is certain and takes about four events, so a smaller mean could not be
# met.
FEWEST_EVENTS_PER_USER = 6.0
MOST_EVENTS_PER_USER = 1_000.0
# Planted future times lie in 2099; a simulated year near it would make them look real.
LATEST_START = dt.date(2080, 1, 1)
EARLIEST_START = dt.date(1971, 1, 1)


class SimulationError(LikelyBuyersError):
    """What was asked cannot be done; says what was expected, what was found and what to do."""


@dataclass(frozen=True)
class SimulationSettings:
    """The whole recipe of a shop: equal settings give byte-identical files.

    users: people who ever visit within the simulated days; each has at least one event.
    days: simulated days, midnight to midnight UTC.
    seed: any integer from 0; another seed is another shop of the same kind.
    start: the first simulated day.
    events_per_user: wanted mean of valid events per user over all days; met within a few per cent
        for some thousand users and more.
    dirt: whether duplicates, damaged and late lines are planted. The valid events are the same
        either way.

    Raises SimulationError when a value is outside what can be simulated.
    """

    users: int
    days: int
    seed: int = 0
    start: dt.date = dt.date(2019, 10, 1)
    events_per_user: float = 20.0
    dirt: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        _check_whole("users", self.users, 1, MOST_USERS)
        _check_whole("days", self.days, 1, MOST_DAYS)
        _check_whole("seed", self.seed, 0, 2**63 - 1)
        if type(self.start) is not dt.date or not EARLIEST_START <= self.start <= LATEST_START:
            raise SimulationError(
                f"start: expected a date from {EARLIEST_START} to {LATEST_START}, "
                f"found {self.start!r}. Give a day such as 2019-10-01."
            )
        mean = self.events_per_user
        if (
            isinstance(mean, bool)
            or not isinstance(mean, int | float)
            or not math.isfinite(mean)
            or not FEWEST_EVENTS_PER_USER <= mean <= MOST_EVENTS_PER_USER
        ):
            raise SimulationError(
                f"events_per_user: expected a number from {FEWEST_EVENTS_PER_USER:g} to "
                f"{MOST_EVENTS_PER_USER:g}, found {mean!r}. "
                "For a smaller log take fewer users, for a larger one more users."
            )
        if not isinstance(self.dirt, bool):
            raise SimulationError(
                f"dirt: expected True or False, found {self.dirt!r}. Give one of the two."
            )

    @property
    def end(self) -> dt.date:
        """The day after the last simulated one: the natural as_of."""
        return self.start + dt.timedelta(days=self.days)


def _check_whole(name: str, value: object, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SimulationError(
            f"{name}: expected a whole number from {least:,} to {most:,}, found {value!r}. "
            "Give one in that range."
        )


def check_file_format(file_format: str) -> None:
    """Raises SimulationError unless the format is one of FILE_FORMATS."""
    if file_format not in FILE_FORMATS:
        raise SimulationError(
            f"file format: expected one of {', '.join(FILE_FORMATS)}, found {file_format!r}. "
            "Choose one of these."
        )


# One random stream per purpose and day: a change in how many numbers one part draws leaves all
# other parts as they were.
STREAMS = {"catalogue": 0, "people": 1, "user_ids": 2, "midnight": 3, "sessions": 4, "dirt": 5}


def random_stream(seed: int, purpose: str, day: int = 0) -> np.random.Generator:
    """The generator for one purpose (a key of STREAMS) on one day."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAMS[purpose], day)))
