"""Spark: a cluster of this machine, and what runs on the executors of any."""

from likely_buyers.spark.errors import SparkProblem

__all__ = ["SparkProblem"]
