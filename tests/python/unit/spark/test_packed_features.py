"""Rows of features as Spark hands them to Python, their doubles in one array: the columns are those of before."""

import numpy as np
import pyarrow as pa

from likely_buyers.registry.matrix import feature_matrix
from likely_buyers.spark.scoring import PACKED, unpacked


def test_columns_come_back_in_their_order_with_their_nulls() -> None:
    batch = pa.record_batch(
        {
            "user_id": ["ann", "bob", "cy"],
            "visits": pa.array([1, None, 3], pa.int64()),
            PACKED: pa.array([[0.1, None], [None, -0.0], [2.5, float("nan")]]),
        }
    )
    columns = ("user_id", "revenue", "visits", "share")
    for rows in (batch, batch.slice(1)):
        found = unpacked(rows, columns, ("revenue", "share"))
        assert tuple(found.schema.names) == columns
        assert found.schema.field("visits").type == pa.int64()
        wanted = rows.column(PACKED).to_pylist()
        for place, name in enumerate(("revenue", "share")):
            assert str(found.column(name).to_pylist()) == str([row[place] for row in wanted])


def test_the_matrix_is_that_of_columns_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    names = tuple(f"f{place}" for place in range(90))
    values = rng.lognormal(size=(1_000, len(names)))
    given = [[None if x < 0.5 else x for x in row] for row in values.tolist()]
    plain = pa.record_batch(
        {
            name: pa.array([row[place] for row in given], pa.float64())
            for place, name in enumerate(names)
        }
    )
    packed = pa.record_batch({PACKED: pa.array(given)})
    ours, theirs = (feature_matrix(one, names) for one in (unpacked(packed, names, names), plain))
    assert ours.tobytes(order="F") == theirs.tobytes(order="F")
    assert ours.flags["F_CONTIGUOUS"] == theirs.flags["F_CONTIGUOUS"]
