"""Why scores cannot be explained."""

from likely_buyers.errors import LikelyBuyersError


class ExplainingError(LikelyBuyersError):
    """Scores cannot be explained; the message says why and what to do."""


class ContributionsDoNotAddUp(ExplainingError):
    """The contributions of the features are not the score."""


class FeaturesWithoutWords(ExplainingError):
    """The model has features for which there are no words."""


class UsersWithoutFeatures(ExplainingError):
    """Fewer users came with features than were selected."""
