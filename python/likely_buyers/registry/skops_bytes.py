"""Estimators to bytes and back: skops, never pickle, and canonical, so that digests hold.

skops writes a zip whose members and `schema.json` carry memory addresses (`id()`), random names for bytes, the hash
order of sets and the time of writing: the same fitted estimator differs in every dump. Here addresses become numbers in
order of appearance, sets are sorted, times are fixed, and members stand in the order in which the schema names them.
Format: https://skops.readthedocs.io/en/stable/persistence.html and `skops/io/_general.py` of 0.16.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from likely_buyers.registry.errors import RegistryError

# What a model's file may hold beyond what skops trusts itself. MLflow's own loader takes the list from the model it is
# about to load (mlflow #25686), so a forged model vouches for itself. skops leaves these of scikit-learn out:
# TreePredictor since a forged node array can read out of bounds (here the file's digest is checked first), numpy.dtype
# (kept by SimpleImputer) since nobody decided yet.
TRUSTED_TYPES = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "likely_buyers.training.estimator.PurchaseModel",
    "likely_buyers.training.components.BgNbdComponent",
    "likely_buyers.training.components.BoostingComponent",
    "likely_buyers.training.components.LinearComponent",
    "likely_buyers.training.components.RateComponent",
)
# Nodes for immutable values. Whether two of them are one object in memory is an accident of interning that a user
# cannot see, so they never share a number.
_IMMUTABLE_LOADERS = frozenset({"JsonNode", "TypeNode", "DTypeNode", "FunctionNode", "BytesNode"})


def model_bytes(estimator: object) -> bytes:
    """The canonical skops file of a fitted estimator.

    The same code, data, seed and libraries give the same bytes in every process, on one core or many. An estimator that
    draws its seed from the system may differ, since its state does. skops raises UnsupportedTypeException.
    """
    from skops.io import dumps

    members = _members(dumps(estimator))
    schema = json.loads(members.pop("schema.json"))
    # what is inside a set is sorted before the set
    for node in reversed(list(_nodes(schema))):
        if node.get("__loader__") == "SetNode":
            node["content"].sort(key=_without_ids)
        # HGB's bin mapper remembers how many cores fitted it, and nothing else of the model depends on them.
        # Prediction does not bin, so one thread is as good as any.
        if node.get("__class__") == "_BinMapper":
            node["content"]["content"]["n_threads"]["content"] = "1"
    names = _renumber(schema, members)
    canonical = {"schema.json": json.dumps(schema, separators=(",", ":")).encode()}
    for old, new in names.items():
        content = members[old]
        if old.endswith(".npz"):
            # A sparse matrix is a zip inside the zip, with times of its own.
            content = _zip(dict(sorted(_members(content).items())))
        canonical[new] = content
    return _zip(canonical)


def model_digest(model_file: bytes) -> str:
    """SHA-256 of a model's file, in hex: the `model_digest` of versions and predictions."""
    return hashlib.sha256(model_file).hexdigest()


@lru_cache(maxsize=2)
def estimator_from_bytes(model_file: bytes, where: str) -> Any:
    """The estimator in a skops file, made once for those who score, explain and compare with the same version.

    Raises:
        RegistryError: a type in it is not trusted, and nothing was constructed; or it is no file that skops reads.
    """
    from skops.io import loads
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return loads(model_file, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        raise RegistryError(
            f"{where} holds types that likely_buyers does not trust ({error}). It was not loaded. Train a new version;"
            " if the type is one of this project's own, add it to TRUSTED_TYPES in"
            " likely_buyers/registry/skops_bytes.py."
        ) from error
    except Exception as error:
        # a file that is none makes zipfile, json, skops and the estimators themselves raise anything
        raise RegistryError(
            f"{where} is not a model that this release of skops can read ({error!r}). Train a new version, or install"
            " the libraries of requirements.txt."
        ) from error


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON tree, each before those in it."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(child, dict | list):
            yield from _nodes(child)


def _without_ids(node: Any) -> str:
    # a quote inside a text is escaped, so that no text looks like a key
    return re.sub(r'"__id__": \d+', "", json.dumps(node, sort_keys=True))


def _renumber(schema: Any, members: dict[str, bytes]) -> dict[str, str]:
    """Replace ids and names of members in place; gives the new name of each member, in order of appearance."""
    numbers: dict[object, int] = {}
    names: dict[str, str] = {}
    for node in _nodes(schema):
        # A user's own dict may have a key '__id__' or 'file', but then its value is a node.
        identity, file = node.get("__id__"), node.get("file")
        if isinstance(identity, int):
            shared = node.get("__loader__") not in _IMMUTABLE_LOADERS
            node["__id__"] = numbers.setdefault(identity if shared else object(), len(numbers) + 1)
        if isinstance(file, str) and file in members:
            node["file"] = names.setdefault(file, f"{len(names) + 1}{file[file.rfind('.') :]}")
    return names


def _members(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            # Of 1980, and stored: what deflate writes depends on the zlib at hand.
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()
