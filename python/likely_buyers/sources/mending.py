"""Where the records of a CSV file begin and end, found apart from the engine's parser, and a copy without the bad ones.

A quote that is never closed makes a parser swallow what follows, up to the end of the file, and count it as one bad
line. Here such a quote costs the line that it stands on: reading starts again behind it. Records of one line are
matched thousands at a time; only what is odd about a file is looked at one by one.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

# So many delimiters at the places where separate records would have them are no text of a value.
_SEPARATE_RECORDS = 12
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BLANK_LINES = re.compile(rb"(?m)^\n")
# what the engine takes for a line at most; a longer record is none
_LONGEST = 1 << 25
_AT_A_TIME = 1 << 20
_SHOWN = 1 << 20


@dataclass
class Mended:
    """Counts of a file's records; the bad ones are in the file that was asked for."""

    records: int = 0
    """Records, with the ones of a wrong number of fields that hold no quote: the engine rejects those."""
    bad_lines: int = 0
    footer_from: int | None = None
    """Where in the copy the footer begins."""


class _Window:
    """A stretch of a file that holds more than the longest record behind the position, or all that there is."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        file.seek(start)
        self._file = file
        self._base = start
        self.data = b""
        self.at = 0
        self.is_last = False

    @property
    def position(self) -> int:
        return self._base + self.at

    def fill(self) -> bool:
        """Read on where less than the longest record is left; whether anything is left."""
        if not self.is_last and len(self.data) - self.at <= _LONGEST:
            self._base += self.at
            self.data, self.at = self.data[self.at :] + self._file.read(2 * _LONGEST), 0
            while self.data.endswith(b"\r") and (more := self._file.read(1)):
                self.data += more
            self.is_last = len(self.data) <= _LONGEST
        return self.at < len(self.data)

    def skip_line(self) -> None:
        """Behind a line of any length, of which no more than the window is in memory."""
        while not (found := _LINE_END.search(self.data, self.at)) and not self.is_last:
            self._base += len(self.data)
            self.data, self.at = b"", 0
            if not self.fill():
                return
        self.at = found.end() if found else len(self.data)


class _Copy:
    """The files that a walk writes, and its counts."""

    def __init__(self, good: BinaryIO | None, rejected: TextIO | None, columns: int) -> None:
        self._good = good
        self._rejected = rejected
        self._columns = columns
        self.counts = Mended()

    def pass_on(self, lines: bytes) -> None:
        """Whole lines, each a record or blank."""
        if b"\r" in lines:
            lines = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not lines.endswith(b"\n"):
            lines += b"\n"
        blank = 0
        if self._columns > 1 and (lines.startswith(b"\n") or b"\n\n" in lines):
            blank = len(_BLANK_LINES.findall(lines))
        self.counts.records += lines.count(b"\n") - blank
        if self._good:
            self._good.write(lines)

    def keep(self, record: bytes) -> None:
        """A record that may go over several lines: the ends of those are its own."""
        self.counts.records += 1
        if self._good:
            self._good.write(_without_end(record) + b"\n")

    def reject(self, position: int, line: bytes, reason: str) -> None:
        self.counts.bad_lines += 1
        if self._rejected:
            shown = _shown(_without_end(line))
            self._rejected.write(
                json.dumps({"position": position, "line": shown, "reason": reason}) + "\n"
            )

    def begin_footer(self) -> None:
        if self.counts.footer_from is None and self._good:
            self.counts.footer_from = self._good.tell()


class _Shape:
    """What records of the file look like, as expressions over bytes."""

    def __init__(self, delimiter: str, quote: str, escape: str, columns: int) -> None:
        self.columns = columns
        self.delimiter = delimiter.encode()
        # without quotes an escape can still put a line end into a value
        self.mark = (quote or escape).encode()
        separator = re.escape(self.delimiter)
        given = (self.delimiter, quote.encode(), escape.encode())
        field = _field(*given, over_lines=True)
        end = rb"(?:\r\n|\r|\n|\Z)"
        others = rb"(?:" + separator + field + rb"){%d}+" % (columns - 1)
        self._record = re.compile(field + others + end)
        self._any_record = re.compile(field + rb"(?:" + separator + field + rb")*+" + end)
        self._field = re.compile(field + rb"(?:" + separator + rb"|\Z)")
        unmarked = rb"[^" + re.escape(self.mark) + rb"\r\n]*+(?:\r\n|\r|\n)"
        short = _field(*given, over_lines=False)
        others = rb"(?:" + separator + short + rb"){%d}+" % (columns - 1)
        self._lines = re.compile(
            rb"(?:" + unmarked + rb"|" + short + others + rb"(?:\r\n|\r|\n))*+"
            if self.mark
            else rb"(?:[^\r\n]*+(?:\r\n|\r|\n))*+"
        )

    def lines(self, data: bytes, at: int, end: int) -> int:
        """Where the records of one line each that begin at `at` end, as far as `end`."""
        found = self._lines.match(data, at, end)
        return found.end() if found else at

    def record(self, data: bytes, at: int) -> bytes | None:
        found = self._record.match(data, at)
        if not found or _swallows(found.group(), self.delimiter, self.columns):
            return None
        return found.group()

    def broken(self, data: bytes, at: int, line: bytes) -> tuple[bytes, str]:
        """What is to be left out where no record begins, and what is wrong with it.

        It is the line, or a whole record with a value over several lines, too many or too few as its fields are. Where
        one of these lines is a record by itself, a quote was never closed.
        """
        found = self._any_record.match(data, at)
        whole = found.group() if found else b""
        if not whole or len(whole) > _LONGEST or any(map(self._is_record, _lines(whole)[1:])):
            return line, "unterminated quote"
        fields = len(self._field.findall(_without_end(whole)))
        if fields == self.columns:  # and it swallows others
            return line, "unterminated quote"
        return whole, "too many fields" if fields > self.columns else "too few fields"

    def _is_record(self, line: bytes) -> bool:
        return self.mark not in line and self._record.fullmatch(line) is not None


def mend(
    source: Path, file: Mapping[str, Any], *, copy: Path | None = None, bad: Path | None = None
) -> Mended:
    """Walk over the records of a UTF-8 file of CSV, behind the header.

    file: as `plan_delivery` gives it; its bytes are those of `source`.
    copy: file to write the good records to, each ended by a line feed; without a header.
    bad: file to write the bad ones to, JSON lines of position (byte in `source`), line and reason.
    """
    columns = len(file["columns"])
    shape = _Shape(file["delimiter"] or ",", file["quote"], file["escape"], columns)
    with source.open("rb") as text, _opened(copy, "wb") as good, _opened(bad, "w") as rejected:
        window = _Window(text, file["first_byte"])
        kept = _Copy(good, rejected, columns)
        while window.fill():
            _step(window, kept, shape, file["footer_from"])
    return kept.counts


def _step(window: _Window, kept: _Copy, shape: _Shape, footer_from: int | None) -> None:
    """Over records of one line each, then over one record or bad line of any kind."""
    data, at = window.data, window.at
    end = min(at + _AT_A_TIME, len(data))
    is_footer = footer_from is not None and window.position >= footer_from
    if is_footer:
        kept.begin_footer()
    elif footer_from is not None:
        end = min(end, at + footer_from - window.position)
    # no further than a line feed, so that no line end is cut in two
    end = data.rfind(b"\n", at, end) + 1 or end
    behind = shape.lines(data, at, end)
    if behind > at:
        kept.pass_on(data[at:behind])
        window.at = behind
        return
    found = _LINE_END.search(data, at)
    line_end = found.end() if found else len(data)
    if line_end - at > _LONGEST:
        kept.reject(window.position, data[at : at + _SHOWN], "line size over maximum")
        window.skip_line()
        return
    line = data[at:line_end]
    if not shape.mark or shape.mark not in line:
        kept.pass_on(line)
        window.at = line_end
    elif (record := shape.record(data, at)) and len(record) <= _LONGEST:
        kept.keep(record)
        window.at = at + len(record)
    else:
        broken, fault = shape.broken(data, at, line)
        kept.reject(window.position, broken, "footer" if is_footer else fault)
        window.at = at + len(broken)


@contextmanager
def _opened(path: Path | None, mode: str) -> Iterator[Any]:
    """The file opened to be written, or None where none is asked for."""
    if path is None:
        yield None
        return
    with path.open(mode, encoding=None if "b" in mode else "utf-8") as file:
        yield file


def _field(delimiter: bytes, quote: bytes, escape: bytes, *, over_lines: bool) -> bytes:
    """A quoted field, blanks around it allowed as the engine does, or one that begins with something else.

    over_lines: whether there may be line ends in it.
    """
    ends, any_byte = (b"", rb"(?:\r\n|[\s\S])") if over_lines else (rb"\r\n", rb"[^\r\n]")
    e = re.escape(escape) if escape not in (quote, b"") else b""
    if len(delimiter) == 1:
        plain = rb"[^" + re.escape(delimiter) + (b"" if quote else e) + rb"\r\n]*+"
    else:  # any of its bytes may stand alone in a text
        plain = rb"(?:(?!" + re.escape(delimiter) + rb")[^" + (b"" if quote else e) + rb"\r\n])*+"
    if not quote:
        return plain + (rb"(?:" + e + any_byte + plain + rb")*+" if e else b"")
    q = re.escape(quote)
    doubled = rb"(?:" + q + q + (rb"|" + e + any_byte if e else b"") + rb")"
    inside = rb"[^" + q + e + ends + rb"]*+"
    quoted = rb"\x20*+" + q + inside + rb"(?:" + doubled + inside + rb")*+" + q + rb"\x20*+"
    return rb"(?:" + quoted + rb"|(?!\x20*+" + q + rb")" + plain + rb")"


def _lines(record: bytes) -> list[bytes]:
    return _LINE_END.split(_without_end(record))


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _shown(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _swallows(record: bytes, delimiter: bytes, columns: int) -> bool:
    """Whether a record over several lines is rather a quote never closed, and lines of records behind it."""
    lines = _lines(record)
    return (
        len(lines) > 1
        and len(lines) * (columns - 1) >= _SEPARATE_RECORDS
        and all(line.count(delimiter) == columns - 1 for line in lines)
    )
