"""Where the registry lies: at an address that MLflow's client understands, or in a SQLite file of the state folder.

All writing is MLflow's. The file is read without it: importing MLflow takes 1 to 2 seconds and 2,200 modules, opening a
client 0.6 more; the daily scoring only wants to know who is champion and to read two files, which takes 2 ms here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likely_buyers.registry.errors import RegistryError, RegistryUnreachable, UnsafeModel
from likely_buyers.registry.model_folder import MODEL_FOLDER, write_model
from likely_buyers.registry.records import CHAMPION, StoredModel, StoredVersion

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

# No telemetry, no noise, and a server that does not answer is given up after seconds instead of MLflow's minutes. A
# variable that is set already wins.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
# Their errors are raised, the rest is noise here.
_NOISY_LOGGERS = ("mlflow", "alembic", "urllib3.connectionpool")
# Alembic revisions of MLflow's schema that the queries here were checked against: 3.17. MLflow reads any other.
KNOWN_LAYOUTS = frozenset({"dc11669786a5"})
LOCK_SECONDS = 5.0


class MlflowStore:
    """A registry at an address; `location` is that address, fit to be shown.

    `artifacts` is where models are stored, for a registry in a database; None leaves it to the server.
    """

    def __init__(self, tracking_uri: str, artifacts: Path | None) -> None:
        self.location = _without_password(tracking_uri)
        self._uri = tracking_uri
        self._artifacts = None if artifacts is None else artifacts.as_uri()
        self._client: MlflowClient | None = None

    def read(self, name: str) -> StoredModel:
        """The registered model, empty if there is none."""
        with self.client() as client:
            from mlflow.utils import get_results_from_paginated_fn

            query = f"name = '{name}'"
            found = client.search_registered_models(query)
            if not found:
                return StoredModel()
            versions = get_results_from_paginated_fn(
                lambda count, token: client.search_model_versions(query, count, page_token=token),
                max_results_per_page=1000,
            )
            champion = found[0].aliases.get(CHAMPION)
            return StoredModel(
                None if champion is None else int(champion),
                found[0].tags,
                [
                    StoredVersion(int(v.version), v.run_id or "", v.source or "", v.tags)
                    for v in sorted(versions, key=lambda each: int(each.version))
                ],
            )

    def artifact(self, stored: StoredVersion, file_name: str) -> bytes:
        """A file of the version's model folder.

        Raises:
            UnsafeModel: it is missing.
        """
        with self.client() as client, tempfile.TemporaryDirectory() as folder:
            try:
                path = client.download_artifacts(
                    stored.run_id, f"{MODEL_FOLDER}/{file_name}", folder
                )
                return Path(path).read_bytes()
            except Exception as error:
                code = getattr(error, "error_code", None)
                # MLflow's own store of local files raises a plain OSError, told by its words only.
                told = "No such artifact" in str(error)
                if not told and code not in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
                    raise
                raise UnsafeModel(
                    f"{file_name} of version {stored.version} is missing: expected it at {stored.source} of the"
                    f" registry {self.location}. Restore the artifacts from a backup, or promote another version:"
                    " likely-buyers models."
                ) from error

    def register(
        self, name: str, tags: Mapping[str, str], features: Mapping[str, str], model_file: bytes
    ) -> StoredVersion:
        """A run with what the tags say and the model's folder, then a version with the tags.

        The version comes last and in one call, so that a failure leaves a run marked FAILED and no half version.
        """
        millis = int(datetime.fromisoformat(tags["registered_at"]).timestamp() * 1000)
        metrics, parameters = json.loads(tags["metrics"]), json.loads(tags["parameters"])
        with self.client() as client, tempfile.TemporaryDirectory() as folder:
            from mlflow.entities import Metric, Param

            run = client.create_run(
                self._experiment(client, name), millis, run_name=f"{name} {tags['as_of']}"
            ).info
            try:
                client.log_batch(
                    run.run_id,
                    [Metric(key, value, millis, 0) for key, value in metrics.items()],
                    [Param(key, _text(value)) for key, value in parameters.items()],
                )
                write_model(Path(folder), run.run_id, tags, features, model_file)
                client.log_artifacts(run.run_id, folder, MODEL_FOLDER)
                if not client.search_registered_models(f"name = '{name}'"):
                    client.create_registered_model(name)
                source = f"{run.artifact_uri}/{MODEL_FOLDER}"
                created = client.create_model_version(
                    name, source, run.run_id, tags, await_creation_for=0
                )
            except Exception:
                # The first error is the one to show; a registry that is gone cannot note it.
                with contextlib.suppress(Exception):
                    client.set_terminated(run.run_id, "FAILED", millis)
                raise
            client.set_terminated(run.run_id, "FINISHED", millis)
            return StoredVersion(int(created.version), run.run_id, source, tags)

    def _experiment(self, client: MlflowClient, name: str) -> str:
        experiment = client.get_experiment_by_name(name)
        if experiment and self._artifacts not in (None, experiment.artifact_location):
            # The state folder was moved or copied: new models belong beside this registry.
            name = f"{name} {self._artifacts}"
            experiment = client.get_experiment_by_name(name)
        if experiment:
            return experiment.experiment_id
        return client.create_experiment(name, self._artifacts)

    @contextlib.contextmanager
    def client(self) -> Iterator[MlflowClient]:
        """MLflow's client. MLflow is imported here; what it raises becomes an error of this room."""
        for variable, value in _ENVIRONMENT.items():
            os.environ.setdefault(variable, value)
        import sqlalchemy.exc
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        for name in _NOISY_LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        try:
            self._client = self._client or MlflowClient(self._uri, self._uri)
            yield self._client
        # an OSError is what requests raises
        except (MlflowException, sqlalchemy.exc.SQLAlchemyError, OSError) as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> RegistryError:
        text = _without_password(str(error)).strip()
        code = getattr(error, "error_code", "TEMPORARILY_UNAVAILABLE")
        registry = f"The model registry {self.location}"
        if "database is locked" in text:
            return RegistryUnreachable(
                f"{registry} is held by another process. Wait until the training or promotion that runs there is done,"
                " then try again."
            )
        if "schema" in text and ("out-of-date" in text or "Can't locate revision" in text):
            return RegistryUnreachable(
                f"{registry} was laid out by another release of MLflow: {text} Back it up, then: mlflow db upgrade"
                f" {self.location}"
            )
        if "failed with exception" in text or code == "TEMPORARILY_UNAVAILABLE":
            return RegistryUnreachable(
                f"{registry} cannot be reached: {text.partition(chr(10))[0][:300]}. Expected an MLflow server or"
                " database there; check MLFLOW_TRACKING_URI, or unset it for the registry in the state folder."
            )
        return RegistryError(f"{registry} refused: {text}")


class SqliteFile(MlflowStore):
    """A registry in a SQLite file, with the artifacts in the folder `artifacts` beside it."""

    def __init__(self, path: Path) -> None:
        # Absolute, so that a change of directory later does not split the registry in two.
        self._path = path.resolve()
        self._folder = self._path.parent / "artifacts"
        super().__init__(f"sqlite:///{self._path}", self._folder)

    def read(self, name: str) -> StoredModel:
        """The registered model, empty if there is none."""
        if not self._path.exists():
            return StoredModel()
        with self._connected() as connection:
            found = _read(connection, name)
        return super().read(name) if found is None else found

    def artifact(self, stored: StoredVersion, file_name: str) -> bytes:
        """A file of the version's model folder, which lies beside the registry wherever that was moved to.

        Raises:
            UnsafeModel: it is missing.
        """
        path = self._folder / stored.run_id / "artifacts" / MODEL_FOLDER / file_name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnsafeModel(
                f"{file_name} of version {stored.version} is missing: expected it in {path.parent}. Restore the folder"
                f" {self._folder} from a backup, or promote another version: likely-buyers models."
            ) from error

    @contextlib.contextmanager
    def client(self) -> Iterator[MlflowClient]:
        """MLflow's client, for a file that can be written: else MLflow would retry for an hour."""
        with self._connected() as connection:
            connection.execute("begin immediate")
        with super().client() as client:
            yield client

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Not read-only: after a crash the next reader has to roll back SQLite's journal.
            with contextlib.closing(
                sqlite3.connect(self._path, timeout=LOCK_SECONDS, isolation_level=None)
            ) as connection:
                yield connection
        except (OSError, sqlite3.DatabaseError) as error:
            if "locked" in str(error) or "busy" in str(error):
                raise RegistryUnreachable(
                    f"The model registry {self._path} is held by another process, waited {LOCK_SECONDS:g} s. Wait"
                    " until the training or promotion that runs there is done, then try again."
                ) from error
            raise RegistryUnreachable(
                f"The model registry {self._path} cannot be opened, or is not a SQLite file: {error}. Check"
                " LIKELY_BUYERS_STATE and the permissions of its folder; restore a damaged file from a backup, or move"
                " it away and train anew: likely-buyers train --promote."
            ) from error


def _read(connection: sqlite3.Connection, name: str) -> StoredModel | None:
    """The registered model; None if the tables are laid out in a way unknown here."""

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
    revisions = {row[0] for row in connection.execute("select version_num from alembic_version")}
    if not revisions or not revisions <= KNOWN_LAYOUTS:
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


def _without_password(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//", address)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
