"""What a Python model's rows follow from besides tables: the code of this package, and the champion."""

import hashlib
from functools import cache
from pathlib import Path

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


def champion_digest(model_name: str) -> str:
    """The champion's version and the SHA-256 of its file; '' if there is none, or the registry cannot tell.

    Then the model that needs it is built, and says what is wrong.
    """
    try:
        champion = Registry.of(Settings.of(), model_name=model_name).champion()
    except RegistryError:
        return ""
    return f"{champion.version} {champion.model_digest}" if champion else ""
