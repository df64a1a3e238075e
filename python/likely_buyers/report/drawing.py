"""What all charts of the page share: a chart as SVG text that takes its colours from the page, so that one drawing
serves light and dark. Each is drawn wide and narrow, since text in a scaled picture is too small to read.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

NOW, OTHER, SECOND, CHANCE, INK, MUTED, LINE = (
    f"var(--{name})" for name in ("now", "other", "second", "chance", "ink", "muted", "line")
)

PERCENT = alt.Axis(format="~%")
_IDS = re.compile(r'(?<=id=")\w+(?=")')
_LONG = 300


@dataclass(frozen=True)
class Size:
    """Room for a chart in pixels, axes included."""

    name: str
    width: int
    height: int
    font_size: int


WIDE = Size("wide", 520, 280, 13)
NARROW = Size("narrow", 320, 240, 11)

Drawing = Callable[[Size], alt.TopLevelMixin]


def drawn(name: str, drawing: Drawing) -> Markup:
    """SVG of a chart in both sizes, one after the other."""
    return Markup("\n").join(_svg(drawing(size), name, size) for size in (WIDE, NARROW))


def data(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    """Rows as Vega-Lite takes them."""
    return alt.InlineData(values=[dict(row) for row in rows])


def colours(**named: str) -> alt.Scale:
    """A colour for each value."""
    return alt.Scale(domain=list(named), range=list(named.values()))


def dashed(rows: Sequence[Mapping[str, Any]], *encodings: Any) -> alt.Chart:
    """The line to compare with: chance, or what was predicted."""
    return (
        alt.Chart(data(rows))
        .mark_line(color=CHANCE, strokeDash=[3, 4], strokeWidth=1.5)
        .encode(*encodings)
    )


def level(value: float) -> alt.Chart:
    """The same across the whole chart."""
    return (
        alt.Chart(data([{"level": value}]))
        .mark_rule(color=CHANCE, strokeDash=[3, 4], strokeWidth=1.5)
        .encode(alt.Y("level:Q"))
    )


def day_axis(
    rows: Sequence[Mapping[str, Any]], column: str, title: str | None, field: str | None = None
) -> alt.X:
    """Days in UTC, whatever the zone of the computer that draws; charts of the same rows have the same axis."""
    days = [row[column] for row in rows]
    is_long = (max(days) - min(days)).days > _LONG
    # one day alone would be an axis without a length
    ends = [min(days), max(days)] if len(set(days)) > 1 else []
    domain = [end.isoformat() for end in ends] or alt.Undefined
    return alt.X(
        f"{field or column}:T",
        title=title,
        scale=alt.Scale(type="utc", domain=domain),
        axis=alt.Axis(format="%b %Y" if is_long else "%-d %b", tickCount=4, labelOverlap="parity"),
    )


def _svg(chart: alt.TopLevelMixin, name: str, size: Size) -> Markup:
    """SVG of a chart, without the names that vl-convert counts on through the life of a process."""
    specification = chart.properties(
        width=size.width,
        height=size.height,
        padding=0,
        autosize=alt.AutoSizeParams(type="fit", contains="padding"),
    ).configure(**_style(size))
    svg = vl_convert.vegalite_to_svg(specification.to_dict(validate=False))
    for number, found in enumerate(dict.fromkeys(_IDS.findall(svg))):
        svg = re.sub(rf"\b{found}\b", f"{name}-{size.name}-{number}", svg)
    # hidden from screen readers: the figure that holds it says what it shows, and has its numbers in a table
    return Markup(  # noqa: S704 (Vega escapes the texts of its SVG; a test looks)
        svg.replace('class="marks"', f'class="{size.name}" aria-hidden="true" focusable="false"', 1)
    )


def _style(size: Size) -> dict[str, Any]:
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
            labelFontSize=size.font_size,
            labelPadding=6,
            titleColor=MUTED,
            titleFontSize=size.font_size,
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
        "text": alt.MarkConfig(color=INK, fontSize=size.font_size),
    }
