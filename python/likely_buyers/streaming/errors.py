"""Why the stream cannot go on."""

from likely_buyers.errors import LikelyBuyersError


class StreamingError(LikelyBuyersError):
    """A batch cannot be scored; the message says why and what to do."""
