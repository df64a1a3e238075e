"""Estimators to bytes and back: skops, never pickle, and canonical, so that digests hold.

skops writes a zip whose members and `schema.json` carry memory addresses (`id()`), random names for
bytes, the hash order of sets and the time of writing: the same fitted estimator differs in every
dump. Here addresses become numbers in order of appearance, sets are sorted, times are fixed, and
members stand in the order in which the schema names them. Format:
https://skops.readthedocs.io/en/stable/persistence.html and `skops/io/_general.py` of 0.16.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

from likely_buyers.registry.errors import ArtifactUnreadable, UntrustedType

_SCHEMA = "schema.json"
# The earliest time a zip can hold.
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
# Nodes for immutable values. Whether two of them are one object in memory is an accident of
# interning that a user cannot see, so they never share a number.
_IMMUTABLE_LOADERS = frozenset({"JsonNode", "TypeNode", "DTypeNode", "FunctionNode", "BytesNode"})


def model_bytes(estimator: object) -> bytes:
    """The canonical skops file of a fitted estimator.

    The same estimator, or another one fitted by the same code on the same data with the same seed,
    gives the same bytes in every process with the same libraries, on one core or many. An estimator
    that draws its seed from the system (`random_state=None`) may differ, since its state does.

    Raises:
        skops.io.exceptions.UnsupportedTypeException: the estimator holds something skops cannot
        save.
    """
    from skops.io import dumps

    with zipfile.ZipFile(io.BytesIO(dumps(estimator))) as dumped:
        members = {name: dumped.read(name) for name in dumped.namelist()}
    schema = json.loads(members.pop(_SCHEMA))
    _sort_sets(schema)
    _forget_threads(schema)
    names: dict[str, str] = {}
    _renumber(schema, {}, names, members.keys())
    return _zip(
        {
            _SCHEMA: json.dumps(schema, separators=(",", ":")).encode(),
            **{new: _canonical_member(old, members[old]) for old, new in names.items()},
        }
    )


def model_digest(model_file: bytes) -> str:
    """SHA-256 of a model's file, in hex: the `model_digest` of versions and predictions."""
    return hashlib.sha256(model_file).hexdigest()


def estimator_from_bytes(model_file: bytes, *, trusted_types: Sequence[str], where: str) -> Any:
    """The estimator in a skops file, if every type in it is trusted. Check the digest first.

    `trusted_types` come on top of what skops trusts itself (scikit-learn's estimators, NumPy,
    SciPy, containers); `where` names the file in messages.

    Raises:
        UntrustedType: another type is in it; nothing was constructed.
        ArtifactUnreadable: the bytes are no skops file that this release of skops reads.
    """
    from skops.io import loads
    from skops.io.exceptions import (
        UntrustedTypesFoundException,
    )

    try:
        return loads(model_file, trusted=list(trusted_types))
    except UntrustedTypesFoundException as error:
        raise UntrustedType(
            f"{where} holds types that likely_buyers does not trust ({error}). It was not loaded. "
            "Train a new version; if the type is one of this project's own, add it to "
            "likely_buyers.training.TRUSTED_TYPES."
        ) from error
    except (
        zipfile.BadZipFile,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        ImportError,
    ) as error:
        raise ArtifactUnreadable(
            f"{where} is not a model that this release of skops can read ({error!r}). Train a new "
            "version, or install the libraries of requirements.txt."
        ) from error


def _sort_sets(node: Any) -> None:
    for child in _children(node):
        _sort_sets(child)
    if isinstance(node, dict) and node.get("__loader__") == "SetNode":
        node["content"].sort(key=lambda item: json.dumps(_without_ids(item), sort_keys=True))


def _forget_threads(node: Any) -> None:
    # HGB's bin mapper remembers how many cores fitted it, and nothing else of the model depends
    # on them. Prediction does not bin, so one thread is as good as any.
    if isinstance(node, dict) and node.get("__class__") == "_BinMapper":
        node["content"]["content"]["n_threads"]["content"] = "1"
    for child in _children(node):
        _forget_threads(child)


def _renumber(
    node: Any, numbers: dict[int, int], names: dict[str, str], members: Any, next_number: int = 1
) -> int:
    """Replaces ids and member names in place, depth first; gives the next free number."""
    if isinstance(node, dict):
        # A user's own dict may have a key '__id__' or 'file', but then its value is a node.
        if isinstance(node.get("__id__"), int):
            shared = node.get("__loader__") not in _IMMUTABLE_LOADERS
            number = numbers.get(node["__id__"], next_number) if shared else next_number
            if shared:
                numbers[node["__id__"]] = number
            node["__id__"] = number
            next_number = max(next_number, number + 1)
        file = node.get("file")
        if isinstance(file, str) and file in members:
            suffix = file[file.rfind(".") :]
            node["file"] = names.setdefault(file, f"{len(names) + 1}{suffix}")
    for child in _children(node):
        next_number = _renumber(child, numbers, names, members, next_number)
    return next_number


def _without_ids(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _without_ids(value)
            for key, value in node.items()
            if not (key == "__id__" and isinstance(value, int))
        }
    return [_without_ids(item) for item in node] if isinstance(node, list) else node


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _canonical_member(name: str, content: bytes) -> bytes:
    if not name.endswith(".npz"):
        return content
    # A sparse matrix is a zip inside the zip, with times of its own.
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        return _zip({member: inner.read(member) for member in sorted(inner.namelist())})


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    # Stored, not deflated: what deflate writes depends on the zlib at hand.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, _FIXED_TIME)
            entry.create_system = 3
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()
