"""The feature signature: names, order and types of what a model takes, and a digest of them.

It is written down twice, as MLflow's ModelSignature in the `MLmodel` beside the model and as a
digest in the version's tags, so that neither can be changed alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import yaml

from likely_buyers.registry.errors import InvalidRegistration

# MLflow's own names (mlflow.types.DataType), and what DuckDB, Arrow and NumPy call the same.
_TYPE_NAMES: Mapping[str, str] = {
    "boolean": "boolean",
    "bool": "boolean",
    "integer": "integer",
    "int32": "integer",
    "int16": "integer",
    "int8": "integer",
    "smallint": "integer",
    "tinyint": "integer",
    "long": "long",
    "int64": "long",
    "bigint": "long",
    "float": "float",
    "float32": "float",
    "real": "float",
    "double": "double",
    "float64": "double",
    "string": "string",
    "varchar": "string",
    "str": "string",
}


def normalized_types(feature_names: Sequence[str], feature_types: Sequence[str]) -> tuple[str, ...]:
    """The types in MLflow's names: boolean, integer, long, float, double or string.

    Raises:
        InvalidRegistration: no features, a name that is empty or comes twice, another number of
            types than of names, or a type that MLflow has no name for.
    """
    if not feature_names:
        raise InvalidRegistration(
            "A model needs at least one feature, found none. Pass the feature table's columns "
            "less its keys."
        )
    if len(feature_names) != len(feature_types):
        raise InvalidRegistration(
            f"Expected one type per feature, found {len(feature_names)} names and "
            f"{len(feature_types)} types."
        )
    repeated = sorted({name for name in feature_names if list(feature_names).count(name) > 1})
    if repeated or "" in feature_names:
        raise InvalidRegistration(
            f"Feature names must be distinct and not empty, found {repeated or ['']} more than "
            "once or empty."
        )
    unknown = {
        name: kind
        for name, kind in zip(feature_names, feature_types, strict=True)
        if str(kind).lower() not in _TYPE_NAMES
    }
    if unknown:
        raise InvalidRegistration(
            f"Features of a type that no model takes: {unknown}. Expected one of "
            f"{sorted(_TYPE_NAMES)}: cast the columns in silver.user_features."
        )
    return tuple(_TYPE_NAMES[str(kind).lower()] for kind in feature_types)


def signature_digest(feature_names: Sequence[str], feature_types: Sequence[str]) -> str:
    """SHA-256, in hex, of the names and types in their order."""
    pairs = [[name, kind] for name, kind in zip(feature_names, feature_types, strict=True)]
    return hashlib.sha256(json.dumps(pairs, separators=(",", ":")).encode()).hexdigest()


def features_of_mlmodel(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and types in the signature of an `MLmodel` file.

    Raises:
        ValueError: the text is no `MLmodel` with a signature of named columns.
    """
    try:
        columns = json.loads(yaml.safe_load(text)["signature"]["inputs"])
        return tuple(c["name"] for c in columns), tuple(c["type"] for c in columns)
    except (yaml.YAMLError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"no readable signature of named columns ({error!r})") from error
