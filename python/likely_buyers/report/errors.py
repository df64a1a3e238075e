"""Why there is no report."""

from likely_buyers.errors import LikelyBuyersError


class ReportImpossible(LikelyBuyersError):
    """The warehouse cannot be read, or holds nothing to report on; the message says why and what to do."""
