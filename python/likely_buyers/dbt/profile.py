"""The database that dbt would open, told without dbt, which takes seconds to say it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from likely_buyers.errors import ProjectError
from likely_buyers.lake import LAKE
from likely_buyers.settings import CATALOG, CATALOG_FILE, DATA, DATA_FOLDER, Lake, Settings
from likely_buyers.variables import LOADER

# what profiles.yml as shipped says
_STATE = "env_var('LIKELY_BUYERS_STATE', '') or 'warehouse'"
SHIPPED_CATALOG = f"ducklake:{{{{ env_var('{CATALOG}', '') or ({_STATE}) ~ '/{CATALOG_FILE}' }}}}"
SHIPPED_DATA = f"{{{{ env_var('{DATA}', '') or ({_STATE}) ~ '/{DATA_FOLDER}' }}}}"
# for who must ask dbt: engine, catalog and data, a line each
TOLD_BY_DBT = f"""\
{{%- set lake = (target.attach or []) | selectattr('alias', 'equalto', '{LAKE}') | list -%}}
{{{{ target.type }}}}
{{{{ lake[0].path if lake else '' }}}}
{{{{ lake[0].options.data_path if lake else '' }}}}"""
NO_LAKE = (
    f"the target must attach the lake as {LAKE}, as profiles.yml of the project does: database: {LAKE}, and in"
    f" attach a path that begins with ducklake: and the alias {LAKE}."
)
_PROFILES_DIRS = ("DBT_ENGINE_PROFILES_DIR", "DBT_PROFILES_DIR")
_PROFILES = ("DBT_ENGINE_PROFILE", "DBT_PROFILE")
_TARGETS = ("DBT_ENGINE_TARGET", "DBT_TARGET")


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file of the project.

    Raises:
        ProjectError: it is none.
    """
    try:
        content = yaml.load(path.read_text("utf-8"), Loader=LOADER)  # noqa: S506 (safe, and in C)
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ProjectError(f"{path} must be a YAML dictionary.")
    return content


def lake_of_profile(
    project_dir: Path,
    profiles_dir: Path | None,
    target: str | None,
    environment: Mapping[str, str] | None = None,
) -> Lake | None:
    """The lake of a DuckDB target; None where only dbt can say: another engine, or Jinja that is not the shipped one's.

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
    lakes = [one for one in output.get("attach") or () if one.get("alias") == LAKE]
    attached = lakes[0] if lakes else {}
    catalog = str(attached.get("path", ""))
    data = str((attached.get("options") or {}).get("data_path", ""))
    settings = Settings.of(project_dir, given)
    if (catalog, data) == (SHIPPED_CATALOG, SHIPPED_DATA):
        return settings.lake
    if not catalog.startswith("ducklake:") or "{" in catalog + data:
        return None
    return Lake.of(catalog.removeprefix("ducklake:"), data, settings.state, project_dir)


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)
