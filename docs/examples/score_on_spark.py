"""The champion on Spark: a Parquet file of features in, one of probabilities out.

    python docs/examples/score_on_spark.py FEATURES.parquet SCORES

The registry is that of LIKELY_BUYERS_STATE or MLFLOW_TRACKING_URI; only the driver needs it. SCORES becomes a folder.
"""

import os
import sys

from pyspark.sql import SparkSession

from likely_buyers.spark import predict_udf


def main(features: str, scores: str) -> None:
    # else Spark takes the python3 that comes first
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.getOrCreate()
    predict = predict_udf(spark, "purchase_30d")
    users = spark.read.parquet(features)
    users.select("user_id", predict().alias("probability")).write.parquet(scores)


if __name__ == "__main__":
    main(*sys.argv[1:])
