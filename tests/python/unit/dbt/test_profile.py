"""Which lake dbt would attach, told without dbt: never another one than dbt's own."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from likely_buyers.dbt.profile import SHIPPED_CATALOG, SHIPPED_DATA, lake_of_profile
from likely_buyers.settings import Lake
from support.installation import PROJECT

STATE = {"LIKELY_BUYERS_STATE": "/data/state"}
IN_STATE = Lake.in_folder(Path("/data/state"))


def output(catalog: str, data: str = "there/data") -> dict[str, Any]:
    attached = {"path": catalog, "alias": "likely_buyers", "options": {"data_path": data}}
    return {"type": "duckdb", "path": ":memory:", "attach": [attached]}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dbt_project.yml").write_text("profile: shop")
    outputs = {
        "state": output(SHIPPED_CATALOG, SHIPPED_DATA),
        "file": output("ducklake:there/shop.ducklake"),
        "server": output("ducklake:postgres:dbname=shop", "s3://shop/data"),
        "memory": {"type": "duckdb", "path": ":memory:"},
        "plain": {"type": "duckdb", "path": "there/shop.duckdb"},
        "cloud": {"type": "duckdb", "path": "md:shop"},
        "jinja": output("ducklake:{{ env_var('MINE') }}/shop.ducklake"),
        "jinja_data": output("ducklake:there/shop.ducklake", "{{ env_var('MINE') }}/data"),
        "spark": {"type": "spark", "path": "there/shop.duckdb"},
    }
    profiles = {"shop": {"target": "file", "outputs": outputs}}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profiles))
    return tmp_path


def lake_there(project: Path) -> Lake:
    there = project / "there"
    return Lake(str(there / "shop.ducklake"), str(there / "data"), Path("/data/state"))


def test_the_shipped_profile_is_the_state_folder_s() -> None:
    assert lake_of_profile(PROJECT, None, None, STATE) == IN_STATE
    assert lake_of_profile(PROJECT, None, None, {}) == Lake.in_folder(PROJECT / "warehouse")


def test_catalog_and_data_may_lie_elsewhere_than_the_state() -> None:
    moved = {"LIKELY_BUYERS_CATALOG": "mine.ducklake", "LIKELY_BUYERS_DATA": "s3://shop/data"}
    assert lake_of_profile(PROJECT, None, None, STATE | moved) == Lake(
        str(PROJECT / "mine.ducklake"), "s3://shop/data", Path("/data/state")
    )
    server = {"LIKELY_BUYERS_CATALOG": "postgres:dbname=shop"}
    found = lake_of_profile(PROJECT, None, None, STATE | server)
    assert found == Lake("postgres:dbname=shop", "/data/state/data", Path("/data/state"))


def test_the_target_is_the_option_s_then_the_environment_s_then_the_profile_s(
    project: Path,
) -> None:
    assert lake_of_profile(project, None, None, STATE) == lake_there(project)
    assert lake_of_profile(project, None, None, STATE | {"DBT_TARGET": "spark"}) is None
    assert lake_of_profile(project, None, "state", STATE | {"DBT_TARGET": "spark"}) == IN_STATE
    assert lake_of_profile(project, None, "server", STATE) == Lake(
        "postgres:dbname=shop", "s3://shop/data", Path("/data/state")
    )


@pytest.mark.parametrize(
    "target", ["memory", "plain", "cloud", "jinja", "jinja_data", "spark", "unheard_of"]
)
def test_what_only_dbt_can_say_is_left_to_it(project: Path, target: str) -> None:
    assert lake_of_profile(project, None, target, STATE) is None


def test_the_profile_may_be_another(project: Path) -> None:
    assert lake_of_profile(project, None, "state", {"DBT_PROFILE": "another"}) is None


def test_profiles_may_lie_elsewhere(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert lake_of_profile(project, elsewhere, None, STATE) is None
    assert lake_of_profile(project, None, None, {"DBT_PROFILES_DIR": str(elsewhere)}) is None
    (elsewhere / "profiles.yml").write_text((project / "profiles.yml").read_text())
    assert lake_of_profile(project, elsewhere, None, STATE) == lake_there(project)
