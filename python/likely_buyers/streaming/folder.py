"""Files as they arrive: which are new, which are still being written, and which were refused."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import duckdb

from likely_buyers.sources.listing import event_files
from likely_buyers.sources.reading import Reading

_ATTEMPTS = 5

Stamp = tuple[int, str]
"""Size, and time of change."""


@dataclass
class EventFolder:
    """What lies under events_path, from one look to the next. Nothing of it is opened.

    Attributes:
        events_path: a file, folder or glob of this machine.
        reading: how the event mapping has files read.
        retry_seconds: how long a refused file waits, unless it changes.
        say: is given a word on each file that waits, once.
    """

    events_path: str
    reading: Reading
    retry_seconds: float
    say: Callable[[str], None]
    _there: dict[str, Stamp] = field(default_factory=dict)
    _taken: dict[str, Stamp] = field(default_factory=dict)
    _refused: dict[str, tuple[Stamp, float]] = field(default_factory=dict)
    _told: dict[str, Stamp | str] = field(default_factory=dict)
    growing: set[str] = field(default_factory=set)

    def known(self, stamps: Mapping[str, Stamp]) -> None:
        """These are loaded, as they stand there."""
        self._taken |= stamps

    def look(self, moment: float) -> list[str]:
        """Files that are new, or have changed, and stand as they stood at the look before; sorted.

        moment: seconds, of a clock that only goes forward.
        """
        before, self._there = self._there, self._listed()
        fresh = {path for path, stamp in self._there.items() if self._taken.get(path) != stamp}
        self.growing = {path for path in fresh if before.get(path) != self._there[path]}
        return sorted(fresh - self.growing - self._resting(moment))

    def waiting(self, moment: float) -> set[str]:
        """Files that are not to be loaded now, though they are there."""
        return self.growing | self._resting(moment)

    def tell_growing(self) -> None:
        """Say which files are still being written: once of each, until it is taken."""
        for path in sorted(self.growing):
            if path not in self._told:
                self._told[path] = ""
                self.say(f"the file '{path}' is still being written, and waits; the others go on.")

    def taken(self, paths: Collection[str]) -> None:
        """These are loaded, as they stood at the last look."""
        for path in paths:
            self._taken[path] = self._there[path]
            self._refused.pop(path, None)
            self._told.pop(path, None)

    def refused(self, path: str, why: str, moment: float) -> None:
        """This one cannot be loaded: it is tried again when it has changed, or after a while."""
        self._refused[path] = (self._there[path], moment)
        if self._told.get(path) != why:
            self._told[path] = why
            self.say(f"{why} The file '{path}' waits, and is tried again; the others go on.")

    @property
    def left(self) -> list[str]:
        """Files that wait, whatever for."""
        return sorted({*self.growing, *self._refused} & self._there.keys())

    def _resting(self, moment: float) -> set[str]:
        return {
            path
            for path, (stamp, since) in self._refused.items()
            if self._there.get(path) == stamp and moment - since < self.retry_seconds
        }

    def _listed(self) -> dict[str, Stamp]:
        attempt = 1
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            while True:
                try:
                    return event_files(self.events_path, self.reading, connection)
                except duckdb.IOException:
                    # one was renamed between two looks of the engine
                    if attempt == _ATTEMPTS:
                        raise
                    attempt += 1
