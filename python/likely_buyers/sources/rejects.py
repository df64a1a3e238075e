"""The text of a line that the engine could not read, as it lies in the file."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from likely_buyers.sources.streams import chunks, compression_of

_LONGEST = 1 << 20
_LINE_END = re.compile(rb"\r\n|\r|\n")


class _Walk:
    """A stream that is read forwards; it starts over when an earlier position is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: Iterator[bytes] = iter(())
        self._held = b""
        self._at = -1

    def lines(self, position: int, count: int) -> bytes:
        if self._at < 0 or position < self._at:
            self._stream = chunks(self.path, compression_of(self.path.name))
            self._held, self._at = b"", 0
        while self._at + len(self._held) <= position and (piece := next(self._stream, b"")):
            self._at += len(self._held)
            self._held = piece
        # the engine counts the blank lines above a line to it
        while True:
            text = self._held[position - self._at :].lstrip(b"\r\n")[:_LONGEST]
            ends = list(islice(_LINE_END.finditer(text), count))
            # a carriage return at the end of what is read may be half of a line end, which is no matter
            if (
                len(ends) == count
                or len(text) == _LONGEST
                or not (piece := next(self._stream, b""))
            ):
                return text[: ends[-1].start()] if len(ends) == count else text.rstrip(b"\r\n")
            self._held += piece


_walk: _Walk | None = None


def line_at(path: str, position: int, lines: int = 1) -> str:
    """What begins at a byte (from 0) of the file as decompressed, so many lines of it, its bytes shown as Latin-1.

    Asked for in ascending order, a file is read once.
    """
    global _walk  # noqa: PLW0603
    if _walk is None or _walk.path != Path(path):
        _walk = _Walk(Path(path))
    return _walk.lines(position, lines).decode("latin-1")


def forget_lines() -> None:
    """The load is over: a file of that name may be another one from now on."""
    global _walk  # noqa: PLW0603
    _walk = None
