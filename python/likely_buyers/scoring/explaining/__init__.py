"""Explaining: what each feature adds to a user's raw score, and the few that raise it most.

It knows arrays and Arrow. The words for a feature are the warehouse's: here a feature has only a theme.
"""

from likely_buyers.scoring.explaining.contributions import Explainer
from likely_buyers.scoring.explaining.errors import (
    ContributionsDoNotAddUp,
    ExplainingError,
    FeaturesWithoutWords,
    UsersWithoutFeatures,
)
from likely_buyers.scoring.explaining.reasons import FeatureTheme, raising_features
from likely_buyers.scoring.explaining.stream import CONTRIBUTIONS_SCHEMA, explain_batches

__all__ = [
    "CONTRIBUTIONS_SCHEMA",
    "ContributionsDoNotAddUp",
    "Explainer",
    "ExplainingError",
    "FeatureTheme",
    "FeaturesWithoutWords",
    "UsersWithoutFeatures",
    "explain_batches",
    "raising_features",
]
