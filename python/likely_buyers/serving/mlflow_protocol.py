"""MLflow's scoring protocol: its clients and deployment tools find here what its own server has."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse

from likely_buyers.serving.answers import answer, probabilities, served
from likely_buyers.serving.bodies import Health, Invocation, Predictions
from likely_buyers.serving.errors import bad_request
from likely_buyers.serving.matrix import of_invocation
from likely_buyers.serving.state import Serving


def routes(serving: Serving, bearer: Sequence[Any]) -> APIRouter:
    """Routes of a stage."""
    router = APIRouter(tags=["MLflow"])

    @router.get("/ping", response_model=Health, summary="Whether models are loaded and checked")
    @router.get(
        "/health", response_model=Health, summary="The same, with what is not as it should be"
    )
    def health(response: Response) -> Health:
        now = serving.now
        if now.champions is None:
            response.status_code = 503
        return Health(
            status="ready" if now.champions else "not ready",
            stage=serving.stage,
            models={one.name: one.scorer.model.version for one in now.champions.served}
            if now.champions
            else {},
            as_of=now.copy.as_of if now.copy else None,
            build_id=now.copy.build_id if now.copy else None,
            problems=dict(now.problems),
        )

    @router.get(
        "/version",
        response_class=PlainTextResponse,
        summary="The version of MLflow whose protocol this is",
    )
    def protocol() -> str:
        return version("mlflow-skinny")

    @router.post(
        "/invocations",
        response_model=Predictions,
        dependencies=[Depends(one) for one in bearer],
        summary="Probabilities of features",
    )
    async def invocations(body: Invocation) -> Response:
        params = body.params or {}
        if params.keys() - {"outcome"}:
            raise bad_request(f"params may have 'outcome', found {sorted(params)}.")
        one = served(serving, params.get("outcome"))
        model = one.scorer.model
        found = await probabilities(one, of_invocation(body, model.feature_names))
        signed = {**one.signed, "as_of": model.as_of}
        return answer({"predictions": [{"probability": p} for p in found], **signed}, signed)

    return router
