"""A registered version for any client of MLflow: `mlflow.pyfunc.load_model("models:/NAME@champion")`.

MLflow imports this module where a version's `MLmodel` names it, so the package must be installed there: code that lies
beside a model is never run. It is checked as `Registry.load` checks it, against what the registry says of the version
and never against what the folder says of itself. A process that cannot ask the registry, a worker of a cluster say,
gets the version's fingerprint in LIKELY_BUYERS_FINGERPRINTS instead; a folder that comes with neither is refused.

Which registered version to ask for is the word of the folder, where it is loaded by its path: MLflow tells a loader no
more. Digests are the registry's, so a folder passes as the version that it is, or not at all.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

from likely_buyers.registry.errors import RegistryError
from likely_buyers.registry.matrix import ARROW_TYPES, feature_matrix
from likely_buyers.registry.model_folder import MODEL_FILE, checked_model
from likely_buyers.registry.records import Fingerprint
from likely_buyers.registry.registry import Registry
from likely_buyers.registry.skops_bytes import model_digest

FINGERPRINTS = "LIKELY_BUYERS_FINGERPRINTS"
"""The variable that names the versions a process may load, separated by blanks, as `str(ModelVersion.fingerprint)`."""

# MLflow's client writes it into the folder whenever it resolves an address `models:/…`, over one that was there
_RESOLVED = "registered_model_meta"


class PyfuncModel:
    """A checked version as MLflow calls it. `features` are names and MLflow's types, in the order of the model."""

    def __init__(self, estimator: Any, features: Mapping[str, str]) -> None:
        self.estimator = estimator
        self.features = dict(features)
        self._schema = pa.schema(
            [
                (name, pa.type_for_alias(ARROW_TYPES.get(kind, kind)))
                for name, kind in features.items()
            ]
        )

    def predict(self, frame: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Probabilities as (rows, 1), the column `probability`, in the index of `frame`.

        They are those of `predict_proba` to the bit, whichever rows stand beside a row. Populations of outcomes and
        the order among nested outcomes are matters of the warehouse and not known here.

        Args:
            frame: (rows, features), in any order; further columns are ignored. A missing value is NaN.
            params: none is known.

        Raises:
            RegistryError: a feature is missing, or cannot become its type without a loss.
        """
        try:
            batch = pa.RecordBatch.from_pandas(frame, schema=self._schema, preserve_index=False)
        except (KeyError, pa.ArrowException) as error:
            raise RegistryError(
                f"The columns do not fit the model: {' '.join(map(str, error.args))}. It takes {len(self.features)}"
                " features, those of silver.user_features."
            ) from error
        probability = np.empty(0)
        if batch.num_rows:
            matrix = feature_matrix(batch, list(self.features))
            probability = np.asarray(self.estimator.predict_proba(matrix)[:, 1], dtype=np.float64)
        return pd.DataFrame({"probability": probability}, index=frame.index)


def _load_pyfunc(path: str) -> PyfuncModel:
    """The version in a folder that MLflow downloaded; RegistryError if it is not what was registered."""
    folder = Path(path)

    def read(name: str) -> bytes:
        if not (folder / name).exists():
            raise RegistryError(
                f"{name} is missing in {folder}. Restore the artifacts from a backup."
            )
        return (folder / name).read_bytes()

    label, expected = _registered(folder, model_digest(read(MODEL_FILE)))
    return PyfuncModel(*checked_model(label, expected, read, str(folder)))


def _registered(folder: Path, digest: str) -> tuple[str, Fingerprint]:
    """What the version is called, and what it must be: the folder may name it, and others say what it is."""
    named = [Fingerprint.of(text) for text in os.environ.get(FINGERPRINTS, "").split()]
    if named:
        # of several the one that is meant; where none is, the check names the first
        expected = next((each for each in named if each.model_digest == digest), named[0])
        return f"the version that {FINGERPRINTS} names", expected
    if not (folder / _RESOLVED).exists():
        raise RegistryError(
            f"The model in {folder} was not loaded, since nothing but itself says what it should be. Load it by its"
            " name in the registry, models:/NAME@champion, or give its fingerprint, which the registry knows"
            f" (likely_buyers.registry.Registry.version(…).fingerprint), in {FINGERPRINTS}."
        )
    import mlflow

    resolved = yaml.safe_load((folder / _RESOLVED).read_text())
    registry = Registry(folder, mlflow.get_registry_uri(), model_name=resolved["model_name"])
    version = registry.version(str(resolved["model_version"]))
    return version.label, version.fingerprint
