"""What telling drift takes: `python python/benchmarks/drift.py --help`.

A shop is simulated, a champion trained on a sample of it, and gold built. dbt's own times of two nodes of that build
are compared: gold.drift, which compares every feature of every user with the champion's training by exact
Wasserstein distances, and silver.user_features, which computes them. Then the distances are held against scipy's.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from measure import run
from scipy.stats import wasserstein_distance
from shops import MODELS, PROJECT, environment, seconds_of_models, shop_with_champion

from likely_buyers.lake.attaching import attach
from likely_buyers.settings import Lake


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000, help="users (default 1,000,000)")
    parser.add_argument("--keep", type=Path, help="folder to work in, and to keep and use again")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="likely_buyers_drift_"))
    try:
        compare(folder, options.users)
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def compare(folder: Path, users: int) -> None:
    """The figures of a shop of so many users."""
    _, state, variables = shop_with_champion(folder, users)
    # the features of the training are there: both tables are to be made in this build
    built = run(
        [
            *(str(Path(sys.executable).with_name("dbt")), "build", "--full-refresh", *MODELS),
            *("--vars", json.dumps(variables)),
        ],
        environment(state, state),
        folder=PROJECT,
    )
    seconds = seconds_of_models(state)
    print(
        f"{users:,} users; drift {seconds['drift']:.1f} s, the features {seconds['user_features']:.1f} s: ratio"
        f" {seconds['drift'] / seconds['user_features']:.2f}, goal 1; peak of the build {built.peak_gb:.1f} GB"
    )
    agree(state)
    print(f"with all values of each feature distinct: {seconds_if_distinct(state):.1f} s")


def seconds_if_distinct(state: Path) -> float:
    """What the query of gold.drift takes where no two users have the same value of a feature: the most there can be."""
    (query,) = (state / "target" / "compiled").rglob("gold/drift.sql")
    connection = duckdb.connect(config={"threads": os.cpu_count() or 1, "memory_limit": "4GB"})
    attach(connection, Lake.in_folder(state), 1, read_only=True)
    connection.execute(
        "create temporary table distinct_features as select user_id, as_of_date,"
        " columns(* exclude (user_id, as_of_date)) + row_number() over () / 1e9 from likely_buyers.silver.user_features"
    )
    of_distinct = query.read_text().replace(
        '"likely_buyers"."silver"."user_features"', "distinct_features"
    )
    began = time.perf_counter()
    connection.execute(f"create temporary table drift_of_distinct as {of_distinct}")
    return time.perf_counter() - began


def agree(state: Path) -> None:
    """How far the distances of gold.drift are from scipy's over the same two distributions."""
    connection = duckdb.connect(config={"threads": os.cpu_count() or 1})
    attach(connection, Lake.in_folder(state), 1, read_only=True)
    connection.execute("use likely_buyers")
    furthest = 0.0
    names = connection.execute(
        "select name, distance from gold.drift where method = 'wasserstein' and kind = 'feature' order by rank"
    ).fetchall()
    for name, distance in names:
        values, examples, spread = (
            connection.execute(
                "select value, examples, spread from training.champion_distributions"
                " where name = $name and value is not null",
                {"name": name},
            )
            .fetchnumpy()
            .values()
        )
        now, users = (
            connection.execute(
                f'select "{name}" as value, count(*) as users from silver.user_features'
                f' where "{name}" is not null group by all'
            )
            .fetchnumpy()
            .values()
        )
        expected = wasserstein_distance(now, values, users, examples) / spread[0]
        furthest = max(furthest, abs(distance - expected) / max(expected, 1e-300))
    print(f"{len(names)} distances; the furthest from scipy's by {furthest:.1e} of its value")


if __name__ == "__main__":
    main()
