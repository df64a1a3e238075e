"""The report: its figures are gold's, and the page works in a browser, for everybody, without a network."""

import csv
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from likely_buyers.outcomes import Outcome
from likely_buyers.report import ReportImpossible, page_of, read_figures, write_report
from likely_buyers.report.charts import lift_of
from likely_buyers.settings import Lake
from support.installation import PROJECT, Installation
from support.lakes import open_lake

OUTCOME = Outcome("purchase_30d", 30)
AS_OF = date(2020, 3, 29)
EARLIER = date(2020, 3, 22)
JUDGED = date(2020, 2, 20)
USERS, LISTED = 1_000, 100
HOSTILE_USER = "<script>window.hacked = 1</script>"
HOSTILE_CATEGORY = '"><img src=x onerror="window.hacked = 1">'
HOSTILE_CAMPAIGN = "</style></script><script>window.hacked = 1</script>"
LONG_USER = "u" * 200
# what a spreadsheet would compute or run
FORMULAS = ("=1+1", '+49 "30"', "-2,5", "@SUM(A1)")

# --- a warehouse made by hand ---------------------------------------------------


def probabilities(shift: float = 1.0) -> np.ndarray:
    """From 0.9 downwards; a larger shift falls faster."""
    return 0.9 * np.exp(-np.arange(USERS) / 150 * shift)


def user(number: int) -> str:
    return dict(enumerate([HOSTILE_USER, LONG_USER, *FORMULAS])).get(number, f"u{number:04}")


def contracted_tables() -> dict[str, list[tuple[str, str]]]:
    """Columns and types of the tables of silver and gold, by their contracts."""
    tables = {}
    for layer in ("silver", "gold"):
        for file in sorted((PROJECT / "models" / layer).glob("*.yml")):
            for model in yaml.safe_load(file.read_text()).get("models", []):
                columns = [(c["name"], c.get("data_type")) for c in model["columns"]]
                if all(kind for _, kind in columns):
                    sql = file.with_name(f"{model['name']}.sql")
                    alias = re.search(r'alias="(\w+)"', sql.read_text()) if sql.exists() else None
                    tables[f"{layer}.{alias[1] if alias else model['name']}"] = columns
    return tables


def insert(connection: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, Any]) -> None:
    for row in rows:
        connection.execute(
            f"insert into {table} ({', '.join(row)}) values ({', '.join('?' * len(row))})",
            list(row.values()),
        )


def score(
    connection: duckdb.DuckDBPyConnection,
    as_of: date,
    version: int,
    scored_at: datetime,
    shift: float,
) -> None:
    scores = pa.table(  # noqa: F841 (DuckDB reads it by name)
        {"user_id": [user(n) for n in range(USERS)], "probability": probabilities(shift)}
    )
    connection.execute(
        "insert into gold.prediction_history select user_id, 'purchase_30d', $as_of, 30, probability, 'likely_buyers',"
        " $version, 'sha' || $version, null, $scored_at, 'run-7' from scores",
        {"as_of": as_of, "version": version, "scored_at": scored_at},
    )


# where the models do not make them yet
CAMPAIGN_TABLES = """
    create table if not exists gold.campaigns (campaign varchar, as_of_date date, horizon_days integer,
        model_version integer, treated_users bigint, control_users bigint, expected_buyers double,
        expected_profit double, detectable_difference double);
    create table if not exists gold.campaign_results (campaign varchar, treated_rate double, control_rate double,
        rate_difference double, rate_difference_low double, rate_difference_high double, incremental_revenue double,
        incremental_revenue_low double, incremental_revenue_high double);
"""


def make_warehouse(state: Path) -> None:
    """A thousand users scored twice, one finished horizon, two loads, a campaign with and one without a result."""
    with open_lake(state) as connection:
        # row by row it is made beside the lake, which has a file for each insertion
        connection.execute("use memory.main")
        connection.execute(
            "create schema bronze; create schema silver; create schema gold; create schema training"
        )
        for table, columns in contracted_tables().items():
            types = ", ".join(f'"{name}" {kind}' for name, kind in columns)
            connection.execute(f"create table if not exists {table} ({types})")
        connection.execute(CAMPAIGN_TABLES)
        connection.execute(
            "create table bronze.loaded_files (load_id bigint, source_file varchar, line_count bigint,"
            " rejected_count bigint, replaces_earlier boolean, loaded_at timestamp);"
            "create table bronze.rejected_lines (source_file varchar, line varchar, reason varchar, load_id bigint);"
            "create table training.model_versions (model_name varchar, model_version integer, created_at timestamp,"
            " as_of_date date, horizon_days integer, metrics varchar, windows varchar, parameters varchar,"
            " model_digest varchar, feature_signature varchar, scikit_learn_version varchar)"
        )
        fill_scores(connection)
        fill_performance(connection)
        fill_loads(connection)
        fill_campaigns(connection)
        connection.execute("copy from database memory to likely_buyers")


def fill_scores(connection: duckdb.DuckDBPyConnection) -> None:
    score(connection, AS_OF, 2, datetime(2020, 3, 29, 6), shift=1.0)
    score(connection, EARLIER, 1, datetime(2020, 3, 22, 6), shift=1.6)
    # a backfill, after the daily run: it speaks from an earlier day and is not the run before
    score(connection, EARLIER - timedelta(days=30), 1, datetime(2020, 3, 30, 6), shift=5.0)
    connection.execute(
        f"insert into gold.predictions from gold.prediction_history where as_of_date = '{AS_OF}'"
    )
    connection.executemany(
        "insert into gold.top_buyers values (?, 'purchase_30d', ?, 30, ?, ?, 1, ?, ?, ?, ?, ?, 'likely_buyers', 2)",
        [
            (
                user(n),
                AS_OF,
                n + 1,
                100 - n / 10,
                p,
                p / 0.15,
                (n * 37 % 100) + 0.25,
                days_since(n),
                category(n),
            )
            for n, p in enumerate(probabilities()[:LISTED].tolist())
        ],
    )
    connection.executemany(
        "insert into gold.top_buyer_reasons values (?, 'purchase_30d', ?, 'likely_buyers', 2, ?, 'f', 1, 0.5, 0.1, ?)",
        [
            (user(n), AS_OF, rank, f"bought on {n} of the last {rank} days")
            for n in range(LISTED)
            for rank in (1, 2, 3)
        ],
    )
    insert(
        connection,
        "training.model_versions",
        *(
            {
                "model_name": "likely_buyers",
                "model_version": version,
                "created_at": datetime(2020, 3, 1),
                "as_of_date": trained,
                "horizon_days": 30,
                "metrics": json.dumps(METRICS),
                "windows": '{"evaluate": ["2019-12-30", "2020-01-14"]}',
                "parameters": '{"seed": 17, "chosen": "a mixture", "why": "of all it has the least loss"}',
                "model_digest": f"sha{version}",
            }
            for version, trained in ((1, date(2020, 2, 1)), (2, date(2020, 3, 20)))
        ),
    )


def days_since(number: int) -> int | None:
    return None if number % 10 == 3 else number * 7 % 50


def category(number: int) -> str | None:
    return (HOSTILE_CATEGORY, "shoes", "toys", None)[number % 4]


METRICS = {
    "roc_auc": 0.8123,
    "average_precision": 0.4321,
    "brier": 0.0567,
    "ece": 0.0123,
    "expected_over_observed": 1.09,
    **{f"lift_{p}pct": lift for p, lift in ((1, 9.5), (5, 7.25), (10, 5.5), (20, 3.5))},
    **{f"recall_{p}pct": share for p, share in ((1, 0.095), (5, 0.3625), (10, 0.55), (20, 0.7))},
}


def fill_performance(connection: duckdb.DuckDBPyConnection) -> None:
    key = {
        "outcome": "purchase_30d",
        "horizon_days": 30,
        "model_name": "likely_buyers",
        "purchase_digest": 0,
    }
    figures = {**key, **METRICS, "users": 900, "buyers": 90, "base_rate": 0.1, "log_loss": 0.3}
    insert(
        connection,
        "gold.model_performance",
        {**figures, "as_of_date": JUDGED - timedelta(days=7), "model_version": 1, "roc_auc": 0.79},
        {**figures, "as_of_date": JUDGED, "model_version": 1},
        # version 2 was trained on what was known by 2020-03-20
        {**figures, "as_of_date": JUDGED, "model_version": 2, "roc_auc": 0.95},
    )
    insert(
        connection,
        "gold.model_performance_deciles",
        *(
            {
                **key,
                "as_of_date": JUDGED,
                "model_version": 1,
                "decile": decile,
                "users": 90,
                "mean_probability": 0.5 / decile,
                "actual_rate": 0.6 / decile,
                "predicted_buyers": 45 / decile,
                "actual_buyers": 54 / decile,
            }
            for decile in range(1, 11)
        ),
    )


def fill_loads(connection: duckdb.DuckDBPyConnection) -> None:
    first, second = datetime(2020, 3, 28, 5), datetime(2020, 3, 29, 5)
    # b.csv was delivered with 50 lines, then again with 60
    for load, name, lines, rejected, again, at in (
        (1, "a.csv", 100, 2, False, first),
        (1, "b.csv", 50, 1, False, first),
        (2, "b.csv", 60, 3, True, second),
        (2, "c.csv", 40, 0, False, second),
    ):
        connection.execute(
            "insert into bronze.loaded_files values (?, ?, ?, ?, ?, ?)",
            [load, name, lines, rejected, again, at],
        )
    for name, load, count in (("a.csv", 1, 2), ("b.csv", 2, 3)):
        for _ in range(count):
            connection.execute(
                "insert into bronze.rejected_lines values (?, 'x', 'too few fields', ?)",
                [name, load],
            )
    insert(
        connection,
        "silver.left_out_lines",
        {"row_id": 1, "load_id": 1, "source_file": "a.csv", "reasons": "negative_price"},
        {
            "row_id": 2,
            "load_id": 2,
            "source_file": "c.csv",
            "reasons": "negative_price missing_user_id",
        },
        *(
            {"row_id": n, "load_id": 2, "source_file": "c.csv", "duplicate_of": n + 9}
            for n in range(3, 8)
        ),
    )
    connection.execute(
        "insert into silver.events (event_id, event_date) select cast(n as varchar),"
        " date '2020-01-01' + cast(n as integer) % 80 from range(190) as r(n)"
    )
    connection.execute(
        "insert into silver.user_days (user_id, event_date, events, purchases)"
        " select 'u', date '2020-02-01' + cast(n as integer), 10 + n, 1 from range(57) as r(n) where n <> 5"
    )


def fill_campaigns(connection: duckdb.DuckDBPyConnection) -> None:
    listed = {
        "outcome": "purchase_30d",
        "as_of_date": JUDGED,
        "horizon_days": 30,
        "model_version": 1,
        "treated_users": 80,
        "control_users": 20,
        "expected_buyers": 12.5,
        "expected_profit": 345.5,
        "detectable_difference": 0.0412,
    }
    insert(
        connection,
        "gold.campaigns",
        *({"campaign": name, **listed} for name in ("spring", HOSTILE_CAMPAIGN)),
    )
    result = {
        "treated_rate": 0.2,
        "control_rate": 0.1,
        "rate_difference": 0.1,
        "rate_difference_low": 0.0125,
        "rate_difference_high": 0.1875,
        "incremental_revenue": 1234.5,
        "incremental_revenue_low": -10.25,
        "incremental_revenue_high": 2500,
    }
    insert(connection, "gold.campaign_results", {"campaign": "spring", **result})


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    state = tmp_path_factory.mktemp("report")
    make_warehouse(state)
    return Lake.in_folder(state)


def changed(warehouse: Lake, folder: Path, *statements: str) -> Lake:
    """A copy of the warehouse with something different in it."""
    copy = Path(tempfile.mkdtemp(prefix="changed-", dir=folder)) / "state"
    shutil.copytree(warehouse.state, copy)
    with open_lake(copy) as connection:
        for statement in statements:
            connection.execute(statement)
    return Lake.in_folder(copy)


# --- figures ----------------------------------------------------------------------


def test_the_figures_are_those_of_gold(warehouse: Lake) -> None:
    figures = read_figures(warehouse, OUTCOME, 40)
    run = figures.run
    now = probabilities()
    assert (run["users"], run["listed_users"], run["model_version"], run["run_id"]) == (
        1000,
        100,
        2,
        "run-7",
    )
    assert run["expected_buyers"] == pytest.approx(now.sum())
    assert run["listed_expected_buyers"] == pytest.approx(now[:LISTED].sum())
    assert float(run["listed_expected_revenue"]) == sum(range(100)) + 25
    assert figures.version is not None
    assert (figures.version.seed, figures.version.metrics) == (17, METRICS)

    assert [row["rank"] for row in figures.buyers] == list(range(1, 41))
    assert figures.buyers[2]["second_reason"] == "bought on 2 of the last 2 days"

    edges = [row["low"] for row in figures.classes] + [figures.classes[-1]["high"]]
    earlier = probabilities(1.6)
    assert [row["users"] for row in figures.classes] == np.histogram(now, edges)[0].tolist()
    assert [row["earlier_users"] for row in figures.classes] == np.histogram(earlier, edges)[
        0
    ].tolist()
    assert [row["listed_users"] for row in figures.classes] == np.histogram(now[:LISTED], edges)[
        0
    ].tolist()
    assert (edges[0], edges[-1]) == (0, 1)


def test_each_class_of_probability_reaches_to_twice_the_one_before(warehouse: Lake) -> None:
    classes = read_figures(warehouse, OUTCOME, 1).classes
    assert classes[0]["low"] == 0
    assert [row["high"] / row["low"] for row in classes[1:]] == [2] * (len(classes) - 1)


def test_the_lift_curve_ends_with_all_users_at_one(warehouse: Lake) -> None:
    outcome = read_figures(warehouse, OUTCOME, 1).outcome
    assert outcome is not None
    points = lift_of(outcome)
    assert [round(100 * point["contacted"]) for point in points] == [1, 5, *range(10, 101, 10)]
    assert points[-1]["lift"] == pytest.approx(1)
    assert points[3]["lift"] == METRICS["lift_20pct"]


def test_money_has_the_currency_that_is_known_and_no_other(warehouse: Lake, tmp_path: Path) -> None:
    unknown = read_figures(warehouse, OUTCOME, 1)
    assert unknown.currency is None
    page = page_of(unknown)
    assert "<strong>4,975</strong>" in page
    assert "in the shop&#39;s currency" in page
    body = page[page.index("<body>") :]
    assert not [sign for sign in ("EUR", "USD", "$", "€") if sign in body]
    # a view has no amount, and what is not sold has no say
    one = changed(
        warehouse,
        tmp_path,
        "update silver.events set event_type = 'purchase', price = 1, currency = 'EUR' where event_id < '15'",
        "update silver.events set event_type = 'view', price = 1, currency = 'USD' where event_id > '15'",
    )
    page = page_of(read_figures(one, OUTCOME, 1))
    for text in (
        "<strong>4,975\u00a0EUR</strong>",
        "Expected revenue, EUR",
        "345.50\u00a0EUR",
        "1,234.50\u00a0EUR (-10.25\u00a0EUR to 2,500.00\u00a0EUR)",
    ):
        assert text in page
    two = changed(
        one,
        tmp_path,
        "update silver.events set event_type = 'refund' where currency = 'USD'",
    )
    assert read_figures(two, OUTCOME, 1).currency is None
    assert read_figures(two, OUTCOME, 1, "CHF").currency == "CHF"


def test_the_shift_is_measured_from_the_run_before(warehouse: Lake, tmp_path: Path) -> None:
    drift = read_figures(warehouse, OUTCOME, 1).drift
    assert drift is not None
    assert (drift.earlier["as_of_date"], drift.earlier["model_version"]) == (EARLIER, 1)
    earlier, now = np.sort(probabilities(1.6)), probabilities()
    edges = [-math.inf, *(earlier[n * 100 - 1] for n in range(1, 10)), math.inf]
    shares = [
        np.array([np.sum((values > low) & (values <= high)) for low, high in pairwise(edges)])
        for values in (earlier, now)
    ]
    then, today = (np.maximum(counts, 0.5) / USERS for counts in shares)
    expected = float(((today - then) * np.log(today / then)).sum())
    assert expected > 0.1
    assert drift.population_stability_index == pytest.approx(expected, abs=1e-12)
    assert [tenth["users"] for tenth in drift.tenths] == shares[1].tolist()
    assert drift.users["mean_probability"] == pytest.approx(now.mean())

    same = changed(
        warehouse,
        tmp_path,
        f"update gold.prediction_history set probability = 0.5 where as_of_date = '{EARLIER}'",
    )
    tied = read_figures(same, OUTCOME, 1).drift
    assert tied is not None
    assert sum(tenth["earlier_users"] for tenth in tied.tenths) == USERS
    assert math.isfinite(tied.population_stability_index)


def test_a_version_is_not_judged_by_what_it_was_trained_on(warehouse: Lake) -> None:
    figures = read_figures(warehouse, OUTCOME, 1)
    assert [row["is_known"] for row in figures.performance] == [False, False, True]
    assert figures.outcome is not None
    judged = figures.outcome.figures
    assert (judged["as_of_date"], judged["model_version"], judged["roc_auc"]) == (JUDGED, 1, 0.8123)
    assert len(figures.outcome.deciles) == 10
    assert figures.outcome.deciles[0]["found"] == pytest.approx(
        1 / sum(1 / n for n in range(1, 11))
    )


def test_lines_are_counted_as_the_files_stand_now(warehouse: Lake) -> None:
    loads = read_figures(warehouse, OUTCOME, 1).loads
    names = ("files", "replaced_files", "lines", "rejected", "quarantined")
    assert [loads.last[name] for name in names] == [2, 1, 100, 3, 1]
    assert [loads.all[name] for name in names] == [3, 1, 200, 5, 2]
    assert (loads.events["events"], loads.events["duplicates"]) == (190, 5)
    assert loads.all["lines"] == 5 + 2 + 190 + 5 - 2
    faults = {
        (row["fate"], row["reason"]): (row["last_load"], row["all_loads"]) for row in loads.faults
    }
    assert faults == {
        ("rejected", "too few fields"): (3, 5),
        ("quarantined", "negative_price"): (1, 2),
        ("quarantined", "missing_user_id"): (1, 1),
    }


def test_a_day_without_events_is_in_the_picture(warehouse: Lake) -> None:
    days = {
        row["event_date"]: row["events"] for row in read_figures(warehouse, OUTCOME, 1).event_days
    }
    assert days[date(2020, 2, 6)] == 0
    assert (min(days), max(days), len(days)) == (date(2020, 2, 1), AS_OF - timedelta(days=1), 57)


def test_what_a_marketer_needs_comes_first_and_the_origin_last(warehouse: Lake) -> None:
    page = page_of(read_figures(warehouse, OUTCOME, 1))
    body = page[page.index("<body>") :]
    origin = ("run-7", "sha2", f"<dd>{version('likely_buyers')}</dd>")
    places = [body.index(text) for text in ('id="list"', "<h3>spring</h3>", "AUC", *origin)]
    assert places == sorted(places)
    assert body.index('id="data"') < places[3]


def test_what_scores_and_why_is_said(warehouse: Lake) -> None:
    page = page_of(read_figures(warehouse, OUTCOME, 1))
    assert "Version 2 scores by a mixture: of all it has the least loss." in page


def test_orders_that_weigh_most_are_named(warehouse: Lake, tmp_path: Path) -> None:
    assert "Orders that weigh most" not in page_of(read_figures(warehouse, OUTCOME, 1))
    # thirty days of 10 are in the horizon, and an order of as much before it is none of them
    large = changed(
        warehouse,
        tmp_path,
        "update silver.user_days set revenue = 10",
        f"update silver.user_days set revenue = 8000000, user_id = '{HOSTILE_USER}' where event_date = '2020-03-20'",
        "update silver.user_days set revenue = 8000000 where event_date = '2020-02-27'",
    )
    (day,) = read_figures(large, OUTCOME, 1).largest_days
    assert (day["user_id"], day["event_date"]) == (HOSTILE_USER, date(2020, 3, 20))
    page = page_of(read_figures(large, OUTCOME, 1))
    told = page[page.index("Orders that weigh most") :]
    for text in ("2020-03-20", "8,000,000.00", "100.0\u00a0%", "&lt;script&gt;"):
        assert text in told
    # among many orders one that is large, but not out of proportion
    usual = changed(large, tmp_path, "update silver.user_days set revenue = 14 where revenue > 10")
    assert not read_figures(usual, OUTCOME, 1).largest_days


def test_campaigns_are_told_with_their_results(warehouse: Lake) -> None:
    page = page_of(read_figures(warehouse, OUTCOME, 1))
    told = page[page.index("<h3>spring</h3>") :]
    for text in (
        "<dd>12.5</dd>",
        "<dd>345.50</dd>",
        "<dd>+4.12 points</dd>",
        "+10.00 points (+1.25 points to +18.75 points)",
        "1,234.50 (-10.25 to 2,500.00)",
        "The campaign has sold",
        "Share of the contacted that bought",
        "Smallest rise of the purchase rate it can show",
    ):
        assert text in told
    assert page.count("No result yet: its horizon is not over.") == 1


@pytest.mark.parametrize("low", [0.0125, -0.3])
def test_a_campaign_says_what_its_own_outcome_asks_for(
    warehouse: Lake, tmp_path: Path, low: float
) -> None:
    """Whatever outcome the page is on; of one that is configured no more nobody knows what it asked for."""
    views = Outcome("views_7d", 7, event="view")
    for outcome in ("views_7d", "gone_7d"):
        other = changed(
            warehouse,
            tmp_path,
            f"update gold.campaigns set outcome = '{outcome}' where campaign = 'spring'",
            f"update gold.campaign_results set rate_difference_low = {low}, rate_difference_high = {low + 0.2}",
        )
        page = page_of(read_figures(other, OUTCOME, 1, None, (OUTCOME, views)))
        cards = page[page.index("<h3>spring</h3>") : page.index("<summary>All of gold.campaigns")]
        told = cards.partition("<h3>")[2].partition("<h3>")[0]
        assert f"for {outcome}{' (a view)' if outcome == views.name else ''} by version 1" in told
        assert "Share of the contacted that did so" in told
        assert ("More" if low > 0 else "Fewer") + " of the contacted did so" in told
        assert not re.search(r"bought|sold|purchase(?!_)", told)


def test_what_is_not_there_yet_is_said(warehouse: Lake, tmp_path: Path) -> None:
    young = changed(
        warehouse,
        tmp_path,
        f"delete from gold.prediction_history where as_of_date < '{AS_OF}'",
        "delete from gold.model_performance",
        "delete from gold.model_performance_deciles",
        "drop table gold.campaigns; drop table gold.campaign_results",
    )
    page = page_of(read_figures(young, OUTCOME, 1000))
    assert "No horizon is over yet" in page
    assert "held-out evaluation of the training" in page
    assert "0.812" in page
    assert "means over\n2 past cutoffs" in page
    assert "These are the first scores" in page
    assert "No campaign has been listed." in page

    untrained = changed(young, tmp_path, "drop table training.model_versions")
    page = page_of(read_figures(untrained, OUTCOME, 1000))
    assert "No horizon is over yet" in page
    assert "held-out" not in page

    nobody = changed(young, tmp_path, "delete from gold.top_buyers")
    assert "Nobody is on the list" in page_of(read_figures(nobody, OUTCOME, 1000))


def test_a_long_list_is_cut_and_counted(warehouse: Lake, tmp_path: Path) -> None:
    many = changed(
        warehouse,
        tmp_path,
        "insert into gold.top_buyers select 'v' || n, outcome, as_of_date, horizon_days, 1000 + n, percentile, decile,"
        " 0.1, lift, expected_revenue, days_since_last_purchase, favourite_category, model_name, model_version"
        " from (select * from gold.top_buyers where rank = 5) cross join range(150000) as r(n)",
    )
    page = page_of(read_figures(many, OUTCOME, 50))
    assert "The likeliest 50 of\n150,100 users on the list" in page
    assert page.count("<tr role=") == 51
    assert len(page) < 400_000


def test_the_same_database_gives_the_same_page(warehouse: Lake, tmp_path: Path) -> None:
    here = page_of(read_figures(warehouse, OUTCOME, 1000))
    assert here == page_of(read_figures(warehouse, OUTCOME, 1000))
    write = (
        "import sys; from pathlib import Path; from likely_buyers.settings import Lake;"
        " from likely_buyers.report import read_figures, write_report;"
        " from likely_buyers.outcomes import Outcome;"
        " figures = read_figures(Lake.in_folder(Path(sys.argv[1])), Outcome('purchase_30d', 30), 1000);"
        " write_report(figures, Path(sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", write, str(warehouse.state), str(tmp_path / "there.html")],
        env={**os.environ, "TZ": "America/Los_Angeles", "PYTHONHASHSEED": "7"},
        timeout=120,
        check=True,
    )
    assert here == (tmp_path / "there.html").read_text("utf-8")


def test_the_command_writes_the_page_and_says_what_is_in_the_way(
    warehouse: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = Installation(tmp_path / "state")
    missing = installation.run("likely-buyers", "report")
    assert not missing.succeeded
    assert "there is no database" in missing.output

    shutil.copytree(warehouse.state, installation.state, dirs_exist_ok=True)
    lake = Lake.in_folder(installation.state)
    finished = installation.run("likely-buyers", "report", "--rows", "30")
    assert finished.succeeded, finished.output
    page = installation.state / "report.html"
    assert finished.output.splitlines()[-1] == str(page)
    assert page.read_text("utf-8") == page_of(read_figures(lake, OUTCOME, 30))

    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, lake.catalog], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        monkeypatch.setenv("LIKELY_BUYERS_LOCK_ATTEMPTS", "1")
        with pytest.raises(ReportImpossible, match="in use by another process"):
            read_figures(lake, OUTCOME, 30)
        holder.communicate(b"", timeout=30)

    older = changed(lake, tmp_path, "alter table silver.events drop column currency")
    with pytest.raises(ReportImpossible, match=r"lacks a table or a column .* dbt build"):
        read_figures(older, OUTCOME, 30)
    with open_lake(installation.state) as connection:
        connection.execute("delete from gold.predictions")
    with pytest.raises(ReportImpossible, match="nobody was scored yet"):
        read_figures(lake, OUTCOME, 30)
    with open_lake(installation.state) as connection:
        connection.execute("drop table gold.top_buyers")
    with pytest.raises(ReportImpossible, match="lacks a table or a column that the report"):
        read_figures(lake, OUTCOME, 30)


# --- in a browser -----------------------------------------------------------------

DESKTOP, PHONE = (1280, 900), (390, 844)
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if not found:
        # where .ci/run installs it, its absence is a fault
        required = os.environ.get("LIKELY_BUYERS_REQUIRE_BROWSER")
        (pytest.fail if required else pytest.skip)("needs Chromium: apt-get install chromium")
    # Chromium has no sandbox for root
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments, timeout=60_000)
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser, with what it complained of and what it asked for."""

    page: Page
    complaints: list[str]
    requests: list[str]


@pytest.fixture(scope="module")
def address(warehouse: Lake) -> str:
    path = warehouse.state / "report.html"
    write_report(read_figures(warehouse, OUTCOME, 1000), path)
    return path.as_uri()


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Any]:
    contexts = []

    def at(size: tuple[int, int] = DESKTOP, scheme: str = "light") -> Opened:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        result = Opened(page, [], [])
        page.on("console", lambda message: result.complaints.append(message.text))
        page.on("pageerror", lambda error: result.complaints.append(str(error)))
        page.on("request", lambda request: result.requests.append(request.url))
        page.goto(address)
        return result

    yield at
    for context in contexts:
        context.close()


def shown(page: Page, column: int) -> list[str]:
    return [
        text.strip()
        for text in page.locator(f"#list tbody tr > :nth-child({column})").all_inner_texts()
    ]


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_every_chart_is_seen_once_and_the_page_does_not_scroll_sideways(
    opened: Any, size: tuple[int, int]
) -> None:
    page = opened(size).page
    drawings = page.locator(".drawing")
    assert drawings.count() == 9
    for drawing in drawings.all():
        boxes = [svg.bounding_box() for svg in drawing.locator("svg").all() if svg.is_visible()]
        assert len(boxes) == 1
        assert boxes[0]["width"] > 200
        assert boxes[0]["height"] > 150
        assert drawing.get_attribute("role") == "img"
        assert len(drawing.get_attribute("aria-label") or "") > 30
    for details in page.locator("summary").all():
        details.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    # what is wider than the page scrolls in itself
    wider = "[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth).length"
    assert page.evaluate(wider) > 0


def test_charts_of_the_scores_can_be_compared(opened: Any) -> None:
    page = opened().page
    axes = []
    for drawing in page.get_by_role("img", name="Bar chart: share of users by class").all():
        box = drawing.bounding_box()
        texts = drawing.locator("svg text").filter(visible=True).all_text_contents()
        axes.append((box["y"], box["width"], texts))
    of_all, of_both_days = axes
    assert len(of_all[2]) > 10
    assert of_all == of_both_days


def test_nothing_is_loaded_and_nothing_from_outside_runs(opened: Any, address: str) -> None:
    seen = opened()
    seen.page.wait_for_load_state("networkidle")
    assert seen.complaints == []
    assert seen.requests == [address]
    assert seen.page.evaluate("performance.getEntriesByType('resource').length") == 0
    assert seen.page.evaluate("window.hacked") is None
    assert shown(seen.page, 2)[0] == HOSTILE_USER
    assert shown(seen.page, 7)[0] == HOSTILE_CATEGORY
    assert seen.page.get_by_role("heading", name=HOSTILE_CAMPAIGN).is_visible()
    # the policy would stop what got through
    with seen.page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        seen.page.evaluate(
            "document.body.append(Object.assign(new Image(), {src: 'https://example.invalid/x.png'}))"
        )


def test_sorting_by_click_and_by_keyboard(opened: Any) -> None:
    page = opened().page
    assert shown(page, 1) == [str(rank) for rank in range(1, 26)]
    revenue = page.get_by_role("columnheader", name="Expected revenue")
    revenue.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert revenue.get_attribute("aria-sort") == "descending"
    assert page.locator("#list [aria-sort]").count() == 1
    assert shown(page, 5) == [f"{n + 0.25:.2f}" for n in range(99, 74, -1)]
    page.keyboard.press("Enter")
    assert revenue.get_attribute("aria-sort") == "ascending"
    assert shown(page, 5)[0] == "0.25"

    last = page.get_by_role("columnheader", name="Last purchase").get_by_role("button")
    expected = sorted(
        range(LISTED),
        key=lambda n: (days_since(n) is None, days_since(n) if days_since(n) is not None else 0, n),
    )
    last.click()
    assert shown(page, 1) == [str(n + 1) for n in expected[:25]]
    last.click()
    for _ in range(3):
        page.get_by_role("button", name="Next").click()
    assert shown(page, 6)[-10:] == ["never"] * 10
    assert page.get_by_role("button", name="Next").is_disabled()
    assert page.get_by_role("status").inner_text() == "76 to 100 of 100 users"


def test_filtering_by_words_and_by_category(opened: Any) -> None:
    page = opened().page
    status = page.get_by_role("status")
    assert status.inner_text() == "1 to 25 of 100 users"
    page.get_by_label("Search").fill("ON 42 of the last 3")
    assert status.inner_text() == "1 to 1 of 1 users"
    assert shown(page, 2) == ["u0042"]
    page.get_by_label("Search").fill("no such thing")
    assert status.inner_text() == "No user matches."
    assert shown(page, 2) == []
    page.get_by_label("Search").fill("")
    page.get_by_label("Favourite category").select_option("shoes")
    assert status.inner_text() == "1 to 25 of 25 users"
    assert set(shown(page, 7)) == {"shoes"}
    assert shown(page, 1) == [str(n + 1) for n in range(1, 100, 4)]


def downloaded(page: Page, folder: Path) -> list[list[str]]:
    """Lines of the file that the button gives."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"likely_buyers_purchase_30d_{AS_OF}.csv"
    path = folder / "list.csv"
    download.value.save_as(path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf"), "Excel would read another encoding"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_the_list_is_downloaded_as_csv(opened: Any, address: str, tmp_path: Path) -> None:
    seen = opened()
    head, *lines = downloaded(seen.page, tmp_path)
    found = [dict(zip(head, line, strict=True)) for line in lines]
    assert len(found) == LISTED
    assert [float(row["probability"]) for row in found] == probabilities()[:LISTED].tolist()
    assert [row["expected_revenue"] for row in found[:2]] == ["0.25", "37.25"]
    assert [row["days_since_last_purchase"] for row in found[2:4]] == ["14", ""]
    assert found[1]["user_id"] == LONG_USER
    assert found[0]["favourite_category"] == HOSTILE_CATEGORY
    assert found[7]["reason_3"] == "bought on 7 of the last 3 days"
    assert {(row["as_of_date"], row["currency"]) for row in found} == {(str(AS_OF), "")}
    assert [seen.complaints, seen.requests] == [[], [address]]


def test_no_cell_of_the_download_is_a_formula(opened: Any, tmp_path: Path) -> None:
    _, *lines = downloaded(opened().page, tmp_path)
    assert [line[1] for line in lines[2:6]] == [f"'{formula}" for formula in FORMULAS]
    assert not [cell for line in lines for cell in line if cell.startswith(tuple("=+-@"))]


def test_the_download_is_what_search_and_sorting_leave(opened: Any, tmp_path: Path) -> None:
    page = opened().page
    page.get_by_label("Favourite category").select_option("toys")
    page.get_by_role("columnheader", name="Expected revenue").get_by_role("button").click()
    button = page.get_by_role("button", name="Download")
    assert button.inner_text() == "Download 25 users (CSV)"
    _, *lines = downloaded(page, tmp_path)
    revenues = [float(line[4]) for line in lines]
    assert len(revenues) == 25
    assert revenues == sorted(revenues, reverse=True)
    assert {line[7] for line in lines} == {"toys"}
    page.get_by_label("Search").fill("no such thing")
    assert button.is_disabled()


def test_on_a_phone_the_campaigns_are_not_far_below_a_long_list(opened: Any) -> None:
    page = opened(PHONE).page
    assert page.locator("#list tbody tr").count() == 10
    assert page.get_by_role("status").inner_text() == "1 to 10 of 100 users"


def test_without_scripts_the_whole_list_is_there(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("#list tbody tr").count() == LISTED
    assert page.locator(".drawing svg:visible").count() == 9
    context.close()


LUMINANCES = """() => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
    const context = canvas.getContext('2d', {willReadFrequently: true});
    const luminance = (colour) => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => {
            const c = value / 255;
            return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const card = luminance(getComputedStyle(document.querySelector('.card')).backgroundColor);
    const contrast = (colour) => {
        const [low, high] = [card, luminance(colour)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const visible = (colour) => colour !== 'none' && colour !== 'rgba(0, 0, 0, 0)';
    // a mark is seen by its surface or by its edge
    const of = (selector) => [...document.querySelectorAll(selector)]
        .filter((mark) => mark.checkVisibility() && mark.getBoundingClientRect().width > 0)
        .map((mark) => getComputedStyle(mark))
        .map((style) => Math.max(...[style.fill, style.stroke].filter(visible).map(contrast)));
    return {
        text: of('.drawing text'),
        marks: of('.drawing .mark-rect path, .drawing .mark-symbol path, .drawing .mark-line path'),
    };
}"""


def test_both_themes_can_be_read(opened: Any) -> None:
    backgrounds = {}
    for scheme in ("light", "dark"):
        page = opened(scheme=scheme).page
        backgrounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        contrast = page.evaluate(LUMINANCES)
        assert len(contrast["text"]) > 50
        assert len(contrast["marks"]) > 50
        assert min(contrast["text"]) >= 4.5
        assert min(contrast["marks"]) >= 3
        button = page.get_by_role("button", name="Dark theme")
        assert button.get_attribute("aria-pressed") == str(scheme == "dark").lower()
        button.click()
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") != backgrounds[scheme]
        )
        chosen = page.evaluate("document.documentElement.dataset.theme")
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme") == chosen
    assert backgrounds["light"] != backgrounds["dark"]


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_axe_finds_no_barrier(opened: Any, size: tuple[int, int], scheme: str) -> None:
    page = opened(size, scheme).page
    for details in page.locator("summary").all():
        details.click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
