"""The feature signature: names, order and types of what a model takes, and a digest of them.

It is written down twice, as MLflow's ModelSignature in the `MLmodel` beside the model and as a digest in the version's
tags, so that neither can be changed alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import yaml

from likely_buyers.registry.errors import RegistryError, UnsafeModel

_MLFLOW_TYPES = ("boolean", "integer", "long", "float", "double", "string")
# where Arrow has another name
_OF_ARROW = {
    "bool": "boolean",
    "int8": "integer",
    "int16": "integer",
    "int32": "integer",
    "int64": "long",
}


def mlflow_types(feature_names: Sequence[str], feature_types: Sequence[str]) -> tuple[str, ...]:
    """The types in MLflow's names: boolean, integer, long, float, double or string.

    Raises:
        RegistryError: no features, a name that is empty or comes twice, another number of types than of names, or a
            type that MLflow has no name for.
    """
    names, types = list(feature_names), [_OF_ARROW.get(kind, kind) for kind in feature_types]
    if not names or "" in names or len(set(names)) < len(names) or len(types) != len(names):
        raise RegistryError(
            "Expected at least one feature, distinct names that are not empty, and one type per feature; found the"
            f" names {names} and {len(types)} types. Pass the feature table's columns less its keys."
        )
    unknown = {
        name: kind for name, kind in zip(names, types, strict=True) if kind not in _MLFLOW_TYPES
    }
    if unknown:
        raise RegistryError(
            f"Features of a type that no model takes: {unknown}. Expected one of"
            f" {sorted([*_MLFLOW_TYPES, *_OF_ARROW])}: cast the columns in silver.user_features."
        )
    return tuple(types)


def signature_digest(feature_names: Sequence[str], feature_types: Sequence[str]) -> str:
    """SHA-256, in hex, of the names and types in their order."""
    pairs = [[name, kind] for name, kind in zip(feature_names, feature_types, strict=True)]
    return hashlib.sha256(json.dumps(pairs, separators=(",", ":")).encode()).hexdigest()


def features_of_mlmodel(
    mlmodel: bytes, expected_digest: str, where: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and types in the signature of an `MLmodel` file, which `where` names in messages.

    Raises:
        UnsafeModel: it has no signature of named columns, or not the one of the expected digest.
    """
    try:
        columns = json.loads(yaml.safe_load(mlmodel)["signature"]["inputs"])
        names, types = (tuple(column[key] for column in columns) for key in ("name", "type"))
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise UnsafeModel(
            f"{where} has no readable signature of named columns ({error!r}). Restore it from a backup, or train a new"
            " version."
        ) from error
    digest = signature_digest(names, types)
    if digest != expected_digest:
        raise UnsafeModel(
            f"The features named in {where} are not the ones registered: expected a signature with SHA-256"
            f" {expected_digest}, found {digest} for {list(names)}. Restore the file from a backup, or train a new"
            " version."
        )
    return names, types
