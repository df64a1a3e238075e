"""What can go wrong while watching."""

from likely_buyers.errors import LikelyBuyersError


class WatchingError(LikelyBuyersError):
    """The state cannot be read, or not be told where it should be; the message says what, and the remedy."""
