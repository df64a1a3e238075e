"""Two states, one checkout: all that a run writes lies in its state folder, wherever the command is typed."""

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.installation import PROJECT, Finished, Installation
from support.trained_shop import SHOP, TrainedShop

STATES = "states"
# as dbt has them: set, they would do what the commands must do without
NAMED_BY_DBT = ("DBT_TARGET_PATH", "DBT_LOG_PATH", "DBT_PROJECT_DIR", "DBT_PROFILES_DIR")

Tree = dict[Path, tuple[int, int] | None]


@dataclass
class State(Installation):
    """A state folder named by a path relative to the checkout; `variables` are those of all its commands."""

    variables: dict[str, Any] | None = None

    def environment(self) -> dict[str, str]:
        """With the log as users have it."""
        environment = super().environment()
        del environment["DBT_LOG_LEVEL_FILE"]
        return environment

    def at(self, *parts: str) -> Path:
        assert self.folder
        return self.folder.joinpath(self.state, *parts)

    def done(self, *command: str, as_typed: bool = False) -> str:
        """What a command said that must succeed; `as_typed` starts its console script."""
        start = self.typed if as_typed else self.run
        finished = start(*command, variables=self.variables)
        assert finished.succeeded, finished.output
        return finished.output

    def artifact(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self.at("target", name).read_text()))

    def last_run(self) -> str:
        """The run that all artifacts speak of."""
        (run,) = {
            self.artifact(name)["metadata"]["invocation_id"]
            for name in ("manifest.json", "run_results.json")
        }
        return str(run)


def tree(folder: Path) -> Tree:
    """Everything below but the states: time of change and size of each file, and the folders."""
    return {
        path.relative_to(folder): (path.stat().st_mtime_ns, path.stat().st_size)
        if path.is_file()
        else None
        for path in folder.rglob("*")
        if not path.is_relative_to(folder / STATES)
    }


@pytest.fixture(scope="module", autouse=True)
def nothing_named() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in NAMED_BY_DBT:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project once more: what appears in it was written by the commands here, and by no other test."""
    folder = tmp_path_factory.mktemp("checkout") / "likely_buyers"
    others = shutil.ignore_patterns(".*", "__pycache__", "python", "warehouse", "target", "logs")
    shutil.copytree(PROJECT, folder, ignore=others)
    return folder


@pytest.fixture(scope="module")
def as_copied(checkout: Path) -> Tree:
    return tree(checkout)


@pytest.fixture(scope="module")
def states(checkout: Path, as_copied: Tree, shop_with_champion: TrainedShop) -> tuple[State, State]:
    """Two states of one shop, as of two days; both score with the champion of the first."""
    shop_with_champion.copied(checkout / STATES / "a")
    variables = {"events_path": str(shop_with_champion.events), "training_cutoffs": 3}
    a, b = (
        State(
            Path(STATES, name),
            folder=checkout,
            variables={**variables, "as_of": str(SHOP.end - timedelta(days=earlier))},
        )
        for name, earlier in (("a", 0), ("b", 10))
    )
    b.settings["MLFLOW_TRACKING_URI"] = f"sqlite:///{a.at('registry.db')}"
    return a, b


@pytest.fixture(scope="module")
def built_at_once(states: tuple[State, State]) -> list[Finished]:
    """What two builds at the same time said, one of each state."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda state: state.dbt("build", variables=state.variables), states))


@pytest.fixture(scope="module")
def built(states: tuple[State, State], built_at_once: list[Finished]) -> tuple[State, State]:
    assert all(finished.succeeded for finished in built_at_once)
    return states


def test_two_builds_at_once(states: tuple[State, State], built_at_once: list[Finished]) -> None:
    for state, finished in zip(states, built_at_once, strict=True):
        assert finished.succeeded, finished.output
        assert state.artifact("run_results.json")["args"]["vars"] == state.variables
    runs = [state.last_run() for state in states]
    assert runs[0] != runs[1]
    for state, own, other in zip(states, runs, reversed(runs), strict=True):
        log = state.at("logs", "dbt.log").read_text()
        assert own in log
        assert other not in log


def test_a_training_of_one_state_leaves_the_other_publishable(built: tuple[State, State]) -> None:
    a, b = built
    scored = a.last_run()
    b.done("likely-buyers", "train")
    assert "Published to" in a.done("likely-buyers", "publish")
    told = json.loads(a.at("published", "parquet", "_manifest.json").read_text())
    assert told["build_id"] == scored


def test_from_another_folder(built: tuple[State, State], tmp_path: Path) -> None:
    """A relative state is relative to the project, whoever is asked: dbt, the registry, publishing."""
    a, _ = built
    assert a.folder
    elsewhere = State(a.state, folder=tmp_path, variables=a.variables)
    to_project = os.path.relpath(a.folder, tmp_path)
    project = ("--project-dir", to_project, "--profiles-dir", to_project)

    elsewhere.done("dbt", "--warn-error", "debug", *project, as_typed=True)
    assert "champion" in elsewhere.done("likely-buyers", "models", *project[:2])
    published = elsewhere.done("likely-buyers", "publish", *project[:2], as_typed=True)
    assert str(a.at("published")) in published
    before = a.last_run()
    # it finds the champion, which stands in this state alone
    elsewhere.done("dbt", "build", "--select", "predictions", *project)
    assert a.last_run() != before
    assert list(tmp_path.iterdir()) == []


def test_retry_and_clean_keep_to_the_state(built: tuple[State, State]) -> None:
    _, b = built
    b.done("dbt", "build", "--select", "event_types")
    before = b.last_run()
    b.done("dbt", "retry")
    assert b.last_run() != before
    b.done("dbt", "clean")
    assert not b.at("target").exists()
    assert b.at("catalog.ducklake").exists()


def test_nothing_is_written_outside_the_states(
    built: tuple[State, State], checkout: Path, as_copied: Tree
) -> None:
    """Neither by training, building and the list nor by any other command above."""
    a, _ = built
    a.done("likely-buyers", "top")
    assert tree(checkout) == as_copied
