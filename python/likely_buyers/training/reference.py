"""What a model was trained on, as distributions small enough to travel with it: later days are compared with them."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from likely_buyers.evaluation import Floats
from likely_buyers.training.errors import ExamplesSchemaError
from likely_buyers.training.examples import Examples

Counts = NDArray[np.int64]

MOST_VALUES = 1_000
"""Distinct values that are kept as they are; more become so many groups of equal count, each with its mean."""

SCORE = "probability"
"""The name of the score among the features."""

REFERENCE_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("name", pa.string()),
        ("value", pa.float64()),
        ("examples", pa.int64()),
        ("users", pa.int64()),
        ("mean", pa.float64()),
        ("spread", pa.float64()),
        ("importance", pa.float64()),
        ("inexact_by", pa.float64()),
    ]
)
"""A row per value of a feature, and of the score, null where it was missing: how many `examples` had it.

Of each name, in all its rows: distinct `users`, `mean` and `spread` (standard deviation) of the values that are there,
`importance` (mean absolute contribution, log-odds), and `inexact_by`, the Wasserstein distance in spreads from the
values before they were grouped: no distance to this distribution is further off than that.
"""


def reference_of(
    examples: Examples, importance: Floats, held_out: Floats, held_out_users: int
) -> pa.Table:
    """The distributions of each feature among the examples, and of the score (`REFERENCE_SCHEMA`).

    Args:
        examples: those trained on.
        importance: (f,) of each feature.
        held_out: (n,) probabilities at the cutoffs held out, each by a model that did not know them.
        held_out_users: whose they are.
    """
    users = int(np.unique(examples.users).size)
    tables = [
        _distribution("feature", name, examples.features[:, number], users, importance[number])
        for number, name in enumerate(examples.feature_names)
    ]
    tables.append(_distribution("score", SCORE, held_out, held_out_users, np.nan))
    return pa.concat_tables(tables)


def as_file(reference: pa.Table) -> bytes:
    """The reference as a Parquet file; the same bytes from the same rows."""
    sink = io.BytesIO()
    pq.write_table(reference, sink, compression="zstd")
    return sink.getvalue()


def of_file(content: bytes) -> pa.Table:
    """A reference that `as_file` wrote.

    Raises:
        ExamplesSchemaError: it is none.
    """
    try:
        return pq.read_table(io.BytesIO(content)).cast(REFERENCE_SCHEMA)
    except (pa.ArrowException, ValueError) as error:
        raise ExamplesSchemaError(
            f"the version's reference is no table of distributions: {error}. Train anew: likely-buyers train --promote"
        ) from error


def _distribution(kind: str, name: str, column: Floats, users: int, importance: float) -> pa.Table:
    there = column[~np.isnan(column)]
    values, counts = np.unique(there, return_counts=True)
    spread = float(there.std()) if there.size else 0.0
    values, examples, inexact_by = _grouped(values, counts.astype(np.int64))
    missing = column.size - there.size
    atoms: list[float | None] = [*values.tolist(), *([None] if missing else [])]
    return pa.table(
        {
            "kind": [kind] * len(atoms),
            "name": [name] * len(atoms),
            "value": atoms,
            "examples": [*examples.tolist(), *([missing] if missing else [])],
            "users": [users] * len(atoms),
            "mean": [float(there.mean()) if there.size else None] * len(atoms),
            "spread": [spread] * len(atoms),
            "importance": [None if np.isnan(importance) else float(importance)] * len(atoms),
            "inexact_by": [inexact_by / spread if spread else 0.0] * len(atoms),
        },
        schema=REFERENCE_SCHEMA,
    )


def _grouped(values: Floats, counts: Counts) -> tuple[Floats, Counts, float]:
    """At most MOST_VALUES of sorted distinct values with their counts, and how far they are from those given."""
    if values.size <= MOST_VALUES:
        return values, counts, 0.0
    middles = counts.cumsum() - counts / 2
    group = np.minimum((middles * MOST_VALUES / counts.sum()).astype(np.int64), MOST_VALUES - 1)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    grouped = np.add.reduceat(counts, starts)
    means = np.add.reduceat(values * counts, starts) / grouped
    sizes = np.diff(np.append(starts, values.size))
    moved = np.abs(values - np.repeat(means, sizes)) * counts
    return means, grouped, float(moved.sum() / counts.sum())
