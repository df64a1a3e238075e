"""The figures of the page, read from gold and what lies beneath it. SQL counts; here they are only put side by side.

Sources of methods:
    population stability index: N. Siddiqi, Credit Risk Scorecards, Wiley 2006, who reads below 0.1 as no shift worth
    mention, above 0.25 as a large one. It is the symmetric divergence of H. Jeffreys (Proc. R. Soc. A 186, 1946) over
    classes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.errors import first_line
from likely_buyers.lake import LAKE, opened
from likely_buyers.outcomes import Outcome
from likely_buyers.report.errors import ReportImpossible
from likely_buyers.settings import Lake

Row = Mapping[str, Any]

SQL = Path(__file__).with_name("sql")

DAYS_OF_EVENTS = 90
"""Days before as_of whose events are drawn."""

SETS_OF_SCORES = 366
"""Latest finished horizons that are drawn and listed."""

SMALL_DRIFT, LARGE_DRIFT = 0.1, 0.25
"""Siddiqi's limits of the population stability index."""

_CAMPAIGN_TABLES = ("campaigns", "campaign_results")


@dataclass(frozen=True)
class TrainedVersion:
    """The version that scored. Metrics are means over held-out cutoffs, by the names of `evaluate`."""

    created_at: datetime
    as_of_date: date
    metrics: Row
    held_out_cutoffs: Sequence[str]
    seed: int | None
    chosen: str | None
    why: str | None
    tells_buyers_apart: bool
    """False where nothing beat the plain rate, or hardly: the list is then hardly better than chance."""
    is_out_of_time: bool
    """False where the metrics are of other users at the only cutoff."""


@dataclass(frozen=True)
class Drift:
    """The current scores beside those before them; `tenths` are of the earlier ones."""

    earlier: Row
    users: Row
    tenths: Sequence[Row]

    @property
    def population_stability_index(self) -> float:
        """Sum over the tenths of (share now - share then) * ln(share now / share then); 0 is no shift."""
        return sum(float(tenth["contribution"]) for tenth in self.tenths)


@dataclass(frozen=True)
class Actual:
    """What came true of one set of scores, and its tenths, the likeliest first."""

    figures: Row
    deciles: Sequence[Row]


@dataclass(frozen=True)
class Loads:
    """What the files held. `faults` are the reasons for which lines were rejected or quarantined."""

    last: Row
    all: Row
    events: Row
    faults: Sequence[Row]


@dataclass(frozen=True)
class CampaignTable:
    """A table on campaigns as it is."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Figures:
    """Everything the page shows; rows are keyed by the column names of the SQL. None where there is nothing yet.

    `currency` is of all amounts; None where no one knows it.
    """

    predicted: Outcome
    outcomes: Sequence[Outcome]
    """All that are configured: campaigns may be of another one than the page."""
    run: Row
    currency: str | None
    version: TrainedVersion | None
    buyers: Sequence[Row]
    classes: Sequence[Row]
    drift: Drift | None
    performance: Sequence[Row]
    outcome: Actual | None
    loads: Loads
    event_days: Sequence[Row]
    largest_days: Sequence[Row]
    """Purchase days of the last horizon that weigh much in its revenue."""
    campaigns: Sequence[CampaignTable]


def read_figures(
    lake: Lake,
    predicted: Outcome,
    rows: int,
    currency: str | None = None,
    outcomes: Sequence[Outcome] = (),
) -> Figures:
    """The figures of a warehouse, which is opened read-only.

    Args:
        lake: the warehouse.
        predicted: the outcome that the page is on.
        rows: users of the list to show, the likeliest first.
        currency: of the shop; None is the only one that the events have, if there is just one.
        outcomes: all that are configured, where there are others than `predicted`.

    Raises:
        ReportImpossible: no database, another process holds it, or nothing was scored yet.
    """
    with opened(lake, ReportImpossible, read_only=True) as connection:
        try:
            return _read(
                _Warehouse(connection), predicted, outcomes or (predicted,), rows, currency
            )
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise ReportImpossible(
                f"the database {lake.catalog} lacks a table or a column that the report reads. Build it: dbt build."
                f" DuckDB says: {first_line(error)}"
            ) from error


class _Warehouse:
    """Runs the room's queries."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.tables = {
            f"{schema}.{table}"
            for schema, table in connection.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = ?",
                [LAKE],
            ).fetchall()
        }

    def rows(self, query: str, **parameters: object) -> list[Row]:
        """Rows of sql/<query>.sql."""
        _, rows = self._select((SQL / f"{query}.sql").read_text("utf-8"), parameters)
        return rows

    def table(self, name: str) -> tuple[list[str], list[Row]]:
        """Columns and rows of a table, in the order of all columns."""
        return self._select(f"select * from {name} order by all", {})  # noqa: S608 (a name of ours)

    def _select(self, sql: str, parameters: Mapping[str, object]) -> tuple[list[str], list[Row]]:
        cursor = self._connection.execute(sql, parameters or None)
        columns = [column[0] for column in cursor.description or []]
        return columns, [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _read(
    warehouse: _Warehouse,
    predicted: Outcome,
    outcomes: Sequence[Outcome],
    rows: int,
    currency: str | None,
) -> Figures:
    of = {"outcome": predicted.name}
    (run,) = warehouse.rows("run", **of)
    if not run["users"]:
        found = ", ".join(row["outcome"] for row in warehouse.rows("scored_outcomes"))
        raise ReportImpossible(
            f"gold.predictions has nobody for the outcome '{predicted.name}': nobody was scored yet (found:"
            f" {found or 'no outcome'}). Deliver events, train it (likely-buyers train --promote) and"
            " run dbt build."
        )
    current = {name: run[name] for name in ("as_of_date", "model_name", "model_version")}
    earlier = next(iter(warehouse.rows("earlier_scores", **current, **of)), None)
    performance = _performance(warehouse, run)
    return Figures(
        predicted=predicted,
        outcomes=outcomes,
        run=run,
        currency=currency or _only_currency(warehouse),
        version=_version(warehouse, run),
        buyers=warehouse.rows("top_buyers", rows=rows, **of),
        classes=warehouse.rows("score_classes", **_set_of(earlier), **of),
        drift=_drift(warehouse, predicted, earlier) if earlier else None,
        performance=performance,
        outcome=_outcome(warehouse, performance, run),
        loads=_loads(warehouse),
        event_days=warehouse.rows("event_days", as_of_date=run["as_of_date"], days=DAYS_OF_EVENTS),
        largest_days=warehouse.rows(
            "largest_days", as_of_date=run["as_of_date"], horizon_days=run["horizon_days"]
        ),
        campaigns=_campaigns(warehouse),
    )


def _only_currency(warehouse: _Warehouse) -> str | None:
    found = warehouse.rows("currencies")
    return str(found[0]["currency"]) if len(found) == 1 else None


def _set_of(scores: Row | None) -> dict[str, Any]:
    """The key of a set of scores; of none, one that no set has."""
    names = ("as_of_date", "model_name", "model_version")
    return {name: scores[name] if scores else None for name in names}


def _version(warehouse: _Warehouse, run: Row) -> TrainedVersion | None:
    if "training.model_versions" not in warehouse.tables:
        return None
    names = ("model_name", "model_version", "model_digest")
    found = warehouse.rows("model_version", **{name: run[name] for name in names})
    if not found:
        return None
    (version,) = found
    parameters = json.loads(version["parameters"])
    return TrainedVersion(
        created_at=version["created_at"],
        as_of_date=version["as_of_date"],
        metrics=json.loads(version["metrics"]),
        held_out_cutoffs=json.loads(version["windows"]).get("evaluate", []),
        seed=parameters.get("seed"),
        chosen=parameters.get("chosen"),
        why=parameters.get("why"),
        tells_buyers_apart=parameters.get("tells_buyers_apart", True),
        is_out_of_time=parameters.get("held_out") != "other users",
    )


def _drift(warehouse: _Warehouse, predicted: Outcome, earlier: Row) -> Drift:
    sets = _set_of(earlier) | {"outcome": predicted.name}
    (users,) = warehouse.rows("drift", **sets)
    return Drift(earlier, users, warehouse.rows("drift_tenths", **sets))


def _performance(warehouse: _Warehouse, run: Row) -> list[Row]:
    """The finished sets; `is_known` where the version was trained when the outcome, or some of it, was known."""
    trained: dict[int, date] = {}
    if "training.model_versions" in warehouse.tables:
        trained = {
            row["model_version"]: row["as_of_date"]
            for row in warehouse.rows("model_versions", model_name=run["model_name"])
        }
    return [
        {
            **row,
            "is_current": row["model_version"] == run["model_version"],
            "is_known": trained.get(row["model_version"], row["as_of_date"]) > row["as_of_date"],
        }
        for row in warehouse.rows("performance", model_name=run["model_name"], sets=SETS_OF_SCORES)
    ]


def _outcome(warehouse: _Warehouse, performance: Sequence[Row], run: Row) -> Actual | None:
    """The latest set that its version had not seen the outcome of; of several that day, the current version's."""
    honest = [row for row in performance if not row["is_known"]]
    if not honest:
        return None
    latest = max(
        honest, key=lambda row: (row["as_of_date"], row["is_current"], row["model_version"])
    )
    return Actual(latest, warehouse.rows("performance_deciles", **_set_of(latest)))


def _loads(warehouse: _Warehouse) -> Loads:
    last, every = warehouse.rows("loads")
    (events,) = warehouse.rows("events")
    return Loads(last, every, events, warehouse.rows("line_faults"))


def _campaigns(warehouse: _Warehouse) -> list[CampaignTable]:
    return [
        CampaignTable(name, *warehouse.table(f"gold.{name}"))
        for name in _CAMPAIGN_TABLES
        if f"gold.{name}" in warehouse.tables
    ]
