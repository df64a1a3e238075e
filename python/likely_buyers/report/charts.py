"""The charts of the page, Altair's. The legends are the page's: HTML wraps, and is read aloud.

Charts that stand side by side have the same axes: both of the scores, gains and lift, and those over time.
"""

from collections.abc import Sequence
from functools import partial
from math import ceil

import altair as alt
from markupsafe import Markup

from likely_buyers.report.drawing import (
    NOW,
    OTHER,
    PERCENT,
    SECOND,
    Drawing,
    Size,
    colours,
    dashed,
    data,
    day_axis,
    drawn,
    level,
)
from likely_buyers.report.figures import Actual, Figures, Row

TOP_PERCENTS = (1, 5, 10, 20)
"""Percent of the list for which gold has lift and recall."""

_LABELLED_PERCENTS = (1, 10)
_FLOORS = {"roc_auc": 0.5, "lift_10pct": 0.0, "expected_over_observed": 0.0}


def charts_of(figures: Figures) -> dict[str, Markup]:
    """SVG of each chart that there are figures for, by name: both sizes in a row."""
    drawings: dict[str, Drawing] = {"scores": partial(score_distribution, figures.classes)}
    if figures.drift:
        drawings["drift"] = partial(score_shift, figures.classes)
    if figures.outcome:
        drawings["gains"] = partial(gains, gains_of(figures.outcome), 1.0)
        drawings["lift"] = partial(lift, lift_of(figures.outcome), 1.0)
        drawings["reliability"] = partial(reliability, figures.outcome.deciles)
    elif figures.version and (points := recalled(figures.version.metrics)):
        last = TOP_PERCENTS[-1] / 100
        drawings["gains"] = partial(gains, points, last)
        drawings["lift"] = partial(lift, lifts(figures.version.metrics), last)
    if figures.performance:
        for name, floor in _FLOORS.items():
            if any(row[name] is not None for row in figures.performance):
                drawings[name] = partial(over_time, figures.performance, name, floor)
    if figures.event_days:
        drawings["events"] = partial(events_per_day, figures.event_days)
    return {name: drawn(name, drawing) for name, drawing in drawings.items()}


def shown_classes(classes: Sequence[Row]) -> Sequence[Row]:
    """The classes from the first to the last that has users, now or in the earlier scores."""
    filled = [n for n, row in enumerate(classes) if row["users"] or row["earlier_users"]]
    return classes[filled[0] : filled[-1] + 1]


def edge_text(edge: float) -> str:
    """An edge of a class in percent, rounded to a tenth."""
    return f"{100 * edge:.1f}".removesuffix(".0")


def _class_axis(classes: Sequence[Row]) -> alt.X:
    """A class is as wide as its neighbour: it reaches to twice the probability of the one before."""
    edges = [classes[0]["low"], *(row["high"] for row in classes)]
    names = ", ".join(f"'{edge_text(edge)}'" for edge in edges)
    return alt.X(
        "left:Q",
        title="probability, in % (each step doubles it)",
        scale=alt.Scale(domain=[0, len(classes)], nice=False),
        axis=alt.Axis(
            values=list(range(len(edges))),
            labelExpr=f"[{names}][datum.value]",
            labelFlush=False,
            labelOverlap="parity",
        ),
    )


def _share_axis(classes: Sequence[Row], column: str) -> alt.Y:
    """The same in both charts of the scores: it reaches to the next tenth above the fullest class of either."""
    fullest = max(
        row[name] / (sum(other[name] for other in classes) or 1)
        for row in classes
        for name in ("users", "earlier_users")
    )
    return alt.Y(
        f"{column}:Q",
        title="share of users",
        axis=PERCENT,
        scale=alt.Scale(domain=[0, ceil(10 * fullest) / 10]),
    )


def score_distribution(classes: Sequence[Row], size: Size) -> alt.TopLevelMixin:
    """Share of the users per class of probability, those on the list in their own colour."""
    classes = shown_classes(classes)
    total = sum(row["users"] for row in classes) or 1
    bars = []
    for number, row in enumerate(classes):
        ends = {"left": number + 0.06, "right": number + 0.94}
        listed, users = row["listed_users"] / total, row["users"] / total
        bars.append({**ends, "from": 0, "to": listed, "whose": "listed"})
        bars.append({**ends, "from": listed, "to": users, "whose": "others"})
    return (
        alt.Chart(data(bars))
        .mark_rect()
        .encode(
            _class_axis(classes),
            alt.X2("right:Q"),
            _share_axis(classes, "from"),
            alt.Y2("to:Q"),
            alt.Color("whose:N", legend=None, scale=colours(listed=NOW, others=OTHER)),
        )
    )


def score_shift(classes: Sequence[Row], size: Size) -> alt.TopLevelMixin:
    """Share of the users per class of probability, in the earlier scores and now, side by side."""
    classes = shown_classes(classes)
    totals = {name: sum(row[name] for row in classes) for name in ("users", "earlier_users")}
    bars = [
        {
            "left": number + left,
            "right": number + left + 0.42,
            "share": row[name] / totals[name] if totals[name] else 0,
            "zero": 0,
            "when": name,
        }
        for number, row in enumerate(classes)
        for left, name in ((0.08, "earlier_users"), (0.5, "users"))
    ]
    return (
        alt.Chart(data(bars))
        .mark_rect()
        .encode(
            _class_axis(classes),
            alt.X2("right:Q"),
            _share_axis(classes, "zero"),
            alt.Y2("share:Q"),
            alt.Color("when:N", legend=None, scale=colours(users=NOW, earlier_users=OTHER)),
        )
    )


def recalled(metrics: Row) -> list[Row]:
    """Points of the gains curve from recall at k: share of users contacted, share of buyers found."""
    found = [(percent, metrics.get(f"recall_{percent}pct")) for percent in TOP_PERCENTS]
    points = [
        {"whose": "actual", "contacted": percent / 100, "share": share}
        for percent, share in found
        if share is not None
    ]
    return [{"whose": "actual", "contacted": 0.0, "share": 0.0}, *points] if points else []


def gains_of(outcome: Actual) -> list[Row]:
    """Points of both gains curves of a finished set: what was predicted, and what came true."""
    points = recalled(outcome.figures)
    for row in outcome.deciles:
        if row["found"] is not None:
            points.append({"whose": "actual", "contacted": row["contacted"], "share": row["found"]})
    predicted = [
        {"whose": "predicted", "contacted": row["contacted"], "share": row["predicted"]}
        for row in outcome.deciles
    ]
    # the tenths repeat what recall at 10 and 20 % says
    distinct = {(point["whose"], round(point["contacted"], 6)): point for point in points}
    return [*distinct.values(), {"whose": "predicted", "contacted": 0.0, "share": 0.0}, *predicted]


def _contacted_axis(last: float) -> alt.X:
    """Of gains and lift alike; `last` is where it ends."""
    return alt.X(
        "contacted:Q",
        title="share of users contacted",
        axis=PERCENT,
        scale=alt.Scale(domain=[0, last]),
    )


def gains(points: Sequence[Row], last: float, size: Size) -> alt.TopLevelMixin:
    """Share of all buyers found by contacting the top share of users."""
    of_users = _contacted_axis(last)
    of_buyers = alt.Y(
        "share:Q",
        title="share of buyers found",
        axis=PERCENT,
        scale=alt.Scale(domainMin=0, nice=True),
    )
    ends: list[Row] = [{"contacted": end, "share": end} for end in (0, last)]
    base = alt.Chart(data(points)).encode(
        of_users,
        of_buyers,
        alt.Color("whose:N", legend=None, scale=colours(actual=NOW, predicted=SECOND)),
    )
    chance = dashed(ends, of_users, of_buyers)
    return chance + base.mark_line() + base.mark_circle(size=42, opacity=1)


def lifts(metrics: Row) -> list[Row]:
    """Points of the lift curve from the metrics."""
    return [
        {"contacted": percent / 100, "lift": value, "label": percent in _LABELLED_PERCENTS}
        for percent in TOP_PERCENTS
        if (value := metrics.get(f"lift_{percent}pct")) is not None
    ]


def lift_of(outcome: Actual) -> list[Row]:
    """Points of the lift curve of a finished set, down to all users, whose lift is 1."""
    points = lifts(outcome.figures)
    known = {round(point["contacted"], 6) for point in points}
    for row in outcome.deciles:
        # a tenth of few users may be 10.1 % of them; the metrics have the tenth that counts
        if row["found"] is not None and round(row["contacted"], 6) not in known:
            value = row["found"] / row["contacted"]
            points.append({"contacted": row["contacted"], "lift": value, "label": False})
    return sorted(points, key=lambda point: point["contacted"])


def lift(points: Sequence[Row], last: float, size: Size) -> alt.TopLevelMixin:
    """Purchase rate in the top share of the users over that of all users."""
    base = alt.Chart(data(points)).encode(
        _contacted_axis(last),
        alt.Y(
            "lift:Q",
            title="times the average purchase rate",
            scale=alt.Scale(domainMin=0, nice=True),
        ),
    )
    return (
        level(1)
        + base.mark_line(color=NOW)
        + base.mark_circle(color=NOW, size=42, opacity=1)
        + base.transform_filter("datum.label")
        .mark_text(dx=7, dy=-7, align="left")
        .encode(alt.Text("lift:Q", format=".1f"))
    )


_SHARES = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1)
_SMALL_SHARES = (0, 0.001, 0.002, 0.005, 0.01, 0.02)


def reliability(deciles: Sequence[Row], size: Size) -> alt.TopLevelMixin:
    """Predicted against actual purchase rate, a dot per tenth of the users; both axes are square roots."""
    points = [
        {"predicted": row["mean_probability"], "actual": row["actual_rate"]} for row in deciles
    ]
    top = max(max(point.values()) for point in points) or 1.0
    scale = alt.Scale(type="sqrt", domain=[0, top * 1.02])
    shares = _SHARES if top > _SMALL_SHARES[-1] else _SMALL_SHARES
    axis = alt.Axis(
        format=".1~%",
        values=[share for share in shares if share <= top],
        labelOverlap="greedy",
        labelSeparation=8,
        labelFlush=False,
    )
    predicted = alt.X(
        "predicted:Q",
        title="predicted: mean probability (square-root axes)",
        axis=axis,
        scale=scale,
    )
    actual = alt.Y("actual:Q", title="actual share", axis=axis, scale=scale)
    ends: list[Row] = [{"predicted": end, "actual": end} for end in (0, top)]
    dots = alt.Chart(data(points)).mark_circle(size=80, color=NOW, opacity=1)
    return dashed(ends, predicted, actual) + dots.encode(predicted, actual)


def over_time(
    performance: Sequence[Row], metric: str, floor: float, size: Size
) -> alt.TopLevelMixin:
    """A metric of the finished sets by the day they speak from; hollow where training knew the outcome."""
    points = [
        {
            "as_of_date": row["as_of_date"].isoformat(),
            "value": row[metric],
            "version": row["model_version"],
            "whose": "current" if row["is_current"] else "earlier",
            "seen": "known" if row["is_known"] else "unseen",
        }
        for row in performance
        if row[metric] is not None
    ]
    base = alt.Chart(data(points)).encode(
        day_axis(performance, "as_of_date", "scored as of"),
        alt.Y("value:Q", title=None, scale=alt.Scale(domainMin=floor, zero=floor == 0, nice=True)),
        alt.Color("whose:N", legend=None, scale=colours(current=NOW, earlier=OTHER)),
    )
    layers = [
        base.mark_line().encode(alt.Detail("version:N")),
        base.mark_point(size=36, opacity=1, strokeWidth=2).encode(
            alt.Fill(
                "seen:N", legend=None, scale=colours(known="var(--card)", unseen="transparent")
            ),
        ),
        base.transform_filter("datum.seen == 'unseen'").mark_circle(size=42, opacity=1),
    ]
    if metric == "expected_over_observed":
        layers.insert(0, level(1))
    return alt.layer(*layers)


def events_per_day(days: Sequence[Row], size: Size) -> alt.TopLevelMixin:
    """Events of each day before as_of; a day without any is a gap."""
    bars = [{"day": row["event_date"].isoformat(), "events": row["events"]} for row in days]
    room = (size.width - 60) / len(bars)
    return (
        alt.Chart(data(bars))
        .mark_bar(color=NOW, width=max(1.0, round(0.7 * room, 2)))
        .encode(
            day_axis(days, "event_date", None, field="day"),
            alt.Y("events:Q", title="events", axis=alt.Axis(format=",d")),
        )
    )
