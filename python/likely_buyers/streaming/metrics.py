"""What the stream tells Prometheus of itself: its batches, what they scored, and what waits."""

from datetime import UTC, date, datetime, time
from importlib.metadata import version
from types import TracebackType
from typing import Self

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from likely_buyers.streaming.errors import StreamingError
from likely_buyers.streaming.live import Scored

# seconds, from looking to the last score
_BUCKETS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class StreamMetrics:
    """Counts batches, and answers Prometheus while it is entered as a context.

    Args:
        host: the address to listen at. It asks for no token: beyond loopback a firewall has to know who may ask.
        port: at that address; 0 is a free one, and None answers nobody.
    """

    def __init__(self, host: str, port: int | None) -> None:
        self._at = (host, port)
        # twice as many series, for servers that read another format
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        Info("likely_buyers_build", "The version that streams.", registry=registry).info(
            {"version": version("likely_buyers")}
        )
        self._batches = Counter(
            "likely_buyers_stream_batches",
            "Batches that loaded or scored something, or were tried in vain.",
            ("result",),
            registry=registry,
        )
        for result in ("scored", "failed"):
            self._batches.labels(result)
        self._seconds = Histogram(
            "likely_buyers_stream_batch_duration_seconds",
            "From the look that found new events to the scores of their users.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._users = Counter(
            "likely_buyers_stream_users",
            "Users whose days changed, each counted once a batch.",
            registry=registry,
        )
        self._scores = Counter(
            "likely_buyers_stream_scores", "Rows of gold.live_scores.", registry=registry
        )
        self._waiting = Gauge(
            "likely_buyers_stream_waiting_files",
            "Files that are still growing, or were refused.",
            registry=registry,
        )
        self._looked = Gauge(
            "likely_buyers_stream_last_success_timestamp_seconds",
            "When all that had been there was loaded and scored, last.",
            registry=registry,
        )
        self._as_of = Gauge(
            "likely_buyers_stream_as_of_timestamp_seconds",
            "The moment that the newest live scores speak from.",
            registry=registry,
        )
        # memory, processor and open files of this process; where there is no /proc, nothing
        ProcessCollector(registry=registry)

    def batch(self, scored: Scored | None, seconds: float) -> None:
        """A batch came to its end after so many seconds; None where it failed."""
        if scored is None:
            self._batches.labels("failed").inc()
        elif scored.users:
            self._batches.labels("scored").inc()
            self._seconds.observe(seconds)
            self._users.inc(scored.users)
            self._scores.inc(scored.scores)
            if scored.as_of:
                self._as_of.set(_midnight(scored.as_of))

    def looked(self, now: datetime, waiting: int, is_well: bool) -> None:
        """The stream has looked for new events: how many files wait, and whether the rest is loaded and scored."""
        self._waiting.set(waiting)
        if is_well:
            self._looked.set(now.timestamp())

    def __enter__(self) -> Self:
        """Begin to answer.

        Raises:
            StreamingError: it cannot listen there.
        """
        host, port = self._at
        if port is not None:
            try:
                self._server, self._thread = start_http_server(port, host, self._registry)
            except OSError as error:
                raise StreamingError(
                    f"the metrics cannot be served at {host}:{port}: {error.strerror or error}. Is another process"
                    " there? Choose another --metrics-port."
                ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._at[1] is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    @property
    def address(self) -> str | None:
        """Where it answers."""
        host, port = self._at
        return None if port is None else f"http://{host}:{self._server.server_port}/metrics"


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()
