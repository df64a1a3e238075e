"""Metrics: readable by Prometheus, one file for another, and the same to a DogStatsD agent."""

import socket
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from likely_buyers.watching import BuildRecord, State, WatchingError, last_record
from likely_buyers.watching.metrics import as_text, gauges, send, write_file
from likely_buyers.watching.record import FILE

RECORD = BuildRecord(
    build_id="id",
    started_at="2026-11-30T04:00:00+00:00",
    finished_at="2026-11-30T04:01:40+00:00",
    problem=None,
    stage_seconds={"gold": 12.5, "tests": 3.0},
    results={"test": {"pass": 40, "fail": 1}},
    peak_memory_bytes=2_000_000_000,
)
COLUMNS = (
    *("users", "earlier_users", "listed_users", "expected_buyers", "expected_buyers_low"),
    *("expected_buyers_high", "estimated_roc_auc", "estimated_precision_10pct"),
    *("past_roc_auc_error", "actual_roc_auc", "finished_estimated_roc_auc"),
    *("actual_precision_10pct", "expected_over_observed", "score_drift", "feature_drift"),
    "drifted_features",
)
OUTCOME: dict[str, Any] = dict.fromkeys(COLUMNS) | {
    "outcome": 'a "name"',
    "as_of_date": date(2026, 11, 30),
    "model_version": 3,
    "users": 1_000,
    "score_drift": 0.25,
}
STATE = State(
    passed_at=datetime(2026, 11, 30, 4, tzinfo=UTC),
    failure="",
    rows={("files", "line"): 100, ("bronze", "raw"): 97, ("bronze", "rejected"): 2},
    last_load=None,
    outcomes=[OUTCOME],
    distances=[{"outcome": "o", "kind": "feature", "name": "views", "distance": 0.5}],
)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """By name and values of labels."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_reads_what_is_there() -> None:
    found = samples(as_text(STATE, RECORD))
    assert found["likely_buyers_scores", 'a "name"'] == 1_000
    assert found["likely_buyers_unaccounted_rows",] == 1
    assert found["likely_buyers_last_build_duration_seconds",] == 100
    assert found["likely_buyers_stage_duration_seconds", "gold"] == 12.5
    assert found["likely_buyers_last_build_failed_tests",] == 1
    assert found["likely_buyers_last_success_timestamp_seconds",] == 1_796_011_200
    assert found["likely_buyers_scores_as_of_timestamp_seconds", 'a "name"'] == 1_795_996_800
    assert found["likely_buyers_drift_distance", "feature", "views", "o"] == 0.5


def test_what_is_not_known_has_no_sample() -> None:
    """A zero would be a figure."""
    names = {name for name, *_ in samples(as_text(STATE, RECORD))}
    assert "likely_buyers_actual_auc_ratio" not in names
    assert "likely_buyers_scores" not in {name for name, *_ in samples(as_text(None, RECORD))}
    assert "likely_buyers_peak_memory_bytes" not in {n for n, *_ in samples(as_text(STATE, None))}


def test_the_file_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "likely_buyers.prom"
    write_file(path, STATE, RECORD)
    with path.open() as reader:
        write_file(path, replace(STATE, outcomes=[OUTCOME | {"users": 5}]), RECORD)
        # who reads meanwhile has the whole of the one before
        assert samples(reader.read())["likely_buyers_scores", 'a "name"'] == 1_000
    assert samples(path.read_text())["likely_buyers_scores", 'a "name"'] == 5
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_that_nobody_would_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WatchingError, match=r"must end in \.prom"):
        write_file(tmp_path / "metrics.txt", STATE, RECORD)
    with pytest.raises(WatchingError, match="Make the folder"):
        write_file(tmp_path / "absent" / "likely_buyers.prom", STATE, RECORD)


def test_datadog_is_sent_the_same() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind(("127.0.0.1", 0))
        agent.settimeout(5)
        sent = send(f"127.0.0.1:{agent.getsockname()[1]}", STATE, RECORD)
        lines: list[str] = []
        while len(lines) < sent:
            lines += agent.recv(65_536).decode().split()
    assert sent == len(lines) == sum(len(gauge.samples) for gauge in gauges(STATE, RECORD))
    assert "likely_buyers.stage_duration_seconds:12.5|g|#stage:gold" in lines
    assert all(line.startswith("likely_buyers.") for line in lines)


@pytest.mark.parametrize("address", ["localhost", "localhost:", ":8125", "localhost:x", "h:99999"])
def test_no_address_of_an_agent(address: str) -> None:
    with pytest.raises(WatchingError, match="must be host:port"):
        send(address, STATE, RECORD)


def test_the_record_of_a_build_is_read_again(tmp_path: Path) -> None:
    assert last_record(tmp_path) is None
    RECORD.write(tmp_path)
    assert last_record(tmp_path) == RECORD
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(WatchingError, match="Remove it"):
        last_record(tmp_path)
