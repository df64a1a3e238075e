"""The lake: a DuckLake, in which all tables lie. What knows DuckLake is here.

`attaching`: opening it, waited for while another process has it. `files`: Parquet files taken in as they are.
`extensions`: those of DuckDB that it needs.
"""

from likely_buyers.lake.attaching import LAKE, LakeInUse, attach, connect, limits, opened

__all__ = ["LAKE", "LakeInUse", "attach", "connect", "limits", "opened"]
