"""A version's folder among the artifacts of its run: the skops file, and `MLmodel`, which describes it to MLflow.

The feature signature, names, order and types of what a model takes, is written down twice: in `MLmodel`, and as a
digest in the version's tags, so that neither can be changed alone.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from likely_buyers.registry.errors import RegistryError

MODEL_FOLDER, MODEL_FILE, MLMODEL_FILE = "model", "model.skops", "MLmodel"

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
    """Makes the folder with the skops file an MLflow model of the `sklearn` flavor.

    Not `mlflow.sklearn.save_model`: it would write bytes of its own, infer requirements in a subprocess, and note a
    trust list in the model's own file. No `python_function` flavor: there is one way to load this model, and it checks.
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
        flavors={"sklearn": flavor},
        metadata=dict(tags),
        model_size_bytes=(folder / MODEL_FILE).stat().st_size,
    ).save(str(folder / MLMODEL_FILE))


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
