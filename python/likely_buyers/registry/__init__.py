"""Registry: versions of trained models, safely stored, safely loaded, and who was champion when.

The registry is MLflow's, in a SQLite file of the state folder or on the server that MLFLOW_TRACKING_URI names. Models
are skops files in a canonical form, so that a digest identifies them; nothing here ever unpickles.
"""

from likely_buyers.registry.errors import RegistryError
from likely_buyers.registry.records import LoadedModel, ModelVersion, Promotion
from likely_buyers.registry.registry import Registry
from likely_buyers.registry.skops_bytes import model_bytes, model_digest

__all__ = [
    "LoadedModel",
    "ModelVersion",
    "Promotion",
    "Registry",
    "RegistryError",
    "model_bytes",
    "model_digest",
]
