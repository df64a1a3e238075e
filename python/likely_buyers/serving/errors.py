"""Why something is not served."""

from likely_buyers.errors import LikelyBuyersError


class ServingError(LikelyBuyersError):
    """The endpoint cannot start, or its copy not be written; the message says why and what to do."""


class Refused(LikelyBuyersError):
    """A request is not answered as asked.

    Attributes:
        status: of HTTP.
        code: MLflow's name of the kind of error.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def bad_request(message: str) -> Refused:
    """What was sent cannot be meant."""
    return Refused(400, "BAD_REQUEST", message)


def not_found(message: str) -> Refused:
    """There is no such thing."""
    return Refused(404, "RESOURCE_DOES_NOT_EXIST", message)


def unavailable(message: str) -> Refused:
    """Not now, but later."""
    return Refused(503, "TEMPORARILY_UNAVAILABLE", message)
