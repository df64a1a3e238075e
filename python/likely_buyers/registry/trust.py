"""Which types a model's file may hold, beyond those skops trusts itself.

Owned here, never read from a model's files.

MLflow's own loader takes the list from the model it is about to load (mlflow #25686), so a forged
model vouches for itself.
"""

from __future__ import annotations

import importlib

# skops leaves these out: TreePredictor since a forged node array can read out of bounds (here the
# file's digest is checked first), numpy.dtype (kept by SimpleImputer) since nobody decided yet.
SCIKIT_LEARN_TYPES: tuple[str, ...] = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
_TRAINING = "likely_buyers.training"


def trusted_types() -> tuple[str, ...]:
    """`SCIKIT_LEARN_TYPES` and `likely_buyers.training.TRUSTED_TYPES`, if it names some."""
    try:
        training = importlib.import_module(_TRAINING)
    except ModuleNotFoundError as error:
        # Only its absence is fine; a module that it misses is an error to show.
        if error.name != _TRAINING:
            raise
        return SCIKIT_LEARN_TYPES
    return (*SCIKIT_LEARN_TYPES, *getattr(training, "TRUSTED_TYPES", ()))
