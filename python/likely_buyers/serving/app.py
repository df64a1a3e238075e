"""The application: its routes, and how a refusal becomes an answer."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from likely_buyers.serving import mlflow_protocol, open_inference, users
from likely_buyers.serving.bodies import Problem
from likely_buyers.serving.errors import Refused
from likely_buyers.serving.gate import App, Gate, Limits, Token, as_problem, extra_headers
from likely_buyers.serving.live_scores import LiveScores
from likely_buyers.serving.metrics import Metrics
from likely_buyers.serving.state import Serving

_KINDS = {404: "RESOURCE_DOES_NOT_EXIST", 405: "METHOD_NOT_ALLOWED", 413: "REQUEST_TOO_LARGE"}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": told}
    for status, told in {
        400: "The body cannot be meant.",
        401: "No token, or one that does not hold.",
        404: "No such user or model.",
        413: "The body is too large.",
        422: "The body is not as described.",
        429: "Too many requests of this caller.",
        503: "Not ready, or too many at once: try again.",
    }.items()
}


def application(
    serving: Serving, limits: Limits, tokens: Callable[[], Sequence[Token]] | None
) -> App:
    """The application of a stage, behind its gate, with every request counted.

    Args:
        serving: what is served.
        limits: what is let in.
        tokens: those that hold now; None: nobody is asked for one.
    """
    live = LiveScores(most_waiting=limits.requests)
    metrics = Metrics(serving)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        serving.stop()
        live.stop()

    app = FastAPI(
        title="likely_buyers",
        version=version("likely_buyers"),
        description=f"Who is likely to buy next. Stage: {serving.stage}.",
        lifespan=lifespan,
        # these pages load scripts from elsewhere
        docs_url=None,
        redoc_url=None,
        responses=_PROBLEMS,
        separate_input_output_schemas=False,
    )
    bearer = [] if tokens is None else [HTTPBearer(auto_error=False)]
    for router in (
        mlflow_protocol.routes(serving, bearer),
        open_inference.routes(serving, bearer),
        users.routes(serving, live, bearer),
        metrics.routes(bearer),
    ):
        app.include_router(router)

    async def refused(_: Request, error: Any) -> Response:
        return _problem(error)

    async def not_as_described(_: Request, error: Any) -> Response:
        return _problem(_said(error))

    async def of_framework(_: Request, error: Any) -> Response:
        code = _KINDS.get(error.status_code, "BAD_REQUEST")
        said = f"{error.detail}. GET /openapi.json names what is there."
        answer = _problem(Refused(error.status_code, code, said))
        answer.headers.update(error.headers or {})
        return answer

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RequestValidationError, not_as_described)
    app.add_exception_handler(HTTPException, of_framework)

    return metrics.around(Gate(app, limits, tokens))


def _said(error: RequestValidationError) -> Refused:
    """What is wrong with a body, without what it holds."""
    found = error.errors()
    said = [
        f"{'.'.join(str(step) for step in one['loc'] if step != 'body') or 'the body'}: {one['msg']}"
        for one in found[:5]
    ]
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    if any(one["type"] == "json_invalid" for one in found):
        return Refused(400, "BAD_REQUEST", f"the body is no JSON: {'; '.join(said)}")
    return Refused(
        422,
        "INVALID_PARAMETER_VALUE",
        f"{'; '.join(said)}{more}. GET /openapi.json describes the body.",
    )


def _problem(refused: Refused) -> Response:
    return Response(
        as_problem(refused), refused.status, extra_headers(refused), media_type="application/json"
    )
