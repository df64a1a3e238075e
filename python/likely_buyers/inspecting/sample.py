"""The first lines of a source, in files of the same names: what reads them reads the source, too.

Bytes stay as they are: encoding, quotes, header, compression and archives are left to the real reading.
"""

import codecs
import gzip
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb

from likely_buyers.sources.encodings import marked_encoding
from likely_buyers.sources.json_text import array_elements, json_kind
from likely_buyers.sources.listing import Listed, base_folder, list_files
from likely_buyers.sources.reading import Reading
from likely_buyers.sources.reading_sql import FILE_ONLY
from likely_buyers.sources.streams import chunks, compression_of
from likely_buyers.sources.survey import decoded
from likely_buyers.sql_text import literal

LINES = 100_000
# of many files some are read, spread over all of them
_FILES = 20
# files that are joined to the first source are read further: a line finds its partner anywhere in them
_LINES_OF_JOINED = 1_000_000
_MOST_BYTES = 1 << 28
_LONGEST_RECORD = 1_000


@dataclass(frozen=True)
class Sample:
    """What was taken of a source."""

    events_path: str
    """Stands for the path that was asked for."""
    folder: Path
    base: str
    """The folder of the source that `folder` stands for."""
    read: int
    """Files that were read, of so many."""
    file_count: int
    is_whole: bool
    """Whether all lines of all files were taken."""
    left_alone: tuple[str, ...]

    def named(self, path: str) -> str:
        """A path of the sample as the source has it, short."""
        return path.removeprefix(f"{self.folder}/")


def write_sample(
    events_path: str, reading: Reading, folder: Path, *, lines: int = LINES, files: int = _FILES
) -> Sample:
    """Copy the first lines of the source's files into `folder`.

    Raises:
        SourceProblem: nothing is there to be read, or a file is damaged.
    """
    base = base_folder(events_path)
    below = f"{base}/" if base else ""
    read, is_whole = 0, True
    with duckdb.connect() as connection:
        listed, left_alone = list_files(events_path, reading, connection)
        for number, source in enumerate(dict.fromkeys(one.source for one in listed)):
            of_source = [one for one in listed if one.source == source]
            chosen = _spread(of_source, files)
            is_whole &= len(chosen) == len(of_source)
            budget = lines if number == 0 or lines < LINES else _LINES_OF_JOINED
            for at, one in enumerate(chosen):
                share = max(budget // (len(chosen) - at), 1)
                target = folder / (".member" if one.member else one.path.removeprefix(below))
                target.parent.mkdir(parents=True, exist_ok=True)
                is_all = _copy_head(one, share, target, reading, connection)
                is_whole &= is_all
                budget -= _line_count(target, share) if is_all else share
                read += 1
                if one.member:
                    archive = folder / one.file.removeprefix(below)
                    archive.parent.mkdir(parents=True, exist_ok=True)
                    with zipfile.ZipFile(archive, "a") as written:
                        written.write(target, one.member)
                    target.unlink()
                    target = archive
                # events are checked against the time at which their file was changed
                found = Path(one.file).stat()
                os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    if isinstance(reading.columns, str):
        _copy_beside(base, reading.columns, folder)
    rest = events_path.removeprefix(base) if base else f"/{events_path}"
    return Sample(f"{folder}{rest}", folder, base, read, len(listed), is_whole, tuple(left_alone))


def _spread(files: list[Listed], count: int) -> list[Listed]:
    """So many of the files, from the first to the last."""
    if len(files) <= count:
        return files
    return [files[number * (len(files) - 1) // max(count - 1, 1)] for number in range(count)]


def _copy_head(
    one: Listed, lines: int, target: Path, reading: Reading, connection: duckdb.DuckDBPyConnection
) -> bool:
    """Write the first lines of a file; whether that is all of it."""
    if one.format == "parquet":
        return _copy_parquet(one, lines, target, connection)
    compression = compression_of(one.path)
    stream = chunks(Path(one.file), compression, one.member)
    first = next(stream, b"")
    mark = marked_encoding(first)
    encoding, mark_length = mark or (reading.encoding or "utf-8", 0)
    whole = chain([first], stream)
    wide = encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))
    begin = first[mark_length:4096].decode(encoding, "ignore") if wide else ""
    head = begin.encode() if wide else first.removeprefix(codecs.BOM_UTF8)
    kind = "csv"
    is_text = "csv" in (reading.format, one.format if reading.format is None else None)
    # what is called JSON and does not begin so is not read up to its end to find that out
    if not is_text and head.lstrip()[:1] in (b"{", b"["):
        kind = json_kind(head[: 1 << 18])
    if kind in ("array", "unstructured"):
        content = _head_of_values(
            decoded(whole, encoding, mark_length, one.path), kind, one.path, lines
        )
    elif wide:
        content = _head_of_wide(whole, encoding, mark_length, lines, reading)
    else:
        content = _head_of_lines(whole, lines, reading, has_quotes=kind == "csv")
    if content is None:
        return _copy_whole(one, target)
    _write(content, compression, target)
    return False


def _copy_whole(one: Listed, target: Path) -> bool:
    with target.open("wb") as file:
        file.writelines(chunks(Path(one.file), "none", one.member))
    return True


def _copy_parquet(
    one: Listed, rows: int, target: Path, connection: duckdb.DuckDBPyConnection
) -> bool:
    # the end of a file tells what is in it, and a member is a stream
    if one.member:
        return _copy_whole(one, target)
    try:
        count = connection.execute(
            "select sum(num_rows) from parquet_file_metadata(?)", [one.file]
        ).fetchone()
        if count and count[0] > rows:
            head = f"select * from read_parquet({literal(one.file)}, {FILE_ONLY}) limit {rows}"
            connection.execute(f"copy ({head}) to {literal(target)} (format parquet)")
            return False
    except duckdb.Error:
        pass  # a damaged file is for the real reading to tell
    return _copy_whole(one, target)


def _head_of_lines(
    stream: Iterator[bytes], lines: int, reading: Reading, *, has_quotes: bool
) -> bytes | None:
    """The first lines, up to the end of a record; None where there are no more."""
    pieces: list[bytes] = []
    count = size = 0
    # the header and what stands before it
    wanted = lines + reading.skip_lines + (1 if reading.header and has_quotes else 0)
    end = b"\n"
    for piece in stream:
        if not pieces and b"\n" not in piece and b"\r" in piece:
            end = b"\r"
        pieces.append(piece)
        count += piece.count(end)
        size += len(piece)
        if count > wanted + _LONGEST_RECORD or size > _MOST_BYTES:
            break
    content = b"".join(pieces)
    parts = content.split(end, wanted)
    if len(parts) <= wanted or not parts[-1]:
        if size <= _MOST_BYTES:
            return None
        return content[: content.rfind(end) + 1]
    cut = len(content) - len(parts[-1])
    quote, escape = reading.quote.encode(), (reading.escape or "").encode()
    if not has_quotes or not (quote or escape):
        return content[:cut]
    for _ in range(_LONGEST_RECORD):
        if _is_end_of_record(content, cut, quote, escape):
            return content[:cut]
        following = content.find(end, cut)
        if following < 0:
            break
        cut = following + 1
    return content[: len(content) - len(parts[-1])]


def _is_end_of_record(content: bytes, cut: int, quote: bytes, escape: bytes) -> bool:
    """Whether no value goes on behind a line's end: its quotes are even, or no escape stands before it."""
    if quote:
        return content.count(quote, 0, cut) % 2 == 0
    line = content[max(cut - 100, 0) : cut].rstrip(b"\r\n")
    return (len(line) - len(line.rstrip(escape))) % 2 == 0


def _head_of_wide(
    stream: Iterator[bytes], encoding: str, mark: int, lines: int, reading: Reading
) -> bytes | None:
    """As `_head_of_lines`, of a text whose characters are several bytes each."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    first = next(stream, b"")
    texts = chain([decoder.decode(first[mark:])], (decoder.decode(piece) for piece in stream))
    content = _head_of_lines((text.encode() for text in texts), lines, reading, has_quotes=True)
    return None if content is None else first[:mark] + content.decode().encode(encoding)


def _head_of_values(texts: Iterator[str], kind: str, path: str, count: int) -> bytes | None:
    """The first elements as an array; None where there are no more. In ASCII, which each encoding has."""
    taken: list[str] = []
    for element in array_elements(texts, kind, path):
        if len(taken) == count:
            return ("[" + ",\n".join(taken) + "]").encode()
        taken.append(json.dumps(element))
    return None


def _write(content: bytes, compression: str, target: Path) -> None:
    if compression == "gzip":
        content = gzip.compress(content, compresslevel=1, mtime=0)
    elif compression == "zstd":
        import pyarrow as pa

        content = pa.compress(content, codec="zstd", asbytes=True)
    target.write_bytes(content)


def _line_count(path: Path, most: int) -> int:
    """Of a file that was taken whole, lines as far as they matter for what is left to others."""
    if path.suffix == ".parquet":
        return most
    count = 0
    for piece in chunks(path, compression_of(path.name)):
        count += piece.count(b"\n")
    return min(count, most)


def _copy_beside(base: str, name: str, folder: Path) -> None:
    """The file that holds the columns' names, which is none of the events'."""
    source, target = Path(base) / name, folder / name
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
