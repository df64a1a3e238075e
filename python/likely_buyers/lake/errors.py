"""Why the lake cannot be opened, in words."""

from likely_buyers.errors import LikelyBuyersError


class LakeProblem(LikelyBuyersError):
    """Catalog, data and key cannot be reached, or do not fit; the message says which and what to do."""


class LakeInUse(LakeProblem):
    """Another process holds the catalog; the message says which one and what to do."""
