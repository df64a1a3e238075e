"""The base class of every error that says what to do, and how such an error is shown: without a traceback."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class LikelyBuyersError(Exception):
    """Base class of the errors of all rooms: the message says what was expected and found, and the remedy."""


class ProjectError(LikelyBuyersError):
    """dbt could not do what a command needs; the message is dbt's own."""


def without_traceback(function: Callable[P, R]) -> Callable[P, R]:
    """Let an expected error through without the frames that led to it: dbt prints every frame it gets."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except LikelyBuyersError as error:
            raise error.with_traceback(None) from None

    return call
