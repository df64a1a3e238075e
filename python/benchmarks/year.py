"""Daily builds one after the other, as in a year: `python python/benchmarks/year.py --help`.

A shop of a constant number of users gets a file a day and is built after each. Prints a row for each 30 builds: median
seconds and processor seconds of the last five, files and snapshots of the lake; then the last row over the first, with
its goal. Time passes faster here than in life, so what a build would forget after vars.keep_days days is forgotten
after as many builds.
"""

import argparse
import resource
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from builds import build
from rich.console import Console
from rich.table import Table
from shops import champion, deliver

from likely_buyers.demo_shop import SimulationSettings, simulate_shop
from likely_buyers.lake import connect
from likely_buyers.lake.upkeep import expire
from likely_buyers.settings import Lake

FIRST_DAYS = 30
KEPT_BUILDS = 30
ROW_OF_BUILDS = 30
MOST = 1.3


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builds", type=int, default=365, help="how many (default 365)")
    parser.add_argument("--users", type=int, default=5_000, help="users (default 5,000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="likely_buyers_year_") as temporary:
        folder = Path(temporary)
        days = FIRST_DAYS + options.builds
        whole = folder / "whole"
        simulate_shop(
            SimulationSettings(users=options.users, days=days, seed=1, events_per_user=days / 3),
            whole,
            "parquet",
        )
        registry = champion(folder)
        state, delivered = folder / "state", folder / "delivered"
        delivered.mkdir()
        files = sorted(whole.glob("events-*"))
        for file in files[:FIRST_DAYS]:
            deliver(file, delivered)
        build(state, delivered, registry, most_gb=8)
        ends: list[datetime] = []
        seconds: list[float] = []
        processor: list[float] = []
        table = Table("builds", "seconds", "processor seconds", "files", "snapshots")
        rows: list[float] = []
        for number, file in enumerate(files[FIRST_DAYS:], start=1):
            deliver(file, delivered)
            before = _processor_seconds()
            seconds.append(build(state, delivered, registry, most_gb=8).run.seconds)
            processor.append(_processor_seconds() - before)
            ends.append(datetime.now(UTC))
            with connect(Lake.in_folder(state)) as lake:
                if number > KEPT_BUILDS:
                    expire(lake, ends[-KEPT_BUILDS])
                counts = lake.execute(
                    "select sum(file_count + delete_file_count),"
                    " (select count(*) from ducklake_snapshots('likely_buyers'))"
                    " from ducklake_table_info('likely_buyers')"
                ).fetchone()
            if number % ROW_OF_BUILDS == 0 or number == options.builds:
                rows.append(statistics.median(processor[-5:]))
                table.add_row(
                    str(number),
                    f"{statistics.median(seconds[-5:]):.1f}",
                    f"{rows[-1]:.1f}",
                    *(f"{count:,.0f}" for count in counts or ()),
                )
                Console().print(table)
        print(f"the last over the first: {rows[-1] / rows[0]:.2f} (goal: at most {MOST})")


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
