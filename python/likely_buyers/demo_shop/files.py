"""Lines as files: CSV as REES46 publishes it, JSON lines with the same keys, or typed Parquet.

Text is built column by column with Arrow's kernels: every field is looked up in a small table of
ready fragments, the fragments of a line are joined, and the joined column's own buffer is the text
of the file.

Parquet keeps types instead of text: times are timestamp[us] without a zone, in UTC, because parsing
REES46's text would cost a reader more than everything else; prices are decimal(10,2), because sums
of money should not depend on the order of addition.
"""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from likely_buyers.demo_shop.arrays import Ints, Longs, Words
from likely_buyers.demo_shop.catalogue import Catalogue
from likely_buyers.demo_shop.lines import EVENT_TYPES, NO_USER, TOO_LONG, TOO_SHORT, WHOLE, Lines
from likely_buyers.demo_shop.sessions import EPOCH, SECONDS_A_DAY
from likely_buyers.demo_shop.settings import FileFormat

COLUMNS = (
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
)
PARQUET_SCHEMA = pa.schema(
    [
        ("event_time", pa.timestamp("us")),
        ("event_type", pa.string()),
        ("product_id", pa.int64()),
        ("category_id", pa.int64()),
        ("category_code", pa.string()),
        ("brand", pa.string()),
        ("price", pa.decimal128(10, 2)),
        ("user_id", pa.int64()),
        ("user_session", pa.string()),
    ]
)
# Sessions are nearly as many as lines: a dictionary of them would only be built and thrown away.
DICTIONARY_COLUMNS = [name for name in COLUMNS if name not in {"event_time", "user_session"}]
# Bounds the memory of the text of one slice (about 150 bytes a line) and the size of a row group.
LINES_PER_SLICE = 524_288

# Cutting there leaves a CSV line with at most four fields and a JSON object without its end.
SHORT_CSV_LENGTH = 38
SHORT_JSON_LENGTH = 60


class EventFiles:
    """Writes days of lines into one folder in one format."""

    def __init__(self, folder: Path, file_format: FileFormat, catalogue: Catalogue) -> None:
        """The folder must exist; products of all lines are looked up in the catalogue."""
        self._folder = folder
        self._format = file_format
        self._catalogue = catalogue
        self._products = _product_fragments(catalogue, file_format)

    def write(self, day: dt.date, lines: Lines) -> Path:
        """Write one day's file and return its path."""
        path = self._folder / f"events-{day.isoformat()}.{self._format}"
        slices = (
            lines.take(slice(start, start + LINES_PER_SLICE))
            for start in range(0, max(len(lines), 1), LINES_PER_SLICE)
        )
        if self._format == "parquet":
            with pq.ParquetWriter(
                path,
                PARQUET_SCHEMA,
                compression="snappy",
                use_dictionary=DICTIONARY_COLUMNS,
                store_decimal_as_integer=True,
                store_schema=False,
            ) as writer:
                for part in slices:
                    writer.write_table(self._table(part), row_group_size=LINES_PER_SLICE)
            return path
        with path.open("wb") as file:
            if self._format == "csv":
                file.write((",".join(COLUMNS) + "\n").encode())
            for part in slices:
                file.write(_buffer(self._text(part)))
        return path

    def _table(self, lines: Lines) -> pa.Table:
        product = pa.array(lines.product)
        catalogue = self._catalogue
        return pa.table(
            [
                pa.array(lines.seconds * 1_000_000, pa.int64()).view(pa.timestamp("us")),
                pa.array(EVENT_TYPES, pa.string()).take(pa.array(lines.event_type)),
                catalogue.product_id.take(product),
                catalogue.category_id.take(product),
                catalogue.category_code.take(product),
                catalogue.brand.take(product),
                _decimals(lines.cents),
                _user_ids(lines.user_id),
                _uuid_text(lines.session),
            ],
            schema=PARQUET_SCHEMA,
        )

    def _text(self, lines: Lines) -> pa.Array:
        """One string per line, line feed included."""
        csv = self._format == "csv"
        price = _decimals(lines.cents).cast(pa.string())
        user = _user_ids(lines.user_id).cast(pa.string()).fill_null("" if csv else "null")
        times = _time_text(lines.seconds)
        types = pa.array(EVENT_TYPES, pa.string()).take(pa.array(lines.event_type))
        products = self._products.take(pa.array(lines.product))
        session = _uuid_text(lines.session)
        if csv:
            parts = [*times, " UTC,", types, products, price, ",", user, ",", session, "\n"]
        else:
            parts = [
                *('{"event_time": "', *times),
                *(' UTC", "event_type": "', types),
                *(products, price),
                *(', "user_id": ', user),
                *(', "user_session": "', session),
                '"}\n',
            ]
        text = pc.binary_join_element_wise(*parts, "")
        return _break_lines(text, lines, csv) if (lines.damage != WHOLE).any() else text


def _break_lines(text: pa.Array, lines: Lines, csv: bool) -> pa.Array:
    for damage in (TOO_SHORT, TOO_LONG):
        mask = pa.array(lines.damage == damage)
        whole = text.filter(mask)
        if damage == TOO_SHORT:
            cut = pc.utf8_slice_codeunits(whole, 0, SHORT_CSV_LENGTH if csv else SHORT_JSON_LENGTH)
            broken = pc.binary_join_element_wise(cut, "\n", "")
        elif csv:
            broken = pc.replace_substring(whole, "\n", ",1\n")
        else:
            # A surplus after the object would pass some readers; an unquoted key passes none.
            broken = pc.replace_substring(whole, '"price": ', '"price": : ')
        text = pc.replace_with_mask(text, mask, broken)
    return text


def _product_fragments(catalogue: Catalogue, file_format: FileFormat) -> pa.Array:
    """The text from after the event type up to the price, one entry per product."""
    rows = zip(
        catalogue.product_id.to_pylist(),
        catalogue.category_id.to_pylist(),
        catalogue.category_code.to_pylist(),
        catalogue.brand.to_pylist(),
        strict=True,
    )
    if file_format == "csv":
        return pa.array(
            [
                f",{product},{category},{code or ''},{brand or ''},"
                for product, category, code, brand in rows
            ]
        )
    return pa.array(
        [
            f'", "product_id": {product}, "category_id": {category}, '
            f'"category_code": {json.dumps(code)}, "brand": {json.dumps(brand)}, "price": '
            for product, category, code, brand in rows
        ]
    )


_CLOCK = pa.array(
    [
        f" {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        for second in range(SECONDS_A_DAY)
    ]
)


def _time_text(seconds: Longs) -> tuple[pa.Array, pa.Array]:
    """Dates and clock times as two columns of text."""
    day, clock = np.divmod(seconds, SECONDS_A_DAY)
    days, position = np.unique(day, return_inverse=True)
    dates = pa.array(
        [(EPOCH + dt.timedelta(days=int(number))).isoformat() for number in days], pa.string()
    )
    return dates.take(pa.array(position)), _CLOCK.take(pa.array(clock))


def _decimals(cents: Ints) -> pa.Array:
    """Cents as decimal(10,2): Arrow holds a decimal as a 128-bit integer, low word first."""
    words = np.empty((len(cents), 2), dtype=np.int64)
    words[:, 0] = cents
    words[:, 1] = words[:, 0] >> 63
    return pa.Array.from_buffers(pa.decimal128(10, 2), len(cents), [None, pa.py_buffer(words)])


def _user_ids(user_id: Longs) -> pa.Array:
    return pa.array(user_id, pa.int64(), mask=user_id == NO_USER)


_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint16)
_UUID_LENGTH = 36
# Where the dashes of a UUID part its 32 digits: (first digit, past the last, first column).
_UUID_GROUPS = ((0, 8, 0), (8, 12, 9), (12, 16, 14), (16, 20, 19), (20, 32, 24))


def _uuid_text(words: Words) -> pa.Array:
    n = len(words)
    digits = _HEX[words.astype(">u8").view(np.uint8).reshape(n, 16)].view(np.uint8).reshape(n, 32)
    text = np.full((n, _UUID_LENGTH), ord("-"), dtype=np.uint8)
    for start, end, column in _UUID_GROUPS:
        text[:, column : column + end - start] = digits[:, start:end]
    offsets = np.arange(0, (n + 1) * _UUID_LENGTH, _UUID_LENGTH, dtype=np.int32)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(text))


def _buffer(text: pa.Array) -> memoryview:
    """The bytes of all strings of a column, one after the other."""
    if len(text) == 0:
        return memoryview(b"")
    _, offsets, data = text.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)
    start, end = bounds[text.offset], bounds[text.offset + len(text)]
    return memoryview(data)[int(start) : int(end)]
