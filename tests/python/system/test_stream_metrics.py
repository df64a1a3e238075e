"""What a Prometheus gets of the stream: its dashboard's queries, and the rules."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from urllib.request import urlopen

import pytest

from likely_buyers.streaming import Scored, StreamingError, StreamMetrics
from support.installation import PROJECT
from support.prometheus import Prometheus, panels, prometheus_that_scrapes, promtool

RULES = PROJECT / "ops" / "prometheus" / "likely_buyers_stream.rules.yml"
RATE = "[30s]"


@pytest.fixture(scope="module")
def streaming() -> Iterator[StreamMetrics]:
    """Two batches, of which one failed, with a file that waits."""
    with StreamMetrics("127.0.0.1", 0) as metrics:
        metrics.looked(datetime.now(UTC), 0, True)
        metrics.batch(Scored(3, 6, date(2024, 2, 29)), 4.0)
        # nobody's days changed
        metrics.batch(Scored(0, 0, None), 0.5)
        metrics.batch(None, 7.0)
        metrics.looked(datetime.now(UTC), 1, False)
        yield metrics


@pytest.fixture(scope="module")
def told(streaming: StreamMetrics) -> str:
    assert streaming.address
    with urlopen(streaming.address, timeout=10) as answer:  # noqa: S310
        return str(answer.read(), "utf-8")


@pytest.fixture(scope="module")
def prometheus(
    streaming: StreamMetrics, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    assert streaming.address
    target = streaming.address.removeprefix("http://").removesuffix("/metrics")
    job = {"job_name": "likely_buyers_stream", "static_configs": [{"targets": [target]}]}
    awaited = f"rate(likely_buyers_stream_users_total{RATE})"
    folder = tmp_path_factory.mktemp("prometheus")
    with prometheus_that_scrapes(job, RULES, folder, awaited) as server:
        yield server


def test_it_counts_what_batches_did(told: str) -> None:
    samples = dict(line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
    stream = "likely_buyers_stream"
    assert float(samples[f'{stream}_batches_total{{result="scored"}}']) == 1
    assert float(samples[f'{stream}_batches_total{{result="failed"}}']) == 1
    assert float(samples[f"{stream}_batch_duration_seconds_sum"]) == 4
    assert float(samples[f"{stream}_users_total"]) == 3
    assert float(samples[f"{stream}_scores_total"]) == 6
    assert float(samples[f"{stream}_waiting_files"]) == 1
    as_of = datetime.fromtimestamp(float(samples[f"{stream}_as_of_timestamp_seconds"]), UTC)
    assert as_of == datetime(2024, 2, 29, tzinfo=UTC)


def test_a_port_in_use_is_told(streaming: StreamMetrics) -> None:
    assert streaming.address
    port = int(re.findall(r"\d+", streaming.address)[-1])
    with (
        pytest.raises(StreamingError, match=rf"127\.0\.0\.1:{port}: .*--metrics-port"),
        StreamMetrics("127.0.0.1", port),
    ):
        pass


@pytest.mark.parametrize("expression", panels("likely_buyers_stream"))
def test_a_panel_shows_the_stream(prometheus: Prometheus, expression: str) -> None:
    asked = re.sub(r"\$instance", ".*", expression).replace("[$__rate_interval]", RATE)
    assert prometheus.query(asked), asked


def test_prometheus_evaluates_the_rules(prometheus: Prometheus) -> None:
    (group,) = prometheus.api("rules")["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    assert {rule["state"] for rule in group["rules"]} == {"inactive"}


def test_names_and_units_are_as_prometheus_asks(told: str) -> None:
    assert promtool("check", "metrics", text=told) == ""


def test_the_alert_rules_fire_when_they_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", "likely_buyers_stream.rules.test.yml")
