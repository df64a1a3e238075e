"""Days of users come back from bytes as they were, to the last digit."""

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likely_buyers.serving.errors import ServingError
from likely_buyers.serving.packed_days import DayFormat
from support.tries import tries

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("event_date", pa.date32()),
        ("views", pa.int64()),
        ("share", pa.float64()),
        ("revenue", pa.decimal128(18, 4)),
    ]
)
DAYS = st.tuples(
    st.sampled_from(["ann", "bob", "ü\x00", ""]),
    st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    st.one_of(st.none(), st.integers(-(2**53), 2**53)),
    st.one_of(st.none(), st.floats(allow_nan=False)),
    st.one_of(
        st.none(), st.integers(-(10**18) + 1, 10**18 - 1).map(lambda n: Decimal(n).scaleb(-4))
    ),
)


@settings(max_examples=tries(100), deadline=None)
@given(st.lists(DAYS, max_size=12), st.integers(1, 5))
def test_what_is_packed_comes_back(rows: list[tuple[Any, ...]], at_once: int) -> None:
    rows = sorted(rows, key=lambda row: row[:2])
    columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMA)
    table = pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)],
        schema=SCHEMA,
    )
    form = DayFormat.of(SCHEMA)
    packed = dict(form.packed(table.to_reader(max_chunksize=at_once)))
    assert list(packed) == sorted({row[0] for row in rows})
    assert form.unpacked(list(packed.values()), list(packed)).equals(table)


def test_a_column_that_cannot_be_packed_is_named() -> None:
    with pytest.raises(ServingError, match="the column note of type string"):
        DayFormat.of(SCHEMA.append(pa.field("note", pa.string())))
