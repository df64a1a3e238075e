"""The lake: a DuckLake, in which all tables lie. What knows DuckLake is here.

`attaching`: opening it, waited for while another process has it; its catalog on a server of `postgres`, its files in a
`bucket`, or both under a key of `encryption`. `locked`: committing while the lock of that server stands. `files`:
Parquet files taken in as they are. `builds`: which one passed. `upkeep`: what it needs as it grows. `carry_over`: what
an earlier state is kept for. `extensions`: those of DuckDB.
"""

from likely_buyers.lake.attaching import LAKE, attach, connect, limits, opened
from likely_buyers.lake.errors import LakeInUse, LakeProblem
from likely_buyers.lake.locked import check_lock, transaction

__all__ = [
    "LAKE",
    "LakeInUse",
    "LakeProblem",
    "attach",
    "check_lock",
    "connect",
    "limits",
    "opened",
    "transaction",
]
