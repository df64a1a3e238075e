"""Users by their id: what the build stored, and what the model says with the events since."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Depends, Response
from pydantic_core import from_json

from likely_buyers.serving.answers import answer, champions
from likely_buyers.serving.bodies import LiveUser, StoredUser, Today
from likely_buyers.serving.errors import Refused, not_found, unavailable
from likely_buyers.serving.events import accepted
from likely_buyers.serving.live_scores import Ask, LiveScores
from likely_buyers.serving.state import Now, Serving
from likely_buyers.serving.store import ServingCopy


def routes(serving: Serving, live: LiveScores, bearer: Sequence[Any]) -> APIRouter:
    """Routes of a stage."""
    router = APIRouter(
        prefix="/v1/users", tags=["users"], dependencies=[Depends(one) for one in bearer]
    )

    @router.get(
        "/{user_id:path}", response_model=StoredUser, summary="Stored scores, reasons, lists"
    )
    async def stored(user_id: str) -> Response:
        copy = _copy(serving.now)
        told = copy.scores(user_id)
        if told is None:
            raise _unknown(user_id, copy)
        body = {
            "user_id": user_id,
            "as_of": copy.as_of,
            "build_id": copy.build_id,
            **from_json(told),
        }
        first = body["scores"][0]
        signed = {"model": first["model"], "version": first["version"], "as_of": copy.as_of}
        return answer(body, signed)

    @router.post(
        "/{user_id:path}/score",
        response_model=LiveUser,
        summary="Scores with the events since the build",
    )
    async def score(user_id: str, body: Today) -> Response:
        now = serving.now
        copy = _copy(now)
        models = champions(now, serving.stage)
        if now.live is None:
            raise unavailable("; ".join(now.problems.values()) or "the query is being planned")
        if body.as_of is not None and body.as_of < copy.as_of:
            raise Refused(
                422,
                "INVALID_PARAMETER_VALUE",
                f"as_of {body.as_of} lies before {copy.as_of}, as of which the build scored. Leave it out.",
            )
        moment = datetime.now(UTC).replace(tzinfo=None)
        events = accepted(body.events, user_id, body.as_of, copy.rules, moment)
        days = copy.days(user_id)
        if days is None and not events.rows:
            raise _unknown(user_id, copy, events.left_out)
        next_day = events.last_day + timedelta(days=1) if events.last_day else copy.as_of
        as_of = body.as_of or next_day
        found = await live.score(now.live, Ask(days, events.rows, as_of))
        if found is None:
            raise _unknown(user_id, copy, events.left_out)
        told = {
            "user_id": user_id,
            "as_of": as_of,
            "build_id": copy.build_id,
            "scores": [
                {
                    "outcome": one.scorer.outcome.name,
                    "probability": p,
                    "horizon_days": one.scorer.outcome.horizon_days,
                    **one.signed,
                }
                for one, p in zip(models.served, found, strict=True)
            ],
            "left_out": [one.model_dump() for one in events.left_out],
        }
        return answer(told, {**models.served[0].signed, "as_of": as_of})

    return router


def _copy(now: Now) -> ServingCopy:
    if now.copy is None:
        raise unavailable(now.problems.get("copy", "the serving copy is not open yet"))
    return now.copy


def _unknown(user_id: str, copy: ServingCopy, left_out: Sequence[Any] = ()) -> Refused:
    told = f"no user {user_id!r} had an event before {copy.as_of}, as of which build {copy.build_id} scored"
    if left_out:
        reasons = sorted({one.reason for one in left_out})
        return not_found(
            f"{told}, and none of the {len(left_out)} events counts: {', '.join(reasons)}."
        )
    return not_found(
        f"{told}. Of a new user, send the events since to POST /v1/users/{{id}}/score; the next build knows them."
    )
