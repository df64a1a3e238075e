"""The database that dbt would open, told without dbt, which takes seconds to say it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from likely_buyers.errors import ProjectError
from likely_buyers.settings import DATABASE_FILE, Settings

# profiles.yml as shipped says so
STATE_DATABASE = (
    "{{ env_var('LIKELY_BUYERS_STATE', '') or 'warehouse' }}/" + DATABASE_FILE
)  # fmt: skip
_PROFILES_DIRS = ("DBT_ENGINE_PROFILES_DIR", "DBT_PROFILES_DIR")
_PROFILES = ("DBT_ENGINE_PROFILE", "DBT_PROFILE")
_TARGETS = ("DBT_ENGINE_TARGET", "DBT_TARGET")
# what parses YAML ten times as fast, where the package was built with it
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file of the project.

    Raises:
        ProjectError: it is none.
    """
    try:
        content = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 (safe, and in C)
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ProjectError(f"{path} must be a YAML dictionary.")
    return content


def duckdb_file(
    project_dir: Path,
    profiles_dir: Path | None,
    target: str | None,
    environment: Mapping[str, str] | None = None,
) -> Path | None:
    """The file of a DuckDB target; None where only dbt can say: another engine, or Jinja that is not the shipped one's.

    Raises:
        ProjectError: a file of the project is no YAML.
    """
    given = os.environ if environment is None else environment
    folder = profiles_dir or _first(given, _PROFILES_DIRS) or project_dir
    profiles = project_dir / folder / "profiles.yml"
    if not profiles.is_file():
        return None
    whose = _first(given, _PROFILES) or read_yaml(project_dir / "dbt_project.yml").get("profile")
    profile = read_yaml(profiles).get(str(whose))
    if not isinstance(profile, Mapping):
        return None
    name = target or _first(given, _TARGETS) or profile.get("target", "default")
    output = (profile.get("outputs") or {}).get(name)
    if not isinstance(output, Mapping) or output.get("type") != "duckdb":
        return None
    path = str(output.get("path", ""))
    if path == STATE_DATABASE:
        return Settings.of(project_dir, given).database
    is_file = path and not any(sign in path for sign in ("{{", "{%", "://", "md:", ":memory:"))
    return project_dir / path if is_file else None


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)
