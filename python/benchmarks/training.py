"""What training takes, and what a further outcome adds: `python python/benchmarks/training.py --help`.

A shop is loaded once. Then `likely-buyers train` runs for one outcome, for two and for three: of 200,000 users at 16
past cutoffs, which are as many examples as the defaults allow (66,000 users at 48). Prints seconds, peak memory and
what each further outcome took of the first one's time, with the goals.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import run
from rich.console import Console
from rich.table import Table
from shops import PROJECT, environment

from likely_buyers.demo_shop import SimulationSettings, simulate_shop

OUTCOMES = {
    "purchase_30d": {"horizon_days": 30},
    "cart_30d": {"event": "cart", "horizon_days": 30},
    "purchase_14d": {"horizon_days": 14},
}
CUTOFFS = 16
# the horizon, the steps of half of it, and the history before the first cutoff
DAYS = 30 + 15 * (CUTOFFS - 1) + 45
MOST_SECONDS, MOST_GB, MOST_SHARE = 300, 4.0, 0.6


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=200_000, help="users (default 200,000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="likely_buyers_training_") as temporary:
        folder = Path(temporary)
        shop, state = folder / "shop", folder / "state"
        simulate_shop(SimulationSettings(users=options.users, days=DAYS, seed=1), shop, "parquet")
        variables: dict[str, Any] = {"events_path": str(shop), "outcomes": OUTCOMES}
        variables |= {"training_users": options.users, "training_cutoffs": CUTOFFS}
        commands = Path(sys.executable).parent
        loaded = ("build", "--select", "+user_days", "--vars", json.dumps(variables))
        run([str(commands / "dbt"), *loaded], environment(state, state), folder=PROJECT)
        table = Table("outcomes", "seconds", "peak GB", "a further one, of the first")
        first = 0.0
        for count in range(1, len(OUTCOMES) + 1):
            variables["outcomes"] = dict(list(OUTCOMES.items())[:count])
            trained = run(
                [str(commands / "likely-buyers"), "train", "--vars", json.dumps(variables)],
                environment(state, state),
                folder=PROJECT,
            )
            first = first or trained.seconds
            share = (trained.seconds - first) / (count - 1) / first if count > 1 else None
            table.add_row(
                ", ".join(variables["outcomes"]),
                f"{trained.seconds:.0f}",
                f"{trained.peak_gb:.1f}",
                "" if share is None else f"{share:.0%}",
            )
            Console().print(table)
        print(
            f"goals for 200,000 users: the first within {MOST_SECONDS} s and {MOST_GB:.0f} GB, a further one at most"
            f" {MOST_SHARE:.0%} of its time"
        )


if __name__ == "__main__":
    main()
