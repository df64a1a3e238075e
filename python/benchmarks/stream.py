"""What a batch of the stream takes: `python python/benchmarks/stream.py --help`.

A shop is simulated, a champion trained on a sample of it, and gold built. Then files of new events arrive, of the last
day and of any day, and the time of each batch, from the file to the scores, is held against what the features of the
night's build took. The scores are compared with those of a build of all that arrived.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from measure import run
from shops import MODELS, PROJECT, environment, seconds_of_models, shop_with_champion

from likely_buyers.lake import connect
from likely_buyers.settings import Lake

_EVENTS_A_USER = 20
_DIFFERING = """
    select count(*), count(*) filter (live.probability is distinct from built.probability)
    from (
        from gold.live_scores
        qualify row_number() over (partition by user_id, outcome order by snapshot_id desc) = 1
    ) as live
    left join gold.predictions as built using (user_id, outcome, as_of_date)
"""


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=float, default=2, help="million events (default 2)")
    parser.add_argument("--new", type=int, default=1_000, help="events of a file (default 1,000)")
    parser.add_argument("--batches", type=int, default=5, help="of each kind (default 5)")
    parser.add_argument("--keep", type=Path, help="folder to work in, and to keep and use again")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="likely_buyers_stream_"))
    try:
        compare(folder, int(options.events * 1e6), options.new, options.batches)
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def compare(folder: Path, events: int, new: int, batches: int) -> None:
    """The figures of a shop of so many events."""
    shop, state, variables = shop_with_champion(folder, events // _EVENTS_A_USER)
    build = [
        *(str(Path(sys.executable).with_name("dbt")), "build", *MODELS),
        *("--vars", json.dumps(variables)),
    ]
    run([*build, "--full-refresh"], environment(state, state), folder=PROJECT)
    features = seconds_of_models(state)["user_features"]
    print(f"{events:,} events: the features of the night's build took {features:.2f} s")
    os.environ.update(environment(state, state))
    files = sorted(shop.glob("events-*.parquet"))
    seconds = {
        "of the last day": (files[-1:], []),
        "of any day": (files, []),
    }
    stream = _opened(variables)
    parts: dict[str, list[float]] = {"loading": [], "scoring": []}
    for name, function in (("loading", "_loaded"), ("scoring", "_score")):
        _timed(stream, function, parts[name])
    stream.batch()
    for what, (sources, took) in seconds.items():
        for part in parts.values():
            part.clear()
        # in a folder that is used again: a file that is replaced would have days of all users made anew
        known = len(list(shop.glob(f"{what.replace(' ', '_')}_*")))
        for number in range(known, known + batches):
            _deliver(shop, f"{what.replace(' ', '_')}_{number}", sources, new, number)
            # a file is ready when it stands as it stood a look before
            stream.folder.look(time.monotonic())
            began = time.monotonic()
            if not stream.batch():
                raise SystemExit("a batch was refused: see above")
            took.append(time.monotonic() - began)
        middle = statistics.median(took)
        of_parts = ", ".join(
            f"{name} {statistics.median(one):.2f} s" for name, one in parts.items()
        )
        print(
            f"{new:,} new events {what}, file to score: {middle:.2f} s ({of_parts}), {middle / features:.2f} of the"
            " night's features; goal 0.1"
        )
    run(build, environment(state, state), folder=PROJECT)
    with connect(Lake.in_folder(state), read_only=True) as connection:
        ((users, differing),) = connection.execute(_DIFFERING).fetchall()
    print(f"{users:,} users scored live; {differing} differ from the build in any bit")


def _opened(variables: dict[str, Any]) -> Any:
    from likely_buyers.cli.streaming import Pace, Stream
    from likely_buyers.dbt.project import Project
    from likely_buyers.streaming import StreamMetrics

    project = Project.open(PROJECT, None, None, json.dumps(variables))
    pace = Pace(once=False, seconds=1, settle=0, retry=60)
    return Stream(project, pace, StreamMetrics("127.0.0.1", None))


def _timed(stream: Any, function: str, seconds: list[float]) -> None:
    original = getattr(stream, function)

    def timed(*arguments: Any) -> Any:
        began = time.monotonic()
        try:
            return original(*arguments)
        finally:
            seconds.append(time.monotonic() - began)

    setattr(stream, function, timed)


def _deliver(shop: Path, name: str, sources: list[Path], new: int, seed: int) -> None:
    """A file of events like those of some files, each in a session of its own."""
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * replace ('{name}' || row_number() over () as user_session) from read_parquet($files)"
            f" using sample reservoir({new} rows) repeatable ({seed})) to '{shop}/_{name}.parquet' (format parquet)",
            {"files": [str(file) for file in sources]},
        )
    (shop / f"_{name}.parquet").rename(shop / f"{name}.parquet")


if __name__ == "__main__":
    main()
