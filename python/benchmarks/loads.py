"""Loading of text and Parquet, beside the code of an earlier commit in the same run; and `likely-buyers inspect`.

    python python/benchmarks/loads.py --help

What is timed is what dbt says of the models of bronze that read: everything between finding the files and having their
lines in raw_events, proved. Both commits load the same files one after the other, and the medians are compared.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from measure import run
from shops import PROJECT, environment

from likely_buyers.lake import connect
from likely_buyers.settings import Lake
from likely_buyers.terminal import say

# The last commit with the line reader that the engine's readers replaced.
BEFORE = "6cddbca"
READING = ("loaded_files", "rejected_lines", "raw_events")
GOALS = {"csv": 1.5, "parquet": 1.0}


def arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=float, default=20, metavar="MILLIONS")
    parser.add_argument("--runs", type=int, default=3, help="loads of each commit and format")
    parser.add_argument("--folder", type=Path, help="where generated files stay")
    return parser.parse_args()


def main() -> None:
    """Print one table."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="likely_buyers_loads_") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        events = int(options.events * 1e6)
        files = {
            ending: generated(folder / f"{events}_{ending}", events, ending) for ending in GOALS
        }
        before = earlier_commit(folder / "before")
        print("| loading | before, s | now, s | times as fast | goal |\n|---|---|---|---|---|")
        for ending, goal in GOALS.items():
            seconds: dict[Path, list[float]] = {PROJECT: []}
            if before:
                seconds[before] = []
            for _ in range(options.runs):
                for project, times in seconds.items():
                    times.append(loading(project, files[ending], folder / "state", events))
            now = statistics.median(seconds[PROJECT])
            if before:
                then = statistics.median(seconds[before])
                row = f"{then:.1f} | {now:.1f} | {then / now:.2f}"
            else:
                row = f"not in this clone | {now:.1f} | -"
            print(f"| {options.events:g} M lines of {ending} | {row} | {goal} |", flush=True)
        print(
            f"\n`likely-buyers inspect` of {size_of(files['csv']):.1f} GB: {inspecting(files['csv']):.1f} s"
        )


def generated(folder: Path, events: int, ending: str) -> Path:
    """A folder with one file of a shop's log as REES46 writes it."""
    file = folder / f"{events}.{ending}"
    if not file.exists():
        say(f"generating {events:,} lines of {ending}")
        folder.mkdir(parents=True, exist_ok=True)
        form = "format csv, header" if ending == "csv" else "format parquet"
        duckdb.sql(f"""
            copy (
                select
                    strftime(
                        timestamp '2020-01-01' + to_seconds(i * 5184000 // {events}), '%Y-%m-%d %H:%M:%S UTC'
                    ) as event_time,
                    case
                        when hash(i) % 100 < 90 then 'view' when hash(i) % 100 < 97 then 'cart' else 'purchase'
                    end as event_type,
                    cast(hash(i * 7) % 50000 as int) as product_id,
                    cast(2053013552326770905 + hash(i * 7) % 300 as bigint) as category_id,
                    case when hash(i * 3) % 3 > 0 then 'electronics.phone' || hash(i * 7) % 30 end as category_code,
                    case when hash(i * 5) % 5 > 0 then 'brand' || hash(i * 7) % 200 end as brand,
                    round(hash(i * 7) % 100000 / 100.0, 2) as price,
                    cast(1 + hash(i * 11) % ({events} // 20) as int) as user_id,
                    md5(cast(i // 8 as varchar)) as user_session
                from range({events}) as lines (i)
            ) to '{file}' ({form})
        """)
    return folder


def earlier_commit(folder: Path) -> Path | None:
    """The project as it was; None where this clone has no history."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packed = subprocess.run(
        ["/usr/bin/env", "git", "archive", BEFORE], cwd=PROJECT, capture_output=True, check=False
    )
    if packed.returncode:
        return None
    subprocess.run(
        ["/usr/bin/env", "tar", "-x", "-C", str(folder)], input=packed.stdout, check=True
    )
    # the plugin of dbt that this checkout is installed with is not that commit's
    (folder / "python" / "dbt_likely_buyers.py").write_text("plugins = []\n")
    return folder


def loading(project: Path, events: Path, state: Path, lines: int) -> float:
    """Seconds of the reading models of one load into an empty state."""
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    run(
        [
            *(str(Path(sys.executable).with_name("dbt")), "run", "--select", "+raw_events"),
            *("loaded_files", "rejected_lines", "--vars", f"{{events_path: '{events}'}}"),
        ],
        environment(state, state)
        | {"PYTHONPATH": str(project / "python")}
        | {"DBT_TARGET_PATH": str(state / "target"), "DBT_LOG_PATH": str(state / "logs")},
        folder=project,
    )
    # the earlier commit has a file in place of the lake
    file = state / "likely_buyers.duckdb"
    with (
        duckdb.connect(str(file), read_only=True)
        if file.exists()
        else connect(Lake.in_folder(state), read_only=True)
    ) as connection:
        loaded = connection.sql("select count(*) from bronze.raw_events").fetchone()
    if loaded != (lines,):
        raise SystemExit(f"{project} loaded {loaded} of {lines:,} lines")
    results = json.loads((state / "target" / "run_results.json").read_text())["results"]
    shutil.rmtree(state)
    return sum(
        result["execution_time"]
        for result in results
        if result["unique_id"].rsplit(".", 1)[1] in READING
    )


def size_of(folder: Path) -> float:
    """Gigabytes of the files in a folder."""
    return sum(file.stat().st_size for file in folder.iterdir()) / 1e9


def inspecting(events: Path) -> float:
    """Seconds of `likely-buyers inspect` of a folder."""
    started = time.perf_counter()
    run(
        [str(Path(sys.executable).with_name("likely-buyers")), "inspect", str(events)],
        dict(os.environ),
        folder=PROJECT,
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
