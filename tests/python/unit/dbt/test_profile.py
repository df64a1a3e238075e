"""Which database dbt would open, told without dbt: never another one than dbt's own."""

from pathlib import Path

import pytest
import yaml

from likely_buyers.dbt.profile import STATE_DATABASE, duckdb_file
from support.installation import PROJECT

STATE = {"LIKELY_BUYERS_STATE": "/data/state"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dbt_project.yml").write_text("profile: shop")
    outputs = {
        "state": {"type": "duckdb", "path": STATE_DATABASE},
        "file": {"type": "duckdb", "path": "there/shop.duckdb"},
        "memory": {"type": "duckdb", "path": ":memory:"},
        "cloud": {"type": "duckdb", "path": "md:shop"},
        "jinja": {"type": "duckdb", "path": "{{ env_var('MINE') }}/shop.duckdb"},
        "spark": {"type": "spark", "path": "there/shop.duckdb"},
    }
    profiles = {"shop": {"target": "file", "outputs": outputs}}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profiles))
    return tmp_path


def test_the_shipped_profile_is_the_state_folder_s() -> None:
    assert duckdb_file(PROJECT, None, None, STATE) == Path("/data/state/likely_buyers.duckdb")
    assert duckdb_file(PROJECT, None, None, {}) == PROJECT / "warehouse" / "likely_buyers.duckdb"


def test_the_target_is_the_option_s_then_the_environment_s_then_the_profile_s(
    project: Path,
) -> None:
    file = project / "there" / "shop.duckdb"
    assert duckdb_file(project, None, None, STATE) == file
    assert duckdb_file(project, None, None, STATE | {"DBT_TARGET": "spark"}) is None
    assert duckdb_file(project, None, "state", STATE | {"DBT_TARGET": "spark"}) == Path(
        "/data/state/likely_buyers.duckdb"
    )


@pytest.mark.parametrize("target", ["memory", "cloud", "jinja", "spark", "unheard_of"])
def test_what_only_dbt_can_say_is_left_to_it(project: Path, target: str) -> None:
    assert duckdb_file(project, None, target, STATE) is None


def test_the_profile_may_be_another(project: Path) -> None:
    assert duckdb_file(project, None, "state", {"DBT_PROFILE": "another"}) is None


def test_profiles_may_lie_elsewhere(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert duckdb_file(project, elsewhere, None, STATE) is None
    assert duckdb_file(project, None, None, {"DBT_PROFILES_DIR": str(elsewhere)}) is None
    (elsewhere / "profiles.yml").write_text((project / "profiles.yml").read_text())
    assert duckdb_file(project, elsewhere, None, STATE) == project / "there" / "shop.duckdb"
