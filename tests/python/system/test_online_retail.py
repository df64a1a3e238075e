"""The job on the orders of a real shop (Chen, Sain, Guo 2012; UCI Machine Learning Repository, CC BY 4.0)."""

from pathlib import Path
from statistics import fmean

import duckdb
import pytest

from likely_buyers.evaluation import average_precision, roc_auc
from support.installation import ONLINE_RETAIL, Installation

pytestmark = pytest.mark.skipif(
    not ONLINE_RETAIL.exists(),
    reason="needs the orders of the UCI data set Online Retail at ../shared/data/online_retail.parquet",
)
VALID = (
    f"select cast(CustomerID as varchar) as user_id, InvoiceDate as bought_at from '{ONLINE_RETAIL}'"
    " where CustomerID is not null and Quantity > 0 and UnitPrice > 0 and InvoiceNo not like 'C%'"
)


VARIABLES = {
    "event_mapping": "online_retail",
    "events_path": str(ONLINE_RETAIL),
    "as_of": "2011-11-09",
}


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    installation = Installation(tmp_path_factory.mktemp("online_retail"))
    trained = installation.run("likely-buyers", "train", "--promote", variables=VARIABLES)
    assert trained.succeeded, trained.output
    installation.built(variables=VARIABLES)
    return installation


def test_no_line_is_lost(job: Installation) -> None:
    assert job.query("select count(*) from bronze.raw_events") == [(541_909,)]
    assert job.query(
        "select (select sum(line_count) from silver.events)"
        " + (select count(*) from silver.quarantined_events)"
    ) == [(541_909,)]


def test_purchases_are_those_of_the_shop(job: Installation) -> None:
    with duckdb.connect() as connection:
        (lines,) = connection.sql(f"select count(*) from ({VALID})").fetchone() or (0,)
    assert job.query("select sum(line_count) from silver.events where event_type = 'purchase'") == [
        (lines,)
    ]
    assert job.query("select min(quantity) > 0 from silver.events where event_type = 'refund'") == [
        (True,)
    ]


def test_the_champion_ranks_the_customers_of_november(job: Installation) -> None:
    """Trained only on what was known by 2011-11-09; all customers with a valid purchase before."""
    with duckdb.connect(
        str(Path(job.state) / "likely_buyers.duckdb"), read_only=True
    ) as connection:
        scored = connection.sql(
            f"""
            with customers as (select distinct user_id from ({VALID}) where bought_at < '2011-11-09'),
            buyers as (
                select distinct user_id from ({VALID})
                where bought_at >= '2011-11-09' and bought_at < '2011-12-09'
            )
            select predictions.probability, buyers.user_id is not null as bought
            from customers
            inner join gold.predictions using (user_id)
            left join buyers using (user_id)
            """
        ).fetchnumpy()
    assert len(scored["bought"]) == 4_067
    assert roc_auc(scored["bought"], scored["probability"]) >= 0.75
    assert average_precision(scored["bought"], scored["probability"]) >= 0.66
    assert job.query("select metrics from training.model_versions") != []
    latest_horizon = job.query("select max(cutoff_date) + 30 from training.examples")
    assert str(latest_horizon[0][0])[:10] == "2011-11-09"


# --- the numbers that the README promises, at past cutoffs ------------------------------------------

# every second month, and the last one whose horizon is over
CUTOFFS = "2011-05-01,2011-07-01,2011-09-01,2011-10-01,2011-11-09"


@pytest.fixture(scope="module")
def backtest(job: Installation) -> dict[tuple[str, str, str], float]:
    """Value by (cutoff, method, metric) among customers."""
    finished = job.run(
        *("likely-buyers", "backtest", "--cutoffs", CUTOFFS),
        variables=VARIABLES | {"as_of": "2011-12-09"},
    )
    assert finished.succeeded, finished.output
    print(finished.output)
    rows = job.query(
        "select cast(cutoff_date as varchar), method, metric, value from training.backtest"
        " where population = 'customers'"
    )
    return {(cutoff, method, metric): value for cutoff, method, metric, value in rows}


@pytest.mark.parametrize(
    ("cutoff", "customers", "auc", "precision", "lift"),
    [("2011-11-09", 4067, 0.750, 0.660, 2.47), ("2011-09-01", 3317, 0.746, 0.612, 2.70)],
)
def test_the_champion_ranks_as_promised(
    backtest: dict[tuple[str, str, str], float],
    cutoff: str,
    customers: int,
    auc: float,
    precision: float,
    lift: float,
) -> None:
    assert backtest[cutoff, "champion", "users"] == customers
    assert backtest[cutoff, "champion", "roc_auc"] >= auc
    assert backtest[cutoff, "champion", "average_precision"] >= precision
    assert backtest[cutoff, "champion", "lift_10pct"] >= lift


def test_the_champion_beats_the_simple_rules_on_average(
    backtest: dict[tuple[str, str, str], float],
) -> None:
    for metric in ("roc_auc", "average_precision"):
        mean = {
            method: fmean(backtest[cutoff, method, metric] for cutoff in CUTOFFS.split(","))
            for method in ("recency", "frequency", "bg_nbd", "champion")
        }
        assert max(mean, key=lambda method: mean[method]) == "champion", mean


def test_probabilities_mean_what_they_say(backtest: dict[tuple[str, str, str], float]) -> None:
    cutoffs = CUTOFFS.split(",")
    ratios = [backtest[cutoff, "champion", "expected_over_observed"] for cutoff in cutoffs]
    assert fmean(backtest[cutoff, "champion", "ece"] for cutoff in cutoffs) <= 0.045
    assert 0.88 <= fmean(ratios) <= 1.12
    assert min(ratios) >= 0.75
    assert max(ratios) <= 1.3
