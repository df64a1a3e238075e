"""A whole `dbt build`, and where its time went."""

import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from measure import Run, run
from shops import PROJECT, environment

LAYERS = ("bronze", "silver", "gold", "tests", OTHER := "promotions, seeds and hooks")
START = "start and end of dbt"


@dataclass(frozen=True)
class Build:
    """A finished build.

    Seconds of nodes and layers add up to more than the wall clock where two ran at a time.
    """

    run: Run
    layers: dict[str, float]
    """Seconds of the models of each layer, of all tests, of the rest that dbt ran, and of dbt before and after."""
    nodes: dict[str, float]
    """Seconds of each model."""


def build(state: Path, events: Path, registry: Path, *, most_gb: float) -> Build:
    """`dbt build` of the event files in a folder, all tests included."""
    command = [
        str(Path(sys.executable).with_name("dbt")),
        *("build", "--vars", f"{{events_path: '{events}'}}"),
    ]
    finished = run(command, environment(state, registry), folder=PROJECT, most_gb=most_gb)
    if finished.stopped:
        raise SystemExit(f"dbt build held more than {most_gb:.1f} GB of memory and was stopped.")
    target = state / "target"
    results = json.loads((target / "run_results.json").read_text())
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    layers: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = {}
    for result in results["results"]:
        kind, _, name = result["unique_id"].split(".", 2)
        if kind == "model":
            seconds[name] = result["execution_time"]
            layer = nodes[result["unique_id"]]["fqn"][1]
        else:
            layer = f"{kind}s"
        if layer.endswith("tests"):
            layer = "tests"
        layers[layer if layer in LAYERS else OTHER] += result["execution_time"]
    layers[START] = finished.seconds - results["elapsed_time"]
    return Build(finished, dict(layers), seconds)
