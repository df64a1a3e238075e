"""Time and memory of the whole job on generated events: `make bench`, or `python python/benchmarks/run.py --help`.

Prints and writes a table: seconds per node, rows per second, peak resident memory of the dbt process, a repeated build,
and scoring against `predict_proba` alone on the same features in memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from rich.console import Console
from rich.table import Table

from likely_buyers.registry import Registry
from likely_buyers.simulate import SimulationSettings, simulate_shop

PROJECT = Path(__file__).resolve().parents[2]
DBT = Path(sys.executable).with_name("dbt")
LIKELY_BUYERS = Path(sys.executable).with_name("likely-buyers")
EVENTS_PER_USER = 20
DAYS = 60


@dataclass(frozen=True)
class Run:
    """A finished process: wall-clock seconds and peak resident memory in GB."""

    seconds: float
    peak_gb: float


def run(command: list[str], environment: dict[str, str]) -> Run:
    """Run a command to its end, quietly; SystemExit with its output if it fails."""
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{output.read()}")
    return Run(seconds, usage.ru_maxrss / 1e6)


def node_seconds(target: Path) -> dict[str, float]:
    """Seconds per model, and of all tests together, of the last build."""
    results = json.loads((target / "run_results.json").read_text())["results"]
    seconds: dict[str, float] = {}
    for result in results:
        kind, _, name = result["unique_id"].split(".", 2)
        label = name if kind == "model" else f"{kind}s"
        seconds[label] = seconds.get(label, 0.0) + result["execution_time"]
    return seconds


def predict_proba_seconds(state: Path, registry: Registry) -> tuple[float, int]:
    """Seconds of `predict_proba` alone on silver.user_features in memory, at its best; and the rows."""
    champion = registry.load()
    with duckdb.connect(str(state / "likely_buyers.duckdb"), read_only=True) as connection:
        names = ", ".join(champion.feature_names)
        columns = connection.sql(f"select {names} from silver.user_features").fetchnumpy()
    matrix = np.column_stack(
        [np.ma.filled(np.ma.asarray(columns[name], dtype=float), np.nan) for name in columns]
    )
    seconds = []
    # a single call on everything suffers from its temporary arrays; whoever tunes it calls it in parts
    for rows in (len(matrix), 131_072):
        started = time.perf_counter()
        for start in range(0, len(matrix), rows):
            champion.estimator.predict_proba(matrix[start : start + rows])
        seconds.append(time.perf_counter() - started)
    return min(seconds), len(matrix)


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=float, default=20, help="million events (default 20)")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="likely_buyers_bench_") as temporary:
        benchmark(int(options.events * 1e6), options.folder or Path(temporary))


def benchmark(events: int, folder: Path) -> None:
    """Generate `events` events, train on a small shop, build, build again, and compare."""
    console = Console()
    small, big, shop = folder / "trained", folder / "measured", folder / "shop"
    users = events // EVENTS_PER_USER
    if not (shop / "_truth" / "dirt.json").exists():
        console.print(f"generating {events:,} events of {users:,} users ...")
        simulate_shop(SimulationSettings(users=users, days=DAYS, seed=1), shop, "parquet")
    base = dict(os.environ, DBT_QUIET="true")
    if Registry(small).champion() is None:
        console.print("training on a small shop ...")
        simulate_shop(
            SimulationSettings(users=10_000, days=90, seed=2), folder / "small_shop", "parquet"
        )
        run(
            [
                str(LIKELY_BUYERS),
                "train",
                "--promote",
                "--vars",
                f"{{events_path: {folder}/small_shop}}",
            ],
            base | {"LIKELY_BUYERS_STATE": str(small), "DBT_TARGET_PATH": str(folder / "target")},
        )
    (big / "likely_buyers.duckdb").unlink(missing_ok=True)
    environment = base | {
        "LIKELY_BUYERS_STATE": str(big),
        "DBT_TARGET_PATH": str(folder / "target"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{small}/registry.db",
    }
    command = [str(DBT), "build", "--vars", f"{{events_path: {shop}}}"]
    console.print("full build ...")
    full = run(command, environment)
    nodes = node_seconds(folder / "target")
    again = run(command, environment)
    alone, rows = predict_proba_seconds(big, Registry(small))

    table = Table("what", "result", title=f"{events:,} events of {users:,} users, Parquet")
    for name, seconds in sorted(nodes.items(), key=lambda item: -item[1]):
        if seconds >= 0.5:
            table.add_row(name, f"{seconds:.1f} s")
    table.add_row("full dbt build", f"{full.seconds:.1f} s, peak {full.peak_gb:.2f} GB resident")
    table.add_row("events per second", f"{events / full.seconds:,.0f}")
    table.add_row("dbt build with nothing new", f"{again.seconds:.1f} s")
    table.add_row(
        "scoring in the build / predict_proba alone",
        f"{nodes['predictions']:.2f} s / {alone:.2f} s = {nodes['predictions'] / alone:.2f}"
        f" ({rows:,} users)",
    )
    console.print(table)


if __name__ == "__main__":
    main()
