"""A process of many readers of one lake, each with a connection of its own."""

import json
import sys
import threading
from pathlib import Path
from typing import Any

from likely_buyers.lake import connect
from likely_buyers.settings import Lake

TABLES = ("gold.predictions", "gold.top_buyers")
SMALL = {"threads": 1}
_PAUSE = 0.2


def seen(connection: Any, at: str = "") -> list[Any]:
    """Days and rows of both tables, in one transaction."""
    connection.begin()
    found = [
        connection.execute(
            f"select string_agg(distinct cast(as_of_date as varchar), ' '), count(*) from {table}{at}"
        ).fetchone()
        for table in TABLES
    ]
    connection.commit()
    return found


def watch(catalog: str, data: str, readers: str) -> None:
    """Read until standard input ends, whose lines name the snapshot of the last whole build.

    Prints how often each reader read, what it saw of the moment and of that snapshot, and what went wrong.
    """
    lake = Lake(catalog, data, Path(data).parent)
    whole = [sys.stdin.readline().strip()]
    ends = threading.Event()
    reads = [0] * int(readers)
    now: set[str] = set()
    then: set[str] = set()
    wrong: list[str] = []

    def read(reader: int) -> None:
        try:
            with connect(lake, read_only=True, config=SMALL) as connection:
                while not ends.wait(_PAUSE):
                    now.add(json.dumps(seen(connection)))
                    version = whole[-1]
                    of_version = seen(connection, f" at (version => {int(version)})")
                    then.add(json.dumps([version, *of_version]))
                    reads[reader] += 1
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=read, args=(reader,)) for reader in range(len(reads))]
    for thread in threads:
        thread.start()
    print("reading", flush=True)
    for line in sys.stdin:
        whole.append(line.strip())
    ends.set()
    for thread in threads:
        thread.join()
    answers = [[json.loads(one) for one in sorted(found)] for found in (now, then)]
    print(json.dumps([reads, *answers, wrong]))
