"""What a Python model gives, as a DataFrame of Spark."""

from typing import Any

import pyarrow as pa

from likely_buyers.spark.arrow import with_zone


def as_frame(made: Any, session: Any) -> Any:
    """A DataFrame as it is; an Arrow table, which is small, as one."""
    if isinstance(made, pa.RecordBatchReader):
        made = made.read_all()
    return session.createDataFrame(with_zone(made)) if isinstance(made, pa.Table) else made
