"""The lake: a DuckLake, in which all tables lie. What knows DuckLake is here.

`attaching`: opening it, waited for while another process has it. `files`: Parquet files taken in as they are.
`extensions`: those of DuckDB that it needs. `encryption`: its key. `carry_over`: what an earlier state is kept for.
"""

from likely_buyers.lake.attaching import LAKE, LakeInUse, attach, connect, limits, opened
from likely_buyers.lake.errors import LakeProblem

__all__ = ["LAKE", "LakeInUse", "LakeProblem", "attach", "connect", "limits", "opened"]
