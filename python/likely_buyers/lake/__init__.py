"""The lake: a DuckLake, in which all tables lie. What knows DuckLake is here.

`attaching`: opening it, waited for while another process has it; its catalog on a server of `postgres`, its files in a
`bucket`. `files`: Parquet files taken in as they are.
`extensions`: those of DuckDB that it needs.
"""

from likely_buyers.lake.attaching import LAKE, attach, connect, limits, opened
from likely_buyers.lake.errors import LakeInUse, LakeUnusable

__all__ = ["LAKE", "LakeInUse", "LakeUnusable", "attach", "connect", "limits", "opened"]
