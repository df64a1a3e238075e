"""The benchmark at a tiny size, so that it cannot rot: whoever is compared comes to the result of dbt build.

PySpark is not among them: its environment and its start would cost this suite minutes. `make bench` runs it, and fails
if it comes to another result.
"""

import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from likely_buyers.features import read_catalogue
from likely_buyers.features.generate import CATALOGUE
from likely_buyers.settings import Lake
from likely_buyers.training import PurchaseModel
from support.champions import make_champion
from support.installation import PROJECT, Installation
from support.lakes import open_lake

BENCHMARKS = PROJECT / "python" / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmark_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def promote_a_champion_that_looks_at_every_feature(state: Path) -> None:
    """Fitted on made-up numbers: a feature that came out otherwise would move its scores."""
    names = [feature.name for feature in read_catalogue(PROJECT / CATALOGUE)]
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 12, (2_000, len(names))).astype(float)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    means = np.nanmean(matrix, axis=1)
    trees = {"kind": "boosting", "trees": 30, "feature_share": 1.0, "share": 0.5}
    model = PurchaseModel([{"kind": "linear", "share": 0.5}, trees])
    model.fit(matrix, means > np.median(means))
    assert np.all(model.components_[0].coefficients_[: len(names)] != 0)
    make_champion(state, model, names, date(2019, 10, 1))


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_who_is_compared_agrees_with_a_full_build(tmp_path: Path, file_format: str) -> None:
    promote_a_champion_that_looks_at_every_feature(tmp_path / "trained")
    table = tmp_path / "benchmarks.md"
    finished = subprocess.run(
        [
            *(sys.executable, str(BENCHMARKS / "run.py"), "--events", "0.02"),
            *("--format", file_format),
            *("--without", "pyspark,again,daily", "--folder", str(tmp_path), "--out", str(table)),
        ],
        env=Installation(tmp_path / "state").environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    assert table.read_text() in finished.stdout
    rows = {
        cells[1].strip(): cells[3].strip()
        for cells in (line.split("|") for line in table.read_text().splitlines())
    }
    for row in (
        "times faster than naive pandas",
        "share of the memory of naive pandas",
        "times the plain DuckDB script",
        "times the lazy Polars script",
        "times the floor",
        "seconds",
    ):
        assert float(rows[f"full build, {row}"].split()[0].rstrip("%")) > 0, row
    assert rows["full build, times faster than PySpark"] == "-"


def test_the_last_day_is_held_back_until_it_is_delivered(tmp_path: Path) -> None:
    from shops import deliver, hold_back_last_day, shop

    whole = shop(tmp_path / "shop", events=2_000)
    days = sorted(file.name for file in whole.glob("*.parquet"))
    assert len(days) == 60
    last = hold_back_last_day(whole, tmp_path / "delivered")
    assert last.name == days[-1]
    assert sorted(file.name for file in (tmp_path / "delivered").iterdir()) == days[:-1]
    deliver(last, tmp_path / "delivered")
    assert sorted(file.name for file in (tmp_path / "delivered").iterdir()) == days

    twice = sorted((shop(tmp_path / "twice", events=2_000, history=2)).glob("*.parquet"))
    assert [file.name for file in twice[60:]] == days
    assert 1.5 < lines(twice) / lines(sorted(whole.glob("*.parquet"))) < 2.5


def lines(files: list[Path]) -> int:
    return sum(parquet.read_metadata(file).num_rows for file in files)


def test_another_result_fails_the_benchmark(tmp_path: Path) -> None:
    from agreement import check_predictions

    lake = Lake.in_folder(tmp_path)
    with open_lake(tmp_path) as connection:
        connection.execute("create schema gold")
        connection.execute(
            "create table gold.predictions as"
            " select * from (values ('1', 0.25), ('2', 0.5)) as v (user_id, probability)"
        )
    same = "(values (2, 0.5), (1, 0.25 + 1e-12)) as v (user_id, probability)"
    check_predictions(lake, "pandas", same)
    another_score, no_score, a_user_less, a_user_more = (
        "(2, 0.5), (1, 0.25 + 1e-6)",
        "(2, 0.5), (1, null)",
        "(2, 0.5)",
        "(2, 0.5), (1, 0.25), (3, 0.1)",
    )
    for other in (another_score, no_score, a_user_less, a_user_more):
        with pytest.raises(SystemExit, match="pandas does not come to the result of dbt build"):
            check_predictions(lake, "pandas", f"(values {other}) as v (user_id, probability)")


def test_a_process_that_takes_too_much_memory_is_stopped_with_its_children(tmp_path: Path) -> None:
    from measure import run

    hungry = "data = b'x' * 400_000_000; import time; time.sleep(3600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hungry!r}])"
    stopped = run([sys.executable, "-c", parent], {}, folder=tmp_path, most_gb=0.2)
    assert stopped.stopped
    assert stopped.seconds < 600
    little = "data = b'x' * 100_000_000; import time; time.sleep(1)"
    modest = run([sys.executable, "-c", little], {}, folder=tmp_path, most_gb=0.5)
    assert not modest.stopped
    assert 0.1 < modest.peak_gb < 0.3
