"""A demo shop with a champion, scored: made once for all processes of a run of the tests, copied by who changes it."""

import fcntl
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from likely_buyers.demo_shop import SimulationSettings, simulate_shop
from support.installation import Installation

SHOP = SimulationSettings(users=2_500, days=150, seed=3)
# 30 days before the end: what came true of the scores is in the events as well
AS_OF = SHOP.end - timedelta(days=30)


@dataclass(frozen=True)
class TrainedShop:
    """Events with the truth behind them, and the state of an installation trained and scored as of AS_OF."""

    events: Path
    state: Path

    @property
    def variables(self) -> dict[str, Any]:
        """What the state was trained and built with."""
        return {"events_path": str(self.events), "as_of": str(AS_OF)}

    def copied(self, state: Path) -> Installation:
        """An installation of one's own in the same state."""
        shutil.copytree(self.state, state, ignore=shutil.ignore_patterns("logs", "spill"))
        return Installation(state)

    def with_its_champion(self, state: Path) -> Installation:
        """An installation without events, and with the same registry."""
        state.mkdir(parents=True)
        shutil.copy2(self.state / "registry.db", state)
        shutil.copytree(self.state / "artifacts", state / "artifacts")
        return Installation(state)


def trained_shop(folder: Path) -> TrainedShop:
    """The shop in a folder that all processes of the tests share: the first makes it, the others wait."""
    shop = TrainedShop(folder / "events", folder / "state")
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            for unfinished in (shop.events, shop.state):
                shutil.rmtree(unfinished, ignore_errors=True)
            simulate_shop(SHOP, shop.events, "csv")
            installation = Installation(shop.state)
            trained = installation.run(
                "likely-buyers", "train", "--promote", variables=shop.variables
            )
            assert trained.succeeded, trained.output
            installation.built(variables=shop.variables)
            (folder / "made").touch()
    return shop
