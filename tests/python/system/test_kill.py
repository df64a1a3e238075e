"""A build killed at any moment leaves every table as it was or as it will be, and the next one finishes the work."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from likely_buyers.demo_shop import SimulationSettings, simulate_shop
from support.installation import PROJECT, Installation

KILLS = 30
# What a build makes of the events; of the scores, all but when and by which run they were given.
TABLES = {
    "bronze.raw_events": "* exclude (load_id, loaded_at)",
    "bronze.rejected_lines": "* exclude (load_id, loaded_at)",
    "silver.events": "*",
    "silver.quarantined_events": "*",
    "silver.user_days": "*",
    "silver.user_features": "*",
    "gold.predictions": "* exclude (scored_at, run_id)",
    "gold.prediction_history": "* exclude (scored_at, run_id)",
    "gold.top_buyers": "*",
}
# What can be seen of a half written table: lines that are no whole number of deliveries, scores of two days.
SEEN = {
    "raw": "select count(*) from bronze.raw_events",
    "quarantined": "select count(*) from silver.quarantined_events",
    "valid": "select sum(line_count) from silver.events",
    "days in user_features": "select count(distinct as_of_date) from silver.user_features",
    "days in predictions": "select count(distinct as_of_date) from gold.predictions",
    "days in top_buyers": "select count(distinct as_of_date) from gold.top_buyers",
}
LINES_BY_FILE = """
    select line_count - rejected_count as raw, coalesce(quarantined, 0) as quarantined
    from bronze.loaded_files
    left join (select source_file, count(*) as quarantined from silver.quarantined_events group by 1)
        using (source_file)
    order by source_file
"""


def seen(installation: Installation) -> dict[str, int]:
    return {what: installation.query(query)[0][0] for what, query in SEEN.items()}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("shop")
    simulate_shop(SimulationSettings(users=1_500, days=130, seed=11), folder, "csv")
    return sorted(folder.glob("events-*.csv"))


def test_a_build_killed_at_any_moment_is_finished_by_the_next(
    shop: list[Path], tmp_path: Path
) -> None:
    events = tmp_path / "events"
    events.mkdir()
    variables = {"events_path": str(events)}
    known, coming = shop[:-KILLS], shop[-KILLS:]
    for file in known:
        os.link(file, events / file.name)
    killed = Installation(tmp_path / "killed")
    trained = killed.run("likely-buyers", "train", "--promote", variables=variables)
    assert trained.succeeded, trained.output
    started = time.monotonic()
    killed.built(variables=variables)
    seconds = time.monotonic() - started

    dice = np.random.default_rng(1)
    left = [seen(killed)]
    died = 0
    for file in coming:
        os.link(file, events / file.name)
        died += kill_a_build(killed, variables, dice.uniform(0.3, 1.0) * seconds)
        left.append(seen(killed))
    assert died >= KILLS // 2

    killed.built(variables=variables)
    never = Installation(tmp_path / "never", registry_of=killed)
    never.built(variables=variables)
    newest = "where as_of_date = (select max(as_of_date) from gold.predictions)"
    for table, columns in TABLES.items():
        of_day = newest if table == "gold.prediction_history" else ""
        query = f"select {columns} from {table} {of_day} order by all"
        assert killed.query(query) == never.query(query), table

    lines = never.query(LINES_BY_FILE)
    raw = set(itertools.accumulate(raw for raw, _ in lines))
    quarantined = set(itertools.accumulate(bad for _, bad in lines))
    valid = set(itertools.accumulate(raw - bad for raw, bad in lines))
    for moment in left:
        assert moment["raw"] in raw
        assert moment["quarantined"] in quarantined
        assert moment["valid"] in valid
        assert moment["days in user_features"] == 1
        assert moment["days in predictions"] == 1
        assert moment["days in top_buyers"] == 1


def kill_a_build(installation: Installation, variables: dict[str, str], after: float) -> bool:
    """Start `dbt build`, kill it after so many seconds; whether it was still running."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("dbt")), "build", "--vars", yaml.safe_dump(variables)],
        cwd=PROJECT,
        env=installation.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False
