"""Promotion: whether a version has earned its place, and what changes for the list when it gets it.

Knows versions and arrays, neither dbt nor the warehouse.
"""

from likely_buyers.promotion.difference import Difference, difference
from likely_buyers.promotion.gate import RANKING_METRICS, NotEarned, judge

__all__ = ["RANKING_METRICS", "Difference", "NotEarned", "difference", "judge"]
