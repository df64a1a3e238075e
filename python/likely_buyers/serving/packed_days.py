"""A user's days as bytes: each day a record of whole numbers, as silver.user_days has them, and back.

Money and quantities are decimals, kept as whole numbers of their last digit, so that nothing is rounded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from likely_buyers.serving.errors import ServingError

# of a column that knows no value
_NULL = np.iinfo(np.int64).min


@dataclass(frozen=True)
class DayFormat:
    """How the columns of silver.user_days but `user_id` are kept; `schema` has them."""

    schema: pa.Schema

    @classmethod
    def of(cls, schema: pa.Schema) -> "DayFormat":
        """That of silver.user_days.

        Raises:
            ServingError: a column is neither a day nor a number of at most 18 digits.
        """
        fields = [field for field in schema if field.name != "user_id"]
        for field in fields:
            if not (
                pa.types.is_date32(field.type)
                or pa.types.is_integer(field.type)
                or pa.types.is_float64(field.type)
                or (pa.types.is_decimal128(field.type) and field.type.precision <= 18)
            ):
                raise ServingError(
                    f"silver.user_days has the column {field.name} of type {field.type}, and the endpoint keeps days,"
                    " whole numbers, doubles and decimals of at most 18 digits. Give it another type."
                )
        return cls(pa.schema(fields))

    @property
    def dtype(self) -> np.dtype[np.void]:
        """Of one day."""
        return np.dtype(
            [
                (field.name, np.float64 if pa.types.is_float64(field.type) else np.int64)
                for field in self.schema
            ]
        )

    def packed(self, batches: pa.RecordBatchReader) -> Iterator[tuple[str, bytes]]:
        """Each user with the bytes of their days, from batches in the order of users and days."""
        last, waiting = None, b""
        for batch in batches:
            if not batch.num_rows:
                continue
            users = batch.column("user_id")
            days = self._records(batch)
            codes = pc.run_end_encode(users)
            start = 0
            for user, end in zip(
                codes.values.to_pylist(), codes.run_ends.to_numpy().tolist(), strict=True
            ):
                own = days[start:end].tobytes()
                start = end
                if user == last:
                    waiting += own
                    continue
                if last is not None:
                    yield last, waiting
                last, waiting = user, own
        if last is not None:
            yield last, waiting

    def unpacked(self, days: Sequence[bytes], names: Sequence[str]) -> pa.Table:
        """Days of several users as a table like silver.user_days; a name stands for each as `user_id`."""
        dtype = self.dtype
        records = np.frombuffer(b"".join(days), dtype)
        counts = [len(one) // dtype.itemsize for one in days]
        users = pa.array(np.repeat(np.asarray(names, dtype=object), counts), pa.string())
        columns = [_column(records[field.name], field.type) for field in self.schema]
        return pa.table([users, *columns], schema=self.table_schema)

    @property
    def table_schema(self) -> pa.Schema:
        """That of silver.user_days."""
        return pa.schema([pa.field("user_id", pa.string()), *self.schema])

    def _records(self, batch: pa.RecordBatch) -> NDArray[np.void]:
        records = np.empty(batch.num_rows, self.dtype)
        for field in self.schema:
            values = batch.column(field.name)
            if pa.types.is_float64(field.type):
                records[field.name] = values.to_numpy(zero_copy_only=False)
                continue
            whole = _as_whole_numbers(values)
            records[field.name] = whole.fill_null(_NULL).to_numpy(zero_copy_only=False)
        return records


def _as_whole_numbers(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_decimal128(kind):
        # 18 digits are in the lower half of the sixteen bytes
        halves = np.frombuffer(values.buffers()[1], np.int64)[2 * values.offset :][
            0 : 2 * len(values) : 2
        ]
        return pa.array(halves, pa.int64(), mask=values.is_null().to_numpy(zero_copy_only=False))
    if pa.types.is_date32(kind):
        return values.cast(pa.int32()).cast(pa.int64())
    return values.cast(pa.int64())


def _column(numbers: NDArray[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_float64(kind):
        return pa.array(np.ascontiguousarray(numbers), from_pandas=True)
    nulls = numbers == _NULL
    if pa.types.is_decimal128(kind):
        halves = np.empty((len(numbers), 2), np.int64)
        halves[:, 0] = numbers
        # of a negative number the upper half is all ones
        halves[:, 1] = numbers >> 63
        valid = pa.array(~nulls).buffers()[1] if nulls.any() else None
        return pa.Array.from_buffers(kind, len(numbers), [valid, pa.py_buffer(halves)])
    mask = nulls if nulls.any() else None
    if pa.types.is_date32(kind):
        return pa.array(numbers.astype(np.int32), pa.int32(), mask=mask).cast(kind)
    return pa.array(np.ascontiguousarray(numbers), pa.int64(), mask=mask).cast(kind)
