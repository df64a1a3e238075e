"""The end of a run: old snapshots of the lake are forgotten, and a build of gold notes there what became of it."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import duckdb

from likely_buyers.errors import first_line, own_words
from likely_buyers.lake import LAKE
from likely_buyers.lake.upkeep import tidy
from likely_buyers.watching.telling import tell_build

_PASSED = ("success", "pass", "warn", "no-op")


def end_run(
    connection: duckdb.DuckDBPyConnection, request: dict[str, Any], warn: Callable[[str], None]
) -> None:
    """Note the snapshot that holds gold if all of it was built and tested and nothing failed, else why not.

    Then what a build tells of itself, in `watching.telling`.

    Args:
        connection: to which the lake is attached.
        request: of the macro of the same name: the run, and what dbt knows of it.
        warn: is given what went wrong with telling.
    """
    tidy(connection, datetime.fromisoformat(request["oldest"]))
    if request["gold"].keys().isdisjoint(request["selected"]):
        return
    # on a catalog that lets several in, another build that began since may have written gold, too
    ((latest,),) = connection.execute(
        "select arg_max(invocation_id, rowid) from likely_buyers.bronze.builds"
        " where tables is null and problem is null"
    ).fetchall()
    problem = _problem(request)
    if latest != request["invocation_id"]:
        problem = problem or f"was not alone: build {latest} began meanwhile"
    tables = None if problem else json.dumps(dict(request["gold"].values()))
    connection.execute(
        "insert into likely_buyers.bronze.builds"
        " select $id, case when $problem is null then max(snapshot_id) end, $tables, $problem"
        " from ducklake_snapshots($lake)",
        {"id": request["invocation_id"], "tables": tables, "problem": problem, "lake": LAKE},
    )
    # `dbt run` and `dbt test` make half of it each, and say nothing of how a build goes
    if request["command"] == "build":
        tell_build(connection, request, problem, warn)


def _problem(request: dict[str, Any]) -> str | None:
    statuses = {node: (status, said) for node, status, said, *_ in request["results"]}
    failed = [node for node, (status, _) in statuses.items() if status not in (*_PASSED, "skipped")]
    if failed:
        said = _said(statuses[failed[0]][1])
        return f'did not pass: {_named(failed)}. dbt says of the first: "{said}"'
    passed = {node for node, (status, _) in statuses.items() if status in _PASSED}
    absent = sorted({*request["gold"], *request["tests"]} - passed)
    return f"left {len(absent)} models or tests of gold out: {_named(absent)}" if absent else None


def _said(message: str | None) -> str:
    """The line that says why: ours if there is one, else the first after the heading, which names the node again."""
    heading, _, rest = (message or "").strip().partition("\n")
    is_of_dbt = " Error in " in heading and rest.strip()
    return first_line(own_words(rest if is_of_dbt else message or ""))


def _named(unique_ids: Sequence[str]) -> str:
    """Names as `dbt build --select` takes them, with their kind."""
    names = [f"{kind} {name}" for kind, _, name, *_ in (node.split(".") for node in unique_ids)]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")
