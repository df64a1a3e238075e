"""What is measured on: generated shops, their days held back and delivered, and a champion to score with."""

import datetime as dt
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from measure import run

from likely_buyers.demo_shop import FileFormat, SimulationSettings, simulate_shop
from likely_buyers.registry import Registry
from likely_buyers.terminal import say

PROJECT = Path(__file__).resolve().parents[2]
EVENTS_PER_USER = 20
DAYS = 60


def shop(
    folder: Path, *, events: int, history: int = 1, file_format: FileFormat = "parquet"
) -> Path:
    """About `events` events in 60 days, 20 a user, in files of a day; the folder's own if it has them.

    With `history` 2 the same number of users did as much in each of 120 days, which end on the same day.
    """
    users, days = max(events // EVENTS_PER_USER, 1), DAYS * history
    settings = SimulationSettings(
        users=users,
        days=days,
        seed=1,
        start=SimulationSettings(users=1, days=1).start - dt.timedelta(days=days - DAYS),
        events_per_user=EVENTS_PER_USER * history,
    )
    if not (folder / "_truth" / "dirt.json").exists():
        say(f"generating {events * history:,} events of {users:,} users in {days} days")
        simulate_shop(settings, folder, file_format)
    return folder


def hold_back_last_day(whole: Path, delivered: Path) -> Path:
    """Put all of a shop's files but that of the last day into `delivered`; gives the last day's file.

    They are hard links: a file is known by its path, and these take no room.
    """
    shutil.rmtree(delivered, ignore_errors=True)
    delivered.mkdir(parents=True)
    *earlier, last = sorted(whole.glob("events-*"))
    for file in earlier:
        deliver(file, delivered)
    return last


def deliver(file: Path, delivered: Path) -> None:
    """One more file for the folder."""
    (delivered / file.name).hardlink_to(file)


def champion(folder: Path) -> Path:
    """A registry with a champion, trained on a small shop; the folder's own if it has one."""
    registry = folder / "trained"
    if Registry(registry).champion() is None:
        say("training on a small shop")
        small_shop = folder / "small_shop"
        simulate_shop(SimulationSettings(users=10_000, days=90, seed=2), small_shop, "parquet")
        run(
            [
                *(str(Path(sys.executable).with_name("likely-buyers")), "train", "--promote"),
                *("--vars", f"{{events_path: '{small_shop}'}}"),
            ],
            environment(registry, registry),
            folder=PROJECT,
        )
    return registry


def environment(state: Path, registry: Path) -> dict[str, str]:
    """The environment of dbt for this state and this registry."""
    return os.environ | {
        "DBT_QUIET": "true",
        "LIKELY_BUYERS_STATE": str(state),
        "MLFLOW_TRACKING_URI": f"sqlite:///{registry}/registry.db",
    }


MODELS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
"""Options of `dbt build`, which then tests nothing."""


def shop_with_champion(folder: Path, users: int) -> tuple[Path, Path, dict[str, Any]]:
    """A shop of so many users in 120 days and the state it was trained in, the folder's own if it has them.

    Gives the files, the state folder, and dbt's variables: a training that is done in a hurry.
    """
    files, state = folder / "shop", folder / "state"
    variables = {"events_path": str(files), "training_users": 20_000, "training_cutoffs": 4}
    if not files.exists():
        simulate_shop(SimulationSettings(users=users, days=120, seed=1), files, "parquet")
        run(
            [
                *(str(Path(sys.executable).with_name("likely-buyers")), "train", "--promote"),
                *("--vars", json.dumps(variables)),
            ],
            environment(state, state),
            folder=PROJECT,
        )
    return files, state, variables


def seconds_of_models(state: Path) -> dict[str, float]:
    """Of each node of the run before, by its name."""
    results = json.loads((state / "target" / "run_results.json").read_text())["results"]
    return {one["unique_id"].split(".")[2]: one["execution_time"] for one in results}
