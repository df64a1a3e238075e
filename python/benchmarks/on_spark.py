"""The project on a Spark cluster of this machine, beside the PySpark job of the textbooks: `make spark-bench`.

    python python/benchmarks/on_spark.py --events 2.4

A standalone master and two workers of one core. Seconds of a build are those of its nodes, without dbt's start, and
those of the job begin when its session is there. Prints and writes a table (Markdown). Predictions of both are
compared, and all tables of a real shop with those of DuckDB: other ones fail the benchmark.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
from agreement import TOLERANCE
from deltalake import DeltaTable
from peers import SPARK_PYTHON
from real_shop import compared
from shops import (
    MODELS,
    PROJECT,
    champion,
    deliver,
    environment,
    hold_back_last_day,
    seconds_of_models,
    shop,
)

from likely_buyers.registry import LoadedModel, Registry
from likely_buyers.scoring import feature_matrix
from likely_buyers.settings import Settings
from likely_buyers.terminal import say

TEXTBOOK = PROJECT / "python" / "benchmarks" / "peers" / "textbook_pyspark.py"
WORKER_MEMORY, DRIVER_MEMORY, PARTITIONS = "4g", "3g", 8
# users of the demo shop's features again and again, each time with other ids
REPEATED = """
import sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
features = spark.table("silver.user_features").localCheckpoint()
times = -(-int(sys.argv[1]) // features.count())
features.createOrReplaceTempView("features")
names = ", ".join("concat(user_id, '-', again) as user_id" if n == "user_id" else f"`{n}`" for n in features.columns)
spark.sql(
    f"insert overwrite silver.user_features select {names} from features"
    f" lateral view explode(sequence(1, {times})) as again"
)
print(spark.table("silver.user_features").count())
"""


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=float, default=2.4, metavar="MILLIONS")
    parser.add_argument("--users-scored", type=float, default=2, metavar="MILLIONS")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument(
        "--without", nargs="*", default=(), choices=("textbook", "scoring", "local", "real_shop")
    )
    parser.add_argument(
        "--out", type=Path, default=Settings.of(PROJECT).state / "benchmarks_on_spark.md"
    )
    options = parser.parse_args()
    if not SPARK_PYTHON.exists() or not shutil.which("java"):
        parser.error("this needs Java 17 and Spark's environment: make spark-bench")
    with tempfile.TemporaryDirectory(prefix="likely_buyers_bench_") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        lines = measured(folder, options)
    table = "\n".join(["| figure | seen |", "|---|---|", *lines, ""])
    print(table)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(table)
    say(f"written to {options.out}")


def measured(folder: Path, options: argparse.Namespace) -> list[str]:
    """The rows of the table."""
    registry = champion(folder)
    events = int(options.events * 1e6)
    whole = shop(folder / f"{events}_events" / "shop", events=events)
    delivered = folder / f"{events}_events" / "delivered"
    last_day = hold_back_last_day(whole, delivered)
    place = folder / f"{events}_events" / "on_spark"
    shutil.rmtree(place, ignore_errors=True)
    rows = [f"| events | {events:,} |"]

    def row(what: str, seen: str) -> None:
        rows.append(f"| {what} | {seen} |")
        say(f"{what}: {seen}")

    textbook = None
    if "textbook" not in options.without:
        with cluster(place / "for_textbook", "--no-server") as addresses:
            textbook = run_textbook(addresses, whole, registry, place / "textbook")
        row("textbook PySpark, s", f"{textbook:.0f}")
    with cluster(place / "cluster", "--event-log") as addresses:
        spark = OnSpark(place / "state", registry, whole, addresses)
        full = spark.build("--full-refresh", *MODELS)
        row("full build, s", f"{full:.0f}")
        row("its tasks", told_by_tasks(place / "cluster" / "event_log"))
        row("tables of Delta, MB", f"{megabytes(place / 'cluster' / 'tables'):,.0f}")
        tests = spark.dbt("test", "--exclude-resource-type", "unit_test")
        row("its tests, s", f"{tests:.0f}")
        if textbook:
            check_agreement(place)
            row("full build / textbook PySpark", f"{full / textbook:.2f}")
            row("with tests / textbook PySpark", f"{(full + tests) / textbook:.2f}")
        warm = spark.build("--full-refresh", *MODELS)
        row("full build, warm, s", f"{warm:.0f}")
        spark.events = delivered
        spark.build("--full-refresh", *MODELS)
        deliver(last_day, delivered)
        day = spark.build(*MODELS)
        row("a new day, s", f"{day:.0f}")
        if textbook:
            row("textbook PySpark / a new day", f"{textbook / day:.1f}")
        row("nothing new, s", f"{spark.build(*MODELS):.0f}")
        if "scoring" not in options.without:
            for what, seen in scored(spark, place, int(options.users_scored * 1e6)):
                row(what, seen)
    if "local" not in options.without:
        local = seconds_on_local(place, registry, whole)
        row("full build on local[2], warm, s", f"{local:.0f}")
        row("two workers of one core / local[2]", f"{warm / local:.2f}")
    if "real_shop" not in options.without:
        place = folder / "real_shop"
        shutil.rmtree(place, ignore_errors=True)
        row("Online Retail on DuckDB and on Spark", compared(place))
    return rows


def seconds_on_local(place: Path, registry: Path, events: Path) -> float:
    """Of a full build by a server that computes by itself, the second one."""
    with cluster(place / "local", "--workers", "0") as addresses:
        spark = OnSpark(place / "state_of_local", registry, events, addresses)
        spark.build("--full-refresh", *MODELS)
        return spark.build("--full-refresh", *MODELS)


class OnSpark:
    """The project's commands, on a cluster."""

    def __init__(
        self, state: Path, registry: Path, events: Path, addresses: dict[str, str]
    ) -> None:
        self.state = state
        self.events = events
        path = f"{SPARK_PYTHON.parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = (
            environment(state, registry) | addresses | {"DBT_TARGET": "spark", "PATH": path}
        )

    def build(self, *arguments: str) -> float:
        """As `dbt`, of `dbt build`."""
        return self.dbt("build", *arguments)

    def dbt(self, command: str, *arguments: str) -> float:
        """Seconds of the run's nodes together, from the first's begin to the last's end."""
        given = ("--vars", json.dumps({"events_path": str(self.events)}))
        self.run(str(SPARK_PYTHON.with_name("dbt")), command, *arguments, *given)
        results = json.loads((self.state / "target" / "run_results.json").read_text())
        return float(results["elapsed_time"])

    def seconds_of(self, model: str) -> float:
        """Of a model in the run before."""
        return seconds_of_models(self.state)[model]

    def run(self, *command: str) -> str:
        """What a command prints."""
        return printed(command, self.environment)


def scored(spark: OnSpark, place: Path, users: int) -> Iterator[tuple[str, str]]:
    """Scoring of so many users on the executors, and `predict_proba` alone on the same rows."""
    spark.run(str(SPARK_PYTHON), "-W", "ignore", "-c", REPEATED, str(users))
    spark.build("--full-refresh", "--select", "predictions", *MODELS)
    spark.build("--full-refresh", "--select", "predictions", *MODELS)
    ours = spark.seconds_of("predictions")
    model = Registry(place.parents[1] / "trained").load()
    alone, found = 0.0, 0
    features = delta(place / "cluster", "silver.db/user_features")
    for batch in features.to_pyarrow_dataset().to_batches(batch_size=131_072):
        alone += seconds_of_predict(batch, model)
        found += batch.num_rows
    yield "users scored", f"{found:,}"
    yield "predictions, s", f"{ours:.1f}"
    yield "predict_proba alone, s", f"{alone:.1f}"
    yield "rows a second, share of predict_proba alone", f"{alone / ours:.2f}"


def seconds_of_predict(batch: pa.RecordBatch, model: LoadedModel) -> float:
    """Of the model alone: the matrix is there."""
    matrix = feature_matrix(batch, model.feature_names)
    started = time.perf_counter()
    model.estimator.predict_proba(matrix)
    return time.perf_counter() - started


def run_textbook(addresses: dict[str, str], events: Path, registry: Path, out: Path) -> float:
    """Seconds that the job says it took, from its session on."""
    said = printed(
        [
            *map(str, (SPARK_PYTHON, TEXTBOOK, events, registry, out)),
            *("--master", addresses["SPARK_MASTER"], "--driver-memory", DRIVER_MEMORY),
            *("--executor-memory", WORKER_MEMORY),
        ],
        os.environ | addresses | {"PYTHONPATH": str(PROJECT / "python")},
    )
    return float(said.split("seconds:")[1].split()[0])


def check_agreement(place: Path) -> None:
    """Raises SystemExit: the two do not come to the same predictions."""
    ours = delta(place / "cluster", "gold.db/predictions").to_pyarrow_table(
        columns=["user_id", "probability"]
    )
    with duckdb.connect() as connection:
        connection.register("ours", ours)
        ((users, differing),) = connection.sql(
            "select count(*), count(*) filter (where not coalesce(abs(ours.probability - theirs.probability)"
            f" <= {TOLERANCE}, false)) from ours full join '{place}/textbook/gold/predictions/*.parquet'"
            " as theirs using (user_id)"
        ).fetchall()
    if differing or not users:
        raise SystemExit(
            f"of {users:,} users {differing:,} have another probability: nothing is compared"
        )


def told_by_tasks(event_log: Path) -> str:
    """What Spark's own log says of the tasks so far."""
    seconds = {"Executor Run Time": 0.0, "Executor CPU Time": 0.0, "JVM GC Time": 0.0}
    written = {"Shuffle Bytes Written": 0, "Memory Bytes Spilled": 0, "Disk Bytes Spilled": 0}
    tasks = 0
    for line in (line for log in event_log.iterdir() for line in log.open()):
        if '"Event":"SparkListenerTaskEnd"' not in line:
            continue
        metrics = json.loads(line).get("Task Metrics") or {}
        metrics |= metrics.pop("Shuffle Write Metrics", {})
        tasks += 1
        for name in seconds:
            seconds[name] += metrics.get(name, 0) / (1e9 if "CPU" in name else 1e3)
        for name in written:
            written[name] += metrics.get(name, 0)
    told = [f"{name} {value:,.0f} s" for name, value in seconds.items()]
    told += [f"{name} {value / 1e6:,.0f} MB" for name, value in written.items()]
    return f"{tasks:,}: {'; '.join(told)}"


def megabytes(folder: Path) -> float:
    """Of the files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def delta(cluster_folder: Path, table: str) -> DeltaTable:
    """A table of a cluster."""
    return DeltaTable(cluster_folder / "tables" / table)


@contextmanager
def cluster(folder: Path, *options: str) -> Iterator[dict[str, str]]:
    """The addresses of a cluster that is stopped at the end."""
    folder.mkdir(parents=True)
    told = folder / "addresses"
    # it ends when its command does, and that when nobody holds the other end
    holds = f"env | grep ^SPARK_ > {told}.new && mv {told}.new {told} && cat"
    sizes = ("--worker-memory", WORKER_MEMORY, "--driver-memory", DRIVER_MEMORY)
    process = subprocess.Popen(
        [
            *(str(SPARK_PYTHON), "-m", "likely_buyers.spark", "--folder", str(folder)),
            *("--jars", str(SPARK_PYTHON.parents[1] / "jars"), *sizes),
            *("--long", "--partitions", str(PARTITIONS), *options, "sh", "-c", holds),
        ],
        stdin=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(PROJECT / "python")},
    )
    try:
        while not told.exists():
            if process.poll() is not None:
                raise SystemExit("the cluster did not come up")
            time.sleep(0.2)
        yield dict(line.split("=", 1) for line in told.read_text().splitlines())
    finally:
        process.communicate()


def printed(command: Sequence[str], given: dict[str, str]) -> str:
    """What a command prints, which has to succeed."""
    finished = subprocess.run(
        command,
        cwd=PROJECT,
        env=given,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if finished.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{finished.stdout}")
    return finished.stdout


if __name__ == "__main__":
    main()
