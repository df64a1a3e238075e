"""Why a lake cannot be opened."""

from likely_buyers.errors import LikelyBuyersError


class LakeProblem(LikelyBuyersError):
    """The lake cannot be opened; the message says why and what to do."""
