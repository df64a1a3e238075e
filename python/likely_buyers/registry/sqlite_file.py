"""The local registry read without MLflow: its SQLite file, its artifacts folder.

Why: importing MLflow takes 1 to 2 seconds and 2,200 modules, opening a client 0.6 more; the daily
scoring only wants to know who is champion and to read two files, which takes 2 ms here. Only
reading, and only layouts of MLflow's tables that were looked at (`KNOWN_LAYOUTS`): any other is
left to MLflow itself. All writing is MLflow's.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlparse

from likely_buyers.registry.errors import ArtifactMissing, RegistryLocked, RegistryUnreachable
from likely_buyers.registry.records import StoredModel, StoredVersion

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

    def is_readable_here(self) -> bool:
        """Whether this module may answer: the file is new, or laid out in a way it knows."""
        if not self.path.exists():
            return True
        with self._connected() as connection:
            known = connection.execute(
                "select count(*) from sqlite_master where name in "
                "('alembic_version', 'registered_models', 'model_versions')"
            ).fetchone()
            if known != (3,):
                return False
            revisions = {
                row[0] for row in connection.execute("select version_num from alembic_version")
            }
            return bool(revisions) and revisions <= KNOWN_LAYOUTS

    def check_writable(self) -> None:
        """Fails now and clearly, where MLflow would retry for an hour or log a traceback.

        Raises:
            RegistryLocked, RegistryUnreachable
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RegistryUnreachable(
                f"The folder of the model registry, {self.path.parent}, cannot be created: "
                f"{error}. Point "
                "LIKELY_BUYERS_STATE at a folder you may write to."
            ) from error
        with self._connected() as connection:
            connection.execute("begin immediate")
            connection.execute("rollback")

    def model(self, name: str) -> StoredModel | None:
        """The registered model, or None."""
        if not self.path.exists():
            return None
        with self._connected() as connection:
            if not connection.execute(
                "select 1 from registered_models where workspace = 'default' and name = ?", (name,)
            ).fetchall():
                return None
            return StoredModel(
                aliases=dict(
                    connection.execute(
                        "select alias, version from registered_model_aliases "
                        "where workspace = 'default' and name = ?",
                        (name,),
                    ).fetchall()
                ),
                tags=dict(
                    connection.execute(
                        "select key, value from registered_model_tags "
                        "where workspace = 'default' and name = ?",
                        (name,),
                    ).fetchall()
                ),
            )

    def versions(self, name: str, version: int | None = None) -> list[StoredVersion]:
        """All versions, oldest first, or the one asked for."""
        if not self.path.exists():
            return []
        with self._connected() as connection:
            rows = connection.execute(
                "select version, run_id, source from model_versions "
                "where workspace = 'default' and name = :name "
                "and current_stage <> 'Deleted_Internal' "
                "and (:version is null or version = :version) order by version",
                {"name": name, "version": version},
            ).fetchall()
            tags: dict[int, dict[str, str]] = {}
            for row_version, key, value in connection.execute(
                "select version, key, value from model_version_tags "
                "where workspace = 'default' and name = :name "
                "and (:version is null or version = :version)",
                {"name": name, "version": version},
            ):
                tags.setdefault(row_version, {})[key] = value
        return [
            StoredVersion(number, run_id or "", source or "", tags.get(number, {}))
            for number, run_id, source in rows
        ]

    def artifact(self, stored: StoredVersion, file_name: str) -> bytes:
        """A file of the version's model folder.

        The folder beside the registry's file comes first, so that a state folder can be moved or
        copied whole.

        Raises:
            ArtifactMissing
        """
        source = urlparse(stored.source)
        folders = [
            self.artifacts / stored.run_id / "artifacts" / "model",
            Path(unquote(source.path) if source.scheme == "file" else stored.source),
        ]
        for folder in folders:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                return (folder / file_name).read_bytes()
        raise ArtifactMissing(
            f"{file_name} of version {stored.version} is missing: expected it in {folders[0]}. "
            "Restore the folder "
            f"{self.artifacts} from a backup, or promote another version: likely-buyers models."
        )

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        # Not mode=ro: after a crash the next reader has to roll back SQLite's journal.
        mode = "rw" if self.path.exists() else "rwc"
        try:
            connection = sqlite3.connect(
                f"file:{quote(str(self.path))}?mode={mode}",
                uri=True,
                timeout=self._lock_seconds,
                isolation_level=None,
            )
            try:
                yield connection
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise RegistryLocked(
                    f"The model registry {self.path} is held by another process, waited "
                    f"{self._lock_seconds:g} s. Wait "
                    "until the training or promotion that runs there is done, then try again."
                ) from error
            raise RegistryUnreachable(
                f"The model registry {self.path} cannot be opened: {error}. Expected a SQLite file "
                "in a folder you may "
                "write to; check LIKELY_BUYERS_STATE and the folder's permissions."
            ) from error
        except sqlite3.DatabaseError as error:
            raise RegistryUnreachable(
                f"The model registry {self.path} is not a SQLite file, or is damaged: {error}. "
                "Restore it from a "
                "backup, or move it away and train anew: likely-buyers train --promote."
            ) from error
