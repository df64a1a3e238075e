"""What is wrong with a delivery, in words for who delivered it."""

from likely_buyers.errors import LikelyBuyersError


class SourceProblem(LikelyBuyersError):
    """A file cannot be read as the event mapping says; the message names it and the remedy. Nothing was loaded."""


class WrongEncoding(SourceProblem):
    """A file is in another encoding than it is read in; `may_be` is a guess at it, None where there is none."""

    def __init__(self, message: str, may_be: str | None) -> None:
        super().__init__(message)
        self.may_be = may_be
