"""What the target `spark` of the profile needs in the process of dbt, beside dbt-spark."""

from likely_buyers.dbt.on_spark.adapter import install

__all__ = ["install"]
