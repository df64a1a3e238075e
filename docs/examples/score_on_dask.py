"""The champion on Dask: a Parquet file of features in, one of probabilities out.

    python docs/examples/score_on_dask.py FEATURES.parquet SCORES

MLFLOW_TRACKING_URI names the registry. SCORES becomes a folder of Parquet files, one a partition.
"""

import sys
from functools import cache

import dask.dataframe as dd
import mlflow
import pandas as pd

NAME = "likely_buyers.purchase_30d"


@cache
def model(version: str) -> mlflow.pyfunc.PyFuncModel:
    """Once a worker process."""
    return mlflow.pyfunc.load_model(f"models:/{NAME}/{version}")


def scored(features: pd.DataFrame, version: str) -> pd.DataFrame:
    scores = model(version).predict(features.drop(columns="user_id"))
    return scores.assign(user_id=features["user_id"])


def main(features: str, scores: str) -> None:
    # asked for once, so that a promotion meanwhile does not mix two versions
    champion = mlflow.MlflowClient().get_model_version_by_alias(NAME, "champion").version
    users = dd.read_parquet(features, split_row_groups=True)
    columns = {"probability": "float64", "user_id": users.dtypes["user_id"]}
    result = users.map_partitions(scored, str(champion), meta=columns)
    result.to_parquet(scores, write_index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
