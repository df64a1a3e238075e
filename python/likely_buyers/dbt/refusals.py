"""How an error that says what to do gets through dbt: as its message alone."""

from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import ParamSpec, TypeVar

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.terminal import Volume, volume

P = ParamSpec("P")
R = TypeVar("R")


class _Frameless:
    """Has no frames to show, whoever raised it: dbt-duckdb prints every frame of what a Python model raises."""

    @property
    def __traceback__(self) -> None:
        return None

    @__traceback__.setter
    def __traceback__(self, _: TracebackType | None) -> None:
        """contextlib sets it."""


def without_traceback(function: Callable[P, R]) -> Callable[P, R]:
    """What dbt prints of an expected error begins with likely_buyers, as macros of ours say it, and has no traceback.

    The error stays one of its class. `--verbose` leaves it as it is.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except LikelyBuyersError as error:
            if volume() is Volume.VERBOSE:
                raise
            shown = type("likely_buyers", (_Frameless, type(error)), {"__module__": "builtins"})
            error.__class__ = shown
            raise error from None

    return call
