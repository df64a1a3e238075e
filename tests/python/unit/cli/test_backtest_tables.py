"""What `likely-buyers backtest` prints, whole at 80 columns."""

from datetime import date
from typing import Any

import pytest

from likely_buyers.cli.backtest_table import METHODS, print_backtest

CUTOFFS = [date(2019, 11, 30), date(2019, 12, 30)]
VALUES = {
    "roc_auc": 0.8764,
    "average_precision": 0.3087,
    "lift_10pct": 5.552,
    "brier": 0.0329,
    "log_loss": 0.1318,
    "ece": 0.0241,
    "expected_over_observed": 1.614,
    "users": 123_456.0,
    "base_rate": 0.039,
    "expected_buyers": 4821.4,
    "expected_buyers_low": 4102.0,
    "expected_buyers_high": 5698.0,
    "buyers": 4815.0,
}
MODEL = "0.75 logistic regression, strong penalty + 0.25 boosting, 24 leaves"
ROWS: list[tuple[Any, ...]] = [
    ("purchase_30d", cutoff, "users", method, metric, value, value - 0.02, value + 0.02, MODEL)
    for cutoff in CUTOFFS
    for method in METHODS
    for metric, value in VALUES.items()
]


@pytest.mark.parametrize("width", [80, 120, None])
def test_the_tables_are_whole(
    width: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("likely_buyers.cli.tables.terminal_width", lambda: width)
    print_backtest(ROWS, "users")
    shown = capsys.readouterr().out
    tables = [line for line in shown.splitlines() if "The champion goes" not in line]
    assert width is None or max(map(len, tables)) <= width
    together = " ".join(shown.split())
    for method in METHODS:
        assert method.replace("_", " ") in together
    for cell in ("0.8764", "(0.856-0.896)", "5.552", "(5.53-5.57)", "123456", "1.61-1.61"):
        assert cell in together
    # its words may stand on several lines
    assert shown.count("24 leaves") == len(CUTOFFS)
    assert shown.count("0.75 logistic") == len(CUTOFFS)
    if width is None:
        assert sum(MODEL in line for line in tables) == len(CUTOFFS)


def test_how_far_the_champion_goes_towards_what_can_be_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    auc = {"frequency": 0.7, "champion": 0.85, "oracle": 0.9}
    rows = [
        ("purchase_30d", CUTOFFS[0], "users", method, "roc_auc", value, None, None, MODEL)
        for method, value in auc.items()
    ]
    print_backtest(rows, "users")
    assert "The champion goes 75% of the way in AUC" in capsys.readouterr().out
    print_backtest(rows[:2], "users")
    assert "of the way" not in capsys.readouterr().out


def test_how_often_the_interval_of_the_number_of_buyers_held_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    numbers = {"expected_buyers": 300, "expected_buyers_low": 250, "expected_buyers_high": 360}
    rows = [
        ("purchase_30d", cutoff, "users", "champion", metric, value, None, None, MODEL)
        for cutoff, buyers in zip(CUTOFFS, (250, 361), strict=True)
        for metric, value in (numbers | {"buyers": buyers}).items()
    ]
    print_backtest(rows, "users")
    shown = capsys.readouterr().out
    lines = [line.split() for line in shown.splitlines()]
    assert ["2019-11-30", "300", "250", "360", "250"] in lines
    assert ["2019-12-30", "300", "250", "360", "361", "outside"] in lines
    assert "The interval held 1 of 2." in shown
