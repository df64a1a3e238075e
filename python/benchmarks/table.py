"""The table: what was measured in rows, sizes in columns, goals beside them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from builds import LAYERS, START, Build
from measure import Run
from peers import DUCKDB, PANDAS, POLARS, PYSPARK, Floor

# Models that take this share of the time of all, in any of the builds, have a row of their own.
_DEAR_SHARE = 0.04


@dataclass
class Measured:
    """All that was measured at one size; what was left out is not in it."""

    events: int
    users: int
    file_format: str = "parquet"
    builds: dict[str, Build] = field(default_factory=dict)
    peers: dict[str, Run] = field(default_factory=dict)
    floor: Floor | None = None


FULL, AGAIN, NEW_DAY, TWICE = (
    "dbt build, full",
    "dbt build, nothing new",
    "dbt build, day 60 is new",
    "dbt build, day 120 is new",
)
_PEERS = (PANDAS, DUCKDB, POLARS, PYSPARK)


@dataclass(frozen=True)
class Ratio:
    """A ratio or figure with its goal at a size."""

    what: str
    goal: str
    value: Callable[[Measured], float | None]
    text: str
    """A format of the value."""
    is_met: Callable[[float, Measured], bool]


def _seconds(measured: Measured, name: str) -> float | None:
    if name in measured.builds:
        return measured.builds[name].run.seconds
    peer = measured.peers.get(name)
    return None if peer is None or peer.stopped else peer.seconds


def _over(measured: Measured, one: str, other: str) -> float | None:
    first, second = _seconds(measured, one), _seconds(measured, other)
    return None if first is None or second is None else first / second


def _memory_over_pandas(measured: Measured) -> float | None:
    peer = measured.peers.get(PANDAS)
    return None if peer is None else measured.builds[FULL].run.peak_gb / peer.peak_gb


def _over_floor(measured: Measured) -> float | None:
    floor = measured.floor
    return None if floor is None else measured.builds[FULL].run.seconds / floor.seconds


def _scoring_speed(measured: Measured) -> float | None:
    floor = measured.floor
    return (
        None
        if floor is None
        else floor.predict_seconds / measured.builds[FULL].nodes["predictions"]
    )


_MIDDLE, _BIG = 20_000_000, 100_000_000

RATIOS = (
    Ratio(
        "full build, times faster than PySpark",
        "at least 8",
        lambda measured: _over(measured, PYSPARK, FULL),
        "{:.1f}",
        lambda value, _: value >= 8,
    ),
    Ratio(
        "new day, times faster than PySpark, which reads everything again",
        "at least 14",
        lambda measured: _over(measured, PYSPARK, NEW_DAY),
        "{:.1f}",
        lambda value, _: value >= 14,
    ),
    Ratio(
        "full build, times faster than naive pandas",
        "at least 2.5",
        lambda measured: _over(measured, PANDAS, FULL),
        "{:.1f}",
        lambda value, _: value >= 2.5,
    ),
    Ratio(
        "full build, share of the memory of naive pandas",
        "at most 25 %",
        _memory_over_pandas,
        "{:.0%}",
        lambda value, _: value <= 0.25,
    ),
    Ratio(
        "full build, times the plain DuckDB script",
        "at most 2",
        lambda measured: _over(measured, FULL, DUCKDB),
        "{:.1f}",
        lambda value, _: value <= 2,
    ),
    Ratio(
        "full build, times the lazy Polars script",
        "",
        lambda measured: _over(measured, FULL, POLARS),
        "{:.1f}",
        lambda *_: True,
    ),
    Ratio(
        "full build, times the floor",
        "at most 2.8",
        _over_floor,
        "{:.1f}",
        lambda value, _: value <= 2.8,
    ),
    Ratio(
        "new day, share of the full build",
        "at most 25 %, 15 % at 100 M",
        lambda measured: _over(measured, NEW_DAY, FULL),
        "{:.0%}",
        lambda value, measured: value <= (0.15 if measured.events >= _BIG else 0.25),
    ),
    Ratio(
        "new day with twice the history, times the new day",
        "at most 1.25",
        lambda measured: _over(measured, TWICE, NEW_DAY),
        "{:.2f}",
        lambda value, _: value <= 1.25,
    ),
    Ratio(
        "users scored a second in the build, times predict_proba alone",
        "at least 0.9",
        _scoring_speed,
        "{:.2f}",
        lambda value, _: value >= 0.9,
    ),
    Ratio(
        "nothing new, seconds",
        "at most 8 at 20 M",
        lambda measured: _seconds(measured, AGAIN),
        "{:.1f}",
        lambda value, measured: value <= 8 or measured.events > _MIDDLE,
    ),
    Ratio(
        "full build, seconds",
        "at most 170 at 100 M",
        lambda measured: _seconds(measured, FULL),
        "{:.1f}",
        lambda value, measured: value <= 170 or measured.events > _BIG,
    ),
    Ratio(
        "new day, seconds",
        "at most 55 at 100 M",
        lambda measured: _seconds(measured, NEW_DAY),
        "{:.1f}",
        lambda value, measured: value <= 55 or measured.events > _BIG,
    ),
    Ratio(
        "full build, peak GB",
        "at most 5 at 100 M",
        lambda measured: measured.builds[FULL].run.peak_gb,
        "{:.2f}",
        lambda value, measured: value <= 5 or measured.events > _BIG,
    ),
)


def markdown(sizes: list[Measured]) -> str:
    """The whole table: ratios with their goals; then seconds, events a second and memory; layers; dear models."""
    head = ["", "goal", *(_title(size) for size in sizes)]
    rows = [[ratio.what, ratio.goal, *(_judged(ratio, size) for size in sizes)] for ratio in RATIOS]
    for name in (FULL, AGAIN, NEW_DAY, TWICE, *_PEERS):
        rows.append([f"{name}: s, events a second, peak GB", ""])
        rows[-1] += [_run(size, name) for size in sizes]
    rows.append(["floor: s (aggregate + predict_proba), events a second, peak GB", ""])
    rows[-1] += [_floor(size) for size in sizes]
    shown = (FULL, AGAIN, NEW_DAY, TWICE)
    builds = "full / nothing new / day 60 / day 120"
    for layer in (*LAYERS, START):
        rows.append([f"{layer}: s of {builds}", ""])
        rows[-1] += [
            _each(size, shown, lambda build, layer=layer: build.layers.get(layer)) for size in sizes
        ]
    for node in _dear_nodes(sizes):
        rows.append([f"model {node}: s of {builds}", ""])
        rows[-1] += [
            _each(size, shown, lambda build, node=node: build.nodes.get(node)) for size in sizes
        ]
    return _aligned([head, *rows])


def _title(size: Measured) -> str:
    title = f"{size.events:,} events, {size.users:,} users"
    return title if size.file_format == "parquet" else f"{title}, {size.file_format}"


def _judged(ratio: Ratio, size: Measured) -> str:
    value = ratio.value(size)
    if value is None:
        return "-"
    return ratio.text.format(value) + ("" if ratio.is_met(value, size) else " (missed)")


def _run(size: Measured, name: str) -> str:
    found = size.builds[name].run if name in size.builds else size.peers.get(name)
    if found is None:
        return "-"
    if found.stopped:
        return f"does not fit: stopped after {found.seconds:.0f} s at {found.peak_gb:.1f} GB"
    # a new day has a sixtieth of the events to take in: its rate would say little
    rate = f"{size.events / found.seconds:,.0f}" if name in (FULL, *_PEERS) else "-"
    return f"{found.seconds:.1f}, {rate}, {found.peak_gb:.2f}"


def _floor(size: Measured) -> str:
    floor = size.floor
    if floor is None:
        return "-"
    return (
        f"{floor.seconds:.1f} ({floor.aggregate_seconds:.1f} + {floor.predict_seconds:.1f}),"
        f" {size.events / floor.seconds:,.0f}, {floor.run.peak_gb:.2f}"
    )


def _each(size: Measured, names: tuple[str, ...], seconds: Callable[[Build], float | None]) -> str:
    values = [seconds(size.builds[name]) if name in size.builds else None for name in names]
    return " / ".join("-" if value is None else f"{value:.1f}" for value in values)


def _dear_nodes(sizes: list[Measured]) -> list[str]:
    shares: dict[str, float] = {}
    for size in sizes:
        for build in size.builds.values():
            for node, seconds in build.nodes.items():
                share = seconds / sum(build.layers.values())
                shares[node] = max(shares.get(node, 0.0), share)
    return sorted(
        (node for node, share in shares.items() if share >= _DEAR_SHARE),
        key=lambda node: -shares[node],
    )


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    head, *body = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    )
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([head, rule, *body]) + "\n"
