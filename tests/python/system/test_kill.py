"""A build killed at any moment leaves every table as it was or as it will be, and the next one finishes the work."""

import itertools
import os
from pathlib import Path

import numpy as np

from support.installation import Installation
from support.trained_shop import TrainedShop

KILLS = 16
# Numbers the statements that a build sends to the database. At one of them the process dies: before it, or so many
# seconds into it and what follows. A build that ends leaves the number of its statements behind.
COUNTED = """
import itertools, os, signal, threading
from pathlib import Path
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

execute, numbers = DuckDBCursorWrapper.execute, itertools.count(1)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def counted(cursor, *arguments, **named):
    number = next(numbers)
    Path({count!r}).write_text(str(number))
    if number == {last}:
        threading.Timer({seconds}, die).start() if {seconds} else die()
    return execute(cursor, *arguments, **named)

DuckDBCursorWrapper.execute = counted
"""
# What a build makes of the events; of the scores, all but when and by which run they were given.
TABLES = {
    "bronze.raw_events": "* exclude (load_id, loaded_at)",
    "bronze.rejected_lines": "* exclude (load_id, loaded_at)",
    "told_events": "*",
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
    "valid": "select sum(line_count) from told_events",
    "days in user_features": "select count(distinct as_of_date) from silver.user_features",
    "days in predictions": "select count(distinct as_of_date) from gold.predictions",
    "days in top_buyers": "select count(distinct as_of_date) from gold.top_buyers",
}
# what only reads is left out: so the kills fall on what writes
BUILD = ("dbt", "--no-write-json", "build", "--exclude-resource-type", "test", "unit_test")
LINES_BY_FILE = """
    select line_count - rejected_count as raw, coalesce(quarantined, 0) as quarantined
    from bronze.loaded_files
    left join (select source_file, count(*) as quarantined from silver.quarantined_events group by 1)
        using (source_file)
    order by source_file
"""


def seen(installation: Installation) -> dict[str, int]:
    return {what: installation.query(query)[0][0] for what, query in SEEN.items()}


def test_a_build_killed_at_any_moment_is_finished_by_the_next(
    shop_with_champion: TrainedShop, tmp_path: Path
) -> None:
    events = tmp_path / "events"
    events.mkdir()
    variables = {"events_path": str(events)}
    shop = sorted(shop_with_champion.events.glob("events-*.csv"))
    known, first, coming = shop[: -KILLS - 1], shop[-KILLS - 1], shop[-KILLS:]
    killed = shop_with_champion.with_its_champion(tmp_path / "killed")

    def build(last: int, seconds: float) -> int | None:
        """The exit code of a build that dies at a statement."""
        told = COUNTED.format(count=str(tmp_path / "count"), last=last, seconds=seconds)
        running = killed.started(*BUILD, variables=variables, first=told)
        code = running.wait()
        assert code is None or code == 0, running.output()
        return code

    for file in known:
        os.link(file, events / file.name)
    assert killed.run(*BUILD, variables=variables).succeeded
    os.link(first, events / first.name)
    assert build(last=-1, seconds=0) == 0
    statements = int((tmp_path / "count").read_text())
    assert statements > 10 * KILLS

    dice = np.random.default_rng(1)
    left = [seen(killed)]
    # one kill in each sixteenth of a build, in any order; what is left of one that died adds to the next
    spans = dice.permutation(np.linspace(1, 0.95 * statements, KILLS + 1).astype(int)[:-1])
    for number, (file, start) in enumerate(zip(coming, spans, strict=True)):
        os.link(file, events / file.name)
        last = int(start + dice.integers(statements // KILLS))
        assert build(last, seconds=0 if number % 2 else dice.uniform(0.0005, 0.01)) is None
        left.append(seen(killed))

    killed.built(variables=variables)
    never = Installation(tmp_path / "never", registry_of=killed)
    assert never.run(*BUILD, variables=variables).succeeded
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
