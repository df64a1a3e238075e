"""What Prometheus is told of a stream, from look to look."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import pytest

from likely_buyers.cli import streaming
from likely_buyers.cli.streaming import Pace, Stream
from likely_buyers.streaming import Scored, StreamingError, StreamMetrics

MAPPING = {"event_time": "at", "event_type": "kind", "user_id": "who"}
SUCCESS = "likely_buyers_stream_last_success_timestamp_seconds"
RETRY = 60.0


class Shop:
    """A project and its tables, without dbt and a lake: loading and scoring fail as long as they are told to."""

    maps_all = False

    def __init__(self, events_path: str) -> None:
        self.events_path = events_path
        self.loading_fails = self.scoring_fails = False
        self.moment = 1_000.0

    def rendered(self, _: str) -> str:
        return streaming.NEXT.join(["", "", self.events_path])

    def var(self, name: str) -> Any:
        given: dict[str, Any] = {"event_mappings": {"own": MAPPING}, "event_mapping": "own"}
        return given.get(name)

    def parsed(self) -> None:
        return None

    def run_parsed(self, *_: Any) -> tuple[str, str] | None:
        return ("user_days", "the disk is full.") if self.loading_fails else None

    def files(self, _: str) -> dict[str, tuple[int, str]]:
        return {}

    def score(self, _: Any) -> Scored:
        if self.scoring_fails:
            raise StreamingError("no outcome has a champion.")
        return Scored(0, 0, None)


@pytest.fixture
def metrics() -> Iterator[StreamMetrics]:
    with StreamMetrics("127.0.0.1", 0) as answering:
        yield answering


def last_success(metrics: StreamMetrics) -> float:
    assert metrics.address
    with urlopen(metrics.address, timeout=10) as answer:  # noqa: S310
        lines = str(answer.read(), "utf-8").splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(SUCCESS)))


@pytest.mark.parametrize("fails", ["loading_fails", "scoring_fails"])
@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_the_last_success_stays_until_what_failed_has_ended_well(
    tmp_path: Path,
    metrics: StreamMetrics,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    fails: str,
) -> None:
    shop: Any = Shop(str(tmp_path) if place == "folder" else "s3://bucket/events")
    monkeypatch.setattr(streaming, "_tables", lambda *_: shop)
    monkeypatch.setattr(streaming, "time", SimpleNamespace(monotonic=lambda: shop.moment))
    stream = Stream(shop, Pace(once=False, seconds=5, settle=1, retry=RETRY), metrics)

    def looked(seconds: float = 5.0) -> bool:
        """Whether a look was told as one that found all loaded and scored; the loop is told the same."""
        before = last_success(metrics)
        shop.moment += seconds
        is_well = stream.batch()
        assert (last_success(metrics) > before) == is_well
        return is_well

    assert looked()
    assert looked()
    setattr(shop, fails, True)
    (tmp_path / "a.csv").write_text("at,kind,who\n")
    # a file is ready when it stands as it stood at the look before
    looked()
    assert [looked() for _ in range(5)] == [False] * 5
    # tried again, in vain
    assert not looked(RETRY)
    assert not looked()
    setattr(shop, fails, False)
    assert looked(RETRY)
    assert looked()
