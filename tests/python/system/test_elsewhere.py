"""The champion scores elsewhere: on Spark, Dask, Apache Beam and PyFlink, each in an environment of its own.

`make test` makes the environments (`make .venv-elsewhere/.installed .venv-flink/.installed`).
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from likely_buyers.registry import Registry
from likely_buyers.scoring import probabilities
from support.installation import PROJECT
from support.lakes import open_lake
from support.trained_shop import TrainedShop

ROWS = 100_000
ELSEWHERE = Path(os.environ.get("ELSEWHERE_ENVIRONMENT") or PROJECT / ".venv-elsewhere")
FLINK = Path(os.environ.get("FLINK_ENVIRONMENT") or PROJECT / ".venv-flink")


@dataclass(frozen=True)
class Champion:
    """A registry with a champion, features (ROWS) as a file, and what the warehouse makes of them."""

    registry: Registry
    features: Path
    expected: pa.Table


@pytest.fixture(scope="module")
def champion(shop_with_champion: TrainedShop, tmp_path_factory: pytest.TempPathFactory) -> Champion:
    folder = tmp_path_factory.mktemp("elsewhere")
    trained = Registry(shop_with_champion.state).load()
    # the shop's own is read by others, and MLflow leaves a file beside each model that it loads
    registry = Registry(folder / "state")
    at = datetime.now(UTC)
    registry.register(
        trained.estimator,
        feature_names=trained.feature_names,
        feature_types=trained.feature_types,
        metrics={},
        as_of=trained.as_of,
        horizon_days=trained.horizon_days,
        at=at,
    )
    registry.promote("latest", reason="test", by="test", at=at)
    names = ", ".join(f'"{name}"' for name in trained.feature_names)
    with open_lake(shop_with_champion.state, read_only=True) as lake:
        query = f"select {names} from silver.user_features order by user_id"
        users = lake.sql(query).to_arrow_table()
    draw = np.random.default_rng(5)
    rows = users.take(draw.integers(0, len(users), ROWS))
    # of each feature as a user of the shop has it, or somebody else, so that rows differ
    columns = [column.take(pa.array(draw.permutation(ROWS))) for column in rows.columns[::2]]
    for place, column in enumerate(columns):
        rows = rows.set_column(2 * place, rows.column_names[2 * place], column)
    ids = pa.array([f"u{number:06}" for number in range(ROWS)])
    pq.write_table(
        rows.add_column(0, "user_id", ids), folder / "features.parquet", row_group_size=ROWS // 4
    )
    (batch,) = rows.combine_chunks().to_batches()
    assert any(column.null_count for column in batch.columns), "no missing value is tried"
    expected = pa.table({"user_id": ids, "probability": probabilities(batch, registry.load())})
    assert len(set(expected["probability"].to_pylist())) > ROWS / 2
    return Champion(registry, folder / "features.parquet", expected)


def ran(environment: Path, example: str, champion: Champion, out: Path, **settings: str) -> None:
    python = environment / "bin" / "python"
    assert python.exists(), f"an environment is missing: run make {environment.name}/.installed"
    finished = subprocess.run(
        [
            str(python),
            str(PROJECT / "docs" / "examples" / example),
            str(champion.features),
            str(out),
        ],
        cwd=out.parent,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(out.parent),
            "PYTHONPATH": str(PROJECT / "python"),
            "MLFLOW_TRACKING_URI": champion.registry.location,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "OMP_NUM_THREADS": "1",
            "SPARK_LOCAL_IP": "127.0.0.1",
            **settings,
        },
        text=True,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-2_000:] + finished.stderr[-6_000:]


def assert_equal_to_the_bit(out: list[Path], champion: Champion) -> None:
    assert out
    tables = [pq.read_table(path, columns=["user_id", "probability"]) for path in out]
    found = pa.concat_tables(
        [
            pa.table(
                {"user_id": table["user_id"].cast(pa.string()), "probability": table["probability"]}
            )
            for table in tables
        ]
    ).sort_by("user_id")
    assert found["user_id"].to_pylist() == champion.expected["user_id"].to_pylist()
    ours, theirs = (
        table["probability"].to_numpy().view(np.uint64) for table in (champion.expected, found)
    )
    assert np.array_equal(ours, theirs), f"{(ours != theirs).sum()} of {ROWS} rows differ"


def require_java() -> None:
    if not shutil.which("java"):
        pytest.skip("Spark and Flink need Java: apt-get install openjdk-17-jre-headless")


def test_dask(champion: Champion, tmp_path: Path) -> None:
    ran(ELSEWHERE, "score_on_dask.py", champion, tmp_path / "scores")
    assert_equal_to_the_bit(sorted((tmp_path / "scores").glob("*.parquet")), champion)


def test_beam(champion: Champion, tmp_path: Path) -> None:
    ran(ELSEWHERE, "score_on_beam.py", champion, tmp_path / "scores")
    assert_equal_to_the_bit(sorted(tmp_path.glob("scores-*.parquet")), champion)


def test_spark_in_one_process(champion: Champion, tmp_path: Path) -> None:
    require_java()
    on_spark("local[2]", champion, tmp_path)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a master with one executor's worth of a worker, in processes of their own."""
    require_java()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"spark://127.0.0.1:{port}"
    (spark,) = ELSEWHERE.glob("lib/python*/site-packages/pyspark")
    # they know the package, and nothing of the registry
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(PROJECT / "python"),
        "OMP_NUM_THREADS": "1",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(tmp_path / "work"),
    }
    running = [
        subprocess.Popen(
            [spark / "bin" / "spark-class", f"org.apache.spark.deploy.{kind}", *arguments],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=(tmp_path / "cluster.log").open("a"),
        )
        for kind, arguments in (
            ("master.Master", ["--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]),
            ("worker.Worker", ["--cores", "1", "--memory", "1g", "--webui-port", "0", address]),
        )
    ]
    yield address
    for process in running:
        process.terminate()
        process.wait(30)


def test_spark_in_a_cluster(cluster: str, champion: Champion, tmp_path: Path) -> None:
    """Executors get the model through Spark, and have no other way to it."""
    on_spark(cluster, champion, tmp_path)


def on_spark(master: str, champion: Champion, folder: Path) -> None:
    submit = f"--master {master} --conf spark.ui.enabled=false pyspark-shell"
    ran(ELSEWHERE, "score_on_spark.py", champion, folder / "scores", PYSPARK_SUBMIT_ARGS=submit)
    assert_equal_to_the_bit(sorted((folder / "scores").glob("*.parquet")), champion)


def test_flink(champion: Champion, tmp_path: Path) -> None:
    require_java()
    ran(FLINK, "score_on_flink.py", champion, tmp_path / "scores.parquet")
    assert_equal_to_the_bit([tmp_path / "scores.parquet"], champion)
