"""The job behind the report before a promotion: two versions on the users of silver.user_features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likely_buyers.lake import connect
from likely_buyers.promotion import Difference, difference
from likely_buyers.registry import LoadedModel
from likely_buyers.scoring import BATCH_ROWS, probabilities
from likely_buyers.settings import Lake

# Enough to place a share of a percent; more users would only take longer.
MOST_USERS = 1_000_000


@dataclass(frozen=True)
class UserDifference:
    """A difference with the ids of some of the users who enter and leave the top."""

    difference: Difference
    entering: list[str]
    leaving: list[str]


def compare_versions(
    lake: Lake,
    before: LoadedModel,
    after: LoadedModel,
    top_fraction: float,
    *,
    population: str | None = None,
    shown: int = 5,
) -> UserDifference:
    """Score the first million users of silver.user_features, by a hash of their id, with two versions.

    population: SQL condition on the features for whom they are made; None: everybody.

    Raises:
        LakeProblem: another process holds the database, or it cannot be reached.
        duckdb.Error: the database or the table is not there.
        ScoringError: the table does not fit one of the versions.
    """
    with connect(lake, read_only=True) as connection:
        users = connection.table("silver.user_features").order("md5(user_id), user_id")
        users = users.filter(population or "true").limit(MOST_USERS)
        scores: list[tuple[np.ndarray, np.ndarray]] = []
        names: list[str] = []
        for batch in users.to_arrow_reader(BATCH_ROWS):
            names += batch.column("user_id").to_pylist()
            scores.append((probabilities(batch, before), probabilities(batch, after)))
    found = difference(
        np.concatenate([first for first, _ in scores]),
        np.concatenate([second for _, second in scores]),
        top_fraction,
    )
    return UserDifference(
        found,
        entering=[names[position] for position in found.enter[:shown]],
        leaving=[names[position] for position in found.leave[:shown]],
    )
