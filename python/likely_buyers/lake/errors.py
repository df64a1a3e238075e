"""Why the lake cannot be used, in words."""

from likely_buyers.errors import LikelyBuyersError


class LakeUnusable(LikelyBuyersError):
    """The catalog or its data cannot be reached, or do not fit; the message says which and what to do."""


class LakeInUse(LakeUnusable):
    """Another process holds the catalog; the message says which one and what to do."""
