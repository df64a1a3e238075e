"""The text of a line that the engine could not read, as it lies in the file."""

from collections.abc import Iterator
from pathlib import Path

from likely_buyers.sources.streams import chunks, compression_of

_LONGEST = 1 << 20


class _Walk:
    """A stream that is read forwards; it starts over when an earlier position is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: Iterator[bytes] = iter(())
        self._held = b""
        self._at = -1

    def line(self, position: int) -> bytes:
        if self._at < 0 or position < self._at:
            self._stream = chunks(self.path, compression_of(self.path.name))
            self._held, self._at = b"", 0
        while self._at + len(self._held) <= position and (piece := next(self._stream, b"")):
            self._at += len(self._held)
            self._held = piece
        line = self._held[position - self._at :]
        while b"\n" not in line and len(line) < _LONGEST and (piece := next(self._stream, b"")):
            self._held += piece
            line = self._held[position - self._at :]
        return line.split(b"\n", 1)[0].rstrip(b"\r")


_walk: _Walk | None = None


def line_at(path: str, position: int) -> str:
    """The line that begins at a byte (from 0) of the file as decompressed, its bytes shown as Latin-1.

    Asked for in ascending order, a file is read once.
    """
    global _walk  # noqa: PLW0603
    if _walk is None or _walk.path != Path(path):
        _walk = _Walk(Path(path))
    return _walk.line(position).decode("latin-1")
