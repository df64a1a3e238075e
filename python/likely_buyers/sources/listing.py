"""Which files a source is made of: what lies under events_path, and which of it is read."""

import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.errors import said_by
from likely_buyers.lake.bucket import know_bucket, unreadable
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.reading import Reading, is_of_dbt
from likely_buyers.sources.streams import not_whole
from likely_buyers.sources.waiting import is_left_for_later

_KINDS = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".dat"), "csv"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "json"),
    ".parquet": "parquet",
}
ENDINGS = ", ".join((*_KINDS, ".zip")) + " (each also .gz or .zst)"

EVENTS_PATH = "vars.events_path"
BUCKET = "s3://"
# A file in no folder of theirs, given with the others. read_blob takes a folder size=5 for its own column `size` and
# falls over it, unless its files lie in folders of different names. It has no option against that.
_APART = __file__


@dataclass(frozen=True)
class Listed:
    """A file, or a member of a zip archive, that is to be read."""

    path: str
    """Its name in bronze: the file's path, with a member's name behind that of its archive."""
    file: str
    """The file on the disk or in the bucket."""
    member: str | None
    format: str | None
    """csv, json or parquet; None where only the content can tell."""
    size: int
    modified_at: str
    file_size: int
    """Of the file that it lies in."""
    source: str
    """Name of the source in the mapping's `sources`; '' without them."""


def list_files(events_path: str, reading: Reading, cursor: Any) -> tuple[list[Listed], list[str]]:
    """What is read, sorted by path, and what lies there and is not.

    Raises:
        SourceProblem: nothing to read, a place that is not read from, or an archive of two kinds of files.
    """
    if "://" in events_path and not events_path.startswith(BUCKET):
        raise SourceProblem(
            f"{EVENTS_PATH} names '{events_path}', and files are read from this machine or from s3://bucket/prefix."
            " Copy them there, and name that file, folder or glob."
        )
    try:
        found = [
            row for row in _found(events_path, reading, cursor) if not is_left_for_later(row[0])
        ]
    except duckdb.Error as error:
        if not events_path.startswith(BUCKET):
            raise
        raise SourceProblem(unreadable(events_path, EVENTS_PATH, said_by(error))) from error
    listed: list[Listed] = []
    left_alone: list[str] = []
    for path, size, modified_at, source in found:
        kind = _kind_of(path)
        if source is None:
            left_alone.append(path)
            continue
        if kind == "zip":
            members, others = _members(path, size, modified_at, source, reading)
            listed += members
            left_alone += others
            continue
        known = {"unknown": None, "compressed": None}.get(kind, kind)
        listed.append(
            Listed(path, path, None, reading.format or known, size, modified_at, size, source)
        )
    if not listed:
        raise SourceProblem(
            f"events_path '{events_path}' matches no event file ({len(found)} files there, none that"
            + (f" fits files: {reading.files!r}" if reading.files else f" ends in {ENDINGS}")
            + "). Set vars.events_path to a file, folder or glob; for the demo shop run: make demo."
        )
    for name, pattern in reading.sources:
        if not is_of_dbt(pattern) and name not in {file.source for file in listed}:
            raise SourceProblem(
                f"the source '{name}' of the event mapping has no file: nothing under '{events_path}' fits {pattern!r}."
                f" Found: {', '.join(p.removeprefix(_below(events_path)) for p, *_ in found[:20])}. Nothing was loaded."
            )
    return listed, left_alone


def event_files(events_path: str, reading: Reading, cursor: Any) -> dict[str, tuple[int, str]]:
    """Size and time of change of each file that `list_files` reads, by path; archives whole, and none of it opened."""
    return {
        path: (size, modified_at)
        for path, size, modified_at, source in _found(events_path, reading, cursor)
        if source is not None
    }


def base_folder(events_path: str) -> str:
    """The folder that patterns of the mapping are relative to."""
    if _is_pattern(events_path):
        return re.split(r"[*?\[]", events_path)[0].rpartition("/")[0]
    if _is_file(events_path):
        return events_path.rpartition("/")[0]
    return events_path.rstrip("/")


def matches(name: str, pattern: str) -> bool:
    """Whether a relative path fits a pattern: `*` and `?` stay within a folder, `**/` is any folders."""
    expression = ""
    for part in re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]*\]|[^*?\[]+|\[", pattern):
        expression += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(
            part,
            part.replace("[!", "[^") if part.startswith("[") and len(part) > 1 else re.escape(part),
        )
    return re.fullmatch(expression, name) is not None


def _is_pattern(events_path: str) -> bool:
    return re.search(r"[*?\[]", events_path) is not None


def _is_file(events_path: str) -> bool:
    return not _is_pattern(events_path) and _kind_of(events_path) != "unknown"


def _below(events_path: str) -> str:
    folder = base_folder(events_path)
    return folder + "/" if folder else ""


def _found(
    events_path: str, reading: Reading, cursor: Any
) -> Iterator[tuple[str, int, str, str | None]]:
    """Each file with the source that it belongs to: '' where the mapping has none, None where it is left alone."""
    is_file = _is_file(events_path)
    is_one = _is_pattern(events_path) or is_file
    below = _below(events_path)
    skips_hidden, is_named = not is_file and reading.files is None, _is_named(reading)
    for path, size, modified_at in _glob(
        events_path if is_one else f"{base_folder(events_path)}/**", cursor
    ):
        name = path.removeprefix(below)
        is_skipped = (skips_hidden and re.search(r"(^|/)[_.]", name)) or (
            not is_named and _kind_of(path) == "unknown"
        )
        yield path, size, modified_at, None if is_skipped else _source_of(name, reading)


def _glob(pattern: str, cursor: Any) -> list[tuple[str, int, str]]:
    if pattern.endswith("/**") and "://" not in pattern:
        return stamps(_files_below(pattern.removesuffix("**")), cursor)
    if pattern.startswith(BUCKET):
        know_bucket(cursor, base_folder(pattern), EVENTS_PATH, SourceProblem)
    names = [row[0] for row in cursor.execute("select file from glob(?)", [pattern]).fetchall()]
    return stamps(names, cursor)


def _files_below(folder: str) -> list[str]:
    """Files of a folder and the folders in it, links followed, which the engine's own `**` leaves out."""
    found: list[str] = []
    seen: set[str] = set()
    todo = [folder]
    while todo:
        here = todo.pop()
        if (real := os.path.realpath(here)) in seen or not Path(here).is_dir():
            continue
        seen.add(real)
        with os.scandir(here) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_dir():
                    todo.append(f"{here}{entry.name}/")
                elif entry.is_file():
                    found.append(f"{here}{entry.name}")
    return found


def stamps(names: Sequence[str], cursor: Any) -> list[tuple[str, int, str]]:
    """Path, size and time of change of the files that are there, by path."""
    if not names:
        return []
    changed = "cast(cast(last_modified as timestamp) as varchar)"
    rows = _looked_up(f"select filename, size, {changed}", names, cursor)
    return [(row[0], int(row[1]), str(row[2])) for row in rows]


def content_of(name: str, cursor: Any) -> bytes | None:
    """The bytes of a file as it lies there; None where it does not."""
    found = _looked_up("select content", [name], cursor)
    return bytes(found[0][0]) if found else None


def _looked_up(select: str, names: Sequence[str], cursor: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = cursor.execute(
        f"{select} from read_blob(?) where filename <> ? order by filename",
        [[*names, _APART], _APART],
    ).fetchall()
    return found


def _kind_of(path: str) -> str:
    """csv, json, parquet, zip, compressed (a bare .gz) or unknown, by the endings of a name in any case."""
    name = Path(path.lower()).name
    if name.endswith(".zip"):
        return "zip"
    bare = re.sub(r"\.(gz|zst|zstd)$", "", name)
    kind = _KINDS.get(Path(bare).suffix)
    if kind == "parquet" and bare != name:
        return "unknown"
    return kind or ("compressed" if bare != name else "unknown")


def _is_named(reading: Reading) -> bool:
    return bool(reading.format and (reading.files or reading.sources))


def _source_of(name: str, reading: Reading) -> str | None:
    """The source that a file belongs to; None where it belongs to none."""
    if reading.files is not None and not matches(name, reading.files):
        return None
    if not reading.sources:
        return ""
    return next((s for s, pattern in reading.sources if matches(name, pattern)), None)


def _members(
    path: str, size: int, modified_at: str, source: str, reading: Reading
) -> tuple[list[Listed], list[str]]:
    if "://" in path:
        raise SourceProblem(
            f"the archive '{path}' lies in a bucket, and archives are read from a disk only. Nothing was loaded."
            " Unpack it there (.gz and .zst are read as they are), or copy it to a folder of this machine."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise not_whole(path, "zip", str(error)) from error
    members: list[Listed] = []
    others: list[str] = []
    for info in infos:
        kind = _kind_of(info.filename)
        is_hidden = re.search(r"(^|/)[_.]", info.filename)
        if is_hidden or kind in ("unknown", "zip") or (kind == "compressed"):
            others.append(f"{path}/{info.filename}")
            continue
        name, read_as = f"{path}/{info.filename}", reading.format or kind
        members.append(
            Listed(name, path, info.filename, read_as, info.file_size, modified_at, size, source)
        )
    kinds = sorted({str(member.format) for member in members})
    if len(kinds) > 1:
        raise SourceProblem(
            f"the archive '{path}' holds files of {len(kinds)} kinds ({', '.join(kinds)}):"
            f" {', '.join(str(member.member) for member in members[:10])}. Nothing was loaded. Unpack it and name what"
            " is to be read with `files` in the event mapping, or deliver an archive of one kind."
        )
    if not members:
        raise SourceProblem(
            f"the archive '{path}' holds no event file: {', '.join(others) or 'it is empty'}. Nothing was loaded."
            f" Expected files that end in {ENDINGS}."
        )
    return members, others
