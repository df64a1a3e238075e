"""The local registry read without MLflow: its SQLite file, its artifacts folder.

Why: importing MLflow takes 1 to 2 seconds and 2,200 modules, opening a client 0.6 more; the daily scoring only wants to
know who is champion and to read two files, which takes 2 ms here. Only reading, and only layouts of MLflow's tables
that were looked at (`KNOWN_LAYOUTS`): any other is left to MLflow itself. All writing is MLflow's.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from likely_buyers.registry.errors import RegistryUnreachable, UnsafeModel
from likely_buyers.registry.records import CHAMPION, MODEL_FOLDER, StoredModel, StoredVersion

# Alembic revisions of MLflow's schema that these queries were checked against: 3.17.
KNOWN_LAYOUTS = frozenset({"dc11669786a5"})
_LOCK_SECONDS = 5.0


class SqliteFile:
    """A registry in a SQLite file, with the artifacts in the folder `artifacts` beside it."""

    def __init__(self, path: Path, lock_seconds: float = _LOCK_SECONDS) -> None:
        """Opens nothing yet."""
        self.path = path
        self.artifacts = path.parent / "artifacts"
        self._lock_seconds = lock_seconds

    def read(self, name: str) -> StoredModel | None:
        """The registered model, empty if there is none; None if the tables are laid out in a way unknown here."""
        if not self.path.exists():
            return StoredModel()
        with self._connected() as connection:

            def of_model(columns: str, table: str) -> list[tuple[Any, ...]]:
                return connection.execute(
                    f"select {columns} from {table} where workspace = 'default' and name = ?",  # noqa: S608
                    (name,),
                ).fetchall()

            # all of one moment
            connection.execute("begin")
            tables = {row[0] for row in connection.execute("select name from sqlite_master")}
            if "alembic_version" not in tables:
                return None
            revisions = connection.execute("select version_num from alembic_version").fetchall()
            if not revisions or not {revision for (revision,) in revisions} <= KNOWN_LAYOUTS:
                return None
            tags: dict[int, dict[str, str]] = {}
            for version, key, value in of_model("version, key, value", "model_version_tags"):
                tags.setdefault(version, {})[key] = value
            return StoredModel(
                dict(of_model("alias, version", "registered_model_aliases")).get(CHAMPION),
                dict(of_model("key, value", "registered_model_tags")),
                [
                    StoredVersion(version, run_id or "", source or "", tags.get(version, {}))
                    for version, run_id, source, stage in sorted(
                        of_model("version, run_id, source, current_stage", "model_versions")
                    )
                    if stage != "Deleted_Internal"
                ],
            )

    def check_writable(self) -> None:
        """Fails now and clearly, where MLflow would retry for an hour or log a traceback.

        Raises:
            RegistryUnreachable
        """
        with self._connected() as connection:
            connection.execute("begin immediate")

    def artifact(self, stored: StoredVersion, file_name: str) -> bytes:
        """A file of the version's model folder, which lies beside the registry wherever that was moved to.

        Raises:
            UnsafeModel: it is missing.
        """
        path = self.artifacts / stored.run_id / "artifacts" / MODEL_FOLDER / file_name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnsafeModel(
                f"{file_name} of version {stored.version} is missing: expected it in {path.parent}. Restore the folder"
                f" {self.artifacts} from a backup, or promote another version: likely-buyers models."
            ) from error

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        # Not mode=ro: after a crash the next reader has to roll back SQLite's journal.
        mode = "rw" if self.path.exists() else "rwc"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(
                sqlite3.connect(
                    f"file:{quote(str(self.path))}?mode={mode}",
                    uri=True,
                    timeout=self._lock_seconds,
                    isolation_level=None,
                )
            ) as connection:
                yield connection
        except (OSError, sqlite3.DatabaseError) as error:
            if "locked" in str(error) or "busy" in str(error):
                raise RegistryUnreachable(
                    f"The model registry {self.path} is held by another process, waited {self._lock_seconds:g} s. Wait"
                    " until the training or promotion that runs there is done, then try again."
                ) from error
            raise RegistryUnreachable(
                f"The model registry {self.path} cannot be opened, or is not a SQLite file: {error}. Check"
                " LIKELY_BUYERS_STATE and the permissions of its folder; restore a damaged file from a backup, or move"
                " it away and train anew: likely-buyers train --promote."
            ) from error
