"""The last build, read from dbt's artifacts: its gold may be published if all of it passed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from likely_buyers.errors import first_line
from likely_buyers.publishing import GoldTable, PassedBuild, PublishingError

_PASSED = ("success", "pass", "warn", "no-op")
_SHOWN = 5
_REMEDY = "Nothing was published. Run dbt build, then likely-buyers publish."


def read_build(target_path: Path) -> PassedBuild:
    """The last dbt run, from `run_results.json` and `manifest.json` in dbt's target path.

    Raises:
        PublishingError: there was none, it was no build of gold with its tests, or something in it failed.
    """
    run = _artifact(target_path / "run_results.json")
    command = run["args"].get("which")
    if command != "build":
        raise PublishingError(
            f"the last dbt command in {target_path} was dbt {command}, and only a dbt build says that gold is"
            f" complete and its tests passed. {_REMEDY}"
        )
    _refuse_failures(run["results"])
    nodes = _artifact(target_path / "manifest.json")["nodes"]
    # of what dbt has in gold only models are public
    gold = {
        name: node
        for name, node in nodes.items()
        if node["config"].get("schema") == "gold" and node.get("access") == "public"
    }
    tests = {
        name
        for name, node in nodes.items()
        if node["resource_type"] == "test"
        and not gold.keys().isdisjoint(node["depends_on"]["nodes"])
    }
    absent = (gold.keys() | tests) - {result["unique_id"] for result in run["results"]}
    if absent:
        raise PublishingError(
            f"the last dbt build left {len(absent)} models or tests of gold out: {_named(sorted(absent))}. Gold is"
            f" published only when all of it was built and tested at once. {_REMEDY}"
        )
    return PassedBuild(
        run["metadata"]["invocation_id"],
        next(iter(gold.values()))["database"],
        tuple(sorted(map(_table, gold.values()), key=lambda table: table.name)),
    )


def _artifact(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise PublishingError(
            f"there is no {path}, so no build whose tests passed. {_REMEDY}"
        ) from error
    except ValueError as error:
        raise PublishingError(
            f"{path} is no whole JSON file: was dbt stopped while writing it? {_REMEDY}"
        ) from error


def _refuse_failures(results: Sequence[Mapping[str, Any]]) -> None:
    skipped = [result for result in results if result["status"] == "skipped"]
    failed = [result for result in results if result["status"] not in (*_PASSED, "skipped")]
    # what was skipped was skipped because of something else: the cause comes first
    shown = failed or skipped
    if not shown:
        return
    said = first_line(shown[0]["message"])
    raise PublishingError(
        f"the last dbt build did not pass: {_named([result['unique_id'] for result in shown])}"
        + (f", and {len(skipped)} more were skipped" if failed and skipped else "")
        + (f'. dbt says of the first: "{said}"' if said else "")
        + f". What was published before stands. {_REMEDY}"
    )


def _named(unique_ids: Sequence[str]) -> str:
    """Names as `dbt build --select` takes them, with their kind."""
    shown = []
    for unique_id in unique_ids[:_SHOWN]:
        kind, _, *name = unique_id.split(".")
        # a generic test's id ends in a hash
        shown.append(f"{kind} {name[0] if kind == 'test' else '.'.join(name)}")
    more = len(unique_ids) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _table(node: Mapping[str, Any]) -> GoldTable:
    return GoldTable(
        name=node["alias"],
        relation=node["relation_name"],
        description=_line(node),
        columns={name: _line(column) for name, column in node["columns"].items()},
        is_log=node["config"]["materialized"] == "incremental",
    )


def _line(documented: Mapping[str, Any]) -> str:
    return " ".join(documented["description"].split())
