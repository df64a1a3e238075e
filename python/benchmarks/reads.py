"""Reads of published scores against unordered ones: `python python/benchmarks/reads.py --help`.

Prints, for one user, one model version and one day of the history, the files and bytes read and the time, from the
published Parquet and Delta tables and from the same rows unordered and unpartitioned; then the time of one user's
current score from the published DuckDB file and other layouts of it, and from Delta.
"""

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, write_deltalake
from rich.console import Console
from rich.table import Table

from likely_buyers.lake import connect
from likely_buyers.publishing import publish
from likely_buyers.settings import Lake

FIRST_DAY = date(2020, 1, 1)
VERSIONS = (1, 2)
DAYS = 2
MODEL = "likely_buyers"
ROWS_PER_FILE = 4_000_000
FILE_BYTES = 128 * 1024 * 1024
COLUMNS = ["user_id", "as_of_date", "model_version", "probability"]
POINTS, POINT_SECONDS = 2_000, 10
"""Users looked up for a percentile at most, and the time after which no more are."""


@dataclass(frozen=True)
class Read:
    """Median of three reads: milliseconds, megabytes that the process read from files, files opened, rows found."""

    milliseconds: float
    megabytes: float
    files: int
    rows: int


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=float, default=5, help="million users (default 5)")
    parser.add_argument(
        "--folder", type=Path, help="where to work and find what was made; default: a temporary one"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="likely_buyers_reads_") as temporary:
        benchmark(int(options.users * 1e6), options.folder or Path(temporary))


def benchmark(users: int, state: Path) -> None:
    """Make the scores of so many users, publish them, and read them."""
    console = Console()
    if not (state / "made").exists():
        console.print(f"making {users:,} users, {DAYS} days, {len(VERSIONS)} versions ...")
        state.mkdir(exist_ok=True)
        make_gold(Lake.in_folder(state), users)
        settings = {"duckdb": "gold.duckdb", "parquet": "parquet", "delta": "delta"}
        started = time.perf_counter()
        publish(
            Lake.in_folder(state),
            settings | {"delta_keep_days": 30},
            state / "published",
            lambda published: console.print(
                f"  {time.perf_counter() - started:5.1f} s, {published.destination}",
                highlight=False,
            ),
        )
        make_unordered(state)
        make_duckdb_files(state)
        (state / "made").touch()
    console.print(point_table(state, users))
    console.print(history_table(state, users))


# --- what is read -------------------------------------------------------------------------


def make_gold(lake: Lake, users: int) -> None:
    """A warehouse of scores in no order: the history of all days and versions, and the newest as predictions."""
    tables = json.dumps({"predictions": "table", "prediction_history": "incremental"})
    with connect(lake) as connection:
        connection.execute(
            f"""
            create schema bronze; create schema silver; create schema gold;
            create table silver.user_features as
            select cast(500000000 + range as varchar) as user_id, {day(DAYS - 1)} as as_of_date,
                cast(range % 7 as double) as purchases, hash(range) % 365 / 1.0 as days_since_last_event
            from range({users});
            create table gold.prediction_history as
            select cast(500000000 + users.range as varchar) as user_id,
                {day(0)} + cast(days.range as integer) as as_of_date, 30 as horizon_days,
                hash(users.range, days.range, version) / 2.0 ** 64 as probability,
                '{MODEL}' as model_name, version as model_version,
                md5(cast(version as varchar)) as model_digest,
                timestamp '2020-01-01 06:00:00' + cast(days.range as integer) * interval 1 day as scored_at,
                md5(cast(days.range as varchar)) as run_id
            from range({users}) as users, range({DAYS}) as days, unnest({list(VERSIONS)}) as versions (version)
            order by hash(users.range, days.range, version);
            create table gold.predictions as from gold.prediction_history
            where as_of_date = {day(DAYS - 1)} and model_version = {VERSIONS[-1]};
            create table bronze.builds as
            select 'build' as invocation_id, max(snapshot_id) as snapshot_id, '{tables}' as tables, null as problem
            from ducklake_snapshots('likely_buyers');
            """
        )


def day(number: int) -> str:
    """A day of the history, in SQL."""
    return f"date '{FIRST_DAY + timedelta(days=number)}'"


def make_unordered(state: Path) -> None:
    """The same rows as they happen to lie, without partitions: what writing a stream away gives."""

    def batches() -> Iterator[pa.RecordBatch]:
        with connect(Lake.in_folder(state), read_only=True) as connection:
            query = "select * replace (scored_at at time zone 'UTC' as scored_at)"
            yield from connection.execute(f"{query} from gold.prediction_history").to_arrow_reader(
                131_072
            )

    stream = batches()
    first = next(stream)
    schema = first.schema
    write_deltalake(
        str(state / "unordered_delta"),
        pa.RecordBatchReader.from_batches(schema, itertools.chain([first], stream)),
        target_file_size=FILE_BYTES,
    )
    ds.write_dataset(
        ds.Scanner.from_batches(batches(), schema=schema),
        state / "unordered_parquet",
        format="parquet",
        max_rows_per_file=ROWS_PER_FILE,
        max_rows_per_group=131_072,
    )


# --- one user, one version, one day of the history -----------------------------------------


def history_table(state: Path, users: int) -> Table:
    """Files, bytes and time of three questions, from four layouts."""
    user = str(500_000_000 + users // 3)
    newest = FIRST_DAY + timedelta(days=DAYS - 1)
    types = pa.schema(
        [("model_name", pa.string()), ("model_version", pa.int32()), ("as_of_date", pa.date32())]
    )
    published = state / "published"
    layouts: dict[str, Callable[[], ds.Dataset]] = {
        "Parquet, unordered": lambda: ds.dataset(state / "unordered_parquet"),
        "Parquet, published": lambda: ds.dataset(
            published / "parquet" / "prediction_history",
            partitioning=ds.partitioning(types, flavor="hive"),
        ),
        "Delta, unordered": lambda: DeltaTable(state / "unordered_delta").to_pyarrow_dataset(),
        "Delta, published": lambda: DeltaTable(
            published / "delta" / "prediction_history"
        ).to_pyarrow_dataset(),
    }
    questions = {
        "one user": pc.field("user_id") == user,
        "one model version": pc.field("model_version") == VERSIONS[0],
        "one day": pc.field("as_of_date") == newest,
        "one user, version and day": (pc.field("user_id") == user)
        & (pc.field("model_version") == VERSIONS[0])
        & (pc.field("as_of_date") == newest),
    }
    rows = users * DAYS * len(VERSIONS)
    table = Table(title=f"history of {rows:,} scores, pyarrow, the table opened each time")
    for heading in ("question", "layout", "files", "MB read", "ms", "rows"):
        table.add_column(heading, justify="left" if heading in ("question", "layout") else "right")
    for question, where in questions.items():
        for layout, opened in layouts.items():
            read = median_read(opened, where)
            table.add_row(
                *(question, layout, str(read.files), f"{read.megabytes:,.1f}"),
                *(f"{read.milliseconds:,.0f}", f"{read.rows:,}"),
            )
        table.add_section()
    return table


def median_read(opened: Callable[[], ds.Dataset], where: pc.Expression) -> Read:
    """What a question costs."""
    found = []
    for _ in range(3):
        before, started = bytes_read(), time.perf_counter()
        dataset = opened()
        rows = dataset.to_table(COLUMNS, filter=where).num_rows
        milliseconds = (time.perf_counter() - started) * 1e3
        megabytes = (bytes_read() - before) / 1e6
        files = len(list(dataset.get_fragments(filter=where)))
        found.append(Read(milliseconds, megabytes, files, rows))
    return sorted(found, key=lambda read: read.milliseconds)[1]


def bytes_read() -> int:
    """Bytes that this process has read from files so far, whether the disk or its cache had them."""
    counters = Path("/proc/self/io").read_text().split()
    return int(counters[counters.index("rchar:") + 1])


# --- one user's current score --------------------------------------------------------------


def point_table(state: Path, users: int) -> Table:
    """Percentiles of looking up one user's score, warm."""
    table = Table(title=f"one user's score of {users:,}, up to {POINTS:,} at random, warm")
    for heading in ("from", "MB of file", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="left" if heading == "from" else "right")
    published = state / "published"
    wanted = [
        str(500_000_000 + user) for user in np.random.default_rng(1).integers(0, users, POINTS)
    ]

    def add(name: str, file: Path | None, look_up: Callable[[str], float]) -> None:
        for user in wanted[:20]:
            look_up(user)
        milliseconds: list[float] = []
        for user in wanted[20:]:
            started = time.perf_counter()
            look_up(user)
            milliseconds.append((time.perf_counter() - started) * 1e3)
            if sum(milliseconds) > POINT_SECONDS * 1e3:
                break
        cuts = statistics.quantiles(milliseconds, n=100)
        size = f"{file.stat().st_size / 1e6:,.0f}" if file else ""
        table.add_row(name, size, f"{cuts[49]:.2f}", f"{cuts[98]:.2f}")

    files = {name: state / f"{name}.duckdb" for name in DUCKDB_LAYOUTS}
    for name, file in {"published": published / "gold.duckdb", **files}.items():
        with duckdb.connect(str(file), read_only=True) as connection:
            add(f"DuckDB, {name}", file, _duckdb_look_up(connection))
    delta = DeltaTable(published / "delta" / "predictions")
    dataset = delta.to_pyarrow_dataset()
    add("Delta by pyarrow, published", None, _arrow_look_up(lambda: dataset))
    add(
        "Delta by pyarrow, published, opened each time",
        None,
        _arrow_look_up(
            lambda: DeltaTable(published / "delta" / "predictions").to_pyarrow_dataset()
        ),
    )
    return table


DUCKDB_LAYOUTS = {
    # name: order, rows of a block, whether there is an index
    "unordered": ("", 122_880, False),
    "ordered": ("order by user_id", 122_880, False),
    "ordered, blocks of 16,384": ("order by user_id", 16_384, False),
    "ordered, blocks of 2,048": ("order by user_id", 2_048, False),
    "unordered, index": ("", 122_880, True),
    "ordered, index": ("order by user_id", 122_880, True),
}
"""Ways to lay the scores in a DuckDB file; the published file is one of them, with the history beside it."""


def make_duckdb_files(state: Path) -> None:
    """A file of each layout, with how long it took."""
    for name, (order, rows, index) in DUCKDB_LAYOUTS.items():
        started = time.perf_counter()
        with connect(Lake.in_folder(state)) as connection:
            connection.execute(f"attach '{state / name}.duckdb' as layout (row_group_size {rows})")
            connection.execute(f"create table layout.predictions as from gold.predictions {order}")
            if index:
                connection.execute("create unique index by_user on layout.predictions (user_id)")
        print(f"  {time.perf_counter() - started:5.1f} s, DuckDB, {name}")


def _duckdb_look_up(connection: duckdb.DuckDBPyConnection) -> Callable[[str], float]:
    query = "select probability from predictions where user_id = ?"

    def look_up(user: str) -> float:
        ((probability,),) = connection.execute(query, [user]).fetchall()
        return float(probability)

    return look_up


def _arrow_look_up(opened: Callable[[], ds.Dataset]) -> Callable[[str], float]:
    def look_up(user: str) -> float:
        found = opened().to_table(["probability"], filter=pc.field("user_id") == user)
        (probability,) = found["probability"].to_pylist()
        return float(probability)

    return look_up


if __name__ == "__main__":
    main()
