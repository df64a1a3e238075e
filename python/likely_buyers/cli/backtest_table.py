"""What `likely-buyers backtest` prints."""

from collections.abc import Sequence
from datetime import date
from statistics import fmean
from typing import Any

from likely_buyers.cli.tables import Column, print_table

METHODS = (
    "recency",
    "frequency",
    "bg_nbd",
    "logistic_regression",
    "gradient_boosting",
    "ensemble",
    "champion",
    "oracle",
)
"""Methods, from the simplest rule to the truth."""

COLUMNS = ("cutoff_date", "population", "method", "metric", "value", "low", "high", "model")
"""What is read of training.backtest."""

QUERY = (
    f"select {', '.join(COLUMNS)} from {{{{ ref('backtest') }}}}"  # noqa: S608
    " order by cutoff_date, population, method, metric"
)
_Values = dict[tuple[date, str, str], tuple[float, float | None, float | None]]


def print_backtest(rows: Sequence[tuple[Any, ...]], population: str) -> None:
    """Print the means by method, and the champion cutoff by cutoff, for one population.

    rows: those of QUERY.
    """
    values: _Values = {
        (cutoff, method, metric): (float(value), low, high)
        for cutoff, whose, method, metric, value, low, high, _ in rows
        if whose == population
    }
    models = {row[0]: row[7] for row in rows if row[2] == "champion"}
    cutoffs = sorted({cutoff for cutoff, _, _ in values})
    methods = [m for m in METHODS if any(method == m for _, method, _ in values)]
    _print_means(values, cutoffs, methods, population)
    print()
    _print_by_cutoff(values, cutoffs, models, population)
    print()
    share = _share_of_the_way(values, cutoffs)
    if share is not None:
        print(
            f"The champion goes {share:.0%} of the way in AUC from frequency to the oracle, the bound of what"
            " can be known.\n"
        )


def _print_means(values: _Values, cutoffs: list[date], methods: list[str], population: str) -> None:
    headings = (
        "AUC",
        "avg\nprec",
        "lift\n10%",
        "Brier",
        "log\nloss",
        "ECE",
        "p /\nactual",
        "range",
    )
    table = []
    for method in methods:

        def mean(metric: str, digits: int, method: str = method) -> str:
            found = [values[c, method, metric][0] for c in cutoffs if (c, method, metric) in values]
            return f"{fmean(found):.{digits}f}" if found else ""

        ratios = [
            values[c, method, "expected_over_observed"][0]
            for c in cutoffs
            if (c, method, "expected_over_observed") in values
        ]
        table.append(
            [
                method.replace("_", " "),
                mean("roc_auc", 4),
                mean("average_precision", 4),
                mean("lift_10pct", 3),
                mean("brier", 4),
                mean("log_loss", 4),
                mean("ece", 4),
                mean("expected_over_observed", 3),
                f"{min(ratios):.2f}-{max(ratios):.2f}" if ratios else "",
            ]
        )
    print_table(
        [Column("method", "left"), *map(Column, headings)],
        table,
        f"Means over {len(cutoffs)} cutoff{'' if len(cutoffs) == 1 else 's'}, {population}",
    )


def _print_by_cutoff(
    values: _Values, cutoffs: list[date], models: dict[date, str | None], population: str
) -> None:
    headings = (
        *("cutoff", population, "base\nrate", "AUC", "average\nprecision", "lift 10%", "ECE"),
        "p /\nactual",
    )
    table = []
    for cutoff in cutoffs:

        def of(metric: str, cutoff: date = cutoff) -> tuple[float, float | None, float | None]:
            return values.get((cutoff, "champion", metric), (float("nan"), None, None))

        def ranged(metric: str, digits: int, cutoff: date = cutoff) -> str:
            value, low, high = values.get((cutoff, "champion", metric), (float("nan"), None, None))
            if low is None or high is None:
                return f"{value:.{digits}f}"
            return f"{value:.{digits}f}\n({low:.{digits - 1}f}-{high:.{digits - 1}f})"

        table.append(
            [
                cutoff.isoformat(),
                f"{of('users')[0]:.0f}",
                f"{of('base_rate')[0]:.3f}",
                ranged("roc_auc", 4),
                ranged("average_precision", 4),
                ranged("lift_10pct", 3),
                f"{of('ece')[0]:.3f}",
                f"{of('expected_over_observed')[0]:.2f}",
                models.get(cutoff) or "",
            ]
        )
    print_table(
        [*map(Column, headings), Column("model", "words")],
        table,
        f"The champion at each cutoff, {population}, 95 % intervals",
    )


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
