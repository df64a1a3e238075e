"""Why users cannot be scored."""

from likely_buyers.errors import LikelyBuyersError


class ScoringError(LikelyBuyersError):
    """Users cannot be scored; the message says why and what to do."""


class FeatureTableMismatch(ScoringError):
    """The feature table is not the one the model was trained on."""


class OutcomeMismatch(ScoringError):
    """The model was trained for another outcome of the same name."""


class ReplayImpossible(ScoringError):
    """Scores of the history cannot be computed once more."""


class BackfillImpossible(ScoringError):
    """The history cannot be filled: no warehouse, or a day outside of the events."""
