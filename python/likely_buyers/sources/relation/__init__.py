"""A table as a source: what of it is new, copied to a file that is then read as any other.

One snapshot of the table is copied to Parquet in the state folder, and the load reads the copy. So what was counted,
compared and loaded is the same rows, and neither the database nor its credentials are in a statement that dbt keeps.

With a cursor column each load reads the rows from the greatest value taken in so far on, that value included: rows that
share it may have come later. Rows that are loaded already are told by comparing them, equal ones by their number, and
are not loaded twice. Without a cursor the table is read whole, and replaces its earlier rows when its digest changed.
"""

from likely_buyers.sources.relation.comparison import Known
from likely_buyers.sources.relation.plan import plan_relation
from likely_buyers.sources.relation.setting import Relation, given_relation
from likely_buyers.sources.relation.snapshot import Warehouse

__all__ = ["Known", "Relation", "Warehouse", "given_relation", "plan_relation"]
