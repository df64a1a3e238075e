"""What a command tells while it works: lines, and how far it is. Results go to stdout, all of this to stderr."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from enum import Enum
from threading import Lock

# Of a command that is done sooner, nothing is told.
_SILENT_SECONDS = 3.0
# Where nobody watches: a line a tenth of the work, no sooner after the last one than this ...
_SECONDS_BETWEEN_LINES = 5.0
# ... and one of a long tenth after this.
_LONGEST_SILENCE = 60.0
_SECONDS_BETWEEN_DRAWINGS = 0.1
_BAR_CELLS = 20
_ERASE = "\r\x1b[K"


class Volume(Enum):
    """How much is told: results and errors only, what is usual, or all there is."""

    QUIET = "quiet"
    USUAL = "usual"
    VERBOSE = "verbose"


class _Line:
    """The last line of the terminal, on which one bar at a time is drawn."""

    def __init__(self) -> None:
        self.volume = Volume.USUAL
        self.lock = Lock()
        self.is_drawn = False

    def erase(self) -> None:
        if self.is_drawn:
            sys.stderr.write(_ERASE)
            self.is_drawn = False


_line = _Line()


def set_volume(volume: Volume) -> None:
    """From now on, in this process."""
    _line.volume = volume


def volume() -> Volume:
    """How much is told."""
    return _line.volume


def say(text: str) -> None:
    """One line of progress for who reads the console or the log of a job."""
    if _line.volume is not Volume.QUIET:
        with _line.lock:
            _line.erase()
            print(f"likely_buyers: {text}", file=sys.stderr, flush=True)


def erase_progress() -> None:
    """Take a bar of work that was stopped off the terminal, before an error is written there."""
    with _line.lock:
        _line.erase()
        sys.stderr.flush()


class Progress:
    """Call it with the work done so far: a bar on a terminal, a line now and then elsewhere, with an estimate.

    Verbose, each call is a line.
    Calls may come from any thread, as often as they like.
    """

    def __init__(
        self,
        label: str,
        *,
        total: float,
        unit: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The work begins now.

        label: what is done, as "scoring".
        total: the work.
        unit: what is counted; None tells the share only.
        clock: seconds that only grow.
        """
        self._label, self._total, self._unit, self._clock = label, total, unit, clock
        self._began = self._told_at = clock()
        self._told_tenth = 0
        self._is_over = False

    def __call__(self, done: float) -> None:
        """Say how far it is, if it is time to."""
        if _line.volume is Volume.QUIET or self._is_over:
            return
        now = self._clock()
        with _line.lock:
            if _line.volume is Volume.VERBOSE:
                self._print(done, now)
            elif _is_terminal():
                self._draw(done, now)
            else:
                self._tell(done, now)
        self._is_over = done >= self._total

    def words(self, done: float, seconds: float) -> str:
        """How far it is after so many seconds: '40 % (400 of 1,000 users), about 12 s left'."""
        share = min(done / self._total, 1.0) if self._total else 1.0
        words = f"{share:.0%}".replace("%", " %")
        if self._unit:
            words += f" ({int(done):,} of {self._total:,.0f} {self._unit})"
        if 0 < share < 1:
            words += f", about {in_words(seconds * (1 - share) / share)} left"
        return words

    def _draw(self, done: float, now: float) -> None:
        is_last = done >= self._total
        if is_last:
            _line.erase()
            sys.stderr.flush()
        elif now - self._began >= _SILENT_SECONDS and (
            not _line.is_drawn or now - self._told_at >= _SECONDS_BETWEEN_DRAWINGS
        ):
            filled = int(_BAR_CELLS * done / self._total)
            text = (
                f"{self._label} [{'#' * filled}{'.' * (_BAR_CELLS - filled)}]"
                f" {self.words(done, now - self._began)}"
            )
            width = shutil.get_terminal_size().columns - 1
            # the cursor stays at the left: whoever writes a line next writes over the bar
            sys.stderr.write(f"{_ERASE}{text[:width]}\r")
            sys.stderr.flush()
            _line.is_drawn = True
            self._told_at = now

    def _tell(self, done: float, now: float) -> None:
        if now - self._began < _SILENT_SECONDS:
            return
        tenth = int(10 * done / self._total) if self._total else 10
        since = now - self._told_at
        is_time = tenth > self._told_tenth and since >= _SECONDS_BETWEEN_LINES
        is_last = done >= self._total and self._told_tenth > 0
        if is_time or is_last or since >= _LONGEST_SILENCE:
            self._print(done, now)
            self._told_at, self._told_tenth = now, tenth

    def _print(self, done: float, now: float) -> None:
        text = self.words(done, now - self._began)
        print(f"likely_buyers: {self._label} {text}", file=sys.stderr, flush=True)


def in_words(seconds: float) -> str:
    """A time as people say it: '12 s', '3 min', '2.5 h'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6_000 else f"{seconds / 3_600:.1f} h"


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
