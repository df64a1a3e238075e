"""Lines as files: CSV as REES46 publishes it, JSON lines with the same keys, or typed Parquet.

DuckDB makes the text of the columns that Parquet keeps.

Parquet keeps types instead of text: times are timestamp[us] without a zone, in UTC, because parsing
REES46's text would cost a reader more than everything else; prices are decimal(10,2), because sums
of money should not depend on the order of addition.
"""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from likely_buyers.demo_shop.arrays import Ints, Words
from likely_buyers.demo_shop.catalogue import Catalogue
from likely_buyers.demo_shop.lines import EVENT_TYPES, NO_USER, TOO_LONG, TOO_SHORT, Lines
from likely_buyers.demo_shop.settings import FileFormat
from likely_buyers.sql_text import literal

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
COLUMNS = tuple(PARQUET_SCHEMA.names)
# Sessions are nearly as many as lines: a dictionary of them would only be built and thrown away.
DICTIONARY_COLUMNS = [name for name in COLUMNS if name not in {"event_time", "user_session"}]
# Bounds the memory of the text of one slice (about 150 bytes a line) and the size of a row group.
LINES_PER_SLICE = 524_288

# A line of text from the columns of one in Parquet.
_TEXT = {
    "csv": """
        concat_ws(
            ',', strftime(event_time, '%Y-%m-%d %H:%M:%S UTC'), event_type, product_id, category_id,
            coalesce(category_code, ''), coalesce(brand, ''), price, coalesce(user_id::varchar, ''), user_session)""",
    "jsonl": """
        concat(
            '{"event_time": "', strftime(event_time, '%Y-%m-%d %H:%M:%S UTC'), '", "event_type": "', event_type,
            '", "product_id": ', product_id, ', "category_id": ', category_id,
            ', "category_code": ', coalesce(to_json(category_code)::varchar, 'null'),
            ', "brand": ', coalesce(to_json(brand)::varchar, 'null'), ', "price": ', price,
            ', "user_id": ', coalesce(user_id::varchar, 'null'), ', "user_session": "', user_session, '"}')""",
}
_TOO_SHORT = {"csv": "left(line, 38)", "jsonl": "left(line, 60)"}
"""At most four fields, and an object without its end."""
# A surplus after an object would pass some readers; an unquoted key passes none.
_TOO_LONG = {"csv": "line || ',1'", "jsonl": """replace(line, '"price": ', '"price": : ')"""}


class EventFiles:
    """Writes days of lines into one folder in one format."""

    def __init__(self, folder: Path, file_format: FileFormat, catalogue: Catalogue) -> None:
        """The folder must exist; products of all lines are looked up in the catalogue."""
        self._folder = folder
        self._format = file_format
        self._catalogue = catalogue
        self._engine = duckdb.connect()

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
        else:
            self._write_text(path, slices)
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
                pa.array(lines.user_id, pa.int64(), mask=lines.user_id == NO_USER),
                _uuid_text(lines.session),
            ],
            schema=PARQUET_SCHEMA,
        )

    def _write_text(self, path: Path, slices: Iterable[Lines]) -> None:
        batches = (
            batch
            for part in slices
            for batch in self._table(part)
            .append_column("damage", pa.array(part.damage))
            .to_batches()
        )
        schema = PARQUET_SCHEMA.append(pa.field("damage", pa.int8()))
        # the heading of the one column of text is the header of the file
        heading = ",".join(COLUMNS)
        self._engine.register("lines", pa.RecordBatchReader.from_batches(schema, batches))
        self._engine.execute(
            f"""
            copy (
                select
                    case damage
                        when {TOO_SHORT} then {_TOO_SHORT[self._format]}
                        when {TOO_LONG} then {_TOO_LONG[self._format]}
                        else line
                    end as "{heading}"
                from (select damage, {_TEXT[self._format]} as line from lines)
            ) to {literal(path)}
            (format csv, header {self._format == "csv"}, delimiter e'\\x01', quote '', escape '')
            """  # noqa: S608 (columns of ours)
        )


def _decimals(cents: Ints) -> pa.Array:
    """Cents as decimal(10,2): Arrow holds a decimal as a 128-bit integer, low word first."""
    words = np.empty((len(cents), 2), dtype=np.int64)
    words[:, 0] = cents
    words[:, 1] = words[:, 0] >> 63
    return pa.Array.from_buffers(pa.decimal128(10, 2), len(cents), [None, pa.py_buffer(words)])


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
