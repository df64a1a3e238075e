"""Where files are published: a local folder or a prefix of an S3 bucket. A file is replaced whole or not at all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from likely_buyers.errors import from_extra
from likely_buyers.publishing.errors import PublishingError, unfit
from likely_buyers.s3 import ROLES, check_bucket


class Folder:
    """A folder of this machine, which need not exist yet."""

    def __init__(self, path: Path):
        self.url = str(path)
        self._scratch = path

    def address(self, name: str) -> str:
        """Path or address of a file or folder in it; names are relative, with `/`."""
        return f"{self.url}/{name}"

    def replace(self, name: str, write: Callable[[Path], object]) -> None:
        """Let `write` make a file at the path it is given, and put it in the place of the named one at once."""
        # a fixed name: what a killed publish left goes with the next. No reader takes it for a table
        aside = self._scratch / f".{Path(name).name}.publishing.d"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        try:
            write(aside / "unfinished")
            self._put(aside / "unfinished", name)
        finally:
            shutil.rmtree(aside)

    def opened(self, name: str) -> pa.NativeFile:
        """The named file for reading; FileNotFoundError where there is none."""
        return pa.OSFile(self.address(name))

    def _put(self, unfinished: Path, name: str) -> None:
        path = Path(self.address(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        _to_disk(unfinished)
        unfinished.replace(path)
        _to_disk(path.parent)


class S3Folder(Folder):
    """A prefix of a bucket. An object appears when all of it has arrived: S3 shows no part of one.

    Files on their way lie in the local folder `scratch`, and are sent whole.
    """

    def __init__(self, url: str, scratch: Path):
        with from_extra("publish", url):
            import obstore

        check_bucket(url, "vars.publish names an s3:// destination", PublishingError, ROLES)
        super().__init__(scratch)
        self.url = url.rstrip("/")
        self._obstore = obstore
        self._store = obstore.store.S3Store.from_url(self.url)

    def opened(self, name: str) -> pa.NativeFile:
        """As of a Folder; parts of it are fetched as they are asked for."""
        found = self._obstore.open_reader(self._store, name)
        # Arrow asks a Python file whether it is closed, and this one cannot say
        methods = {"read": found.read, "seek": found.seek, "tell": found.tell, "close": found.close}
        return pa.PythonFile(SimpleNamespace(closed=False, **methods), "r")

    def _put(self, unfinished: Path, name: str) -> None:
        self._store.put(name, unfinished)


def folder_at(setting: str, address: Any, base: Path) -> Folder:
    """The folder that a setting of `vars.publish` names: `s3://bucket/prefix`, or a path, relative to `base`.

    Raises:
        PublishingError: it names none, or a bucket that the environment does not say how to reach.
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
        expected = "null or a file, such as gold.duckdb or s3://bucket/gold.duckdb"
        raise unfit(setting, address, expected)
    return folder_at(setting, parent or slash or ".", base), name


def _to_disk(path: Path) -> None:
    """Make sure that a file, or the names in a folder, survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
