"""The registry through MLflow's client: all writes, and reads that `sqlite_file` leaves to it.

MLflow is imported on first use only. Its telemetry is off, it logs nothing, and a server that does not answer is given
up after seconds instead of the minutes that MLflow's defaults take. All of these are defaults: a variable that is set
in the environment wins.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likely_buyers.registry.errors import RegistryError, RegistryUnreachable, UnsafeModel
from likely_buyers.registry.records import (
    CHAMPION,
    MLMODEL_FILE,
    MODEL_FILE,
    MODEL_FOLDER,
    StoredModel,
    StoredVersion,
)

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
# Their errors are raised, the rest is noise here.
_NOISY_LOGGERS = ("mlflow", "alembic", "urllib3.connectionpool")


class MlflowStore:
    """The few calls that the registry needs, with MLflow's errors turned into ours.

    `artifacts` is where models are stored, for a registry in a database; None leaves it to the server.
    """

    def __init__(self, tracking_uri: str, artifacts: Path | None) -> None:
        """Opens nothing yet."""
        self._uri = tracking_uri
        self._shown = without_password(tracking_uri)
        self._artifacts = artifacts
        self._client: MlflowClient | None = None

    def read(self, name: str) -> StoredModel:
        """The registered model, empty if there is none."""
        with self._calling() as client:
            try:
                model = client.get_registered_model(name)
            except Exception as error:
                if _is_missing(error):
                    return StoredModel()
                raise
            versions: list[StoredVersion] = []
            token = None
            while token != "":
                page = client.search_model_versions(
                    f"name = '{name}'", max_results=1000, page_token=token
                )
                versions += [
                    StoredVersion(int(v.version), v.run_id or "", v.source or "", dict(v.tags))
                    for v in page
                ]
                token = page.token or ""
            champion = model.aliases.get(CHAMPION)
            return StoredModel(
                None if champion is None else int(champion),
                dict(model.tags),
                sorted(versions, key=lambda stored: stored.version),
            )

    def artifact(self, stored: StoredVersion, file_name: str) -> bytes:
        """A file of the version's model folder.

        Raises:
            UnsafeModel: it is missing.
        """
        with self._calling() as client, tempfile.TemporaryDirectory() as folder:
            try:
                path = client.download_artifacts(
                    stored.run_id, f"{MODEL_FOLDER}/{file_name}", folder
                )
                return Path(path).read_bytes()
            except Exception as error:
                if not _is_missing(error):
                    raise
                raise UnsafeModel(
                    f"{file_name} of version {stored.version} is missing: expected it at {stored.source} of the"
                    f" registry {self._shown}. Restore the artifacts from a backup, or promote another version:"
                    " likely-buyers models."
                ) from error

    def register(
        self,
        name: str,
        model_file: bytes,
        features: Mapping[str, str],
        tags: Mapping[str, str],
        metrics: Mapping[str, float],
        parameters: Mapping[str, Any],
        at: datetime,
    ) -> StoredVersion:
        """A run with metrics, parameters and the model's folder, then a version with its tags.

        The version comes last and in one call, so that a failure leaves a run marked FAILED and no half version.
        `features` are names and MLflow's types.
        """
        millis = int(at.timestamp() * 1000)
        with self._calling() as client:
            from mlflow.entities import Metric, Param

            run = client.create_run(
                self._experiment(client, name),
                start_time=millis,
                run_name=f"{name} {tags['as_of']}",
            )
            run_id = run.info.run_id
            try:
                client.log_batch(
                    run_id,
                    metrics=[Metric(key, value, millis, 0) for key, value in metrics.items()],
                    params=[
                        Param(
                            key,
                            value if isinstance(value, str) else json.dumps(value, sort_keys=True),
                        )
                        for key, value in parameters.items()
                    ],
                )
                with tempfile.TemporaryDirectory() as folder:
                    (Path(folder) / MODEL_FILE).write_bytes(model_file)
                    _describe_model(Path(folder), run_id, features, tags)
                    client.log_artifacts(run_id, folder, MODEL_FOLDER)
                if not client.search_registered_models(f"name = '{name}'"):
                    client.create_registered_model(name)
                created = client.create_model_version(
                    name,
                    source=f"{run.info.artifact_uri}/{MODEL_FOLDER}",
                    run_id=run_id,
                    tags=dict(tags),
                    await_creation_for=0,
                )
            except Exception:
                # The first error is the one to show; a registry that is gone cannot note it.
                with contextlib.suppress(Exception):
                    client.set_terminated(run_id, status="FAILED", end_time=millis)
                raise
            client.set_terminated(run_id, status="FINISHED", end_time=millis)
            return StoredVersion(int(created.version), run_id, str(created.source), dict(tags))

    def set_tag(self, name: str, key: str, value: str) -> None:
        """A tag of the registered model."""
        with self._calling() as client:
            client.set_registered_model_tag(name, key, value)

    def set_champion(self, name: str, version: int) -> None:
        """Points the alias of the champion at a version."""
        with self._calling() as client:
            client.set_registered_model_alias(name, CHAMPION, str(version))

    def _experiment(self, client: MlflowClient, name: str) -> str:
        location = None if self._artifacts is None else self._artifacts.as_uri()
        experiment = client.get_experiment_by_name(name)
        if experiment and location and experiment.artifact_location != location:
            # The state folder was moved or copied: new models belong beside this registry.
            name = f"{name} {location}"
            experiment = client.get_experiment_by_name(name)
        if experiment is not None:
            return str(experiment.experiment_id)
        return str(client.create_experiment(name, artifact_location=location))

    @contextlib.contextmanager
    def _calling(self) -> Iterator[MlflowClient]:
        for variable, value in _ENVIRONMENT.items():
            os.environ.setdefault(variable, value)
        import requests
        import sqlalchemy.exc
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        levels = {name: logging.getLogger(name).level for name in _NOISY_LOGGERS}
        try:
            for name in _NOISY_LOGGERS:
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
            if self._client is None:
                self._client = MlflowClient(self._uri, self._uri)
            yield self._client
        except (
            MlflowException,
            requests.RequestException,
            sqlalchemy.exc.SQLAlchemyError,
            OSError,
        ) as error:
            raise self._translated(error) from error
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)

    def _translated(self, error: Exception) -> RegistryError:
        text = without_password(str(error)).strip()
        code = getattr(error, "error_code", "TEMPORARILY_UNAVAILABLE")
        if "database is locked" in text:
            return RegistryUnreachable(
                f"The model registry {self._shown} is held by another process. Wait until the training or promotion"
                " that runs there is done, then try again."
            )
        if "schema" in text and ("out-of-date" in text or "Can't locate revision" in text):
            return RegistryUnreachable(
                f"The model registry {self._shown} was laid out by another release of MLflow: {text} Back it up, then:"
                f" mlflow db upgrade {self._shown}"
            )
        if "failed with exception" in text or code == "TEMPORARILY_UNAVAILABLE":
            return RegistryUnreachable(
                f"The model registry {self._shown} cannot be reached: {text.partition(chr(10))[0][:300]}. Expected an"
                " MLflow server or database there; check MLFLOW_TRACKING_URI, or unset it for the registry in the"
                " state folder."
            )
        return RegistryError(f"The model registry {self._shown} refused: {text}")


def without_password(address: str) -> str:
    """An address fit to be shown: `//user:password@` is left out."""
    return re.sub(r"//[^/@]*@", "//", address)


def _describe_model(
    folder: Path, run_id: str, features: Mapping[str, str], metadata: Mapping[str, str]
) -> None:
    """Makes the folder an MLflow model of the `sklearn` flavor, format skops: the `MLmodel`.

    Not `mlflow.sklearn.save_model`: it would write bytes of its own, infer requirements in a subprocess, and note a
    trust list in the model's own file. No `python_function` flavor either: there is one way to load this model, and it
    checks.
    """
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema

    description = Model(
        artifact_path=MODEL_FOLDER,
        run_id=run_id,
        signature=ModelSignature(
            inputs=Schema([ColSpec(kind, name) for name, kind in features.items()]),
            outputs=Schema([ColSpec("double", "probability")]),
        ),
        metadata=dict(metadata),
        model_size_bytes=(folder / MODEL_FILE).stat().st_size,
    )
    description.add_flavor(
        "sklearn",
        pickled_model=MODEL_FILE,
        sklearn_version=installed_version("scikit-learn"),
        serialization_format="skops",
        code=None,
    )
    description.save(str(folder / MLMODEL_FILE))


def _is_missing(error: Exception) -> bool:
    # MLflow's own store of local files raises a plain OSError, told by its words only.
    code = getattr(error, "error_code", None)
    return code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND") or "No such artifact" in str(error)
