"""No room of the package reaches into another's private names; import-linter checks which room imports which."""

import ast
from pathlib import Path

import pytest

from support.installation import PROJECT

PACKAGE = PROJECT / "python" / "likely_buyers"


def private_imports(source: str, room: str) -> list[str]:
    """Names with a leading underscore that a module of `room` imports from another room."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("likely_buyers."):
            other, *inner = str(node.module).split(".")[1:]
            names = [*inner, *(alias.name for alias in node.names)]
            if other != room:
                found += [f"{node.module}: {name}" for name in names if name.startswith("_")]
    return found


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_module_uses_public_names_of_other_rooms(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert private_imports(path.read_text(encoding="utf-8"), room) == []


def test_a_private_name_of_another_room_is_found() -> None:
    source = "from likely_buyers.registry.registry import MODEL_NAME, _CHAMPION"
    assert private_imports(source, "cli") == ["likely_buyers.registry.registry: _CHAMPION"]
    assert private_imports(source, "registry") == []
