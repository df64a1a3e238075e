"""What a Python model's rows follow from besides tables: the code of this package, and the champion."""

import hashlib
from functools import cache
from pathlib import Path

from likely_buyers.outcomes import Predicted
from likely_buyers.registry import Registry, RegistryError
from likely_buyers.settings import Settings

PACKAGE = Path(__file__).resolve().parents[1]


@cache
def package_digest() -> str:
    """SHA-256 of the package's source files, names and contents, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()


def champions_digest(told: str) -> str:
    """What a project predicts, with version and SHA-256 of each champion's file; '' if the registry cannot tell.

    Then the model that needs it is built, and says what is wrong.

    Args:
        told: what `Predicted.of` takes.
    """
    predicted = Predicted.of(told)
    champions = []
    try:
        for outcome in predicted.outcomes:
            registry = Registry.of(Settings.of(), model_name=predicted.model_name(outcome))
            champion = registry.champion()
            digest = f"{champion.version} {champion.model_digest}" if champion else ""
            champions.append(f"{outcome} {digest}")
    except RegistryError:
        return ""
    return "; ".join(champions)
