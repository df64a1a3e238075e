"""Explaining: what each feature adds to a user's raw score, and the few that raise it most.

It knows arrays and Arrow. The labels of features are the warehouse's: here a feature has only a group.
"""

from likely_buyers.scoring.explaining.contributions import Explainer
from likely_buyers.scoring.explaining.errors import (
    ContributionsDoNotAddUp,
    FeaturesWithoutLabels,
    UsersWithoutFeatures,
)
from likely_buyers.scoring.explaining.reasons import FeatureGroup, raising_features
from likely_buyers.scoring.explaining.stream import CONTRIBUTIONS_SCHEMA, explain_batches

__all__ = [
    "CONTRIBUTIONS_SCHEMA",
    "ContributionsDoNotAddUp",
    "Explainer",
    "FeatureGroup",
    "FeaturesWithoutLabels",
    "UsersWithoutFeatures",
    "explain_batches",
    "raising_features",
]
