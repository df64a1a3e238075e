"""Spark: a version as a column of any DataFrame, what builds run on executors, and a cluster of this machine."""

from typing import TYPE_CHECKING, Any

from likely_buyers.spark.errors import SparkProblem

if TYPE_CHECKING:
    from likely_buyers.spark.predicting import predict_udf

__all__ = ["SparkProblem", "predict_udf"]


def __getattr__(name: str) -> Any:
    # every Python worker of a build imports this package, and only who asks for the function needs the registry
    if name != "predict_udf":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from likely_buyers.spark.predicting import predict_udf

    return predict_udf
