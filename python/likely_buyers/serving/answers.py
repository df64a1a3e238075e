"""What the routes of all protocols share."""

from typing import Any

from fastapi import Response
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from likely_buyers.evaluation import Floats
from likely_buyers.serving.champions import Champions, Served
from likely_buyers.serving.errors import not_found, unavailable
from likely_buyers.serving.state import Now, Serving

# more rows are scored beside the loop that answers others
_ROWS_AT_ONCE = 32


def answer(body: dict[str, Any], signed: dict[str, Any]) -> Response:
    """JSON, with model, version and as_of in the headers, too.

    Not through FastAPI's own check of answers, which costs more than a score.
    """
    headers = {f"X-{name.replace('_', '-').title()}": str(value) for name, value in signed.items()}
    return Response(to_json(body), headers=headers, media_type="application/json")


def champions(now: Now, stage: str) -> Champions:
    """The models.

    Raises:
        Refused: there is none yet.
    """
    if now.champions is None:
        why = "; ".join(now.problems.values()) or "no model was looked for yet"
        raise unavailable(f"the stage {stage!r} has no model: {why}")
    return now.champions


def served(serving: Serving, name: str | None) -> Served:
    """The model of an outcome or of a registered name.

    Raises:
        Refused: there is none.
    """
    known = champions(serving.now, serving.stage)
    found = known.of(name)
    if found is None:
        names = ", ".join(one.name for one in known.served)
        raise not_found(f"no model {name!r} is served. Those that are: {names}")
    return found


async def probabilities(one: Served, X: Floats) -> list[float]:
    """Of features (rows, f)."""
    if len(X) <= _ROWS_AT_ONCE:
        found: list[float] = one.rows.probabilities(X).tolist()
        return found
    return list((await run_in_threadpool(one.rows.probabilities, X)).tolist())
