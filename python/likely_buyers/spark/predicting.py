"""The registered model as a function of Spark, through MLflow's `spark_udf`.

The driver asks the registry and checks the version. Workers get its files and its fingerprint, so that they need no way
to the registry and pass the same checks. They need this package and what is pinned beside the model, no less.
"""

import atexit
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from likely_buyers.registry import Registry
from likely_buyers.registry.pyfunc import FINGERPRINTS
from likely_buyers.settings import Settings


def predict_udf(
    spark: Any,
    outcome: str = "purchase_30d",
    *,
    version: int | str = "champion",
    settings: Settings | None = None,
    base: str = "likely_buyers",
) -> Any:
    """A function of columns whose value is the probability of the outcome, a double.

    Called without columns it takes those named as the features: `features.withColumn("probability", predict())`. It
    gives what `predict_proba` gives, to the bit. The version is that of this moment, also if another is promoted while
    the query runs.

    Args:
        spark: a SparkSession, in this process or of Spark Connect. Executors on other machines get the files through
            Spark, but those of Spark Connect read them where they lie, in this machine's temporary folder.
        outcome: a name of `vars.outcomes`.
        version: a number, 'latest' or 'champion'.
        settings: of the installation whose registry is asked; those of the environment by default.
        base: `vars.model_name`.

    Raises:
        RegistryError: there is no such version, it fails a check, or was registered without the flavor that MLflow's
            clients load.
    """
    registry = Registry.of(settings or Settings.of(), model_name=f"{base}.{outcome}")
    # until the process ends, since a query may begin at any time
    folder = Path(tempfile.mkdtemp(prefix="likely_buyers_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    saved = registry.save(version, folder)

    from mlflow.pyfunc import spark_udf

    said = logging.getLogger("mlflow.pyfunc")
    level = said.level
    # it advises an environment made of the pins beside the model, in which this package is not
    said.setLevel(logging.ERROR)
    try:
        return spark_udf(
            spark,
            str(folder),
            result_type="double",
            env_manager="local",
            extra_env={FINGERPRINTS: str(saved.fingerprint)},
        )
    finally:
        said.setLevel(level)
