"""Where files are published: a local folder or a prefix of an S3 bucket. A file is replaced whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from likely_buyers.errors import from_extra
from likely_buyers.publishing.errors import PublishingError, unfit

_UNFINISHED = ".publishing"
_RETRIES = 10
_RETRY_FOR = timedelta(minutes=2)
# One of these says how to sign requests; the last names an instance's own role, which is asked for over the network.
_S3_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
)


class Folder:
    """A folder of this machine."""

    storage_options: dict[str, str] | None = None
    """What `deltalake` is to be told beside the environment."""

    def __init__(self, path: Path):
        """`path` need not exist yet."""
        self.url = str(path)
        self._scratch = path

    def address(self, name: str) -> str:
        """Path or address of a file or folder in it; names are relative, with `/`."""
        return f"{self.url}/{name}"

    def replace(self, name: str, write: Callable[[Path], None]) -> None:
        """Let `write` make a file at the path it is given, and put it in the place of the named one at once."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        # a fixed name: what a killed publish left is overwritten by the next. No reader takes it for a table
        unfinished = self._scratch / f".{Path(name).name}{_UNFINISHED}"
        _remove(unfinished)
        try:
            write(unfinished)
            self._put(unfinished, name)
        finally:
            _remove(unfinished)

    def opened(self, name: str) -> io.IOBase | None:
        """The named file for reading, None when there is none."""
        path = Path(self.address(name))
        return path.open("rb") if path.exists() else None

    def _put(self, unfinished: Path, name: str) -> None:
        path = Path(self.address(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        _to_disk(unfinished)
        unfinished.replace(path)
        _to_disk(path.parent)


class S3Folder(Folder):
    """A prefix of a bucket. An object appears when all of it has arrived: S3 shows no part of one."""

    storage_options = {  # noqa: RUF012 (read only)
        "max_retries": str(_RETRIES),
        "retry_timeout": f"{_RETRY_FOR.total_seconds():.0f}s",
    }

    def __init__(self, url: str, scratch: Path):
        """Files on their way lie in the local folder `scratch`, and are sent whole.

        Raises:
            PublishingError: the address is no bucket's, would be spoken to without TLS unasked, or the environment
            says not how to sign requests.
        """
        with from_extra("publish", url):
            from obstore.store import S3Store

        _check_s3(url)
        super().__init__(scratch)
        self.url = url.rstrip("/")
        self._store = S3Store.from_url(
            self.url,
            client_options={"allow_http": _http_is_allowed()},
            retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRY_FOR},
        )

    def opened(self, name: str) -> io.IOBase | None:
        """As of a Folder; what is read is fetched."""
        import obstore

        try:
            return _Fetched(obstore.open_reader(self._store, name))
        except FileNotFoundError:
            return None

    def _put(self, unfinished: Path, name: str) -> None:
        import obstore

        obstore.put(self._store, name, unfinished)


class _Fetched(io.RawIOBase):
    """An object of S3 as Python's files are read; parts of it are fetched as they are asked for."""

    def __init__(self, reader: Any):
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self._reader.tell())

    def read(self, size: int = -1) -> bytes:
        return bytes(self._reader.read(None if size < 0 else size))


def folder_at(setting: str, address: Any, base: Path) -> Folder:
    """The folder that a setting of `vars.publish` names: `s3://bucket/prefix`, or a path, relative to `base`.

    Raises:
        PublishingError: it names none, or as S3Folder.
    """
    if isinstance(address, str) and address.startswith("s3://"):
        return S3Folder(address, base)
    if not isinstance(address, str) or not address.strip() or "://" in address:
        raise unfit(setting, address, "a path, s3://bucket/prefix or null")
    return Folder(base / address)


def file_at(setting: str, address: Any, base: Path) -> tuple[Folder, str]:
    """As `folder_at`, of a file: its folder and its name."""
    parent, slash, name = address.rpartition("/") if isinstance(address, str) else ("", "", "")
    if not name.strip() or parent == "s3:/":
        raise unfit(
            setting,
            address,
            "null or a file, such as gold.duckdb or s3://bucket/gold.duckdb",
        )
    return folder_at(setting, parent or slash or ".", base), name


def _check_s3(url: str) -> None:
    bucket = url.removeprefix("s3://").partition("/")[0]
    if not bucket or "@" in url:
        raise PublishingError(
            "vars.publish names an s3:// destination that is no s3://bucket/prefix. Credentials do not belong there:"
            " set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if not any(os.environ.get(name) for name in _S3_CREDENTIALS):
        raise PublishingError(
            f"no credentials for {url}: the environment variable AWS_ACCESS_KEY_ID is not set (nor one of"
            f" {', '.join(_S3_CREDENTIALS[1:])}). Set it, with AWS_SECRET_ACCESS_KEY and AWS_REGION."
        )
    if os.environ.get("AWS_ACCESS_KEY_ID") and not os.environ.get("AWS_SECRET_ACCESS_KEY"):
        raise PublishingError(
            f"no credentials for {url}: AWS_ACCESS_KEY_ID is set and the environment variable"
            " AWS_SECRET_ACCESS_KEY is not. Set it."
        )
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    if endpoint.startswith("http://") and not _http_is_allowed():
        raise PublishingError(
            f"AWS_ENDPOINT_URL is {endpoint}, without TLS: scores and keys would travel in the open. Use https://,"
            " or set AWS_ALLOW_HTTP=true if that is meant."
        )


def _http_is_allowed() -> bool:
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("true", "1")


def _remove(unfinished: Path) -> None:
    """Remove an unfinished file, and what its writer put beside it, such as a log of DuckDB."""
    for path in unfinished.parent.glob(f"{unfinished.name}*"):
        path.unlink()


def _to_disk(path: Path) -> None:
    """Make sure that a file, or the names in a folder, survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
