"""The build whose gold is published: read from dbt's artifacts, refused unless all of it passed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likely_buyers.publishing.errors import NotPublishable

_PASSED = ("success", "pass", "warn", "no-op")
_SHOWN = 5
_REMEDY = "Nothing was published. Run dbt build, then likely-buyers publish."


@dataclass(frozen=True)
class GoldTable:
    """A public model of gold; `relation` is its SQL name, `columns` gives the description of each documented column.

    `is_log`: dbt appends to it (an incremental model), so that earlier rows stay as they were.
    """

    name: str
    relation: str
    description: str
    columns: Mapping[str, str]
    is_log: bool


@dataclass(frozen=True)
class PassedBuild:
    """A `dbt build` of all of gold without a failure.

    `database` is the name of the database in the relations; `features` the relation that predictions were made of.
    """

    invocation_id: str
    database: str
    tables: tuple[GoldTable, ...]
    features: str


def read_build(target_path: Path) -> PassedBuild:
    """The last dbt run, from `run_results.json` and `manifest.json` in dbt's target path.

    Raises:
        NotPublishable: there was none, it was no build of gold with its tests, or something in it failed.
    """
    results = _artifact(target_path / "run_results.json")
    manifest = _artifact(target_path / "manifest.json")
    command = results["args"].get("which")
    if command != "build":
        raise NotPublishable(
            f"the last dbt command in {target_path} was dbt {command}, and only a dbt build says that gold is"
            f" complete and its tests passed. {_REMEDY}"
        )
    status = {result["unique_id"]: result["status"] for result in results["results"]}
    _refuse_failures(status, results["results"], manifest)
    nodes = manifest["nodes"]
    models = [node for node in nodes.values() if _is_gold(node)]
    if not models:
        raise NotPublishable(f"{target_path}/manifest.json has no public model of gold. {_REMEDY}")
    gold = {node["unique_id"] for node in models}
    tests = {
        node["unique_id"]
        for node in nodes.values()
        if node["resource_type"] == "test" and gold & set(node["depends_on"]["nodes"])
    }
    absent = sorted((gold | tests) - set(status))
    if absent:
        raise NotPublishable(
            f"the last dbt build left {len(absent)} models or tests of gold out: {_named(absent)}. Gold is published"
            f" only when all of it was built and tested at once. {_REMEDY}"
        )
    features = next(
        (node for node in nodes.values() if _place(node) == ("silver", "user_features")), None
    )
    if features is None:
        raise NotPublishable(
            f"{target_path}/manifest.json has no model silver.user_features. {_REMEDY}"
        )
    return PassedBuild(
        results["metadata"]["invocation_id"],
        features["database"],
        tuple(_table(node) for node in sorted(models, key=lambda node: node["alias"])),
        features["relation_name"],
    )


def _artifact(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise NotPublishable(
            f"there is no {path}, so no build whose tests passed. {_REMEDY}"
        ) from error
    except ValueError as error:
        raise NotPublishable(
            f"{path} is no whole JSON file: was dbt stopped while writing it? {_REMEDY}"
        ) from error


def _refuse_failures(
    status: Mapping[str, str], results: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]
) -> None:
    # what was skipped was skipped because of something else: the cause comes first
    failed = [name for name, state in status.items() if state not in (*_PASSED, "skipped")]
    skipped = [name for name, state in status.items() if state == "skipped"]
    if not failed and not skipped:
        return
    messages = {result["unique_id"]: result["message"] for result in results}
    said = messages.get(failed[0]) if failed else None
    raise NotPublishable(
        f"the last dbt build did not pass: {_named(failed or skipped)}"
        + (f", and {len(skipped)} more were skipped" if failed and skipped else "")
        + (f'. dbt says of the first: "{str(said).strip().splitlines()[0]}"' if said else "")
        + f". What was published before stands. {_REMEDY}"
    )


def _named(unique_ids: list[str]) -> str:
    """Names as `dbt build --select` takes them, with their kind."""
    shown = []
    for unique_id in unique_ids[:_SHOWN]:
        kind, _, *name = unique_id.split(".")
        # a generic test's id ends in a hash
        shown.append(f"{kind} {name[0] if kind == 'test' else '.'.join(name)}")
    more = len(unique_ids) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _place(node: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return node["config"].get("schema"), node.get("alias")


def _is_gold(node: Mapping[str, Any]) -> bool:
    return bool(
        node["resource_type"] == "model"
        and node["config"].get("schema") == "gold"
        and node["access"] == "public"
        and node["config"]["materialized"] != "ephemeral"
    )


def _table(node: Mapping[str, Any]) -> GoldTable:
    return GoldTable(
        name=node["alias"],
        relation=node["relation_name"],
        description=" ".join(node["description"].split()),
        columns={
            name: " ".join(column["description"].split())
            for name, column in node["columns"].items()
            if column["description"]
        },
        is_log=node["config"]["materialized"] == "incremental",
    )
