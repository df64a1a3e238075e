"""Errors that say what to do are shown without a traceback."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class ProjectError(Exception):
    """dbt could not do what a command needs; the message is dbt's own."""


def expected_errors() -> tuple[type[Exception], ...]:
    """The base classes of our rooms' errors."""
    from likely_buyers.explaining import ExplainingError
    from likely_buyers.inspecting.errors import InspectionImpossible
    from likely_buyers.promotion import NotEarned
    from likely_buyers.publishing.errors import PublishingError
    from likely_buyers.registry import RegistryError
    from likely_buyers.report import ReportImpossible
    from likely_buyers.scoring import ScoringError
    from likely_buyers.simulate import SimulationError
    from likely_buyers.training import TrainingError
    from likely_buyers.warehouse.state import BadSetting, DatabaseInUse

    return (
        BadSetting,
        DatabaseInUse,
        ExplainingError,
        InspectionImpossible,
        NotEarned,
        ProjectError,
        PublishingError,
        RegistryError,
        ReportImpossible,
        ScoringError,
        SimulationError,
        TrainingError,
    )


def without_traceback(function: Callable[P, R]) -> Callable[P, R]:
    """Let an expected error through without the frames that led to it: dbt prints every frame it gets."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except expected_errors() as error:
            raise error.with_traceback(None) from None

    return call
