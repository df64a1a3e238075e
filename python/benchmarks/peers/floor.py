"""The floor: what no way around the job can leave out, done once in memory, and nothing else.

    python floor.py EVENTS_FOLDER STATE_FOLDER REGISTRY_FOLDER OUT_FOLDER

DuckDB reads the needed columns of the event files once and makes one aggregate by user and day of them; then the
champion's `predict_proba` runs over ready features in memory. No line is kept, no duplicate is found, no feature is
computed (they come from the pipeline's silver.user_features, unmeasured) and nothing is tested. Prints the two times as
JSON.
"""

import json
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from plain_duckdb import event_files

from likely_buyers.lake import connect
from likely_buyers.registry import LoadedModel, Registry
from likely_buyers.scoring import feature_matrix
from likely_buyers.settings import Lake

# Valid lines, the sums and distinct counts of silver.user_days; hashes of text are told apart faster than text
USER_DAYS = """
create temporary table user_days as
select
    user_id,
    cast(event_time as date) as event_date,
    count(*) as events,
    count(distinct hash(user_session)) as sessions,
    count(*) filter (where event_type = 'view') as views,
    count(*) filter (where event_type = 'cart') as carts,
    count(*) filter (where event_type = 'remove_from_cart') as removals,
    count(*) filter (where event_type = 'purchase') as purchases,
    count(*) filter (where event_type = 'refund') as refunds,
    count(distinct product_id) as products,
    count(distinct product_id) filter (where event_type = 'purchase') as purchased_products,
    sum(price) filter (where event_type = 'purchase') as revenue,
    sum(price) filter (where event_type = 'refund') as refunded
from {event_files}
where
    event_type in ('view', 'cart', 'remove_from_cart', 'purchase', 'refund')
    and user_id is not null
    and (price is null or price >= 0)
    and event_time <= localtimestamp + interval 1 day
group by all
"""


def main() -> None:
    """Aggregate, predict, report."""
    events, state, registry, out = map(Path, sys.argv[1:])
    aggregate_seconds, user_days = aggregate(events)
    model = Registry(registry).load()
    users, matrix = features_in_memory(Lake.in_folder(state), model)
    predict_seconds, probability = predict(matrix, model)
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.table({"user_id": users, "probability": probability}), out / "predictions.parquet"
    )
    print(
        json.dumps(
            {
                "aggregate_seconds": aggregate_seconds,
                "predict_seconds": predict_seconds,
                "user_days": user_days,
            }
        )
    )


def aggregate(events: Path) -> tuple[float, int]:
    """Seconds of the aggregate, and its rows."""
    with duckdb.connect(config={"preserve_insertion_order": False}) as connection:
        started = time.perf_counter()
        connection.execute(USER_DAYS.format(event_files=event_files(events)))
        seconds = time.perf_counter() - started
        ((rows,),) = connection.sql("select count(*) from user_days").fetchall()
    return seconds, rows


def features_in_memory(lake: Lake, model: LoadedModel) -> tuple[pa.Array, NDArray[np.float64]]:
    """User ids (n,) and the matrix (n, features), NaN for null."""
    names = ", ".join(["user_id", *model.feature_names])
    with connect(lake, read_only=True) as connection:
        table = connection.sql(f"select {names} from silver.user_features").to_arrow_table()
    (batch,) = table.combine_chunks().to_batches()
    return batch["user_id"], feature_matrix(batch, model.feature_names)


def predict(matrix: NDArray[np.float64], model: LoadedModel) -> tuple[float, NDArray[np.float64]]:
    """Seconds of `predict_proba` at its best, and the probabilities (n,)."""
    best = float("inf")
    # a single call on everything suffers from its temporary arrays; whoever tunes it calls it in parts
    for rows in (len(matrix), 131_072):
        started = time.perf_counter()
        parts = [
            model.estimator.predict_proba(matrix[start : start + rows])[:, 1]
            for start in range(0, len(matrix), rows)
        ]
        best = min(best, time.perf_counter() - started)
    return best, np.concatenate(parts)


if __name__ == "__main__":
    main()
