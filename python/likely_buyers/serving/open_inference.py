"""Open Inference V2, the protocol of KServe, Triton, MLServer and others."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, Response

from likely_buyers.serving.answers import answer, champions, probabilities, served
from likely_buyers.serving.bodies import Inference, Inferred, ModelMetadata, ServerMetadata
from likely_buyers.serving.champions import Served
from likely_buyers.serving.errors import not_found
from likely_buyers.serving.matrix import of_tensors
from likely_buyers.serving.state import Serving


def routes(serving: Serving, bearer: Sequence[Any]) -> APIRouter:
    """Routes of a stage; a model is named by its registered name or its outcome."""
    every = APIRouter(prefix="/v2", tags=["Open Inference"])
    router = APIRouter(
        prefix="/v2", tags=["Open Inference"], dependencies=[Depends(one) for one in bearer]
    )

    @every.get("/health/live", summary="Whether the server runs")
    def live() -> dict[str, bool]:
        return {"live": True}

    @every.get("/health/ready", summary="Whether models are loaded and checked")
    def ready() -> dict[str, bool]:
        champions(serving.now, serving.stage)
        return {"ready": True}

    @router.get("", response_model=ServerMetadata, summary="What this is")
    def server() -> ServerMetadata:
        return ServerMetadata(name="likely_buyers", version=version("likely_buyers"), extensions=[])

    @router.get("/models/{name}", response_model=ModelMetadata, summary="A model's features")
    @router.get(
        "/models/{name}/versions/{number}", response_model=ModelMetadata, summary="The same"
    )
    def model(name: str, number: str | None = None) -> dict[str, Any]:
        one = _chosen(serving, name, number)
        return {
            "name": one.name,
            "versions": [str(one.scorer.model.version)],
            "platform": "scikit-learn",
            "inputs": [
                {"name": feature, "datatype": "FP64", "shape": [-1, 1]}
                for feature in one.scorer.model.feature_names
            ],
            "outputs": [{"name": "probability", "datatype": "FP64", "shape": [-1, 1]}],
        }

    @router.get("/models/{name}/ready", summary="Whether a model is loaded and checked")
    @router.get("/models/{name}/versions/{number}/ready", summary="The same")
    def model_ready(name: str, number: str | None = None) -> dict[str, Any]:
        one = _chosen(serving, name, number)
        return {"name": one.name, "ready": True}

    @router.post(
        "/models/{name}/infer", response_model=Inferred, summary="Probabilities of features"
    )
    @router.post(
        "/models/{name}/versions/{number}/infer", response_model=Inferred, summary="The same"
    )
    async def infer(name: str, body: Inference, number: str | None = None) -> Response:
        one = _chosen(serving, name, number)
        of_model = one.scorer.model
        found = await probabilities(one, of_tensors(body.inputs, of_model.feature_names))
        told: dict[str, Any] = {
            "model_name": one.name,
            "model_version": str(of_model.version),
            "parameters": {"as_of": of_model.as_of},
            "outputs": [
                {
                    "name": "probability",
                    "shape": [len(found), 1],
                    "datatype": "FP64",
                    "data": found,
                }
            ],
        }
        if body.id is not None:
            told["id"] = body.id
        return answer(told, {**one.signed, "as_of": of_model.as_of})

    both = APIRouter()
    both.include_router(every)
    both.include_router(router)
    return both


def _chosen(serving: Serving, name: str, number: str | None) -> Served:
    one = served(serving, name)
    if number is not None and number != str(one.scorer.model.version):
        raise not_found(
            f"version {number!r} of {one.name} is not served here, version {one.scorer.model.version} is. Serve another"
            " beside it: likely-buyers serve --stage NUMBER --port PORT"
        )
    return one
