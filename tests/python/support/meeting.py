"""Processes that write to one lake at random moments, in the shapes of a build, a delete and the upkeep.

Each does as it is told by a line of its standard input, and answers with the snapshots it committed, by which the
tests tell what came first.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.lake import attaching, connect
from likely_buyers.lake.upkeep import maintain
from likely_buyers.settings import Lake

MAKE = """
create table lines (day bigint, user_id varchar, load_id bigint);
create table days (day bigint, user_id varchar, line_count bigint);
create table states (table_name varchar, load_id bigint);
"""


def lines_of(load_id: int) -> str:
    """A delivery: lines of nine users on three of six days."""
    return (
        f"select ({load_id} + range % 3) % 6 as day, 'u' || range % 9 as user_id, {load_id} as load_id"
        f" from range({20 + load_id % 30})"
    )


def load(load_id: int) -> list[str]:
    return [f"insert into lines {lines_of(load_id)}"]


def count_days(load_id: int) -> list[str]:
    """The days of a load anew, as `delete+insert` of dbt has it."""
    touched = f"(select day from lines where load_id = {load_id})"
    return [
        f"delete from days where day in {touched}",
        "insert into days select day, user_id, count(*) from lines where load_id > 0 and"
        f" day in {touched} group by all",
        f"insert into states values ('days', {load_id})",
    ]


def forget(user: str) -> list[str]:
    return [f"delete from {table} where user_id = '{user}'" for table in ("lines", "days")]


def stray(load_id: int) -> list[str]:
    """Lines that another tool adds, which asks nobody; they count for no day."""
    return [f"insert into lines select day, user_id, -load_id from ({lines_of(load_id)})"]


TRANSACTIONS: dict[str, list[Callable[[Any], list[str]]]] = {
    "build": [load, count_days],
    "forget": [forget],
    "stray": [stray],
}


def committed(connection: duckdb.DuckDBPyConnection, statements: list[str]) -> int | None:
    """The snapshot of one transaction, tried as a whole until nobody came between; None if it changed nothing."""
    while True:
        connection.begin()
        try:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        except duckdb.TransactionException as error:
            assert "Transaction conflict" in str(error), error
            with suppress(duckdb.Error):
                connection.rollback()
            continue
        ((snapshot,),) = connection.execute(
            f"from ducklake_last_committed_snapshot('{attaching.LAKE}')"
        ).fetchall()
        return snapshot


def act(lake: Lake, kind: str, what: Any) -> list[list[Any]]:
    """(snapshot, name of the transaction, what) of each that was committed."""
    if kind == "stray":
        connection = duckdb.connect(config={"threads": 1})
        attaching.attach(connection, lake, 1, read_only=True)
        told = connection.execute(
            "select path from duckdb_databases() where database_name = ?", [attaching.LAKE]
        ).fetchall()[0][0]
        connection.execute(f"detach {attaching.LAKE}")
        connection.execute(
            f"attach 'ducklake:{told}' as {attaching.LAKE} (data_path '{lake.data}/', data_inlining_row_limit 0);"
            f" use {attaching.LAKE}.main"
        )
    else:
        connection = connect(lake, config={"threads": 1})
    with connection:
        if kind == "maintain":
            maintain(connection, what, datetime.now(UTC))
            return []
        done = [
            [committed(connection, made(what)), made.__name__, what] for made in TRANSACTIONS[kind]
        ]
    return [one for one in done if one[0] is not None]


def work(catalog: str, data: str) -> None:
    """Until standard input ends."""
    # who waits looks again at once: hundreds meet here
    attaching._SECONDS_BETWEEN_ATTEMPTS = 0.01
    lake = Lake(catalog, data, Path(data).parent)
    for line in sys.stdin:
        kind, what, after = json.loads(line)
        time.sleep(after)
        print(json.dumps(act(lake, kind, what)), flush=True)


def told(chance: random.Random, number: int, *, strangers: bool) -> list[tuple[str, Any, float]]:
    """What meets: (kind, what, seconds to wait before) of each process."""
    kinds: list[tuple[str, Any]] = [
        ("build", 2 * number + 1),
        ("build", 2 * number + 2),
        ("forget", f"u{chance.randrange(9)}"),
        ("maintain", chance.choice([0, 0, 30])),
    ]
    if strangers:
        kinds.append(("stray", number + 1))
    return [(kind, what, chance.uniform(0, 0.15)) for kind, what in kinds]
