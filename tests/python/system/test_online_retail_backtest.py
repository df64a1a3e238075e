"""The numbers of the model card, on the orders of a real shop, at past cutoffs."""

from statistics import fmean

import pytest

from support.installation import ONLINE_RETAIL, Installation

pytestmark = pytest.mark.skipif(
    not ONLINE_RETAIL.exists(),
    reason="needs the orders of the UCI data set Online Retail at ../shared/data/online_retail.parquet",
)
CUTOFFS = "2011-04-01,2011-05-01,2011-06-01,2011-07-01,2011-08-01,2011-09-01,2011-10-01,2011-11-01,2011-11-09"


@pytest.fixture(scope="module")
def backtest(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], float]:
    """Value by (cutoff, method, metric) among customers."""
    installation = Installation(tmp_path_factory.mktemp("backtest"))
    finished = installation.run(
        "likely-buyers",
        "backtest",
        "--cutoffs",
        CUTOFFS,
        variables={
            "event_mapping": "online_retail",
            "events_path": str(ONLINE_RETAIL),
            "as_of": "2011-12-09",
        },
    )
    assert finished.succeeded, finished.output
    print(finished.output)
    rows = installation.query(
        "select cast(cutoff_date as varchar), method, metric, value from training.backtest"
        " where population = 'customers'"
    )
    return {(cutoff, method, metric): value for cutoff, method, metric, value in rows}


@pytest.mark.parametrize(
    ("cutoff", "customers", "auc", "precision", "lift"),
    [("2011-11-09", 4067, 0.750, 0.660, 2.47), ("2011-09-01", 3317, 0.746, 0.612, 2.70)],
)
def test_the_champion_ranks_as_documented(
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
