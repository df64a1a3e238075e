"""Scores between two builds: which files are ready to be loaded, and who is scored once they are.

`folder`: what lies under events_path, and what of it waits. `live`: the users whose days have changed, scored.
`metrics`: what Prometheus is told.
"""

from likely_buyers.streaming.errors import StreamingError
from likely_buyers.streaming.folder import EventFolder
from likely_buyers.streaming.live import Scored, score_touched
from likely_buyers.streaming.metrics import StreamMetrics

__all__ = ["EventFolder", "Scored", "StreamMetrics", "StreamingError", "score_touched"]
