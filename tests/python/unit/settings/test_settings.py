"""Python, dbt's profile and macros find the same state folder and limits in the same environment."""

import os
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest
import yaml

from likely_buyers.settings import BadSetting, Lake, Settings
from support.installation import PROJECT

ENVIRONMENTS = [
    {},
    {"LIKELY_BUYERS_STATE": ""},
    {"LIKELY_BUYERS_STATE": "elsewhere/state"},
    {
        "LIKELY_BUYERS_STATE": "/data/shop",
        "LIKELY_BUYERS_MEMORY_LIMIT": "1500MB",
        "LIKELY_BUYERS_LOCK_ATTEMPTS": "600",
    },
    {"LIKELY_BUYERS_CATALOG": "", "LIKELY_BUYERS_DATA": ""},
    {"LIKELY_BUYERS_CATALOG": "/data/shop.ducklake", "LIKELY_BUYERS_DATA": "elsewhere/data"},
    {
        "LIKELY_BUYERS_STATE": "/data/shop",
        "LIKELY_BUYERS_CATALOG": "postgres:dbname=shop",
        "LIKELY_BUYERS_DATA": "s3://shop/data",
    },
]


def rendered(file: Path, environment: dict[str, str]) -> Any:
    """A YAML file of dbt's, as dbt renders it in an environment."""
    template = jinja2.Environment(autoescape=False).from_string(file.read_text())  # noqa: S701
    return yaml.safe_load(
        template.render(env_var=lambda name, default="": environment.get(name, default))
    )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_profile_and_python_agree(environment: dict[str, str]) -> None:
    profile = rendered(PROJECT / "profiles.yml", environment)["likely_buyers"]["outputs"]["duckdb"]
    settings = Settings.of(PROJECT, environment)
    (attached,) = profile["attach"]
    catalog, data = attached["path"].removeprefix("ducklake:"), attached["options"]["data_path"]
    assert Lake.of(catalog, data, settings.state, PROJECT) == settings.lake
    assert attached["path"].startswith("ducklake:")
    assert PROJECT / profile["config_options"]["temp_directory"] == settings.spill
    assert profile["config_options"]["memory_limit"] == settings.memory_limit
    assert int(profile["retries"]["connect_attempts"]) == settings.lock_attempts()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_dbt_clean_and_the_demo_shop_lie_in_that_state(environment: dict[str, str]) -> None:
    settings = Settings.of(PROJECT, environment)
    text = "\n".join(
        line
        for line in (PROJECT / "dbt_project.yml").read_text().splitlines()
        if "LIKELY_BUYERS_STATE" in line
    )
    template = jinja2.Environment(autoescape=False).from_string(text)  # noqa: S701
    cleaned = yaml.safe_load(
        template.render(env_var=lambda name, default="": environment.get(name, default))
    )
    assert [PROJECT / path for path in cleaned] == [
        settings.state / "target",
        settings.state / "logs",
    ]


def test_a_relative_state_is_the_projects_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "LIKELY_BUYERS_STATE", "mine")
    assert Settings.of(PROJECT).state == PROJECT / "mine"
    assert Settings.of().state == tmp_path / "mine"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("sqlite:///shared/registry.db", f"sqlite:///{PROJECT}/shared/registry.db"),
        ("sqlite:////srv/registry.db", "sqlite:////srv/registry.db"),
        ("http://mlflow:5000", "http://mlflow:5000"),
        ("", None),
    ],
)
def test_a_relative_registry_is_the_projects_for_who_works_elsewhere(
    given: str, meant: str | None
) -> None:
    """Executors of Spark do, and would make an empty file there."""
    assert Settings.of(PROJECT, {"MLFLOW_TRACKING_URI": given}).registry_uri == meant


@pytest.mark.parametrize("attempts", ["0", "-1", "many", "1.5"])
def test_a_number_of_attempts_that_is_none_is_named(attempts: str) -> None:
    settings = Settings.of(PROJECT, {"LIKELY_BUYERS_LOCK_ATTEMPTS": attempts})
    with pytest.raises(
        BadSetting, match=r"LIKELY_BUYERS_LOCK_ATTEMPTS .*whole number of at least 1"
    ):
        settings.lock_attempts()


@pytest.mark.parametrize("limit", ["lots", "", "4", "-1GB", "50%"])
def test_memory_is_a_size(limit: str) -> None:
    with pytest.raises(BadSetting, match=rf"LIKELY_BUYERS_MEMORY_LIMIT .* Found: {limit}\."):
        Settings.of(PROJECT, {"LIKELY_BUYERS_MEMORY_LIMIT": limit})


@pytest.mark.parametrize("limit", ["4GB", "4 GiB", "512mb", "0.5TB"])
def test_sizes_as_duckdb_reads_them(limit: str) -> None:
    assert Settings.of(PROJECT, {"LIKELY_BUYERS_MEMORY_LIMIT": limit}).memory_limit == limit
    duckdb.connect(config={"memory_limit": limit}).close()


@pytest.mark.parametrize(
    ("name", "meant"), [("STAET", "STATE"), ("MEMORY_LIMT", "MEMORY_LIMIT"), ("USERS", "USER")]
)
def test_a_misspelt_name_is_told(name: str, meant: str) -> None:
    with pytest.raises(
        BadSetting, match=f"LIKELY_BUYERS_{name}, .* Did you mean LIKELY_BUYERS_{meant}?"
    ):
        Settings.of(PROJECT, {f"LIKELY_BUYERS_{name}": "/data/shop"})


def test_a_name_that_is_like_none_of_ours_is_left_alone() -> None:
    others = {"LIKELY_BUYERS_TRIES": "few", "STATE_OF_LIKELY_BUYERS": "x"}
    assert Settings.of(PROJECT, others) == Settings.of(PROJECT, {})
