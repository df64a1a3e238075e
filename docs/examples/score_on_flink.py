"""The champion on PyFlink: a Parquet file of features in, one of probabilities out.

    python docs/examples/score_on_flink.py FEATURES.parquet SCORES.parquet

MLFLOW_TRACKING_URI names the registry. pandas reads and writes the files, since Flink's reader of Parquet is a jar that
its Python package does not bring; the scores come from Flink's workers.
"""

import sys

import mlflow
import pandas as pd
from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment
from pyflink.table.expressions import col
from pyflink.table.udf import FunctionContext, ScalarFunction, udf

NAME = "likely_buyers.purchase_30d"


class Score(ScalarFunction):
    """Columns of features in, a column of probabilities out. The model is loaded once a worker."""

    def __init__(self, version: str, names: list[str]) -> None:
        self.version = version
        self.names = names

    def open(self, function_context: FunctionContext) -> None:
        self.model = mlflow.pyfunc.load_model(f"models:/{NAME}/{self.version}")

    def eval(self, *features: pd.Series) -> pd.Series:
        frame = pd.concat(features, axis=1, keys=self.names)
        return self.model.predict(frame)["probability"]


def main(features: str, scores: str) -> None:
    # asked for once, so that a promotion meanwhile does not mix two versions
    version = str(mlflow.MlflowClient().get_model_version_by_alias(NAME, "champion").version)
    names = mlflow.models.get_model_info(f"models:/{NAME}/{version}").signature.inputs.input_names()
    flink = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
    flink.get_config().set("python.executable", sys.executable)
    users = flink.from_pandas(pd.read_parquet(features, columns=["user_id", *names]))
    score = udf(Score(version, names), result_type=DataTypes.DOUBLE(), func_type="pandas")
    probability = score(*map(col, names)).alias("probability")
    users.select(col("user_id"), probability).to_pandas().to_parquet(scores)


if __name__ == "__main__":
    main(*sys.argv[1:])
