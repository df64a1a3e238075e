"""The bytes of a file as it was meant: decompressed, out of its archive, whole."""

import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from likely_buyers.sources.errors import SourceProblem

# what fits the processor's cache is read fastest
CHUNK_BYTES = 1 << 20


def compression_of(name: str) -> str:
    """gzip, zstd or none, by the ending of a name in any case."""
    lower = name.lower()
    return (
        "gzip" if lower.endswith(".gz") else "zstd" if lower.endswith((".zst", ".zstd")) else "none"
    )


def chunks(
    path: Path,
    compression: str,
    member: str | None = None,
    on_raw: Callable[[bytes], object] | None = None,
) -> Iterator[bytes]:
    """The file's content, decompressed; of a zip archive that of one member.

    on_raw: is handed the bytes as they lie in the file (of a member: its content).

    Raises:
        SourceProblem: the file is damaged, or ends too early.
    """
    raw = _member_chunks(path, member) if member else _file_chunks(path)
    if on_raw:
        raw = _watched(raw, on_raw)
    if compression == "gzip":
        raw = _gunzipped(raw, path)
    elif compression == "zstd":
        raw = _unzstd(path, on_raw)
    return raw


def _watched(raw: Iterator[bytes], on_raw: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in raw:
        on_raw(chunk)
        yield chunk


def _file_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _member_chunks(path: Path, member: str) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError) as e:
        raise not_whole(f"{path}/{member}", "zip", str(e)) from e


def _gunzipped(raw: Iterator[bytes], path: Path) -> Iterator[bytes]:
    """Several members one after the other are one file (RFC 1952), as `cat a.gz b.gz` makes them."""
    member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    members, begun = 0, False
    for piece in raw:
        rest = piece
        while rest:
            if not begun and members and not any(rest):
                break  # zero padding after the last member is allowed
            try:
                begun = True
                content = member.decompress(rest, CHUNK_BYTES)
            except zlib.error as error:
                raise not_whole(path, "gzip", f"it is damaged ({error})") from error
            if content:
                yield content
            rest = member.unconsumed_tail
            if member.eof:
                rest = member.unused_data
                member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
                members, begun = members + 1, False
    if begun or not members:
        raise not_whole(path, "gzip", "it ends too early, as after an upload that was cut off")


def _unzstd(path: Path, on_raw: Callable[[bytes], object] | None) -> Iterator[bytes]:
    import pyarrow as pa

    if on_raw:
        for chunk in _file_chunks(path):
            on_raw(chunk)
    try:
        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise not_whole(path, "zstd", str(error)) from error


def not_whole(path: object, kind: str, problem: str) -> SourceProblem:
    """The error for a file that was damaged or cut."""
    return SourceProblem(
        f"the file '{path}' is no whole {kind} file: {problem}. Nothing was loaded. Deliver it again (or"
        " move it out of the folder), then run dbt build."
    )
