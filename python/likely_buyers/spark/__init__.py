"""Spark: a registered version as a column of any Spark DataFrame of features."""

from likely_buyers.spark.predicting import predict_udf

__all__ = ["predict_udf"]
