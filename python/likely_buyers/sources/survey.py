"""A file's lines, counted without a parser, and what its bytes tell: encoding, line ends, content."""

import codecs
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import xxhash

from likely_buyers.sources.encodings import likely_encoding, marked_encoding, unmarked_encoding
from likely_buyers.sources.errors import SourceProblem, WrongEncoding
from likely_buyers.sources.streams import chunks

HEAD_BYTES = 1 << 18
_TAIL_BYTES = 1 << 16
_SAMPLED_LINES = 200
_LONGEST_CARRY = 1 << 25


@dataclass
class Survey:
    """What one pass over the bytes of a text file tells. Counts are of the file as decompressed."""

    size: int = 0
    lines: int = 0
    """Physical lines, blank ones and a last one without a line end among them."""
    lf: int = 0
    crlf: int = 0
    cr: int = 0
    has_quotes: bool = False
    undecodable: int = 0
    """Lines that are not UTF-8."""
    beyond_ascii: int = 0
    """Lines that are UTF-8 and more than ASCII, as far as they were looked at."""
    encoding: str = "utf-8"
    mark: int = 0
    """Bytes of the byte-order mark."""
    head: bytes = b""
    tail: bytes = b""
    digest: str = ""
    samples: list[bytes] = field(default_factory=list)

    @property
    def has_mixed_ends(self) -> bool:
        """Whether lines end in more than one way; a value over several lines may be all there is to it."""
        kinds = (self.lf - self.crlf > 0, self.crlf > 0, self.cr - self.crlf > 0)
        return sum(kinds) > 1


def survey(
    path: Path, compression: str, member: str | None, encoding: str | None, quote: bytes
) -> Survey:
    """Read the file once.

    encoding: as the mapping has it; None is UTF-8, or what a byte-order mark says.

    Raises:
        SourceProblem: it is damaged, or not in the encoding that it should be in.
    """
    found = Survey()
    digest = xxhash.xxh3_128()
    stream = chunks(path, compression, member, on_raw=digest.update)
    first = next(stream, b"")
    marked = marked_encoding(first)
    name = f"{path}/{member}" if member else str(path)
    if marked:
        found.encoding, found.mark = marked
    elif encoding:
        found.encoding = _ordered(encoding, first, name)
    elif first.count(0) * 4 > len(first):
        _refuse_without_mark(first, name)

    def whole() -> Iterator[bytes]:
        yield first
        yield from stream

    text = whole()
    if found.encoding != "utf-8":
        text = _transcoded(text, found, name)
    carry = b""
    for piece in text:
        found.size += len(piece)
        if len(found.head) < HEAD_BYTES:
            found.head += piece[: HEAD_BYTES - len(found.head)]
        found.tail = (piece if len(piece) >= _TAIL_BYTES else found.tail + piece)[-_TAIL_BYTES:]
        lines = carry + piece if carry else piece
        # whole lines at a time; a file without line ends is no reason to hold it in memory
        end = lines.rfind(b"\n") + 1 or (len(lines) if len(lines) > _LONGEST_CARRY else 0)
        carry = lines[end:]
        if end:
            _count(lines[:end], found, quote)
    if carry:
        _count(carry, found, quote)
    if found.lf == 0 and found.cr:  # as old Macs wrote
        found.lines = found.cr
    if found.tail and not found.tail.endswith((b"\n", b"\r")):
        found.lines += 1
    found.digest = digest.hexdigest()
    if found.encoding == "utf-8" and found.undecodable:
        _tell_encoding(found, name, is_said=encoding is not None or bool(marked))
    return found


def _count(lines: bytes, found: Survey, quote: bytes) -> None:
    found.lines += (lf := lines.count(b"\n"))
    found.lf += lf
    if b"\r" in lines:
        found.cr += lines.count(b"\r")
        found.crlf += lines.count(b"\r\n")
    if quote and not found.has_quotes:
        found.has_quotes = quote in lines
    if lines.isascii():
        return
    try:
        lines.decode("utf-8")
    except UnicodeDecodeError:
        for line in lines.split(b"\n"):
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                found.beyond_ascii += 1
            except UnicodeDecodeError:
                found.undecodable += 1
                if len(found.samples) < _SAMPLED_LINES:
                    found.samples.append(line)
    else:
        # that there are some is all that is asked
        found.beyond_ascii += 1


def decoded(stream: Iterator[bytes], encoding: str, mark: int, name: str) -> Iterator[str]:
    """The text of a stream of bytes, its mark left out.

    Raises:
        SourceProblem: bytes that the encoding has not.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    line, rest = 1, mark
    for raw in stream:
        piece = raw[rest:]
        rest = 0
        try:
            text = decoder.decode(piece)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            around = error.object[max(0, error.start - 40) : error.start + 40]
            _refuse_encoding(name, encoding, line, around, error)
        line += text.count("\n")
        yield text
    try:
        if last := decoder.decode(b"", final=True):
            yield last
    except UnicodeDecodeError as error:
        _refuse_encoding(name, encoding, line, error.object[-40:], error)


def _ordered(encoding: str, first: bytes, name: str) -> str:
    """The encoding with its order of bytes, as a text without a mark has it."""
    if encoding not in ("utf-16", "utf-32"):
        return encoding
    if first and 0 not in first:
        _refuse_encoding(
            name, encoding, 1, first[:4096], ValueError("it has no mark and no zero byte")
        )
    return unmarked_encoding(first)


def _refuse_without_mark(first: bytes, name: str) -> None:
    may_be = unmarked_encoding(first)
    raise WrongEncoding(
        f"the file '{name}' is not UTF-8: every other byte of it is zero. It may be {may_be}: put `encoding: {may_be}`"
        " into its event mapping. Nothing was loaded.",
        may_be,
    )


def _refuse_encoding(name: str, encoding: str, line: int, around: bytes, error: Exception) -> None:
    may_be = likely_encoding([around])
    with suppress(UnicodeDecodeError):
        around.decode("utf-8")
        may_be = "utf-8" if 0 not in around and not encoding.startswith("utf-") else may_be
    raise WrongEncoding(
        f"the file '{name}' is not {encoding}: {error} (about line {line})."
        + (f" It may be {may_be}: put `encoding: {may_be}` into its event mapping." if may_be else
           " Put the `encoding` that it is in into its event mapping.")
        + " Nothing was loaded.",
        may_be,
    ) from error  # fmt: skip


def _transcoded(stream: Iterator[bytes], found: Survey, name: str) -> Iterator[bytes]:
    looks_like_utf8 = not found.mark
    beyond_ascii = False

    def watched() -> Iterator[bytes]:
        nonlocal looks_like_utf8, beyond_ascii
        utf8 = codecs.getincrementaldecoder("utf-8")()
        for raw in stream:
            if looks_like_utf8:
                try:
                    utf8.decode(raw)
                    beyond_ascii |= not raw.isascii()
                except UnicodeDecodeError:
                    looks_like_utf8 = False
            yield raw

    for text in decoded(watched(), found.encoding, found.mark, name):
        yield text.encode("utf-8")
    if looks_like_utf8 and beyond_ascii:
        raise SourceProblem(
            f"the event mapping says encoding: {found.encoding}, and the file '{name}' is UTF-8 with letters outside"
            " ASCII: they would come out wrong. Nothing was loaded. Leave `encoding` out of the mapping, or put"
            " `encoding: utf-8`; files of several encodings need a mapping and a state folder each."
        )


def _tell_encoding(found: Survey, name: str, *, is_said: bool) -> None:
    """Stop where the file is in another encoding; a few damaged lines of a UTF-8 file are rejected lines."""
    if is_said or found.beyond_ascii >= found.undecodable:
        return
    may_be = likely_encoding(found.samples)
    if may_be:
        raise WrongEncoding(
            f"the file '{name}' is not UTF-8: {found.undecodable:,} of its lines are not, the first with"
            f" {found.samples[0].strip()[:80]!r}. It may be {may_be}: put `encoding: {may_be}` into its event mapping."
            " Nothing was loaded. If it is UTF-8 and those lines are damaged, `encoding: utf-8` rejects them.",
            may_be,
        )
