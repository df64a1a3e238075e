"""The past dates at which examples are taken."""

from __future__ import annotations

from datetime import date, timedelta

from likely_buyers.training.errors import HistoryTooShortError

MOST_CUTOFFS = 16
SHORTEST_HISTORY_DAYS = 28
_SHORTEST_STEP_DAYS = 7


def choose_cutoffs(
    first_event_date: date,
    as_of: date,
    horizon_days: int,
    *,
    most: int = MOST_CUTOFFS,
    history_days: int = SHORTEST_HISTORY_DAYS,
) -> list[date]:
    """Cutoffs whose horizon is over by `as_of`, oldest first.

    The newest is `as_of - horizon_days`; the others step back by half the horizon, at least a week: closer ones
    repeat the same outcomes, wider ones waste them.

    Args:
        first_event_date: day of the first event in the log.
        as_of: nothing on or after this day is known.
        horizon_days: length of the label, in days.
        most: most cutoffs wanted.
        history_days: fewest days of log before a cutoff.

    Returns:
        At least one date.

    Raises:
        HistoryTooShortError: the log does not span `history_days` plus the horizon.
    """
    newest = as_of - timedelta(days=horizon_days)
    earliest = first_event_date + timedelta(days=history_days)
    if newest < earliest:
        raise HistoryTooShortError(
            f"training as of {as_of} with a horizon of {horizon_days} days needs events from "
            f"{newest - timedelta(days=history_days)} or before (horizon plus {history_days} days of history): "
            f"the first event is of {first_event_date}. Load older events, shorten horizon_days, or wait."
        )
    step = timedelta(days=max(_SHORTEST_STEP_DAYS, horizon_days // 2))
    cutoffs = [newest]
    while len(cutoffs) < most and cutoffs[-1] - step >= earliest:
        cutoffs.append(cutoffs[-1] - step)
    return cutoffs[::-1]
