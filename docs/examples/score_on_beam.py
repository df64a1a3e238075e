"""The champion on Apache Beam: a Parquet file of features in, one of probabilities out.

    python docs/examples/score_on_beam.py FEATURES.parquet SCORES

MLFLOW_TRACKING_URI names the registry. SCORES-00000-of-00001.parquet is written. Options of Beam may follow, as
--runner=FlinkRunner.
"""

import sys
from collections.abc import Iterator

import apache_beam as beam
import mlflow
import pyarrow as pa
from apache_beam.io.parquetio import ReadFromParquetBatched, WriteToParquetBatched
from apache_beam.options.pipeline_options import PipelineOptions

NAME = "likely_buyers.purchase_30d"
SCORES = pa.schema([("user_id", pa.string()), ("probability", pa.float64())])


class Score(beam.DoFn):
    """A table of features in, a table of scores out. The model is loaded once a worker."""

    def __init__(self, version: str) -> None:
        self.version = version

    def setup(self) -> None:
        self.model = mlflow.pyfunc.load_model(f"models:/{NAME}/{self.version}")

    def process(self, features: pa.Table) -> Iterator[pa.Table]:
        columns = features.drop_columns(["user_id"]).to_pandas()
        probability = self.model.predict(columns)["probability"]
        yield pa.table([features["user_id"], probability.to_numpy()], schema=SCORES)


def main(features: str, scores: str, *options: str) -> None:
    # asked for once, so that a promotion meanwhile does not mix two versions
    champion = mlflow.MlflowClient().get_model_version_by_alias(NAME, "champion").version
    with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
        _ = (
            pipeline
            | ReadFromParquetBatched(features)
            | beam.ParDo(Score(str(champion)))
            | WriteToParquetBatched(scores, SCORES, file_name_suffix=".parquet")
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
