"""Where the records of a CSV file begin, what separates their fields and what the columns are called."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.reading import Reading

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_SEPARATOR_LINE = re.compile(r'^\ufeff?"?sep=(.)"?\s*$', re.IGNORECASE)
_DELIMITERS = (",", ";", "\t", "|")
_SAMPLED_RECORDS = 50
_FOOTER_LINES = 10


@dataclass(frozen=True)
class Header:
    """How a CSV file is to be read."""

    delimiter: str
    columns: tuple[str, ...]
    skip: int
    """Physical lines before the first record, the header among them."""
    first_byte: int
    """Where the first record begins, in the UTF-8 text."""
    is_plain: bool
    """Whether the engine can be told to skip those lines: it counts records, so quotes among them mislead it."""
    renamed: tuple[str, ...] = ()
    """Columns whose name is not the header's: it had none, or one that came before."""


def read_header(
    head: bytes, path: str, reading: Reading, columns: Sequence[str] | None
) -> Header | None:
    """What the first lines of the file tell; None where there is no line.

    head: the first bytes of the file, in UTF-8.
    columns: names of the columns as the mapping gives them, or None.

    Raises:
        SourceProblem: there is no header to be read.
    """
    text = head.decode("utf-8", "replace")
    lines = _LINES.findall(text.removeprefix("\ufeff"))
    at = _past_blank_lines(lines, min(reading.skip_lines, len(lines)))
    delimiter = reading.delimiter
    if at < len(lines) and (said := _SEPARATOR_LINE.match(lines[at].rstrip("\r\n"))):
        delimiter = delimiter or said[1]
        at = _past_blank_lines(lines, at + 1)
    if at >= len(lines):
        return None
    if delimiter is None:
        delimiter = _likeliest_delimiter(lines[at:], path, reading)
    names: Sequence[str] = columns or ()
    used = 0
    rows = _Records(lines[at:], delimiter, reading)
    if reading.header:
        found = rows.next()
        used = rows.lines_read
        # a name over several lines, or a quote that is never closed
        if (
            found is None
            or "\0" in "".join(found)
            or (used > 1 and not _is_well_quoted(lines[at : at + used], rows))
        ):
            raise SourceProblem(
                f"the header of '{path}' cannot be read: {lines[at].strip()[:200]}. Nothing was loaded. Name the"
                " columns in the event mapping (columns: [...]), with skip_lines and quote where they are needed."
            )
        names = columns or [name.strip().strip('"').strip() for name in found]
    given, renamed = _with_names(names, rows)
    begin = "".join(lines[: at + used])
    mark = 3 if text.startswith("\ufeff") else 0
    return Header(
        delimiter=delimiter,
        columns=tuple(given),
        skip=at + used,
        first_byte=mark + len(begin.encode("utf-8")),
        is_plain=used <= 1 and not (reading.quote and reading.quote in "".join(lines[:at])),
        renamed=tuple(renamed),
    )


class _Records:
    """The first records of a file, by Python's reader: enough to know its shape."""

    def __init__(self, lines: list[str], delimiter: str, reading: Reading) -> None:
        if len(delimiter) > 1:
            lines, delimiter = [line.replace(delimiter, "\x1f") for line in lines], "\x1f"
        self.dialect: dict[str, Any] = {
            "delimiter": delimiter,
            "quotechar": reading.quote or None,
            "quoting": csv.QUOTE_MINIMAL if reading.quote else csv.QUOTE_NONE,
            "escapechar": reading.escape
            if reading.escape and reading.escape != reading.quote
            else None,
        }
        self._reader = csv.reader(lines, **self.dialect)

    def next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error:
            return None

    @property
    def lines_read(self) -> int:
        return int(self._reader.line_num)

    def sample(self) -> list[list[str]]:
        sampled: list[list[str]] = []
        # the last one may be cut where the head ends
        while len(sampled) < _SAMPLED_RECORDS and (record := self.next()) is not None:
            sampled.append(record)
        return [record for record in sampled[: max(len(sampled) - 1, 1)] if record]


def _is_well_quoted(lines: list[str], rows: _Records) -> bool:
    try:
        return len(list(csv.reader(lines, strict=True, **rows.dialect))) == 1
    except csv.Error:
        return False


def _past_blank_lines(lines: list[str], at: int) -> int:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at


def _likeliest_delimiter(lines: list[str], path: str, reading: Reading) -> str:
    """The one that makes most fields of the first line; a tab for what is called .tsv."""
    lower = path.lower().removesuffix(".gz").removesuffix(".zst")
    candidates = ("\t", *_DELIMITERS) if lower.endswith((".tsv", ".tab")) else _DELIMITERS
    best, most = candidates[0], 1
    for candidate in candidates:
        fields = len(_Records(lines, candidate, reading).next() or ())
        if fields > most:
            best, most = candidate, fields
    return best


def _with_names(names: Sequence[str], rows: _Records) -> tuple[list[str], list[str]]:
    """The header's names, with a name for each column that has none or one that came before.

    A delimiter at the end of each line makes a column without a name; it may stand in the header, in the records
    or in both.
    """
    sample = rows.sample()
    widths = {len(record) for record in sample}
    given = list(names)
    if given and not given[-1] and widths == {len(given) - 1}:
        given.pop()
    elif widths == {len(given) + 1} and not any(record[-1].strip() for record in sample):
        given.append("")
    seen: set[str] = set()
    renamed = []
    for number, name in enumerate(given, start=1):
        new, again = name or f"column_{number}", 2
        while new.lower() in seen:
            new, again = f"{name or 'column'}_{again}", again + 1
        if new != name and not (number == len(given) and not name):
            renamed.append(new)
        given[number - 1] = new
        seen.add(new.lower())
    return given, renamed


def footer_bytes(tail: bytes, delimiter: str, columns: int) -> int:
    """Bytes at the end of the file that are no records: lines of words without a delimiter, as 'n record(s)' is.

    A last line that was cut off is none of them: it has no line end, and so tells nothing.
    """
    if columns < 2:
        return 0
    lines = re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", tail)
    taken = footer = 0
    for line in reversed(lines[1:][-_FOOTER_LINES:]):
        text = line.strip().strip(b'"').strip()
        taken += len(line)
        if not text:
            continue
        is_words = delimiter.encode() not in line and re.search(rb"[A-Za-z][^A-Za-z]", text + b" ")
        is_whole = line.endswith((b"\n", b"\r")) or re.search(rb"[0-9(:]", text)
        if not (is_words and is_whole and b" " in text):
            break
        footer = taken
    return footer
