"""How well real shops are predicted, with defaults only: `python python/benchmarks/accuracy.py --help`.

Runs `likely-buyers backtest` of each shop whose Parquet file lies in the folder, and prints a table (Markdown): means
over the cutoffs of the champion, with the goals. Which logs they are says docs/model_card.md; the columns of their
files stand below, but for Online Retail, whose file has its own.
"""

import argparse
import csv
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import run
from shops import PROJECT, environment

MOST_ECE = 0.03
# u customer, t time, v value, i product, s order, e event (where it is not purchases only)
PURCHASES = {
    "event_time": "t",
    "event_type": "'purchase'",
    "user_id": "cast(u as varchar)",
    "session_id": "s",
    "product_id": "cast(i as varchar)",
    "price": "v",
    "quantity": "1",
    "dedupe_on": "none",
}
EVENTS = PURCHASES | {"event_type": "e"}


@dataclass(frozen=True)
class Log:
    """What is predicted of a log.

    horizon_days: how far ahead.
    cutoffs: where the champion of the day is held against what came.
    goal: AUC and average precision to reach; None where it is only said that there is no pattern.
    mapping: the event mapping; None for the shipped one of its name.
    as_of: where the log is taken to end; None for its end.
    population: whose metrics are shown.
    """

    horizon_days: int
    cutoffs: tuple[str, ...]
    goal: tuple[float, float] | None
    mapping: dict[str, str] | None = None
    as_of: str | None = None
    population: str = "users"


LOGS = {
    "online_retail": Log(
        30,
        (*(f"2011-{month:02d}-01" for month in range(4, 12)), "2011-11-09"),
        (0.750, 0.610),
        as_of="2011-12-09",
        population="customers",
    ),
    "grocery": Log(
        28,
        (*(f"2007-{month:02d}-01" for month in (3, 5, 7, 9, 10, 11)), "2007-12-02"),
        (0.945, 0.752),
        PURCHASES,
    ),
    "essec": Log(90, ("2015-10-01",), (0.880, 0.550), PURCHASES),
    "pharmacy": Log(30, ("2022-03-01", "2022-05-10"), (0.783, 0.543), PURCHASES),
    "tmall": Log(
        7,
        ("2013-06-01", "2013-06-15", "2013-07-01", "2013-07-15", "2013-08-01", "2013-08-08"),
        (0.720, 0.450),
        EVENTS,
    ),
    "no_signal": Log(30, ("2015-02-14",), None, PURCHASES),
}


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with NAME.parquet of each shop")
    parser.add_argument("--shops", nargs="+", choices=LOGS, default=list(LOGS), metavar="NAME")
    parser.add_argument(
        "--vars", type=json.loads, default={}, help="further dbt variables, as JSON"
    )
    options = parser.parse_args()
    print("| shop | AUC | AP | goal | ECE | predicted over actual (range) | interval held |")
    print("|---|---|---|---|---|---|---|")
    eces: list[float] = []
    held = cutoffs = 0
    for name in options.shops:
        file = options.folder / f"{name}.parquet"
        if not file.exists():
            print(f"| {name} | left out: there is no {file.name} | | | | | |", flush=True)
            continue
        found = backtest(name, file, options.vars)
        log = LOGS[name]
        means = {metric: statistics.mean(one[metric] for one in found) for metric in found[0]}
        ratios = [one["expected_buyers"] / one["buyers"] for one in found]
        inside = [
            one["expected_buyers_low"] <= one["buyers"] <= one["expected_buyers_high"]
            for one in found
        ]
        eces += [one["ece"] for one in found]
        held, cutoffs = held + sum(inside), cutoffs + len(found)
        goal = f"{log.goal[0]:.3f} / {log.goal[1]:.3f}" if log.goal else "ECE .020"
        print(
            f"| {name}, {log.horizon_days} d, {len(found)} cutoffs | {means['roc_auc']:.4f} |"
            f" {means['average_precision']:.4f} | {goal} | {means['ece']:.4f} |"
            f" {statistics.mean(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
            f" {sum(inside)} of {len(found)} |",
            flush=True,
        )
    if eces:
        print(f"\nmean ECE of {cutoffs} cutoffs: {statistics.mean(eces):.4f} (goal {MOST_ECE})")
        print(f"80 % intervals that held: {held} of {cutoffs}")


def backtest(name: str, file: Path, further: dict[str, Any]) -> list[dict[str, float]]:
    """The champion's metrics at each cutoff, with how many bought."""
    log = LOGS[name]
    variables: dict[str, Any] = {"events_path": str(file), "horizon_days": log.horizon_days}
    variables["event_mapping"] = name
    if log.mapping:
        variables["event_mappings"] = {name: log.mapping}
    if log.as_of:
        variables["as_of"] = log.as_of
    with tempfile.TemporaryDirectory(prefix=f"likely_buyers_{name}_") as folder:
        printed = run(
            [
                *(str(Path(sys.executable).with_name("likely-buyers")), "backtest", "--quiet"),
                *("--cutoffs", ",".join(log.cutoffs), "--population", log.population),
                *("--format", "csv", "--vars", json.dumps(variables | further)),
            ],
            environment(Path(folder), Path(folder)),
            folder=PROJECT,
        ).output
    table = printed[printed.index("outcome,cutoff_date") :].splitlines()
    at: dict[str, dict[str, float]] = defaultdict(dict)
    for row in csv.DictReader(table):
        if row["method"] == "champion":
            at[row["cutoff_date"]][row["metric"]] = float(row["value"])
    return list(at.values())


if __name__ == "__main__":
    main()
