"""The charts of the page: Altair's, as SVG text that takes its colours from the page, so that one drawing serves light
and dark. Each is drawn for a wide and for a narrow place, since text in a scaled picture is too small to read.

The legends are the page's: HTML wraps, and is read aloud.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from likely_buyers.report.figures import Figures, Outcome, Row

TOP_PERCENTS = (1, 5, 10, 20)
"""Percent of the list for which gold has lift and capture."""

NOW, OTHER, SECOND, CHANCE, INK, MUTED, LINE = (
    f"var(--{name})" for name in ("now", "other", "second", "chance", "ink", "muted", "line")
)

_PERCENT = alt.Axis(format="~%")
_IDS = re.compile(r'(?<=id=")\w+(?=")')


@dataclass(frozen=True)
class Place:
    """Room for a chart in pixels, axes included."""

    name: str
    width: int
    height: int
    font_size: int


WIDE = Place("wide", 520, 280, 13)
NARROW = Place("narrow", 320, 240, 11)

Drawing = Callable[[Place], alt.TopLevelMixin]


def charts_of(figures: Figures) -> dict[str, Markup]:
    """SVG of each chart that there are figures for, by name: both places in a row."""
    drawings: dict[str, Drawing] = {"scores": partial(score_distribution, figures.classes)}
    if figures.drift:
        drawings["drift"] = partial(score_shift, figures.classes)
    if figures.outcome:
        captures = captured(figures.outcome.figures)
        drawings["gains"] = partial(gains, gains_of(figures.outcome), 1.0)
        drawings["lift"] = partial(lift, figures.outcome.figures)
        drawings["reliability"] = partial(reliability, figures.outcome.deciles)
    elif figures.version and (captures := captured(figures.version.metrics)):
        drawings["gains"] = partial(gains, captures, TOP_PERCENTS[-1] / 100)
        drawings["lift"] = partial(lift, figures.version.metrics)
    if figures.performance:
        for name, floor in (
            ("roc_auc", 0.5),
            ("lift_10pct", 0.0),
            ("predicted_over_realized", 0.0),
        ):
            if any(row[name] is not None for row in figures.performance):
                drawings[name] = partial(over_time, figures.performance, name, floor)
    if figures.event_days:
        drawings["events"] = partial(events_per_day, figures.event_days)
    return {name: _drawn(name, drawing) for name, drawing in drawings.items()}


def _drawn(name: str, drawing: Drawing) -> Markup:
    return Markup("\n").join(_svg(drawing(place), name, place) for place in (WIDE, NARROW))


def _svg(chart: alt.TopLevelMixin, name: str, place: Place) -> Markup:
    """SVG of a chart, without the names that vl-convert counts on through the life of a process."""
    specification = chart.properties(
        width=place.width,
        height=place.height,
        padding=0,
        autosize=alt.AutoSizeParams(type="fit", contains="padding"),
    ).configure(**_style(place))
    svg = vl_convert.vegalite_to_svg(specification.to_dict(validate=False))
    for number, found in enumerate(dict.fromkeys(_IDS.findall(svg))):
        svg = re.sub(rf"\b{found}\b", f"{name}-{place.name}-{number}", svg)
    # hidden from screen readers: the figure that holds it says what it shows, and has its numbers in a table
    return Markup(  # noqa: S704 (Vega escapes the texts of its SVG; a test looks)
        svg.replace(
            'class="marks"', f'class="{place.name}" aria-hidden="true" focusable="false"', 1
        )
    )


def _style(place: Place) -> dict[str, Any]:
    return {
        "aria": False,
        "background": "transparent",
        "font": "sans-serif",
        "view": alt.ViewConfig(stroke=None),
        "axis": alt.AxisConfig(
            domain=False,
            ticks=False,
            gridColor=LINE,
            labelColor=MUTED,
            labelFontSize=place.font_size,
            labelPadding=6,
            titleColor=MUTED,
            titleFontSize=place.font_size,
            titleFontWeight="normal",
            titlePadding=8,
        ),
        "axisX": alt.AxisConfig(grid=False, domain=True, domainColor=MUTED),
        "axisY": alt.AxisConfig(
            titleAngle=0,
            titleAlign="left",
            titleAnchor="start",
            titleBaseline="bottom",
            titleX=0,
            titleY=-10,
        ),
        "line": alt.LineConfig(strokeWidth=2),
        "text": alt.MarkConfig(color=INK, fontSize=place.font_size),
    }


def _data(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=[dict(row) for row in rows])


def shown_classes(classes: Sequence[Row]) -> Sequence[Row]:
    """The classes from the first to the last that has users, now or in the earlier scores."""
    filled = [n for n, row in enumerate(classes) if row["users"] or row["earlier_users"]]
    return classes[filled[0] : filled[-1] + 1]


def _class_axis(classes: Sequence[Row], place: Place) -> alt.X:
    """Classes side by side, named at their edges: they are narrower where the probabilities are small."""
    edges = [classes[0]["low"], *(row["high"] for row in classes)]
    names = ", ".join(f"'{100 * edge:g}'" for edge in edges)
    return alt.X(
        "left:Q",
        title="probability of a purchase, in %",
        scale=alt.Scale(domain=[0, len(classes)], nice=False),
        axis=alt.Axis(
            values=list(range(len(edges))),
            labelExpr=f"[{names}][datum.value]",
            labelFlush=False,
            labelOverlap="parity",
        ),
    )


def score_distribution(classes: Sequence[Row], place: Place) -> alt.TopLevelMixin:
    """Users per class of probability, those on the list below in their own colour."""
    classes = shown_classes(classes)
    bars = []
    for number, row in enumerate(classes):
        ends = {"left": number + 0.06, "right": number + 0.94}
        bars.append({**ends, "from": 0, "to": row["listed_users"], "whose": "listed"})
        bars.append({**ends, "from": row["listed_users"], "to": row["users"], "whose": "others"})
    return (
        alt.Chart(_data(bars))
        .mark_rect()
        .encode(
            _class_axis(classes, place),
            alt.X2("right:Q"),
            alt.Y("from:Q", title="users", axis=alt.Axis(format=",d")),
            alt.Y2("to:Q"),
            alt.Color("whose:N", legend=None, scale=_colours(listed=NOW, others=OTHER)),
        )
    )


def score_shift(classes: Sequence[Row], place: Place) -> alt.TopLevelMixin:
    """Share of the users per class of probability, in the earlier scores and now, side by side."""
    classes = shown_classes(classes)
    totals = {name: sum(row[name] for row in classes) for name in ("users", "earlier_users")}
    bars = []
    for number, row in enumerate(classes):
        for left, name in ((0.08, "earlier_users"), (0.5, "users")):
            share = row[name] / totals[name] if totals[name] else 0
            bars.append(
                {
                    "left": number + left,
                    "right": number + left + 0.42,
                    "share": share,
                    "zero": 0,
                    "when": name,
                }
            )
    return (
        alt.Chart(_data(bars))
        .mark_rect()
        .encode(
            _class_axis(classes, place),
            alt.X2("right:Q"),
            alt.Y("zero:Q", title="share of users", axis=_PERCENT),
            alt.Y2("share:Q"),
            alt.Color("when:N", legend=None, scale=_colours(users=NOW, earlier_users=OTHER)),
        )
    )


def _colours(**colours: str) -> alt.Scale:
    return alt.Scale(domain=list(colours), range=list(colours.values()))


def captured(metrics: Row) -> list[Row]:
    """Points of the gains curve from `capture_<percent>pct`: share of users contacted, share of buyers found."""
    found = [(percent, metrics.get(f"capture_{percent}pct")) for percent in TOP_PERCENTS]
    points = [
        {"whose": "realized", "contacted": percent / 100, "share": share}
        for percent, share in found
        if share is not None
    ]
    return [{"whose": "realized", "contacted": 0.0, "share": 0.0}, *points] if points else []


def gains_of(outcome: Outcome) -> list[Row]:
    """Points of both gains curves of a finished set: what was promised, and what came true."""
    points = captured(outcome.figures)
    for row in outcome.deciles:
        if row["found"] is not None:
            points.append(
                {"whose": "realized", "contacted": row["contacted"], "share": row["found"]}
            )
    promised = [
        {"whose": "promised", "contacted": row["contacted"], "share": row["promised"]}
        for row in outcome.deciles
    ]
    # the tenths repeat what the captures of 10 and 20 % say
    distinct = {(point["whose"], round(point["contacted"], 6)): point for point in points}
    return [*distinct.values(), {"whose": "promised", "contacted": 0.0, "share": 0.0}, *promised]


def gains(points: Sequence[Row], last: float, place: Place) -> alt.TopLevelMixin:
    """Share of all buyers found by contacting the top share of users; `last` is where the axis ends."""
    of_users = alt.X(
        "contacted:Q",
        title="share of users contacted",
        axis=_PERCENT,
        scale=alt.Scale(domain=[0, last]),
    )
    of_buyers = alt.Y(
        "share:Q",
        title="share of buyers found",
        axis=_PERCENT,
        scale=alt.Scale(domainMin=0, nice=True),
    )
    chance = (
        alt.Chart(_data([{"contacted": 0, "share": 0}, {"contacted": last, "share": last}]))
        .mark_line(color=CHANCE, strokeDash=[3, 4], strokeWidth=1.5)
        .encode(of_users, of_buyers)
    )
    base = alt.Chart(_data(points)).encode(
        of_users,
        of_buyers,
        alt.Color("whose:N", legend=None, scale=_colours(realized=NOW, promised=SECOND)),
    )
    return chance + base.mark_line() + base.mark_circle(size=42, opacity=1)


def lift(metrics: Row, place: Place) -> alt.TopLevelMixin:
    """Purchase rate in the top shares of the list over that of all users."""
    bars = [
        {"top": f"top {percent}%", "lift": metrics[f"lift_{percent}pct"]}
        for percent in TOP_PERCENTS
        if metrics.get(f"lift_{percent}pct") is not None
    ]
    base = alt.Chart(_data(bars)).encode(
        alt.X(
            "top:N", title="of the users, by probability", sort=None, axis=alt.Axis(labelAngle=0)
        ),
        alt.Y("lift:Q", title="times the average purchase rate"),
    )
    average = alt.Chart(_data([{"lift": 1}])).mark_rule(
        color=CHANCE, strokeDash=[3, 4], strokeWidth=1.5
    )
    return (
        base.mark_bar(color=NOW, width=alt.RelativeBandSize(band=0.6))
        + average.encode(alt.Y("lift:Q"))
        + base.mark_text(dy=-8).encode(alt.Text("lift:Q", format=".1f"))
    )


_SHARES = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1)
_SMALL_SHARES = (0, 0.001, 0.002, 0.005, 0.01, 0.02)


def reliability(deciles: Sequence[Row], place: Place) -> alt.TopLevelMixin:
    """Promised against realized purchase rate, a dot per tenth of the users; both axes are square roots."""
    points = [
        {"promised": row["mean_probability"], "came": row["realized_rate"]} for row in deciles
    ]
    top = max(max(point.values()) for point in points) or 1.0
    scale = alt.Scale(type="sqrt", domain=[0, top * 1.02])
    axis = alt.Axis(
        format=".1~%",
        values=[
            share
            for share in (_SHARES if top > _SMALL_SHARES[-1] else _SMALL_SHARES)
            if share <= top
        ],
        labelOverlap="greedy",
        labelSeparation=8,
        labelFlush=False,
    )
    promised = alt.X(
        "promised:Q",
        title="promised: mean probability (square-root axes)",
        axis=axis,
        scale=scale,
    )
    came = alt.Y("came:Q", title="came true: share that bought", axis=axis, scale=scale)
    right = (
        alt.Chart(_data([{"promised": 0, "came": 0}, {"promised": top, "came": top}]))
        .mark_line(color=CHANCE, strokeDash=[3, 4], strokeWidth=1.5)
        .encode(promised, came)
    )
    dots = (
        alt.Chart(_data(points)).mark_circle(size=80, color=NOW, opacity=1).encode(promised, came)
    )
    return right + dots


def over_time(
    performance: Sequence[Row], metric: str, floor: float, place: Place
) -> alt.TopLevelMixin:
    """A metric of the finished sets by the day they spoke from; hollow where training knew the outcome."""
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
    base = alt.Chart(_data(points)).encode(
        _day_axis(performance, "as_of_date", "scored as of"),
        alt.Y("value:Q", title=None, scale=alt.Scale(domainMin=floor, zero=floor == 0, nice=True)),
        alt.Color("whose:N", legend=None, scale=_colours(current=NOW, earlier=OTHER)),
    )
    layers = [
        base.mark_line().encode(alt.Detail("version:N")),
        base.mark_point(size=36, opacity=1, strokeWidth=2).encode(
            alt.Fill(
                "seen:N", legend=None, scale=_colours(known="var(--card)", unseen="transparent")
            ),
        ),
        base.transform_filter("datum.seen == 'unseen'").mark_circle(size=42, opacity=1),
    ]
    if metric == "predicted_over_realized":
        right = alt.Chart(_data([{"value": 1}])).mark_rule(
            color=CHANCE, strokeDash=[3, 4], strokeWidth=1.5
        )
        layers.insert(0, right.encode(alt.Y("value:Q")))
    return alt.layer(*layers)


def events_per_day(days: Sequence[Row], place: Place) -> alt.TopLevelMixin:
    """Events of each day before as_of; a day without any is a gap."""
    bars = [{"day": row["event_date"].isoformat(), "events": row["events"]} for row in days]
    room = (place.width - 60) / len(bars)
    return (
        alt.Chart(_data(bars))
        .mark_bar(color=NOW, width=max(1.0, round(0.7 * room, 2)))
        .encode(
            _day_axis(days, "event_date", None, field="day"),
            alt.Y("events:Q", title="events", axis=alt.Axis(format=",d")),
        )
    )


_LONG = 300


def _day_axis(
    rows: Sequence[Row], column: str, title: str | None, field: str | None = None
) -> alt.X:
    """Days in UTC, whatever the zone of the machine that draws."""
    days = [row[column] for row in rows]
    is_long = (max(days) - min(days)).days > _LONG
    return alt.X(
        f"{field or column}:T",
        title=title,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format="%b %Y" if is_long else "%-d %b", tickCount=4, labelOverlap="parity"),
    )
