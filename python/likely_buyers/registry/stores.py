"""Where the registry lies: at an address that MLflow's client understands, or in a SQLite file of the state folder.

All writing is MLflow's. The file is read without it: importing MLflow takes 1 to 2 seconds and 2,200 modules, opening a
client 0.6 more; the daily scoring only wants to know who is champion and to read two files, which takes 2 ms here.
"""

import contextlib
import json
import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likely_buyers.errors import without_passwords
from likely_buyers.registry.errors import RegistryError
from likely_buyers.registry.model_folder import MODEL_FOLDER, write_mlmodel
from likely_buyers.registry.records import StoredModel, StoredVersion

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
}
# Alembic revisions of MLflow's schema that the queries here were checked against: 3.17. MLflow reads any other.
KNOWN_LAYOUTS = frozenset({"dc11669786a5"})
LOCK_SECONDS = 5.0


class MlflowStore:
    """A registry at an address; `location` is that address, fit to be shown.

    `artifacts` is where models are stored, for a registry in a database; None leaves it to the server.
    """

    def __init__(self, tracking_uri: str, artifacts: Path | None) -> None:
        self.location = without_passwords(tracking_uri)
        self._uri = tracking_uri
        self._artifacts = None if artifacts is None else artifacts.as_uri()

    def names(self) -> list[str]:
        """Names of all registered models."""
        with self.client() as client:
            # 1,000 a page at most: more models than a shop has outcomes
            return [model.name for model in client.search_registered_models(max_results=1_000)]

    def read(self, name: str) -> StoredModel:
        """The registered model, empty if there is none."""
        with self.client() as client:
            found = client.search_registered_models(f"name = '{name}'")
            if not found:
                return StoredModel(name, self.location)
            # the newest 10,000 at most
            versions = [
                StoredVersion(int(each.version), each.run_id or "", each.source or "", each.tags)
                for each in client.search_model_versions(f"name = '{name}'")
            ]
            return StoredModel(
                name,
                self.location,
                {alias: int(version) for alias, version in found[0].aliases.items()},
                found[0].tags,
                sorted(versions, key=lambda stored: stored.version),
            )

    def artifact(self, stored: StoredVersion, file_name: str) -> bytes:
        """A file of the version's model folder; RegistryError if it is missing."""
        with self.client() as client, tempfile.TemporaryDirectory() as folder:
            path = f"{MODEL_FOLDER}/{file_name}"
            found = [file.path for file in client.list_artifacts(stored.run_id, MODEL_FOLDER)]
            if path not in found:
                raise RegistryError(
                    f"{file_name} of version {stored.version} is missing: expected it at {stored.source} of the"
                    f" registry {self.location}. Restore the artifacts from a backup, or promote another version:"
                    " likely-buyers models."
                )
            return Path(client.download_artifacts(stored.run_id, path, folder)).read_bytes()

    def register(
        self,
        name: str,
        tags: Mapping[str, str],
        features: Mapping[str, str],
        files: Mapping[str, bytes],
    ) -> int:
        """The number of a new version with `files` beside `MLmodel`.

        It comes last, in one call: a failure leaves a FAILED run, no half version.
        """
        millis = int(datetime.fromisoformat(tags["registered_at"]).timestamp() * 1000)
        metrics, parameters = json.loads(tags["metrics"]), json.loads(tags["parameters"])
        with self.client() as client, tempfile.TemporaryDirectory() as folder:
            from mlflow.entities import Metric, Param

            run = client.create_run(
                self._experiment(client, name), millis, run_name=f"{name} {tags['as_of']}"
            ).info
            status = "FAILED"
            try:
                client.log_batch(
                    run.run_id,
                    [Metric(key, value, millis, 0) for key, value in metrics.items()],
                    [Param(key, _text(value)) for key, value in parameters.items()],
                )
                for file_name, content in files.items():
                    (Path(folder) / file_name).write_bytes(content)
                write_mlmodel(Path(folder), run.run_id, tags, features)
                client.log_artifacts(run.run_id, folder, MODEL_FOLDER)
                if not client.search_registered_models(f"name = '{name}'"):
                    client.create_registered_model(name)
                source = f"{run.artifact_uri}/{MODEL_FOLDER}"
                version = client.create_model_version(
                    name, source, run.run_id, tags, await_creation_for=0
                ).version
                status = "FINISHED"
            finally:
                client.set_terminated(run.run_id, status, millis)
            return int(version)

    def _experiment(self, client: "MlflowClient", name: str) -> str:
        experiment = client.get_experiment_by_name(name)
        if experiment and self._artifacts not in (None, experiment.artifact_location):
            # The state folder was moved or copied: new models belong beside this registry.
            name = f"{name} {self._artifacts}"
            experiment = client.get_experiment_by_name(name)
        if experiment:
            return experiment.experiment_id
        return client.create_experiment(name, self._artifacts)

    @contextlib.contextmanager
    def client(self) -> Iterator["MlflowClient"]:
        """MLflow's client. MLflow is imported here; what it raises becomes an error of this room."""
        for variable, value in _ENVIRONMENT.items():
            os.environ.setdefault(variable, value)
        import sqlalchemy.exc
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        # their errors are raised, the rest is noise here; what the process says at other times is its own matter
        said = {logging.getLogger(name) for name in ("mlflow", "alembic", "urllib3.connectionpool")}
        levels = {logger: logger.level for logger in said}
        for logger in said:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield MlflowClient(self._uri, self._uri)
        # an OSError is what requests raises
        except (MlflowException, sqlalchemy.exc.SQLAlchemyError, OSError) as error:
            raise self._translated(error) from error
        finally:
            for logger, level in levels.items():
                logger.setLevel(level)

    def _translated(self, error: Exception) -> RegistryError:
        text = without_passwords(str(error)).strip()
        code = getattr(error, "error_code", "TEMPORARILY_UNAVAILABLE")
        if "database is locked" in text:
            said = (
                "is held by another process. Wait until the training or promotion that runs there is done, then try"
                " again."
            )
        elif "schema" in text and ("out-of-date" in text or "Can't locate revision" in text):
            said = (
                f"was laid out by another release of MLflow: {text} Back it up, then: mlflow db upgrade"
                f" {self.location}"
            )
        elif "failed with exception" in text or code == "TEMPORARILY_UNAVAILABLE":
            said = (
                f"cannot be reached: {text.partition(chr(10))[0][:300]}. Expected an MLflow server or database there;"
                " check MLFLOW_TRACKING_URI, or unset it for the registry in the state folder."
            )
        else:
            said = f"refused: {text}"
        return RegistryError(f"The model registry {self.location} {said}")


class SqliteFile(MlflowStore):
    """A registry in a SQLite file, with the artifacts in the folder `artifacts` beside it."""

    def __init__(self, path: Path) -> None:
        # Absolute, so that a change of directory later does not split the registry in two.
        self._path = path.resolve()
        self._folder = self._path.parent / "artifacts"
        super().__init__(f"sqlite:///{self._path}", self._folder)

    def names(self) -> list[str]:
        """Names of all registered models."""
        if not self._path.exists():
            return []
        with self._connected() as connection, contextlib.suppress(sqlite3.OperationalError):
            query = "select name from registered_models where workspace = 'default'"
            return [name for (name,) in connection.execute(query).fetchall()]
        return super().names()

    def read(self, name: str) -> StoredModel:
        """The registered model, empty if there is none."""
        if not self._path.exists():
            return StoredModel(name, self.location)
        with self._connected() as connection:

            def of_model(columns: str, table: str) -> list[tuple[Any, ...]]:
                query = f"select {columns} from {table} where workspace = 'default' and name = ?"  # noqa: S608
                return connection.execute(query, (name,)).fetchall()

            # all of one moment
            connection.execute("begin")
            layout = None
            if connection.execute("pragma table_info(alembic_version)").fetchone():
                layout = connection.execute("select version_num from alembic_version").fetchone()
            if layout and layout[0] in KNOWN_LAYOUTS:
                tags: dict[int, dict[str, str]] = {}
                for version, key, value in of_model("version, key, value", "model_version_tags"):
                    tags.setdefault(version, {})[key] = value
                versions = of_model("version, run_id, source, current_stage", "model_versions")
                return StoredModel(
                    name,
                    self.location,
                    dict(of_model("alias, version", "registered_model_aliases")),
                    dict(of_model("key, value", "registered_model_tags")),
                    [
                        StoredVersion(version, run_id or "", source or "", tags.get(version, {}))
                        for version, run_id, source, stage in sorted(versions)
                        if stage != "Deleted_Internal"
                    ],
                )
        return super().read(name)

    def artifact(self, stored: StoredVersion, file_name: str) -> bytes:
        """A file of the version's model folder, which lies beside the registry wherever that was moved to."""
        path = self._folder / stored.run_id / "artifacts" / MODEL_FOLDER / file_name
        if not path.exists():
            raise RegistryError(
                f"{file_name} of version {stored.version} is missing: expected it in {path.parent}. Restore the folder"
                f" {self._folder} from a backup, or promote another version: likely-buyers models."
            )
        return path.read_bytes()

    @contextlib.contextmanager
    def client(self) -> Iterator["MlflowClient"]:
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
            connection = sqlite3.connect(self._path, timeout=LOCK_SECONDS, isolation_level=None)
            with contextlib.closing(connection):
                yield connection
        except (OSError, sqlite3.DatabaseError) as error:
            said = (
                f"cannot be opened, or is not a SQLite file: {error}. Check LIKELY_BUYERS_STATE and the permissions of"
                " its folder; restore a damaged file from a backup, or move it away and train anew: likely-buyers"
                " train --promote."
            )
            if "locked" in str(error):
                said = (
                    f"is held by another process, waited {LOCK_SECONDS:g} s. Wait until the training or promotion that"
                    " runs there is done, then try again."
                )
            raise RegistryError(f"The model registry {self._path} {said}") from error


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
