"""What can make training impossible, each with what was expected, what was found and what to do."""

from likely_buyers.errors import LikelyBuyersError


class TrainingError(LikelyBuyersError):
    """Training cannot give a model that could be trusted."""


class OneClassError(TrainingError):
    """Every example bought, or none did."""


class ConstantFeaturesError(TrainingError):
    """No feature differs between examples."""


class NoCutoffsError(TrainingError):
    """There is no past cutoff."""


class ExamplesSchemaError(TrainingError):
    """The table of examples lacks a column, holds a column of another type, or repeats a key."""


class FeatureMismatchError(TrainingError):
    """A feature matrix does not have the columns that the model was trained on."""
