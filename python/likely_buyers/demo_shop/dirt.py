"""Planted dirt: it adds lines or delays them, so the valid events stay as the law drew them.

Each event attracts at most one kind. A damaged line is a damaged copy of a real event, with that
event's session and second, so a pipeline that lets it through counts something that never happened.
"""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from likely_buyers.demo_shop.arrays import Longs
from likely_buyers.demo_shop.lines import (
    NO_USER,
    TOO_LONG,
    TOO_SHORT,
    UNKNOWN_TYPES,
    VALID_TYPES,
    Lines,
    concatenate,
)
from likely_buyers.demo_shop.sessions import EPOCH, SECONDS_A_DAY
from likely_buyers.demo_shop.settings import FileFormat, random_stream

# Kind -> (planted lines per valid event, what a contract must do with them).
KINDS: dict[str, tuple[float, str]] = {
    "duplicate_same_file": (0.0040, "duplicates"),
    "duplicate_later_file": (0.0015, "duplicates"),
    "broken_too_short": (0.0004, "rejected"),
    "broken_too_long": (0.0004, "rejected"),
    "unknown_event_type": (0.0008, "quarantined"),
    "missing_user": (0.0010, "quarantined"),
    "negative_price": (0.0006, "quarantined"),
    "future_time": (0.0003, "quarantined"),
    "late": (0.0050, "valid"),
}
LONGEST_DELAY_DAYS = 3
FUTURE_DAY = dt.date(2099, 12, 31)


@dataclass
class Dirt:
    """Plants dirt day by day, keeps what is delivered later, and counts every line it touches."""

    seed: int
    days: int
    file_format: FileFormat
    counts: Counter[str] = field(default_factory=Counter)
    _waiting: dict[int, list[Lines]] = field(default_factory=dict)

    def soil(self, day: int, events: Lines) -> Lines:
        """The lines of this day's file: its events with dirt, then what earlier days put off."""
        rng = random_stream(self.seed, "dirt", day)
        bounds = np.cumsum([share for share, _ in KINDS.values()])
        drawn = np.searchsorted(bounds, rng.random(len(events)), side="right")
        hit = {kind: np.flatnonzero(drawn == number) for number, kind in enumerate(KINDS)}

        copies: list[tuple[Longs, Lines]] = []
        on_time = np.ones(len(events), dtype=np.bool_)
        for kind, where in hit.items():
            originals = events.take(where)
            if kind == "late":
                put_off = self._deliver_later(rng, kind, day, originals)
                on_time[where[put_off]] = False
            elif kind == "duplicate_later_file":
                self._deliver_later(rng, kind, day, originals)
            else:
                damaged = _damaged(rng, kind, originals)
                if KINDS[kind][1] == "rejected" and self.file_format == "parquet":
                    # A Parquet file has no lines to break; drawn all the same, so that the other
                    # kinds fall on the same events in every format.
                    continue
                self.counts[kind] += len(where)
                copies.append((where, damaged))

        stays = np.flatnonzero(on_time)
        lines = concatenate([events.take(stays), *(copy for _, copy in copies)])
        beside = np.concatenate([stays, *(where for where, _ in copies)])
        lines = lines.take(np.argsort(beside, kind="stable"))
        return concatenate([lines, *self._waiting.pop(day, [])])

    def _deliver_later(
        self, rng: np.random.Generator, kind: str, day: int, lines: Lines
    ) -> np.ndarray:
        """Put lines off to a later file; those past the last one are left out. Says which were."""
        delivered = day + rng.integers(1, LONGEST_DELAY_DAYS + 1, len(lines))
        for target in range(day + 1, min(day + LONGEST_DELAY_DAYS, self.days - 1) + 1):
            self._waiting.setdefault(target, []).append(lines.take(delivered == target))
        put_off: np.ndarray = delivered < self.days
        self.counts[kind] += int(put_off.sum())
        return put_off

    def by_outcome(self) -> dict[str, int]:
        """Planted lines per outcome: duplicates, rejected, quarantined (late lines are valid)."""
        totals = {"duplicates": 0, "rejected": 0, "quarantined": 0}
        for kind, (_, outcome) in KINDS.items():
            if outcome in totals:
                totals[outcome] += self.counts[kind]
        return totals


def _damaged(rng: np.random.Generator, kind: str, lines: Lines) -> Lines:
    """Copies of lines with one kind of damage; an exact copy for a duplicate."""
    n = len(lines)
    damaged: dict[str, np.ndarray] = {}
    match kind:
        case "duplicate_same_file":
            pass
        case "broken_too_short":
            damaged["damage"] = np.full(n, TOO_SHORT, dtype=np.int8)
        case "broken_too_long":
            damaged["damage"] = np.full(n, TOO_LONG, dtype=np.int8)
        case "unknown_event_type":
            unknown = rng.integers(0, len(UNKNOWN_TYPES), n, dtype=np.int8)
            damaged["event_type"] = unknown + np.int8(len(VALID_TYPES))
        case "missing_user":
            damaged["user_id"] = np.full(n, NO_USER)
        case "negative_price":
            damaged["cents"] = -lines.cents
        case "future_time":
            future = (FUTURE_DAY - EPOCH).days * SECONDS_A_DAY
            damaged["seconds"] = future + lines.seconds % SECONDS_A_DAY
        case _:
            raise AssertionError(f"no damage is defined for the kind of dirt {kind!r}")
    return replace(lines, **damaged)
