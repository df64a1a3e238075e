"""Reading files: what was written is what is read, and what is broken costs no more than itself.

The files are written, and what must come out is reckoned, with Python's own csv and json; nothing of the project helps.
"""

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from load_harness import LoadHarness, Refused

Row = dict[str, str | None]

BOUNDED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=int(__import__('os').environ.get('NEX','25')),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
COLUMNS = ("number", "first", "second", "third")


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> LoadHarness:
    return LoadHarness(tmp_path_factory.mktemp("harness"))


def texts(encoding: str = "utf-8") -> st.SearchStrategy[str]:
    """Values that are hard to write: delimiters, quotes, line breaks, blanks around, NULL, any letter."""
    special = st.sampled_from(
        [",", ";", "\t", "|", '"', "'", "\\", "\n", "\r\n", "\r", " ", "  ", "#", "sep=;", "é", "小", "NULL", "\\N", '""', "'"]
    )
    letters = st.characters(
        codec=encoding, exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029\x85\ufeff"
    )
    pieces = (special | letters).filter(lambda text: can_be_written(text, encoding))
    return st.lists(pieces, max_size=6).map("".join)


def can_be_written(text: str, encoding: str) -> bool:
    try:
        return text.encode(encoding).decode(encoding) == text
    except UnicodeEncodeError:
        return False


def tables(encoding: str = "utf-8") -> st.SearchStrategy[list[Row]]:
    values = texts(encoding)
    rows = st.lists(st.tuples(values, values, values), min_size=1, max_size=8)
    return rows.map(
        lambda found: [
            dict(zip(COLUMNS, (str(number), *row), strict=True)) for number, row in enumerate(found)
        ]
    )


def as_csv(rows: list[Row], delimiter: str, quoting: Any, end: str) -> str:
    if any("\r" in (value or "") for row in rows for value in row.values()):
        quoting = csv.QUOTE_ALL  # Python 3.11 leaves a lone carriage return without quotes
    text = io.StringIO(newline="")
    writer = csv.DictWriter(
        text, COLUMNS, delimiter=delimiter, quoting=quoting, lineterminator=end
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


CSV_DIALECTS = [
    (delimiter, quoting, end)
    for delimiter in (",", ";", "\t", "|")
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
    for end in ("\n", "\r\n")
]


def written(folder: Path, name: str, text: str, encoding: str, *, zipped: bool) -> None:
    content = text.encode(encoding)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    path = folder / (name + ".gz" * zipped)
    path.write_bytes(gzip.compress(content, 1) if zipped else content)


def read(harness: LoadHarness, folder: Path, **mapping: Any) -> tuple[list[Row], list[tuple[str, str]]]:
    """Rows by their number, and the rejected lines with their reasons."""
    warehouse = harness.load(folder, **mapping)
    have = {row[0] for row in warehouse.execute("describe bronze.raw_events").fetchall()}
    rows = warehouse.execute(
        "select " + ", ".join(c if c in have else f"null as {c}" for c in COLUMNS) + " from bronze.raw_events order by try_cast(number as int)"
    ).fetchall()
    rejected = warehouse.execute("select line, reason from bronze.unreadable_lines").fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows], rejected


@pytest.mark.parametrize("encoding", [None, "cp1252", "shift_jis", "utf-16"])
def test_csv_comes_back_as_it_was_written(
    harness: LoadHarness, tmp_path: Path, encoding: str | None
) -> None:
    @BOUNDED
    @given(tables(encoding or "utf-8"), st.sampled_from(CSV_DIALECTS), st.booleans())
    def check(rows: list[Row], dialect: tuple[str, Any, str], zipped: bool) -> None:
        written(tmp_path / "in", "a.csv", as_csv(rows, *dialect), encoding or "utf-8", zipped=zipped)
        found, rejected = read(harness, tmp_path / "in", encoding=encoding)
        assert rejected == []
        # an empty value of CSV is null
        assert found == [{name: value or None for name, value in row.items()} for row in rows]

    check()


@BOUNDED
@given(tables(), st.sampled_from(["lines", "array", "pretty", "objects", "parquet"]), st.booleans(), st.booleans())
def test_json_and_parquet_come_back_as_they_were_written(
    harness: LoadHarness, tmp_path: Path, rows: list[Row], form: str, zipped: bool, ascii: bool
) -> None:
    rows = [{n: v for n, v in row.items() if v != "NULL"} for row in rows]
    if form == "parquet":
        written(tmp_path / "in", "x", "", "utf-8", zipped=False)
        (tmp_path / "in" / "x").unlink()
        pq.write_table(pa.Table.from_pylist([{c: row.get(c) for c in COLUMNS} for row in rows]), tmp_path / "in" / "a.parquet")
    else:
        text = {
            "lines": lambda: "\n".join(json.dumps(row, ensure_ascii=ascii) for row in rows) + "\n",
            "array": lambda: json.dumps(rows, ensure_ascii=ascii),
            "pretty": lambda: json.dumps(rows, ensure_ascii=ascii, indent=2),
            "objects": lambda: "\n".join(json.dumps(row, ensure_ascii=ascii, indent=1) for row in rows),
        }[form]()
        written(tmp_path / "in", "a.json", text, "utf-8", zipped=zipped)
    found, rejected = read(harness, tmp_path / "in")
    assert rejected == []
    assert found == [{name: row.get(name) for name in COLUMNS} for row in rows]
