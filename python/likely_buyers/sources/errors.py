"""What is wrong with a delivery, in words for who delivered it."""

from likely_buyers.errors import LikelyBuyersError


class SourceProblem(LikelyBuyersError):
    """A file cannot be read as the event mapping says; the message names it and the remedy. Nothing was loaded."""
