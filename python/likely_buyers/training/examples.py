"""The table of examples, checked and in one order."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from likely_buyers.evaluation import Floats
from likely_buyers.training.errors import (
    ExamplesSchemaError,
    NoCutoffsError,
    OneClassError,
)

KEYS = ("user_id", "cutoff_date")
LABEL = "label"

Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class Examples:
    """Examples sorted by user and cutoff.

    Attributes:
        features: (n, f), NaN where undefined.
        labels: (n,) 1 where the user bought within the horizon.
        cutoffs: (n,) dates, unit day.
        users: (n,) a number for each user.
        feature_names: f names, in the order of the columns.
    """

    features: Floats
    labels: NDArray[np.int8]
    cutoffs: Days
    users: NDArray[np.int64]
    feature_names: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.labels.size)

    def table(self, rows: NDArray[np.int64]) -> pa.Table:
        """The features of some rows by name, for the rules of `baselines`."""
        columns = self.features[rows].T
        return pa.table(dict(zip(self.feature_names, columns, strict=True)))

    def distinct_cutoffs(self) -> list[np.datetime64]:
        """Cutoffs in the examples, oldest first."""
        return list(np.unique(self.cutoffs))

    def rows_at(self, cutoffs: list[np.datetime64]) -> NDArray[np.int64]:
        """Row numbers of the examples at the given cutoffs, in order."""
        return np.flatnonzero(np.isin(self.cutoffs, np.array(cutoffs, dtype="datetime64[D]")))


def read_examples(examples: pa.Table | pa.RecordBatchReader) -> Examples:
    """Check examples and sort them by user and cutoff, so that the order they come in does not matter.

    Args:
        examples: `user_id`, `cutoff_date` (date), `label` (bool) and one numeric column per feature; as a reader they
            are never in memory as a whole table, which would be as large as the matrix.

    Raises:
        ExamplesSchemaError: a column is missing, of another type, null where it may not be, or a key repeats.
        NoCutoffsError: there are no examples at all.
        OneClassError: at each cutoff every user bought, or none.
    """
    schema = examples.schema
    missing = [name for name in (*KEYS, LABEL) if name not in schema.names]
    if missing:
        raise ExamplesSchemaError(
            f"the examples lack {', '.join(missing)}; they have {', '.join(schema.names)}"
        )
    names = tuple(name for name in schema.names if name not in (*KEYS, LABEL))
    _check_types(schema, names)
    batches: list[pa.RecordBatch] = []
    parts: list[Floats] = []
    for batch in examples.to_batches() if isinstance(examples, pa.Table) else examples:
        batches.append(batch.select([*KEYS, LABEL]))
        columns = [batch[name].cast(pa.float64()) for name in names]
        parts.append(np.column_stack([one.to_numpy(zero_copy_only=False) for one in columns]))
    keys = pa.Table.from_batches(batches, pa.schema([schema.field(key) for key in (*KEYS, LABEL)]))
    if keys.num_rows == 0:
        raise NoCutoffsError(
            "there are no examples: no user has an event before any past cutoff. "
            "Check as_of and horizon_days against the days of the events."
        )
    nulls = [f"{name} holds nulls" for name in keys.column_names if keys[name].null_count]
    _refuse(nulls)
    order = pc.sort_indices(keys, sort_keys=[(key, "ascending") for key in KEYS]).to_numpy()
    keys = keys.take(order)
    _check_keys_differ(keys)
    labels = keys[LABEL].to_numpy().astype(np.int8)
    cutoffs = keys["cutoff_date"].cast(pa.date32()).to_numpy().astype("datetime64[D]")
    _check_classes(labels, cutoffs)
    features = np.empty((len(order), len(names)), dtype=np.float64)
    place = np.argsort(order)
    for part in parts:
        features[place[: len(part)]] = part
        place = place[len(part) :]
    users = keys["user_id"].dictionary_encode().combine_chunks().indices.to_numpy()
    return Examples(
        features=features,
        labels=labels,
        cutoffs=cutoffs,
        users=users.astype(np.int64),
        feature_names=names,
    )


def _check_types(schema: pa.Schema, names: tuple[str, ...]) -> None:
    wrong = [
        f"{name} is {schema.field(name).type}"
        for name in names
        if not (
            pa.types.is_floating(schema.field(name).type)
            or pa.types.is_integer(schema.field(name).type)
        )
    ]
    if not pa.types.is_boolean(schema.field(LABEL).type):
        wrong.append(f"{LABEL} is {schema.field(LABEL).type}, not bool")
    if not pa.types.is_temporal(schema.field("cutoff_date").type):
        wrong.append(f"cutoff_date is {schema.field('cutoff_date').type}, not date")
    if not names:
        wrong.append("there is no feature column")
    _refuse(wrong)


def _refuse(wrong: list[str]) -> None:
    if wrong:
        raise ExamplesSchemaError(
            f"the examples do not fit: {'; '.join(wrong)}. Features must be integer or floating point."
        )


def _check_keys_differ(table: pa.Table) -> None:
    repeats = table.num_rows - table.group_by(list(KEYS)).aggregate([]).num_rows
    if repeats:
        raise ExamplesSchemaError(
            f"the examples must hold one row per user and cutoff: {repeats} rows repeat a key"
        )


def _check_classes(labels: NDArray[np.int8], cutoffs: Days) -> None:
    _, place, users = np.unique(cutoffs, return_inverse=True, return_counts=True)
    buyers = np.bincount(place, weights=labels)
    # users are told apart at one and the same cutoff
    if not ((buyers > 0) & (buyers < users)).any():
        raise OneClassError(
            f"training needs buyers and non-buyers: {labels.sum(dtype=int)} of {labels.size} examples bought, at each"
            " cutoff all of them or none. Take another horizon_days, load more history, or sample more users"
            " (training_users)."
        )
