"""What a load will read, settled before a line of it is: what cannot be read stops the build with nothing written."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.header import footer_bytes, read_header
from likely_buyers.sources.json_text import array_elements, json_kind
from likely_buyers.sources.listing import Listed, base_folder, content_of, list_files, stamps
from likely_buyers.sources.reading import Reading
from likely_buyers.sources.reading_sql import FILE_ONLY, JSON_PROBLEM, json_lines
from likely_buyers.sources.rejects import forget_lines
from likely_buyers.sources.staging import (
    decoded_text,
    local_copy,
    mend_file,
    name_of,
    plain_text,
    staged,
    write_pieces,
)
from likely_buyers.sources.streams import chunks, compression_of, not_whole
from likely_buyers.sources.survey import Survey, decoded, survey

# Hashing and decompression leave the interpreter free for another thread.
_THREADS = 2


@dataclass(frozen=True)
class Request:
    """What is asked for: the variables of the project, and what is loaded already."""

    events_path: str
    mapping_name: str
    mapping: Mapping[str, Any]
    known: Sequence[tuple[str, int, str, str, str]]
    """(path, size, time of change, digest, path of the same content) of each file taken in, in its latest version."""
    staging: Path


def plan_delivery(request: Request, cursor: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The new files, each with how it is read: {files: [...], left_alone: [path], same_content: [[path, as]]}.

    A file's keys: path (its name in bronze), read_path (what the engine reads: the file, or a plain copy of it),
    format, columns, types (Parquet), size, modified_at, digest, source, replaces_earlier, and for text: delimiter,
    quote, escape, nulls, skip, compression, json_kind, lines (physical lines behind the header, or elements of an
    array), first_byte, footer_from (bytes of what is read), new_line (how lines end, as the engine calls it; ''
    where it may find out), bad_lines (already found, or ''), json_keys (column -> its keys, where they are not its
    name). Of Parquet: in_path (columns that are not in the file, but in its path).

    Raises:
        SourceProblem: a file that cannot be read, in words.
    """
    reading = Reading.of(request.mapping, request.mapping_name)
    listed, left_alone = list_files(request.events_path, reading, cursor)
    known = {row[0]: (row[1], row[2]) for row in request.known}
    changed = {
        one.path
        for one in listed
        if one.path in known and known[one.path] != (one.size, one.modified_at)
    }
    # a copy of a file that has another content now stands for the content that both had
    same_as = {row[0]: row[4] for row in request.known if row[4]}
    fresh = [
        one
        for one in listed
        if known.get(one.path) != (one.size, one.modified_at) or same_as.get(one.path) in changed
    ]
    look = _Look(reading, _given_columns(reading, request.events_path, cursor), request.staging)
    with ThreadPoolExecutor(_THREADS) as threads:
        files = list(threads.map(lambda file: look.at(file, cursor.cursor()), fresh))
    # files that are replaced stand for their new content only
    by_digest = {
        row[3]: row[0] for row in request.known if row[3] and not row[4] and row[0] not in changed
    }
    same_content = []
    for file in files:
        earlier = (
            by_digest.setdefault(file["digest"], file["path"]) if file["size"] else file["path"]
        )
        if earlier != file["path"]:
            same_content.append([file["path"], earlier])
            file["same_as"] = earlier
        file["replaces_earlier"] = file["path"] in known
    return {"files": files, "left_alone": left_alone, "same_content": same_content}


def forget_staged(staging: Path) -> None:
    """Remove the plain copies of a load that is over."""
    shutil.rmtree(staging, ignore_errors=True)
    forget_lines()


def _given_columns(
    reading: Reading, events_path: str, cursor: duckdb.DuckDBPyConnection
) -> tuple[str, ...] | None:
    if not isinstance(reading.columns, str):
        return reading.columns
    path = f"{base_folder(events_path)}/{reading.columns}"
    try:
        found = content_of(path, cursor)
    except duckdb.Error:
        found = None
    if found is None:
        raise SourceProblem(
            f"the file '{path}', which the event mapping names as the one that holds the columns' names (columns), is"
            " not there. Nothing was loaded."
        )
    text = found.decode("utf-8-sig").strip("\r\n")
    first = text.splitlines()[0] if text else ""
    separator = reading.delimiter or next((d for d in "\t;,|" if d in first), "\t")
    names = first.split(separator) if separator in first else text.split()
    return tuple(name.strip() for name in names)


@dataclass(frozen=True)
class _Look:
    """What the files of a delivery are looked at with."""

    reading: Reading
    columns: Sequence[str] | None
    """Of CSV, as the mapping has them."""
    staging: Path

    def at(self, file: Listed, cursor: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        """The file as `plan_delivery` gives it, its place among others apart."""
        compression = compression_of(file.path)
        found: dict[str, Any] = {
            "path": file.path, "read_path": file.file, "format": file.format, "columns": [], "types": None,
            "size": file.size, "modified_at": file.modified_at, "digest": "", "source": file.source,
            "delimiter": "", "quote": "", "escape": "", "nulls": list(self.reading.nulls), "skip": 0,
            "compression": compression, "json_kind": "", "lines": 0, "first_byte": 0, "footer_from": None,
            "bad_lines": "", "bad_count": 0, "same_as": None, "renamed": [], "file": file.file,
            "file_size": file.file_size, "new_line": "", "json_keys": {}, "in_path": [], "registrable": False,
        }  # fmt: skip
        local = local_copy(file, self.staging)
        if file.size == 0:
            found["format"] = file.format or "csv"
            return found
        if file.format == "parquet":
            self._parquet(found, file, local, cursor)
            return found
        reading = self.reading
        seen = survey(local, compression, file.member, reading.encoding, reading.quote.encode())
        found["digest"] = seen.digest
        text_head = seen.head.removeprefix(b"\xef\xbb\xbf")
        if file.format is None:
            found["format"] = "json" if text_head.lstrip()[:1] in (b"{", b"[") else "csv"
        if seen.encoding != "utf-8" or file.member:
            text = staged(file, self.staging)
            write_pieces(decoded_text(local, compression, file.member, seen, file.path), text)
            found |= {"read_path": str(text), "compression": "none"}
        else:
            found["read_path"] = str(local)
        if found["format"] == "json":
            self._json(found, seen, cursor)
        else:
            self._csv(found, seen)
        return found

    def _parquet(
        self, found: dict[str, Any], file: Listed, local: Path, cursor: duckdb.DuckDBPyConnection
    ) -> None:
        digest = xxhash.xxh3_128()
        pieces: Iterator[bytes] = chunks(local, "none", file.member, on_raw=digest.update)
        if file.member:
            local = staged(file, self.staging)
            write_pieces(pieces, local)
        else:
            for _ in pieces:
                pass
        found |= {"read_path": str(local), "digest": digest.hexdigest(), "compression": "none"}
        try:
            described = "describe select * from read_parquet(?"
            rows = cursor.execute(f"{described}, {FILE_ONLY})", [str(local)]).fetchall()
            own = {row[0].lower() for row in rows}
            # columns that only the folders above the file give, as in event_type=purchase/
            with_path = cursor.execute(f"{described})", [str(local)]).fetchall()
            in_path = [row for row in with_path if row[0].lower() not in own]
            count = cursor.execute(
                "select num_rows from parquet_file_metadata(?)", [str(local)]
            ).fetchone()
        except duckdb.Error as error:
            raise not_whole(file.path, "Parquet", str(error).split("\n", maxsplit=1)[0]) from error
        found |= {
            "columns": [row[0] for row in rows + in_path],
            "types": [row[1] for row in rows + in_path],
            "in_path": [row[0] for row in in_path],
            "lines": int(count[0]) if count else 0,
        }
        # names that come twice, if in other letters, are told apart by the engine's reading alone
        schema = pq.read_schema(local)
        found["registrable"] = (
            schema.names == found["columns"]
            and all(map(_fits, schema.types))
            # which Arrow knows as a struct
            and not any("VARIANT" in type_ for type_ in found["types"])
        )

    def _json(self, found: dict[str, Any], seen: Survey, cursor: duckdb.DuckDBPyConnection) -> None:
        pieces = chunks(Path(found["read_path"]), found["compression"])
        found["json_kind"] = kind = json_kind(seen.head.removeprefix(b"\xef\xbb\xbf"))
        if kind == "lines":
            if seen.has_mixed_ends:
                # DuckDB 1.5 loses the character behind a lone carriage return; to JSON one is a blank
                copy = self.staging / f"{name_of(found['path'])}.lines"
                write_pieces((piece.replace(b"\r", b" ") for piece in pieces), copy)
                found |= {"read_path": str(copy), "compression": "none"}
            found["lines"] = seen.lines
            keys_of = "select distinct unnest(json_keys(line)) as key from"
            rows = cursor.execute(
                f"{keys_of} {json_lines([found])} where {JSON_PROBLEM} = '' order by key"
            ).fetchall()
            found |= _named_keys(row[0] for row in rows)
            return
        keys: dict[str, None] = {}
        mark = seen.mark if seen.encoding == "utf-8" else 0
        texts = decoded(pieces, "utf-8", mark, found["path"])
        for element in array_elements(texts, kind, found["path"]):
            found["lines"] += 1
            if isinstance(element, dict) and not element.keys() <= keys.keys():
                keys.update(dict.fromkeys(element))
        found |= _named_keys(sorted(keys))

    def _csv(self, found: dict[str, Any], seen: Survey) -> None:
        reading = self.reading
        header = read_header(seen.head, found["path"], reading, self.columns)
        if header is None:
            return
        escape = reading.escape if reading.escape is not None else reading.quote
        found |= {
            "delimiter": header.delimiter, "quote": reading.quote, "escape": escape, "columns": list(header.columns),
            "renamed": list(header.renamed), "skip": header.skip, "first_byte": header.first_byte,
            "lines": seen.lines - header.skip,
        }  # fmt: skip
        footer = footer_bytes(seen.tail, header.delimiter, len(header.columns))
        found["footer_from"] = seen.size - footer if footer else None
        if not header.is_plain:
            body = self.staging / f"{name_of(found['path'])}.body"
            body.parent.mkdir(parents=True, exist_ok=True)
            with plain_text(found, self.staging).open("rb") as whole, body.open("wb") as rest:
                whole.seek(header.first_byte)
                shutil.copyfileobj(whole, rest)
            found |= {"read_path": str(body), "compression": "none", "skip": 0, "first_byte": 0}
            if found["footer_from"] is not None:
                found["footer_from"] -= header.first_byte
        if seen.has_mixed_ends:
            mend_file(found, self.staging)


def _fits(type_: pa.DataType) -> bool:
    """Whether a lake takes such a column of a file as it is: DuckDB reads the others as another type."""
    if pa.types.is_nested(type_):
        return all(_fits(type_.field(number).type) for number in range(type_.num_fields))
    return not (
        pa.types.is_float16(type_)
        or pa.types.is_decimal256(type_)
        or (pa.types.is_time(type_) and type_.unit != "us")
    )


def _named_keys(keys: Iterable[str]) -> dict[str, Any]:
    """Columns for keys, one for those that differ in case only; json_keys has the keys that are not a column's name."""
    columns: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for key in keys:
        name = names.setdefault(key.lower(), key or "column_1")
        columns.setdefault(name, []).append(key)
    return {
        "columns": list(columns),
        "json_keys": {name: found for name, found in columns.items() if found != [name]},
    }


def changed_file(
    files: Sequence[Mapping[str, Any]], cursor: duckdb.DuckDBPyConnection
) -> Mapping[str, Any] | None:
    """The first planned file whose size or time of change is not what it was; None where all stand as listed."""
    paths = sorted({file["file"] for file in files})
    found = {path: (size, modified_at) for path, size, modified_at in stamps(paths, cursor)}
    for file in files:
        if found.get(file["file"]) != (file["file_size"], file["modified_at"]):
            return file
    return None
