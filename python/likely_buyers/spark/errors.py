"""What can go wrong on Spark."""

from likely_buyers.errors import LikelyBuyersError


class SparkProblem(LikelyBuyersError):
    """Spark is not there, or is not what it has to be."""
