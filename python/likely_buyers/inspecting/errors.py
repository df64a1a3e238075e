"""Why nothing can be said of a source, in words for who asks."""

from likely_buyers.errors import LikelyBuyersError


class InspectionImpossible(LikelyBuyersError):
    """The source cannot be read, or a mapping cannot be applied to it; the message says what to do."""
