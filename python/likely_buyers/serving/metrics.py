"""What the endpoint tells Prometheus of itself: requests, how long they took, and what it serves.

No label has what a caller chose: a route is its template, and a method that HTTP does not have is `other`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from importlib.metadata import version
from time import perf_counter
from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily

from likely_buyers.serving.gate import METRICS_PATH, App, Message, Receive, Scope, Send
from likely_buyers.serving.state import Serving

# seconds: a stored score takes less than the first, just in time about 0.01, and a body of 10,000 rows the last ones
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TEXT = {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The metrics."}


class Metrics:
    """Counts the requests of one application, refused ones too, and says what it serves."""

    def __init__(self, serving: Serving) -> None:
        # twice as many series, for servers that read another format
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "likely_buyers_requests",
            "Requests that were answered, by the class of the status.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "likely_buyers_request_duration_seconds",
            "From a request's head to the end of its answer.",
            ("route", "method"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._inside = Gauge(
            "likely_buyers_requests_in_progress",
            "Requests that are being answered.",
            registry=registry,
        )
        registry.register(_Served(serving))
        # memory, processor and open files of this process; where there is no /proc, nothing
        ProcessCollector(registry=registry)

    def around(self, app: App) -> App:
        """The same application, counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            # a client that goes away before its answer is none of the server's errors
            status = 499

            async def told(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            began = perf_counter()
            self._inside.inc()
            try:
                await app(scope, receive, told)
            except Exception:
                status = 500
                raise
            finally:
                self._inside.dec()
                # what the gate refuses is never looked up
                route = "unknown" if "app" in scope else "refused"
                route = getattr(scope.get("route"), "path_format", route)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._requests.labels(route, method, f"{status // 100}xx").inc()
                self._seconds.labels(route, method).observe(perf_counter() - began)

        return counted

    def routes(self, bearer: Sequence[Any]) -> APIRouter:
        """`GET /metrics`. It needs a token where others do, and is answered also when no more may be."""
        router = APIRouter(tags=["Prometheus"])

        @router.get(
            METRICS_PATH,
            response_class=PlainTextResponse,
            responses={200: _TEXT},
            dependencies=[Depends(one) for one in bearer],
            summary="Requests, how long they took, and what is served",
        )
        async def metrics() -> Response:
            return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

        return router


class _Served:
    """What is served at the moment of the question."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def collect(self) -> Iterator[Any]:
        now, stage = self._serving.now, self._serving.stage
        yield _gauge(
            "build_info", "The version that serves.", {"version": version("likely_buyers")}, 1
        )
        models = GaugeMetricFamily(
            "likely_buyers_served_model_info",
            "The version that scores.",
            labels=("stage", "outcome", "model", "model_version"),
        )
        for one in now.champions.served if now.champions else ():
            model = one.scorer.model
            told = (stage, one.scorer.outcome.name, one.name, str(model.version))
            models.add_metric(told, 1)
        yield models
        yield _gauge(
            "ready",
            "Whether models are loaded and checked: 1, or 0.",
            {},
            now.champions is not None,
        )
        yield _gauge(
            "serving_problems",
            "What is not as it should be; /health names it.",
            {},
            len(now.problems),
        )
        if now.copy:
            as_of = datetime.combine(now.copy.as_of, time(), UTC).timestamp()
            yield _gauge(
                "served_as_of_timestamp_seconds",
                "The moment that stored scores speak from.",
                {},
                as_of,
            )


def _gauge(name: str, help_text: str, labels: dict[str, str], value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"likely_buyers_{name}", help_text, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family
