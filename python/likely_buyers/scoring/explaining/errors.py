"""Why scores cannot be explained."""

from likely_buyers.errors import LikelyBuyersError


class ExplainingError(LikelyBuyersError):
    """Scores cannot be explained; the message says why and what to do."""


class ContributionsDoNotAddUp(ExplainingError):
    """The contributions of the features are not the score."""


class FeaturesWithoutLabels(ExplainingError):
    """The model has features for which there is no label."""


class UsersWithoutFeatures(ExplainingError):
    """Fewer users came with features than were selected."""
