"""Training: examples at past cutoffs in, a chosen, calibrated and evaluated model out.

Knows arrays and Arrow tables, neither dbt nor the registry. Everything is decided out of time: a model is compared,
calibrated and evaluated only at cutoffs later than the examples it was fitted on.
"""

from likely_buyers.training.backtesting import BacktestRow, backtest_cutoff
from likely_buyers.training.comparing import Champion
from likely_buyers.training.components import BoostingComponent
from likely_buyers.training.errors import (
    ConstantFeaturesError,
    ExamplesSchemaError,
    FeatureMismatchError,
    NoCutoffsError,
    OneClassError,
    TrainingError,
)
from likely_buyers.training.estimator import PurchaseModel
from likely_buyers.training.examples import Examples, read_examples
from likely_buyers.training.fitting import TrainedModel, fit
from likely_buyers.training.level import ExpectedBuyers, Level, expected_buyers
from likely_buyers.training.reference import REFERENCE_SCHEMA, SCORE, as_file, of_file, reference_of
from likely_buyers.training.settings import TrainingSettings

__all__ = [
    "REFERENCE_SCHEMA",
    "SCORE",
    "BacktestRow",
    "BoostingComponent",
    "Champion",
    "ConstantFeaturesError",
    "Examples",
    "ExamplesSchemaError",
    "ExpectedBuyers",
    "FeatureMismatchError",
    "Level",
    "NoCutoffsError",
    "OneClassError",
    "PurchaseModel",
    "TrainedModel",
    "TrainingError",
    "TrainingSettings",
    "as_file",
    "backtest_cutoff",
    "expected_buyers",
    "fit",
    "of_file",
    "read_examples",
    "reference_of",
]
