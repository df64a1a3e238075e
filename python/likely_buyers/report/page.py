"""The page: figures and charts laid out as one HTML file that loads nothing."""

import base64
import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from likely_buyers.outcomes import Outcome
from likely_buyers.report.charts import TOP_PERCENTS, charts_of, edge_text, recalled, shown_classes
from likely_buyers.report.figures import LARGE_DRIFT, SETS_OF_SCORES, SMALL_DRIFT, Figures, Row

_ROOM = Path(__file__).parent
_NOTHING = "\N{EN DASH}"

# name of the metric, its term, decimals, what to say of it
_METRICS = (
    ("roc_auc", "AUC", 3, "chance that a buyer ranks above a non-buyer"),
    ("average_precision", "Average precision", 3, "by chance it is the purchase rate"),
    ("lift_10pct", "Lift, top 10 %", 2, "times the average purchase rate"),
    ("brier", "Brier score", 4, "mean squared error of the probability"),
    ("ece", "Calibration error", 4, "mean gap of prediction and outcome"),
    ("expected_over_observed", "Expected / observed", 2, "1 is right; above 1 expects too many"),
)
_TIME_CHARTS = (
    (
        "roc_auc",
        "AUC",
        "chance that a buyer ranks above a non-buyer; the axis begins at 0.5, a toss-up",
    ),
    ("lift_10pct", "Lift, top 10 %", "times the average purchase rate"),
    (
        "expected_over_observed",
        "Expected / observed",
        "predicted over actual buyers; the line is 1",
    ),
)


@dataclass(frozen=True)
class _Campaign:
    """A campaign as it was listed, and its result when the horizon is over."""

    name: str
    listed: Row
    result: Row | None
    outcome: Outcome | None
    """None where it is configured no more."""


def page_of(figures: Figures, pages: Sequence[tuple[str, str]] = ()) -> str:
    """The page as HTML text.

    pages: outcome and file name of each page that there is beside each other, this one among them.
    """
    environment = Environment(
        loader=FileSystemLoader(_ROOM),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        {
            "breakable": _breakable,
            "cell": _cell,
            "class": _class,
            "count": _count,
            "day": _day,
            "decimals": _decimals,
            "edge": edge_text,
            "minute": _minute,
            "money": partial(_money, currency=figures.currency),
            "percent": _percent,
            "points": _points,
            "rounded": _rounded,
            "sentence": lambda words: words[:1].upper() + words[1:],
            "shift": _shift,
            "time": _time,
        }
    )
    # nothing from outside stands in these two: they are files of this room
    style, script = (
        Markup((_ROOM / name).read_text("utf-8"))  # noqa: S704
        for name in ("page.css", "page.js")
    )
    classes = shown_classes(figures.classes)
    return environment.get_template("page.html.j2").render(
        figures=figures,
        pages=pages,
        charts=charts_of(figures),
        classes=classes,
        fullest=max(classes, key=lambda row: (row["users"], row["low"])),
        categories=sorted({row["favourite_category"] for row in figures.buyers} - {None}),
        gains=_gains(figures),
        campaigns=_campaigns(figures),
        metric_words=_METRICS,
        time_charts=_TIME_CHARTS,
        top_percents=TOP_PERCENTS,
        limits=(SMALL_DRIFT, LARGE_DRIFT),
        sets=SETS_OF_SCORES,
        package_version=version("likely_buyers"),
        style=style,
        script=script,
        policy=_policy(style, script),
    )


def write_report(figures: Figures, path: Path, pages: Sequence[tuple[str, str]] = ()) -> None:
    """Write the page; who has the old one open never sees half of the new one.

    pages: as of `page_of`.

    Raises:
        OSError: the folder is missing or cannot be written to.
    """
    html = page_of(figures, pages)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    written = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(html)
        written.chmod(0o644)
        written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise


def _policy(style: str, script: str) -> str:
    """A content security policy under which this style and this script run and nothing else, and nothing is loaded."""
    digests = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    ]
    return (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; base-uri 'none';"
        " form-action 'none'"
    )


def _gains(figures: Figures) -> list[Row]:
    """The numbers behind the gains chart: share of users contacted, of buyers found, of buyers predicted."""
    if figures.outcome:
        points = {
            round(point["contacted"], 6): {**point, "found": point["share"], "predicted": None}
            for point in recalled(figures.outcome.figures)
        }
        for row in figures.outcome.deciles:
            points[round(row["contacted"], 6)] = {**row}
        return [points[contacted] for contacted in sorted(points)]
    if figures.version:
        return [{**point, "found": point["share"]} for point in recalled(figures.version.metrics)]
    return []


def _campaigns(figures: Figures) -> list[_Campaign]:
    tables = {table.name: table.rows for table in figures.campaigns}
    results = {row["campaign"]: row for row in tables.get("campaign_results", [])}
    newest_first = sorted(
        tables.get("campaigns", []), key=lambda row: row["as_of_date"], reverse=True
    )
    outcomes = {outcome.name: outcome for outcome in figures.outcomes}
    return [
        _Campaign(row["campaign"], row, results.get(row["campaign"]), outcomes.get(row["outcome"]))
        for row in newest_first
    ]


# --- how values are written ---------------------------------------------------


def _count(value: int) -> str:
    return f"{int(value):,}"


def _rounded(value: float | Decimal) -> str:
    return f"{Decimal(str(value)).quantize(Decimal(1), ROUND_HALF_EVEN):,}"


def _decimals(value: float | None, places: int) -> str:
    return _NOTHING if value is None else f"{value:,.{places}f}"


def _money(value: float | Decimal | None, places: int = 2, *, currency: str | None) -> str:
    """An amount with its currency, whose sign is no one's guess."""
    if value is None:
        return _NOTHING
    amount = f"{Decimal(str(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN):,}"
    return f"{amount}\u00a0{currency}" if currency else amount


def _percent(value: float | None, places: int = 1) -> str:
    return _NOTHING if value is None else f"{100 * value:.{places}f}\u00a0%"


def _points(value: float | None) -> str:
    """A difference of two shares."""
    return _NOTHING if value is None else f"{100 * value:+.2f} points"


def _day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"


def _time(value: date | str) -> Markup:
    return Markup("<time>{}</time>").format(value)


def _minute(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"


def _class(row: Row) -> str:
    return f"{edge_text(row['low'])} to {edge_text(row['high'])}\u00a0%"


def _shift(index: float) -> str:
    if index < SMALL_DRIFT:
        return "no shift worth mention"
    return "a large shift" if index > LARGE_DRIFT else "a moderate shift"


def _breakable(value: str) -> Markup:
    """A dotted path that may go on in the next line."""
    return Markup(".<wbr>").join(escape(part) for part in value.split("."))


def _cell(value: Any) -> str:
    """A value of a table that is shown as it is."""
    if value is None:
        return _NOTHING
    if isinstance(value, bool) or not isinstance(value, float | Decimal | int):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}".rstrip("0").rstrip(".")
