"""What people would use instead, each as they would write it and in a process of its own, on the same events.

`naive_pandas`, `plain_duckdb`, `lazy_polars` and `textbook_pyspark` do the job from the files to the scores; `floor` is
less than the job. Each writes `user_id` and `probability` of everybody as Parquet, which are compared with
gold.predictions.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from agreement import check_events, check_predictions, check_top_buyers, check_user_days
from measure import Run, run
from shops import PROJECT

from likely_buyers.settings import Lake

PANDAS, PYSPARK = "naive pandas", "textbook PySpark"
DUCKDB, POLARS = "plain DuckDB", "lazy Polars"
SPARK_PYTHON = PROJECT / ".venv-spark" / "bin" / "python"
SPARK_DRIVER_MEMORY = "6g"
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Floor:
    """The floor's two parts, and the process that ran them."""

    aggregate_seconds: float
    predict_seconds: float
    run: Run

    @property
    def seconds(self) -> float:
        """Seconds of both parts, without the start of the process."""
        return self.aggregate_seconds + self.predict_seconds


def run_pandas(events: Path, registry: Path, out: Path, lake: Lake, *, most_gb: float) -> Run:
    """The naive pandas script; stopped if it needs more memory than `most_gb`."""
    script = _FOLDER / "naive_pandas.py"
    command = [sys.executable, *map(str, (script, events, registry, out))]
    finished = run(command, dict(os.environ), folder=PROJECT, most_gb=most_gb)
    if not finished.stopped:
        check_predictions(lake, PANDAS, f"read_parquet('{out}/*.parquet')")
    return finished


def run_duckdb(events: Path, registry: Path, out: Path, lake: Lake, *, most_gb: float) -> Run:
    """The plain DuckDB script; stopped if it needs more memory than `most_gb`."""
    return _run_script(DUCKDB, "plain_duckdb.py", events, registry, out, lake, most_gb)


def run_polars(events: Path, registry: Path, out: Path, lake: Lake, *, most_gb: float) -> Run:
    """The lazy Polars script; stopped if it needs more memory than `most_gb`."""
    return _run_script(POLARS, "lazy_polars.py", events, registry, out, lake, most_gb)


def _run_script(
    who: str, script: str, events: Path, registry: Path, out: Path, lake: Lake, most_gb: float
) -> Run:
    """A script that writes predictions and a list."""
    command = [sys.executable, *map(str, (_FOLDER / script, events, registry, out))]
    finished = run(command, dict(os.environ), folder=PROJECT, most_gb=most_gb)
    if not finished.stopped:
        check_predictions(lake, who, f"read_parquet('{out}/predictions.parquet')")
        top_buyers = f"read_parquet('{out}/top_buyers.parquet')"
        check_top_buyers(lake, who, top_buyers, columns="rank, decile")
    return finished


def run_pyspark(
    events: Path, registry: Path, out: Path, lake: Lake, *, cores: int, most_gb: float
) -> Run:
    """The PySpark job, in the environment that `make bench` sets up for it."""
    script = _FOLDER / "textbook_pyspark.py"
    command = [
        *map(str, (SPARK_PYTHON, script, events, registry, out)),
        *("--cores", str(cores), "--driver-memory", SPARK_DRIVER_MEMORY),
    ]
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "python")}
    finished = run(command, environment, folder=PROJECT, most_gb=most_gb)
    if finished.stopped:
        raise SystemExit(f"{PYSPARK} held more than {most_gb:.1f} GB of memory and was stopped.")
    gold, silver = out / "gold", out / "silver"
    check_events(
        lake,
        PYSPARK,
        f"read_parquet('{silver}/events/*.parquet')",
        f"read_parquet('{silver}/quarantined_events/*.parquet')",
    )
    check_predictions(lake, PYSPARK, f"read_parquet('{gold}/predictions/*.parquet')")
    check_top_buyers(lake, PYSPARK, f"read_parquet('{gold}/top_buyers/*.parquet')")
    return finished


def run_floor(events: Path, registry: Path, out: Path, lake: Lake, *, most_gb: float) -> Floor:
    """The floor; it takes the features from the pipeline's lake."""
    script = _FOLDER / "floor.py"
    command = [sys.executable, *map(str, (script, events, lake.state, registry, out))]
    finished = run(command, dict(os.environ), folder=PROJECT, most_gb=most_gb)
    if finished.stopped:
        raise SystemExit(f"the floor held more than {most_gb:.1f} GB of memory and was stopped.")
    told = json.loads(finished.output.splitlines()[-1])
    check_predictions(lake, "the floor", f"read_parquet('{out}/predictions.parquet')")
    check_user_days(lake, "the floor", told["user_days"])
    return Floor(told["aggregate_seconds"], told["predict_seconds"], finished)
