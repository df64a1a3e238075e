"""Plain copies of a load's files in the state folder, where the engine cannot read the files themselves."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from likely_buyers.errors import first_line, from_extra
from likely_buyers.lake.bucket import unreadable
from likely_buyers.s3 import endpoint
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.listing import BUCKET, EVENTS_PATH, Listed
from likely_buyers.sources.mending import mend
from likely_buyers.sources.streams import chunks
from likely_buyers.sources.survey import Survey, decoded


def plain_text(found: Mapping[str, Any], staging: Path) -> Path:
    """What the engine reads of the file, decompressed in a copy if it is compressed."""
    text = Path(found["read_path"])
    if found["compression"] == "none":
        return text
    copy = staging / f"{name_of(found['path'])}.plain"
    write_pieces(chunks(text, found["compression"]), copy)
    return copy


def mend_file(found: dict[str, Any], staging: Path) -> None:
    """Have the engine read a copy of the file's good records; its bad lines are told."""
    if found["new_line"]:
        return  # that copy is what it reads already
    copy, bad = (staging / f"{name_of(found['path'])}.{what}" for what in ("good", "bad"))
    staging.mkdir(parents=True, exist_ok=True)
    mended = mend(plain_text(found, staging), found, copy=copy, bad=bad)
    found |= {
        "read_path": str(copy), "compression": "none", "skip": 0, "lines": mended.records, "first_byte": 0,
        "bad_lines": str(bad) if mended.bad_lines else "", "bad_count": mended.bad_lines,
        "footer_from": mended.footer_from, "new_line": "\\n",
    }  # fmt: skip


def decoded_text(
    local: Path, compression: str, member: str | None, seen: Survey, name: str
) -> Iterator[bytes]:
    """The content in UTF-8, without a mark."""
    stream = chunks(local, compression, member)
    if seen.encoding == "utf-8":
        yield from stream
        return
    for text in decoded(stream, seen.encoding, seen.mark, name):
        yield text.encode("utf-8")


def write_pieces(pieces: Iterator[bytes], path: Path) -> None:
    """Write bytes to a file, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)


def local_copy(file: Listed, staging: Path) -> Path:
    """The file itself, or a copy of one that lies in a bucket."""
    if not file.file.startswith(BUCKET):
        return Path(file.file)
    copy = staging / (name_of(file.file) + "".join(Path(file.file).suffixes[-2:]))
    with from_extra("s3", f"{EVENTS_PATH}={file.file}"):
        import obstore.exceptions
    bucket, _, key = file.file.removeprefix(BUCKET).partition("/")
    if "" in key.split("/"):
        raise SourceProblem(
            f"the object '{file.file}' has a folder without a name, and is not read. Nothing was loaded. Give it"
            " another key, or leave it out by a glob or `files` of the event mapping."
        )
    try:
        # DuckDB would hold an object in memory whole
        store = obstore.store.S3Store(
            bucket, config={"endpoint": endpoint()} if endpoint() else None
        )
        write_pieces(iter(obstore.get(store, key).stream()), copy)
    except FileNotFoundError as error:
        raise SourceProblem(
            f"the object '{file.file}' was there and then was not: the delivery is not over, or somebody moved it away."
            " Nothing was loaded. Run dbt build again."
        ) from error
    except obstore.exceptions.BaseError as error:
        said = first_line(str(error))
        raise SourceProblem(unreadable(file.file, EVENTS_PATH, said)) from error
    return copy


def staged(file: Listed, staging: Path) -> Path:
    """Where the copy in UTF-8 lies."""
    return staging / f"{name_of(file.path)}.utf8"


def name_of(path: str) -> str:
    """A name for a path's copies, of letters that every file system takes."""
    return hashlib.sha256(path.encode()).hexdigest()[:24]
