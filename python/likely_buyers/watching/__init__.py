"""Watching: how the last build went and what stands in gold, judged for people and written as metrics for machines.

`state` reads it from the lake, `record` from what the last build left; `findings` says what is wrong; `metrics` has the
figures for Prometheus and Datadog; `webhook` tells people. An endpoint or a stream has metrics of its own, and adds
these by `metrics.collected`.
"""

from likely_buyers.watching.errors import WatchingError
from likely_buyers.watching.findings import Finding, Limits, findings
from likely_buyers.watching.record import BuildRecord, last_record
from likely_buyers.watching.state import State, read_state

__all__ = [
    "BuildRecord",
    "Finding",
    "Limits",
    "State",
    "WatchingError",
    "findings",
    "last_record",
    "read_state",
]
