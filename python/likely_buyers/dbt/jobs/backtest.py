"""The job behind training.backtest: methods at past cutoffs, from the simplest rule up."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from likely_buyers.dbt.jobs.each import of_each
from likely_buyers.dbt.jobs.memory import at_most, given_back
from likely_buyers.dbt.jobs.train import examples_of
from likely_buyers.dbt.on_spark.frames import with_connection
from likely_buyers.dbt.refusals import without_traceback
from likely_buyers.outcomes import Outcome, Predicted
from likely_buyers.settings import Settings
from likely_buyers.terminal import Progress, say
from likely_buyers.training import TrainingError, TrainingSettings, backtest_cutoff

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

BACKTEST_SCHEMA = pa.schema(
    [
        ("outcome", pa.string()),
        ("cutoff_date", pa.date32()),
        ("horizon_days", pa.int32()),
        ("population", pa.string()),
        ("method", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("model", pa.string()),
    ]
)


# of the time that a cutoff takes
_SHARE_OF_TRAINING = 0.8


@without_traceback
def run_backtest(
    examples: DuckDBPyRelation,
    connection: DuckDBPyConnection,
    *,
    evaluate_at: str,
    most_cutoffs: int,
    step_days: str,
    predicted: Any,
    seed: int,
    events_path: str,
) -> pa.Table:
    """Every method at every cutoff at which something could be learned, by outcome, in `BACKTEST_SCHEMA`.

    Args:
        examples: training.backtest_examples.
        connection: theirs.
        evaluate_at: dates with commas between them, or how many of the newest in the steps of training.
        most_cutoffs: most cutoffs that a training learns at.
        step_days: days between them; '' is half the horizon, at least a week.
        predicted: what `Predicted.of` takes.
        seed: seed of training.
        events_path: as configured; of a simulated shop, what lies there tells the true probabilities.

    Raises:
        TrainingError: at none of the cutoffs could anything be learned, for any outcome.
    """
    examples, connection = with_connection(examples, connection)
    events = Path(events_path) if events_path else Settings.of().demo_shop

    def backtest(outcome: Outcome) -> list[dict[str, object]]:
        step = int(step_days) if step_days else max(7, outcome.horizon_days // 2)
        own = examples_of(examples, outcome)
        return _backtest(own, outcome, evaluate_at, most_cutoffs, step, seed, events)

    with given_back(connection):
        tables = of_each("backtest", Predicted.of(predicted).outcomes, backtest)
    table = [row for rows in tables for row in rows]
    return pa.Table.from_pylist(table, schema=BACKTEST_SCHEMA)


def _backtest(
    examples: DuckDBPyRelation,
    outcome: Outcome,
    evaluate_at: str,
    most_cutoffs: int,
    step_days: int,
    seed: int,
    events: Path,
) -> list[dict[str, object]]:
    """The rows of one outcome."""
    horizon_days = outcome.horizon_days
    rows = examples.project("cutoff_date, as_of_date").distinct().order("cutoff_date").fetchall()
    present = [cutoff for cutoff, _ in rows]
    if not present:
        raise TrainingError(
            f"no backtest at {evaluate_at}: no cutoff has its horizon of {horizon_days} days over by as_of and"
            " training_history_days of history before it. Name earlier dates, load older events, or shorten"
            " horizon_days."
        )
    settings = TrainingSettings(horizon_days=horizon_days, seed=seed)
    table: list[dict[str, object]] = []
    refusals: list[str] = []
    evaluated = _evaluated(evaluate_at, present, rows[0][1], step_days, horizon_days)
    examples = examples.project("* exclude (as_of_date)")
    progress = Progress("backtest", total=len(evaluated), unit="cutoffs")
    for number, cutoff in enumerate(evaluated):
        newest = cutoff - timedelta(days=horizon_days)
        steps = {newest - timedelta(days=step_days * number) for number in range(most_cutoffs)}
        before = sorted(steps.intersection(present))
        known = at_most(_at(examples, before)).to_arrow_table()
        later = _at(examples, [cutoff]).to_arrow_table()
        say(
            f"backtest of {outcome.name} at {cutoff}: {known.num_rows} examples at {len(before)} earlier cutoffs"
        )
        try:
            found = backtest_cutoff(
                cutoff,
                known,
                later,
                settings,
                further=_true_probabilities(events, later, cutoff, outcome),
                advance=_within(progress, number),
            )
        except TrainingError as error:
            refusals.append(f"{cutoff}: {error}")
            say(f"left out {refusals[-1]}")
            progress(number + 1)
            continue
        progress(number + 1)
        named = {"outcome": outcome.name, "horizon_days": horizon_days}
        table += [asdict(row) | named for row in found]
    if not table:
        raise TrainingError(
            "no backtest: at none of the cutoffs could a model be trained. "
            + (refusals[-1] if refusals else "The history is too short.")
        )
    for row in table:
        row["cutoff_date"] = row.pop("cutoff")
    return table


def _evaluated(
    evaluate_at: str, present: list[date], as_of: date, step_days: int, horizon_days: int
) -> list[date]:
    """The dates named; of a number of cutoffs so many, in steps, less those at which no example would have been known.

    Others are present, too: those that training would have had at each of them.
    """
    if re.fullmatch("[0-9]+", evaluate_at):
        earliest = min(present) + timedelta(days=horizon_days)
        newest = as_of - timedelta(days=horizon_days)
        steps = {newest - timedelta(days=step_days * step) for step in range(int(evaluate_at))}
        return sorted(day for day in steps.intersection(present) if day >= earliest)
    named = [date.fromisoformat(day.strip()) for day in evaluate_at.split(",")]
    missing = [day.isoformat() for day in named if day not in present]
    if missing:
        raise TrainingError(
            f"backtest_cutoffs names {', '.join(missing)}, outside of what can be evaluated: a cutoff's"
            f" horizon of {horizon_days} days must be over by as_of, and training_history_days of history must"
            f" lie before it. Evaluable are {min(present)} to {max(present)}."
        )
    return sorted(named)


def _within(progress: Progress, number: int) -> Callable[[float], None]:
    """What a cutoff tells of itself, as a part of all; measuring it follows."""
    return lambda share: progress(number + _SHARE_OF_TRAINING * share)


def _at(examples: DuckDBPyRelation, cutoffs: list[date]) -> DuckDBPyRelation:
    days = ", ".join(f"date '{cutoff.isoformat()}'" for cutoff in cutoffs) or "null"
    return examples.filter(f"cutoff_date in ({days})")


def _true_probabilities(
    events: Path, later: pa.Table, cutoff: date, outcome: Outcome
) -> dict[str, np.ndarray]:
    """The probabilities (n,) of the users of `later`, by method, that a simulator knows; nothing for a real shop.

    A simulator is any package with an entry point in the group `likely_buyers.true_probabilities`: a function of the
    events' folder, the cutoff and the horizon that gives {user_id: probability} of a purchase, or None for events of
    others.
    """
    found: dict[str, np.ndarray] = {}
    if (outcome.event, outcome.where, outcome.at_least) != ("purchase", None, 1):
        return found
    users = sorted(later["user_id"].to_pylist(), key=str.encode)
    for simulator in entry_points(group="likely_buyers.true_probabilities"):
        known = simulator.load()(events, cutoff, outcome.horizon_days)
        if known is not None:
            found[simulator.name] = np.array([known.get(user, 0.0) for user in users])
    return found
