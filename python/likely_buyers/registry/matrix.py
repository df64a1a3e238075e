"""How columns of features become the matrix that an estimator scores: one way, in the warehouse and elsewhere."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

ARROW_TYPES = {"double": "double", "float": "float", "long": "int64", "integer": "int32"}
"""By MLflow's names of the types a feature may have."""


def feature_matrix(batch: pa.RecordBatch, feature_names: Sequence[str]) -> NDArray[np.float64]:
    """Features as (rows, features), NaN for null; column by column in memory, as Arrow has them."""
    tensor = batch.select(list(feature_names)).to_tensor(null_to_nan=True, row_major=False)
    return np.asarray(tensor.to_numpy(), dtype=np.float64)
