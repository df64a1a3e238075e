"""Where files are published: a local folder or a prefix of an S3 bucket. A file is replaced whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, cast

from likely_buyers.errors import from_extra
from likely_buyers.publishing.errors import MissingCredentials, PublishingMisconfigured

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


class LocalFolder:
    """A folder of this machine."""

    storage_options: dict[str, str] | None = None
    """What `deltalake` is to be told beside the environment."""

    def __init__(self, path: Path):
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def address(self, name: str) -> str:
        """Path or address of a file or folder in it; names are relative, with `/`."""
        return str(self._path / name)

    def replace(self, name: str, write: Callable[[Path], None]) -> None:
        """Let `write` make a file at the path it is given, and put it in the place of the named one at once."""
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # a fixed name: what a killed publish left is overwritten by the next. No reader takes it for a table
        unfinished = path.with_name(f".{path.name}{_UNFINISHED}")
        _remove(unfinished)
        try:
            write(unfinished)
            _to_disk(unfinished)
            unfinished.replace(path)
        finally:
            _remove(unfinished)
        _to_disk(path.parent)

    def opened(self, name: str) -> IO[bytes] | None:
        """The named file for reading, None when there is none."""
        path = self._path / name
        return path.open("rb") if path.exists() else None

    def remove_unfinished(self) -> None:
        """Remove what killed publishes left, in the folder and those below it."""
        for path in self._path.rglob(f".*{_UNFINISHED}"):
            _remove(path)


class S3Folder:
    """A prefix of a bucket. An object appears when all of it has arrived: S3 shows no part of one."""

    def __init__(self, url: str, scratch: Path):
        """`scratch` is a local folder for files on their way.

        Raises:
            MissingCredentials: the environment says not how to sign requests.
            PublishingMisconfigured: the address is no bucket's, or would be spoken to without TLS unasked.
        """
        with from_extra("publish", url):
            from obstore.store import S3Store

        _check_s3(url, os.environ)
        self._url = url.rstrip("/")
        self._scratch = scratch
        self._store = S3Store.from_url(
            self._url,
            client_options={"allow_http": _http_is_allowed(os.environ)},
            retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRY_FOR},
        )

    def __str__(self) -> str:
        return self._url

    @property
    def storage_options(self) -> dict[str, str] | None:
        """What `deltalake` is to be told beside the environment."""
        return {"max_retries": str(_RETRIES), "retry_timeout": f"{_RETRY_FOR.total_seconds():.0f}s"}

    def address(self, name: str) -> str:
        """As of a LocalFolder."""
        return f"{self._url}/{name}"

    def replace(self, name: str, write: Callable[[Path], None]) -> None:
        """As of a LocalFolder; the file is made in the scratch folder and sent whole."""
        import obstore

        unfinished = self._scratch / f".upload{_UNFINISHED}"
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        _remove(unfinished)
        try:
            write(unfinished)
            obstore.put(self._store, name, unfinished)
        finally:
            _remove(unfinished)

    def remove_unfinished(self) -> None:
        """Nothing to do: it shows no object that is not whole."""

    def opened(self, name: str) -> IO[bytes] | None:
        """As of a LocalFolder; what is read is fetched."""
        import obstore

        try:
            return cast(IO[bytes], _Readable(obstore.open_reader(self._store, name)))
        except FileNotFoundError:
            return None


Folder = LocalFolder | S3Folder
"""A folder to publish into."""


class _Readable:
    """An object of S3 as Python's files are read; parts of it are fetched as they are asked for."""

    closed = False

    def __init__(self, reader: Any):
        self._reader = reader

    def __enter__(self) -> _Readable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, size: int | None = None) -> bytes:
        return bytes(self._reader.read(None if size is None or size < 0 else size))

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self._reader.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        self._reader.close()


def folder_at(place: str, base: Path) -> Folder:
    """The folder a place of `vars.publish` names: `s3://bucket/prefix`, or a path, relative to `base`.

    Raises:
        MissingCredentials, PublishingMisconfigured: as S3Folder; or the address has another scheme.
    """
    if place.startswith("s3://"):
        return S3Folder(place, base)
    if "://" in place:
        scheme = place.split("://", 1)[0]
        raise PublishingMisconfigured(
            f"vars.publish names a place {scheme}://…: expected a local path or s3://bucket/prefix."
        )
    return LocalFolder(base / place)


def _check_s3(url: str, environment: Mapping[str, str]) -> None:
    bucket = url.removeprefix("s3://").split("/", 1)[0]
    if not bucket or "@" in url:
        raise PublishingMisconfigured(
            "vars.publish names an s3:// place that is no s3://bucket/prefix. Credentials do not belong there:"
            " set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if not any(environment.get(name) for name in _S3_CREDENTIALS):
        raise MissingCredentials(
            f"no credentials for {url}: the environment variable AWS_ACCESS_KEY_ID is not set (nor one of"
            f" {', '.join(_S3_CREDENTIALS[1:])}). Set it, with AWS_SECRET_ACCESS_KEY and AWS_REGION."
        )
    if environment.get("AWS_ACCESS_KEY_ID") and not environment.get("AWS_SECRET_ACCESS_KEY"):
        raise MissingCredentials(
            f"no credentials for {url}: AWS_ACCESS_KEY_ID is set and the environment variable"
            " AWS_SECRET_ACCESS_KEY is not. Set it."
        )
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""
    if endpoint.startswith("http://") and not _http_is_allowed(environment):
        raise PublishingMisconfigured(
            f"AWS_ENDPOINT_URL is {endpoint}, without TLS: scores and keys would travel in the open. Use https://,"
            " or set AWS_ALLOW_HTTP=true if that is meant."
        )


def _http_is_allowed(environment: Mapping[str, str]) -> bool:
    return environment.get("AWS_ALLOW_HTTP", "").lower() in ("true", "1")


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
