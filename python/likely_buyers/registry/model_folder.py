"""A version's folder among the artifacts of its run: the skops file, and `MLmodel`, which describes it to MLflow.

The feature signature, names, order and types of what a model takes, is written down twice: in `MLmodel`, and as a
digest in the version's tags, so that neither can be changed alone.
"""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import yaml

from likely_buyers.registry.errors import RegistryError
from likely_buyers.registry.records import Fingerprint
from likely_buyers.registry.skops_bytes import estimator_from_bytes, model_digest

MODEL_FOLDER, MODEL_FILE, MLMODEL_FILE = "model", "model.skops", "MLmodel"
REFERENCE_FILE = "reference.parquet"
ENVIRONMENT_FILES = ("requirements.txt", "conda.yaml", "python_env.yaml")
_LOADER = "likely_buyers.registry.pyfunc"
_FLAVOR_KEYS = {"loader_module", "python_version", "env"}

# What a process imports that loads and scores. This package is not among them: no index is known to have it, and a
# stranger could put one of its name there.
_REQUIRED = (
    "joblib",
    "mlflow-skinny",
    "numpy",
    "pandas",
    "pyarrow",
    "pyyaml",
    "scikit-learn",
    "scipy",
    "skops",
    "threadpoolctl",
)

_MLFLOW_TYPES = ("boolean", "integer", "long", "float", "double", "string")
# where Arrow has another name
_OF_ARROW = {"bool": "boolean", "int32": "integer", "int64": "long"}


def typed_features(names: Sequence[str], types: Sequence[str]) -> dict[str, str]:
    """Names and types in their order, the types as MLflow names them; RegistryError if they are none."""
    if not names or "" in names or len(set(names)) < len(names) or len(types) != len(names):
        raise RegistryError(
            "Expected at least one feature, distinct names that are not empty, and one type per feature; found the"
            f" names {list(names)} and {len(types)} types. Pass the feature table's columns less its keys."
        )
    features = {name: _OF_ARROW.get(kind, kind) for name, kind in zip(names, types, strict=True)}
    unknown = {name: kind for name, kind in features.items() if kind not in _MLFLOW_TYPES}
    if unknown:
        raise RegistryError(
            f"Features of a type that no model takes: {unknown}. Expected one of"
            f" {sorted([*_MLFLOW_TYPES, *_OF_ARROW])}: cast the columns in silver.user_features."
        )
    return features


def signature_digest(features: Mapping[str, str]) -> str:
    """SHA-256, in hex, of the names and types in their order."""
    pairs = json.dumps(list(features.items()), separators=(",", ":"))
    return hashlib.sha256(pairs.encode()).hexdigest()


def write_mlmodel(
    folder: Path, run_id: str, tags: Mapping[str, str], features: Mapping[str, str]
) -> None:
    """Makes the folder with the skops file an MLflow model of the flavors `sklearn` and `python_function`.

    Not `mlflow.sklearn.save_model`: it would write bytes of its own, infer requirements in a subprocess, and note a
    trust list in the model's own file. `python_function` names a module of this package and brings no code: there is
    one way to load this model, and it checks.
    """
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema

    flavor = {
        "pickled_model": MODEL_FILE,
        "sklearn_version": tags["scikit_learn_version"],
        "serialization_format": "skops",
        "code": None,
    }
    Model(
        artifact_path=MODEL_FOLDER,
        run_id=run_id,
        signature=ModelSignature(
            inputs=Schema([ColSpec(kind, name) for name, kind in features.items()]),
            outputs=Schema([ColSpec("double", "probability")]),
        ),
        flavors={"sklearn": flavor, "python_function": _pyfunc_flavor(folder)},
        metadata=dict(tags),
        model_size_bytes=(folder / MODEL_FILE).stat().st_size,
    ).save(str(folder / MLMODEL_FILE))


def _pyfunc_flavor(folder: Path) -> dict[str, Any]:
    """The flavor that `registry.pyfunc` loads, with the files in the folder of what it needs, as installed here."""
    python = platform.python_version()
    pins = [f"{name}=={installed_version(name)}" for name in _REQUIRED]
    requirements, conda_file, virtualenv_file = ENVIRONMENT_FILES
    (folder / requirements).write_text("".join(f"{pin}\n" for pin in pins))
    dependencies = [f"python={python}", "pip", {"pip": pins}]
    conda = {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": dependencies}
    virtualenv = {
        "python": python,
        "build_dependencies": [],
        "dependencies": [f"-r {requirements}"],
    }
    for name, content in ((conda_file, conda), (virtualenv_file, virtualenv)):
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))
    return {
        "loader_module": _LOADER,
        "python_version": python,
        "env": {"conda": conda_file, "virtualenv": virtualenv_file},
    }


def require_pyfunc(mlmodel: bytes, label: str) -> None:
    """RegistryError unless an `MLmodel` file has the flavor `python_function` as it is written here."""
    flavor = yaml.safe_load(mlmodel).get("flavors", {}).get("python_function")
    if flavor is None:
        raise RegistryError(
            f"{label} was registered before versions had the flavor python_function, which MLflow's clients load. Train"
            " a new version: likely-buyers train --promote"
        )
    if flavor.get("loader_module") != _LOADER or flavor.keys() - _FLAVOR_KEYS:
        raise RegistryError(
            f"{MLMODEL_FILE} of {label} names another loader than {_LOADER}, or code of its own: found {flavor}. It was"
            " not loaded. Restore the file from a backup, or train a new version, and find out who changed it."
        )


def checked_model(
    label: str, expected: Fingerprint, read: Callable[[str], bytes], where: str
) -> tuple[Any, dict[str, str]]:
    """The estimator in a version's folder, and its features: names and MLflow's types, in their order.

    Every load goes through here. Checked before anything of the file becomes an object: the scikit-learn version, the
    feature signature in the `MLmodel`, the SHA-256 of the very bytes that are then loaded, the types in them.

    Args:
        label: how messages name the version.
        expected: what it must be, from the registry.
        read: gives a file of the folder by its name.
        where: the folder, for messages.

    Raises:
        RegistryError: it is something else.
    """
    installed = installed_version("scikit-learn")
    if expected.scikit_learn_version != installed:
        raise RegistryError(
            f"{label} was trained with scikit-learn {expected.scikit_learn_version}, found {installed}. Install"
            f" scikit-learn=={expected.scikit_learn_version}, or train a new version: likely-buyers train"
        )
    features = features_of_mlmodel(
        read(MLMODEL_FILE), expected.feature_signature, f"{MLMODEL_FILE} of {label} in {where}"
    )
    model_file = read(MODEL_FILE)
    digest = model_digest(model_file)
    if digest != expected.model_digest:
        raise RegistryError(
            f"{MODEL_FILE} of {label} is not the file that was registered: expected SHA-256"
            f" {expected.model_digest}, found {digest} (in {where}). It was not loaded. Restore the file from a backup,"
            " roll back (likely-buyers rollback) or train a new version, and find out who changed it."
        )
    return estimator_from_bytes(model_file, f"{MODEL_FILE} of {label}"), features


def features_of_mlmodel(mlmodel: bytes, expected_digest: str, where: str) -> dict[str, str]:
    """Names and types in an `MLmodel` file, which `where` names; RegistryError if they do not have the digest."""
    try:
        columns = json.loads(yaml.safe_load(mlmodel)["signature"]["inputs"])
        features = {column["name"]: column["type"] for column in columns}
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise RegistryError(
            f"{where} has no readable signature of named columns ({error!r}). Restore it from a backup, or train a new"
            " version."
        ) from error
    digest = signature_digest(features)
    if digest != expected_digest:
        raise RegistryError(
            f"The features named in {where} are not the ones registered: expected a signature with SHA-256"
            f" {expected_digest}, found {digest} for {list(features)}. Restore the file from a backup, or train a new"
            " version."
        )
    return features
