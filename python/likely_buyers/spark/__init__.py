"""Spark: a version as a column of any DataFrame, what builds run on executors, and a cluster of this machine."""

from likely_buyers.spark.errors import SparkProblem
from likely_buyers.spark.predicting import predict_udf

__all__ = ["SparkProblem", "predict_udf"]
