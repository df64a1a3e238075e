"""The figures as metrics: for Prometheus by prometheus_client, for Datadog by its DogStatsD client.

Names and units are as Prometheus asks: base units, a word for the thing, `_timestamp_seconds` for moments. All are
gauges: a build is no process that counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likely_buyers.errors import from_extra
from likely_buyers.watching.errors import WatchingError
from likely_buyers.watching.record import BuildRecord
from likely_buyers.watching.state import State

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

PREFIX = "likely_buyers_"


@dataclass(frozen=True)
class Gauge:
    """One metric: its samples by the values of its labels.

    Attributes:
        name: without PREFIX, with its unit.
        help: what it measures.
        labels: their names.
        samples: values of the labels -> value.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    samples: dict[tuple[str, ...], float] = field(default_factory=dict)

    def with_value(self, value: Any, *labels: Any) -> "Gauge":
        """The same, with one more sample, unless there is none."""
        if value is not None:
            self.samples[tuple(str(label) for label in labels)] = float(value)
        return self


# of the columns of outcomes.sql: metric, column, help
_OF_OUTCOME = (
    ("scores", "users", "Users with a score."),
    ("earlier_scores", "earlier_users", "Users with a score as of the day before the current one."),
    ("listed_users", "listed_users", "Users on the list."),
    ("expected_buyers", "expected_buyers", "Sum of the probabilities."),
    ("expected_buyers_low", "expected_buyers_low", "Lower end of the 80 % interval."),
    ("expected_buyers_high", "expected_buyers_high", "Upper end of the 80 % interval."),
    ("estimated_auc_ratio", "estimated_roc_auc", "AUC that the current scores should have."),
    ("estimated_precision_ratio", "estimated_precision_10pct", "Precision of the top 10 % that is expected."),
    ("past_auc_error_ratio", "past_roc_auc_error", "Mean absolute error of earlier estimates of the AUC."),
    ("actual_auc_ratio", "actual_roc_auc", "AUC of the last scores whose horizon is over."),
    ("actual_estimated_auc_ratio", "finished_estimated_roc_auc", "AUC that had been estimated of these."),
    ("actual_precision_ratio", "actual_precision_10pct", "Precision of the top 10 % of these."),
    ("expected_over_observed_ratio", "expected_over_observed", "Expected over actual buyers of these, nobody as one."),
    ("score_drift", "score_drift", "Distance of the scores from those of training, in standard deviations."),
    ("feature_drift", "feature_drift", "Mean distance of the features from training, weighed by importance."),
    ("drifted_features", "drifted_features", "Features that have drifted."),
)  # fmt: skip


def gauges(state: State | None, record: BuildRecord | None) -> list[Gauge]:
    """All metrics of what was read, in the order of their names; without a state those of the build alone."""
    found = [
        Gauge("build_info", "The version that wrote this.", ("version",)).with_value(
            1, version("likely_buyers")
        )
    ]
    if record is not None:
        found += _of_build(record)
    if state is not None:
        found += _of_state(state)
    return sorted((gauge for gauge in found if gauge.samples), key=lambda gauge: gauge.name)


def registry_of(state: State | None, record: BuildRecord | None) -> "CollectorRegistry":
    """The metrics as a registry of prometheus_client."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily

    class Collected:
        def collect(self) -> Iterator[Any]:
            for gauge in gauges(state, record):
                family = GaugeMetricFamily(PREFIX + gauge.name, gauge.help, labels=gauge.labels)
                for labels, value in gauge.samples.items():
                    family.add_metric(labels, value)
                yield family

    registry = CollectorRegistry()
    registry.register(Collected())
    return registry


def as_text(state: State | None, record: BuildRecord | None) -> str:
    """The metrics in Prometheus' text format."""
    registry = registry_of(state, record)
    from prometheus_client import generate_latest

    return generate_latest(registry).decode()


def write_file(path: Path, state: State | None, record: BuildRecord | None) -> None:
    """Write them for node exporter's textfile collector: into a file of the folder, which then takes the other's name.

    Raises:
        WatchingError: the file cannot be written, or node exporter would not read it.
    """
    if path.suffix != ".prom":
        raise WatchingError(
            f"{path} is no file that node exporter's textfile collector reads: its name must end in .prom"
        )
    registry = registry_of(state, record)
    from prometheus_client import write_to_textfile

    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        raise WatchingError(
            f"metrics cannot be written to {path}: {error.strerror or error}. Make the folder, and let the user that"
            " builds write there."
        ) from error


def send(address: str, state: State | None, record: BuildRecord | None) -> int:
    """Send them to a DogStatsD agent, and say how many: labels become tags, `likely_buyers_` becomes `likely_buyers.`.

    Args:
        address: host:port, over UDP: nobody answers whether they arrived.

    Raises:
        MissingPackage: datadog is not installed.
        WatchingError: that is no address.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise WatchingError(
            f"LIKELY_BUYERS_DOGSTATSD must be host:port, such as 127.0.0.1:8125; found: {address}"
        )
    with from_extra("watch", "sending metrics to Datadog"):
        from datadog.dogstatsd.base import DogStatsd

    sent = 0
    # metrics about the client itself are none of ours
    client = DogStatsd(host=host.strip("[]"), port=int(port), disable_telemetry=True)
    with client:
        for gauge in gauges(state, record):
            for labels, value in gauge.samples.items():
                tags = [f"{name}:{value}" for name, value in zip(gauge.labels, labels, strict=True)]
                client.gauge(f"likely_buyers.{gauge.name}", value, tags=tags)
                sent += 1
    client.close_socket()
    return sent


def _of_build(record: BuildRecord) -> Iterator[Gauge]:
    yield Gauge("last_build_timestamp_seconds", "When the last build ended.").with_value(
        datetime.fromisoformat(record.finished_at).timestamp()
    )
    passed = record.problem is None
    yield Gauge("last_build_passed", "Whether it passed: 1, or 0.").with_value(passed)
    yield Gauge("last_build_duration_seconds", "How long it took.").with_value(record.seconds)
    yield Gauge("peak_memory_bytes", "Most memory that its process held.").with_value(
        record.peak_memory_bytes
    )
    stages = Gauge("stage_duration_seconds", "How long its nodes took, by stage.", ("stage",))
    for stage, seconds in record.stage_seconds.items():
        stages.with_value(seconds, stage)
    yield stages
    nodes = Gauge("last_build_nodes", "Nodes of dbt in it, by kind and status.", ("kind", "status"))
    for kind, counts in record.results.items():
        for status, count in counts.items():
            nodes.with_value(count, kind, status)
    yield nodes
    yield Gauge("last_build_failed_tests", "Tests of data that did not pass.").with_value(
        record.failed_tests
    )


def _of_state(state: State) -> Iterator[Gauge]:
    yield Gauge(
        "last_success_timestamp_seconds", "When the last build that passed had ended."
    ).with_value(state.passed_at and state.passed_at.timestamp())
    rows = Gauge(
        "rows", "Rows by layer and what became of them; a file's lines are its rows.",
        ("layer", "fate"),
    )  # fmt: skip
    for (layer, fate), count in state.rows.items():
        rows.with_value(count, layer, fate)
    yield rows
    yield Gauge(
        "unaccounted_rows", "Lines of files that are neither kept nor rejected; 0 is right."
    ).with_value(state.unaccounted_lines)
    if state.last_load:
        loaded = Gauge(
            "last_load_rows", "Lines of the last load, by what became of them.", ("fate",)
        )
        for fate in ("lines", "rejected", "quarantined"):
            loaded.with_value(state.last_load[fate], fate)
        yield loaded
    for name, column, words in _OF_OUTCOME:
        gauge = Gauge(name, words, ("outcome",))
        for outcome in state.outcomes:
            gauge.with_value(outcome[column], outcome["outcome"])
        yield gauge
    as_of = Gauge(
        "scores_as_of_timestamp_seconds", "The moment that the scores speak from.", ("outcome",)
    )
    champions = Gauge("champion_info", "The version that scores.", ("outcome", "model_version"))
    for outcome in state.outcomes:
        as_of.with_value(_midnight(outcome["as_of_date"]), outcome["outcome"])
        champions.with_value(1, outcome["outcome"], outcome["model_version"])
    yield as_of
    yield champions
    distances = Gauge(
        "drift_distance", "Distance of a feature, or of the score, from training.",
        ("outcome", "kind", "name"),
    )  # fmt: skip
    for row in state.distances:
        distances.with_value(row["distance"], row["outcome"], row["kind"], row["name"])
    yield distances


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()
