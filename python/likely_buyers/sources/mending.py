"""Where the records of a CSV file begin and end, found apart from the engine's parser, and a copy without the bad ones.

A quote that is never closed makes a parser swallow what follows, up to the end of the file, and count it as one bad
line. Here such a quote costs the line that it stands on: reading starts again behind it. Only lines with a quote are
looked at one by one; what lies between them goes through as it is.
"""

import json
import mmap
import re
from dataclasses import dataclass
from pathlib import Path

# So many delimiters at the places where separate records would have them are no text of a value.
_SEPARATE_RECORDS = 12
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")


@dataclass
class Mended:
    """Counts of a file's records; the bad ones are in the file that was asked for."""

    records: int
    """Records, with the ones of a wrong number of fields that hold no quote: the engine rejects those."""
    bad_lines: int
    blank_lines: int


def mend(  # noqa: PLR0912
    source: Path,
    *,
    start: int,
    delimiter: str,
    quote: str,
    escape: str,
    columns: int,
    copy: Path | None = None,
    bad: Path | None = None,
) -> Mended:
    """Walk over the records of a UTF-8 file of CSV from byte `start` on, behind the header.

    copy: file to write the good records to, each ended by a line feed; without a header.
    bad: file to write the bad ones to, JSON lines of position (byte in `source`), line and reason.
    """
    field = _field(delimiter.encode(), quote.encode(), escape.encode())
    separator = re.escape(delimiter.encode())
    end = rb"(?:\r\n|\r|\n|\Z)"
    record = re.compile(field + rb"(?:" + separator + field + rb"){%d}" % (columns - 1) + end)
    any_record = re.compile(field + rb"(?:" + separator + field + rb")*+" + end)
    mended = Mended(0, 0, 0)
    if source.stat().st_size <= start:
        for path in (copy, bad):
            if path:
                path.touch()
        return mended
    with (
        source.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        (copy or Path("/dev/null")).open("wb") as good,
        (bad or Path("/dev/null")).open("w", encoding="utf-8") as rejected,
    ):
        # without quotes an escape can still put a line end into a value
        mark = (quote or escape).encode()
        position, size = start, len(data)
        while position < size:
            at = data.find(mark, position) if mark else -1
            # up to the line with the next quote
            begin = size if at < 0 else max(data.rfind(b"\n", position, at), data.rfind(b"\r", position, at)) + 1 or position
            while position < begin:
                piece_end = begin if begin - position <= (1 << 22) else _line_end(data, position + (1 << 22), begin)
                _pass_on(data[position:piece_end], mended, good if copy else None, columns, delimiter.encode())
                position = piece_end
            if at < 0:
                break
            found = record.match(data, position)
            if found and not _swallows(found.group(), delimiter.encode(), columns):
                mended.records += 1
                if copy:
                    good.write(found.group().rstrip(b"\r\n") + b"\n")
                position = found.end()
                continue
            line_end = _line_end(data, position, size)
            line = data[position:line_end]
            whole = any_record.match(data, position)
            reason = "unterminated quote"
            if whole and whole.end() == line_end:
                fields = len(re.findall(field + rb"(?:" + separator + rb"|\Z)", line.rstrip(b"\r\n")))
                reason = "too many fields" if fields > columns else "too few fields"
            rejected.write(json.dumps({
                "position": position, "line": line.rstrip(b"\r\n").decode("utf-8", "replace"), "reason": reason,
            }) + "\n")  # fmt: skip
            mended.bad_lines += 1
            position = line_end
    return mended


def _field(delimiter: bytes, quote: bytes, escape: bytes) -> bytes:
    """A quoted field, blanks around it allowed as the engine does, or one that begins with something else."""
    d = re.escape(delimiter[:1])
    if not quote:
        e = re.escape(escape) if escape else b""
        escaped = rb"(?:" + e + rb"[\s\S][^" + d + e + rb"\r\n]*+)*+" if escape else b""
        return rb"[^" + d + e + rb"\r\n]*+" + escaped
    q = re.escape(quote)
    e = re.escape(escape) if escape not in (quote, b"") else b""
    doubled = rb"(?:" + q + q + (rb"|" + e + rb"[\s\S]" if e else b"") + rb")"
    inside = rb"[^" + q + e + rb"]*+"
    return (
        rb"(?:\x20*+" + q + inside + rb"(?:" + doubled + inside + rb")*+" + q + rb"\x20*+"
        rb"|(?!\x20*+" + q + rb")[^" + d + rb"\r\n]*+)"
    )  # fmt: skip


def _line_end(data: "mmap.mmap", position: int, size: int) -> int:
    """Where the physical line at `position` ends, its end included."""
    found = _LINE_ENDS.search(data, position, size)
    return found.end() if found else size


def _pass_on(piece: bytes, mended: Mended, good: object, columns: int, delimiter: bytes) -> None:
    """Lines without a quote: each is a record."""
    if b"\r" in piece:
        piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = piece.count(b"\n") + (not piece.endswith(b"\n"))
    blank = 0
    if columns > 1 and (piece.startswith(b"\n") or b"\n\n" in piece):
        blank = len(re.findall(rb"(?m)^\n", piece))
    mended.records += lines - blank
    mended.blank_lines += blank
    if good is not None:
        good.write(piece if piece.endswith(b"\n") else piece + b"\n")  # type: ignore[attr-defined]


def _swallows(record: bytes, delimiter: bytes, columns: int) -> bool:
    """Whether a record over several lines is rather a quote never closed, and lines of records behind it."""
    lines = _LINE_ENDS.split(record.rstrip(b"\r\n"))
    return (
        len(lines) > 1
        and len(lines) * (columns - 1) >= _SEPARATE_RECORDS
        and all(line.count(delimiter) == columns - 1 for line in lines)
    )
