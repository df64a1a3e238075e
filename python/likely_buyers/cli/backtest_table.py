"""What `likely-buyers backtest` prints."""

from collections.abc import Sequence
from datetime import date
from statistics import fmean
from typing import Any

from likely_buyers.cli.tables import Column, print_table

METHODS = (
    *("recency", "frequency", "bg_nbd", "logistic_regression", "gradient_boosting", "ensemble"),
    *("champion", "oracle"),
)
"""Methods, from the simplest rule to the truth."""

COLUMNS = (
    "outcome",
    "cutoff_date",
    "population",
    "method",
    "metric",
    "value",
    "low",
    "high",
    "model",
)
"""What is read of training.backtest."""

QUERY = (
    f"select {', '.join(COLUMNS)} from {{{{ ref('backtest') }}}}"  # noqa: S608
    " order by outcome, cutoff_date, population, method, metric"
)
_Values = dict[tuple[date, str, str], tuple[float, float | None, float | None]]


# heading, metric, digits
_MEANS = (
    *(("AUC", "roc_auc", 4), ("avg\nprec", "average_precision", 4), ("lift\n10%", "lift_10pct", 3)),
    *(("Brier", "brier", 4), ("log\nloss", "log_loss", 4), ("ECE", "ece", 4)),
    ("p /\nactual", "expected_over_observed", 3),
)


def print_backtest(rows: Sequence[tuple[Any, ...]], population: str, outcome: str = "") -> None:
    """Print the means by method, and the champion cutoff by cutoff, for one population.

    rows: those of QUERY.
    outcome: named in the headings, where there are several.
    """
    of = f"{outcome}: " if outcome else ""
    values: _Values = {
        (cutoff, method, metric): (float(value), low, high)
        for _, cutoff, whose, method, metric, value, low, high, _ in rows
        if whose == population
    }
    models = {row[1]: row[8] for row in rows if row[3] == "champion"}
    cutoffs = sorted({cutoff for cutoff, _, _ in values})
    methods = [m for m in METHODS if any(method == m for _, method, _ in values)]
    print_table(
        [Column("method", "left"), *(Column(one[0]) for one in _MEANS), Column("range")],
        [_means(values, cutoffs, method) for method in methods],
        f"{of}Means over {len(cutoffs)} cutoff{'' if len(cutoffs) == 1 else 's'}, {population}",
    )
    print()
    headings = ("cutoff", population, "base\nrate", "AUC", "average\nprecision", "lift 10%", "ECE")
    print_table(
        [*map(Column, headings), Column("p /\nactual"), Column("model", "words")],
        [[*_champion_at(values, cutoff), models.get(cutoff) or ""] for cutoff in cutoffs],
        f"{of}The champion at each cutoff, {population}, 95 % intervals",
    )
    print()
    _print_numbers_of_buyers(values, cutoffs, population)
    share = _share_of_the_way(values, cutoffs)
    if share is not None:
        print(
            f"The champion goes {share:.0%} of the way in AUC from frequency to the oracle, the bound of what"
            " can be known.\n"
        )


def _means(values: _Values, cutoffs: list[date], method: str) -> list[str]:
    """A method's name, its means over the cutoffs, and the range of its last one."""
    cells, found = [method.replace("_", " ")], []
    for _, metric, digits in _MEANS:
        found = [values[c, method, metric][0] for c in cutoffs if (c, method, metric) in values]
        cells.append(f"{fmean(found):.{digits}f}" if found else "")
    return [*cells, f"{min(found):.2f}-{max(found):.2f}" if found else ""]


def _champion_at(values: _Values, cutoff: date) -> list[str]:
    def cell(metric: str, digits: int) -> str:
        """A value, with its interval where there is one and room for it."""
        if (cutoff, "champion", metric) not in values:
            return ""
        value, low, high = values[cutoff, "champion", metric]
        if digits < 3 or metric in ("base_rate", "ece") or low is None or high is None:
            return f"{value:.{digits}f}"
        return f"{value:.{digits}f}\n({low:.{digits - 1}f}-{high:.{digits - 1}f})"

    of_ranking = (("roc_auc", 4), ("average_precision", 4), ("lift_10pct", 3))
    return [
        cutoff.isoformat(),
        *(cell("users", 0), cell("base_rate", 3)),
        *(cell(metric, digits) for metric, digits in of_ranking),
        *(cell("ece", 3), cell("expected_over_observed", 2)),
    ]


def _print_numbers_of_buyers(values: _Values, cutoffs: list[date], population: str) -> None:
    """Expected buyers with their 80 % interval beside the actual ones, and how often it held them."""
    metrics = ("expected_buyers", "expected_buyers_low", "expected_buyers_high", "buyers")
    found = {
        cutoff: [values[cutoff, "champion", metric][0] for metric in metrics]
        for cutoff in cutoffs
        if all((cutoff, "champion", metric) in values for metric in metrics)
    }
    if not found:
        return
    holds = {cutoff: low <= buyers <= high for cutoff, (_, low, high, buyers) in found.items()}
    print_table(
        [*map(Column, ("cutoff", "expected", "low", "high", "buyers")), Column("", "left")],
        [
            [
                cutoff.isoformat(),
                *(f"{number:.0f}" for number in numbers),
                "" if holds[cutoff] else "outside",
            ]
            for cutoff, numbers in found.items()
        ],
        f"How many buy: the champion's 80 % interval, {population}",
    )
    print(f"\nThe interval held {sum(holds.values())} of {len(holds)}.\n")


def _share_of_the_way(values: _Values, cutoffs: list[date]) -> float | None:
    found = [
        [values[cutoff, method, "roc_auc"][0] for method in ("frequency", "champion", "oracle")]
        for cutoff in cutoffs
        if (cutoff, "oracle", "roc_auc") in values
    ]
    if not found:
        return None
    rule, champion, oracle = (fmean(column) for column in zip(*found, strict=True))
    return (champion - rule) / (oracle - rule) if oracle > rule else None
