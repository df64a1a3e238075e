"""The whole job on generated events, beside what people would use instead: `make bench`.

    python python/benchmarks/run.py --help

Prints and writes one table (Markdown) of ratios with their goals, seconds, events a second, peak memory, seconds per
layer and of the dearest models. Everything runs one after the other on the same cores and the same events, and every
result is compared with gold.predictions: a job that comes to another result fails the benchmark.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import psutil
from agreement import check_predictions
from builds import Build, build
from peers import SPARK_PYTHON, run_duckdb, run_floor, run_pandas, run_polars, run_pyspark
from shops import PROJECT, champion, deliver, hold_back_last_day, shop
from table import AGAIN, DUCKDB, FULL, NEW_DAY, PANDAS, POLARS, PYSPARK, TWICE, Measured, markdown

from likely_buyers.settings import Lake, Settings
from likely_buyers.terminal import say

PARTS = ("again", "daily", "twice", "pandas", "duckdb", "polars", "pyspark", "floor")
# Above this pandas needs more memory than machines of two cores have.
MOST_EVENTS_FOR_PANDAS = 50_000_000


def arguments() -> argparse.Namespace:
    """The options, checked before any work is done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--events",
        type=float,
        nargs="+",
        default=[1, 20],
        metavar="MILLIONS",
        help="million events, one size or several (default: 1 20)",
    )
    parser.add_argument(
        "--format",
        choices=["parquet", "csv"],
        default="parquet",
        help="of the event files, for everybody (default: parquet)",
    )
    parser.add_argument(
        "--without",
        type=_parts,
        default=frozenset(),
        metavar="PART,...",
        help=f"what to leave out: {', '.join(PARTS)}",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="where to work, and where generated events and the champion stay (default: a temporary folder)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Settings.of(PROJECT).state / "benchmarks.md",
        help="the file to write (default: benchmarks.md in the state folder)",
    )
    parser.add_argument("--cores", type=int, default=2, help="cores for everybody (default: 2)")
    parser.add_argument(
        "--most-gb",
        type=float,
        default=psutil.virtual_memory().available / 1e9 - 1,
        help="memory that no process may exceed: it is stopped (default: what is free, less 1 GB)",
    )
    parser.add_argument(
        "--pandas-at-any-size",
        action="store_true",
        help=f"run pandas above {MOST_EVENTS_FOR_PANDAS:,} events, too, until --most-gb stops it",
    )
    options = parser.parse_args()
    if min(options.events) * 1e6 < 1000:
        parser.error("--events: expected at least 0.001 (millions)")
    if "pyspark" not in options.without and not SPARK_PYTHON.exists():
        parser.error(
            f"PySpark has no environment at {SPARK_PYTHON}. Let make set it up: make bench; or leave PySpark out:"
            " --without pyspark"
        )
    if "pyspark" not in options.without and not shutil.which("java"):
        parser.error("PySpark needs Java 17 or later, and there is no java. Or: --without pyspark")
    return options


def _parts(text: str) -> frozenset[str]:
    parts = frozenset(text.split(","))
    if unknown := parts - set(PARTS):
        raise argparse.ArgumentTypeError(
            f"expected parts out of {', '.join(PARTS)}, found {', '.join(sorted(unknown))}"
        )
    return parts


def main() -> None:
    """Measure each size, and print and write the table after each."""
    options = arguments()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    with tempfile.TemporaryDirectory(prefix="likely_buyers_bench_") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        registry = champion(folder)
        sizes: list[Measured] = []
        for millions in options.events:
            sizes.append(measured(int(millions * 1e6), folder, registry, options))
            table = markdown(sizes)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(table)
    print(table)
    say(f"written to {options.out}")


def measured(events: int, folder: Path, registry: Path, options: argparse.Namespace) -> Measured:
    """Everything that is asked for, at one size."""
    place = folder / (f"{events}_events" + ("" if options.format == "parquet" else "_csv"))
    whole = shop(place / "shop", events=events, file_format=options.format)
    size = Measured(events, users=events // 20, file_format=options.format)
    state, most_gb = fresh(place / "full"), options.most_gb
    lake = Lake.in_folder(state)

    say(f"{events:,} events: full build")
    size.builds[FULL] = build(state, whole, registry, most_gb=most_gb)
    if "again" not in options.without:
        say("nothing new")
        size.builds[AGAIN] = build(state, whole, registry, most_gb=most_gb)
    if "floor" not in options.without:
        say("the floor")
        size.floor = run_floor(whole, registry, fresh(place / "floor"), lake, most_gb=most_gb)
    if "pandas" not in options.without and (
        events <= MOST_EVENTS_FOR_PANDAS or options.pandas_at_any_size
    ):
        say(PANDAS)
        size.peers[PANDAS] = run_pandas(
            whole, registry, fresh(place / "pandas"), lake, most_gb=most_gb
        )
    for part, name, run_peer in [("duckdb", DUCKDB, run_duckdb), ("polars", POLARS, run_polars)]:
        if part not in options.without:
            say(name)
            out = fresh(place / part)
            size.peers[name] = run_peer(whole, registry, out, lake, most_gb=most_gb)
    if "pyspark" not in options.without:
        say(PYSPARK)
        out = fresh(place / "pyspark")
        size.peers[PYSPARK] = run_pyspark(
            whole, registry, out, lake, cores=options.cores, most_gb=most_gb
        )
        shutil.rmtree(out)
    if "daily" not in options.without:
        size.builds[NEW_DAY] = last_day(whole, place / "daily", registry, options, lake)
    shutil.rmtree(state)
    if not {"daily", "twice"} & options.without:
        longer = shop(
            place / "shop_of_twice_the_history",
            events=events,
            history=2,
            file_format=options.format,
        )
        size.builds[TWICE] = last_day(longer, place / "daily", registry, options)
    return size


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def last_day(
    whole: Path,
    place: Path,
    registry: Path,
    options: argparse.Namespace,
    full: Lake | None = None,
) -> Build:
    """The build of a shop's last day, after all days before it; its result must be that of the lake `full`, if any."""
    state, delivered = fresh(place) / "state", place / "delivered"
    last = hold_back_last_day(whole, delivered)
    say(f"all days before {last.stem}")
    build(state, delivered, registry, most_gb=options.most_gb)
    deliver(last, delivered)
    say(f"{last.stem} is new")
    finished = build(state, delivered, registry, most_gb=options.most_gb)
    if full:
        check_predictions(full, NEW_DAY, None, other=Lake.in_folder(state))
    shutil.rmtree(place)
    return finished


if __name__ == "__main__":
    main()
