"""One thing done for each outcome: what cannot be done for one does not stop the others."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from likely_buyers.outcomes import Outcome
from likely_buyers.terminal import say
from likely_buyers.training import TrainingError

Result = TypeVar("Result")


def of_each(
    what: str, outcomes: Sequence[Outcome], work: Callable[[Outcome], Result]
) -> list[Result]:
    """What `work` gives, outcome by outcome; one that it refuses is told, and left out.

    Raises:
        TrainingError: it refuses all; `what` there is then not for any of them.
    """
    found, refusals = [], []
    for outcome in outcomes:
        try:
            found.append(work(outcome))
        except TrainingError as error:
            if len(outcomes) == 1:
                raise
            refusals.append(f"outcome '{outcome.name}': {error}")
            say(f"left out: {refusals[-1]}")
    if not found:
        raise TrainingError(f"no {what} for any outcome. {' '.join(refusals)}")
    return found
