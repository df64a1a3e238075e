"""Scores just in time: who waits at the same moment is scored by one query.

A thread of its own asks the database, since it is in use by one at a time, and what waits meanwhile goes together next.
"""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from math import isnan
from typing import Any

import duckdb
import numpy as np

from likely_buyers.errors import said_by
from likely_buyers.outcomes import Outcome
from likely_buyers.scoring.stream import POPULATION
from likely_buyers.serving.champions import Champions
from likely_buyers.serving.errors import Refused, unavailable
from likely_buyers.serving.events import as_table
from likely_buyers.serving.live_features import LiveFeatures
from likely_buyers.serving.store import ServingCopy

MOST_TOGETHER = 64


@dataclass(frozen=True)
class Ask:
    """A user to be scored: their days so far, None of a new one, and events of later days."""

    days: bytes | None
    events: Sequence[tuple[Any, ...]]
    as_of: date


class LiveState:
    """Models and a copy that fit each other, with the query between them."""

    def __init__(self, champions: Champions, copy: ServingCopy) -> None:
        """Plan the query.

        Raises:
            ServingError: the features of the copy are not those of the models.
        """
        self.champions = champions
        self.copy = copy
        self._features = LiveFeatures(copy.sql, champions.features, champions.outcomes)
        columns = self._features.columns
        inside = [f"{POPULATION}{outcome.name}" for outcome in champions.outcomes]
        self._user = columns.index("user_id")
        self._from, self._to = (
            columns.index(champions.features[0]),
            columns.index(champions.features[-1]) + 1,
        )
        self._inside = [columns.index(name) if name in columns else None for name in inside]

    def scores(self, asks: Sequence[Ask], as_of: date) -> list[list[float | None] | None]:
        """For each user a probability for each outcome, None outside of its population; None without any day."""
        # names that stand for users: two may ask for the same one, with other events
        names = [str(place) for place in range(len(asks))]
        with_days = [place for place, ask in enumerate(asks) if ask.days]
        days = self.copy.table(
            [asks[place].days or b"" for place in with_days], [names[place] for place in with_days]
        )
        events = as_table({name: ask.events for name, ask in zip(names, asks, strict=True)})
        rows = self._features.rows(days, events, as_of)
        found: list[list[float | None] | None] = [None] * len(asks)
        if not rows:
            return found
        X = np.array([row[self._from : self._to] for row in rows], dtype=np.float64)
        inside = [[column is None or bool(row[column]) for row in rows] for column in self._inside]
        p = self.champions.probabilities(X, inside)
        for row, own in zip(rows, p.T.tolist(), strict=True):
            found[int(row[self._user])] = [None if isnan(one) else one for one in own]
        return found

    @property
    def outcomes(self) -> list[Outcome]:
        """In the order of the scores."""
        return self.champions.outcomes

    def close(self) -> None:
        """End the database."""
        self._features.close()


@dataclass
class _Waiting:
    state: LiveState
    ask: Ask
    answer: "asyncio.Future[list[float | None] | None]"
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)


class LiveScores:
    """A thread that scores those who wait, up to `most_waiting` of them; the first who asks starts it."""

    def __init__(self, most_waiting: int) -> None:
        self._most = most_waiting
        self._waiting: list[_Waiting] = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None

    async def score(self, state: LiveState, ask: Ask) -> list[float | None] | None:
        """A user's scores, as `LiveState.scores`.

        Raises:
            Refused: too many wait.
        """
        waiting = _Waiting(state, ask, asyncio.get_running_loop().create_future())
        with self._changed:
            if len(self._waiting) >= self._most:
                raise unavailable(
                    f"{self._most} users wait to be scored, and no more may. Try again in a second."
                )
            self._waiting.append(waiting)
            if self._thread is None:
                self._ended = False
                self._thread = threading.Thread(target=self._work, name="live-scores", daemon=True)
                self._thread.start()
            self._changed.notify()
        return await waiting.answer

    def stop(self) -> None:
        """End the thread, once it has answered; who asks later starts another."""
        with self._changed:
            thread, self._thread, self._ended = self._thread, None, True
            self._changed.notify()
        if thread:
            thread.join()

    def _work(self) -> None:
        while together := self._next():
            found = _scored(together)
            if len(together) > 1 and isinstance(found[0], Exception):
                # whose events cannot be reckoned with must not keep others from their scores
                found = [_scored([one])[0] for one in together]
            together[0].loop.call_soon_threadsafe(_answer, together, found)

    def _next(self) -> list[_Waiting]:
        """Those who wait longest, with whom they can be scored; none at the end."""
        with self._changed:
            while not self._waiting:
                if self._ended:
                    return []
                self._changed.wait()
            first = self._waiting[0]
            alike = [
                one
                for one in self._waiting
                if one.state is first.state and one.ask.as_of == first.ask.as_of
            ][:MOST_TOGETHER]
            taken = {id(one) for one in alike}
            self._waiting = [one for one in self._waiting if id(one) not in taken]
            return alike


def _scored(together: Sequence[_Waiting]) -> Sequence[Any]:
    """What each gets: scores, or the error of them all."""
    first = together[0]
    try:
        return first.state.scores([one.ask for one in together], first.ask.as_of)
    except duckdb.Error as error:
        refused = Refused(
            422,
            "INVALID_PARAMETER_VALUE",
            f"the events cannot be reckoned with: {said_by(error)} Look at their prices and quantities.",
        )
        return [refused] * len(together)
    except Exception as error:
        return [error] * len(together)


def _answer(together: Sequence[_Waiting], scores: Sequence[Any]) -> None:
    for one, found in zip(together, scores, strict=True):
        if one.answer.cancelled():
            continue
        if isinstance(found, Exception):
            one.answer.set_exception(found)
        else:
            one.answer.set_result(found)
