"""Tables: whole at every width, as wide as they like where nobody watches, raw values for programs."""

import csv
import io
import json
import unicodedata
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likely_buyers.cli.tables import Column, paragraph, print_rows, table_text

COLUMNS = (
    Column("rank"),
    Column("user", "left"),
    Column("expected\nrevenue"),
    Column("days since\nlast purchase", is_spare=True),
    Column("first reason", "words"),
)
UUID = "4d1f1f8e-6f0c-4a7e-9a30-2d1c7b0f7c55"
WORDS = "spent 1,234.50 on the last purchase day, three times the usual"
ROWS = [["1", UUID, "219.49", "4", WORDS], ["2", "7", "0.00", "never", ""]]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_a_table_keeps_to_the_width_and_loses_no_letter(width: int) -> None:
    text = table_text(COLUMNS, ROWS, width, "Likely buyers")
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for cell in (UUID, "219.49", "0.00"):
        assert cell in text
    below_headings = text.rpartition("---\n")[2]
    found = [word for word in below_headings.split() if word in WORDS.split()]
    assert found == WORDS.split()


def test_what_is_left_out_first_is_what_the_data_has_besides() -> None:
    assert "never" in table_text(COLUMNS, ROWS, 200)
    assert "never" not in table_text(COLUMNS, ROWS, 80)


def test_where_nobody_watches_a_row_is_a_line() -> None:
    lines = table_text(COLUMNS, ROWS, None).splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert lines[2].split()[-2:] == ["the", "usual"]
    assert "expected revenue" in lines[0]


def test_numbers_stand_to_the_right_of_their_column() -> None:
    lines = table_text([Column("n"), Column("word", "left")], [["1", "a"], ["100", "b"]], None)
    assert lines.splitlines()[2:] == ["  1  a", "100  b"]


def shown_width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


@given(
    st.lists(
        st.tuples(st.text("ab-12靴🎁", min_size=1, max_size=30), st.text("ab 靴🎁", max_size=90)),
        max_size=4,
    ),
    st.integers(20, 120),
)
def test_any_cells_are_there_in_full(rows: list[tuple[str, str]], width: int) -> None:
    text = table_text([Column("key", "left"), Column("words", "words")], rows, width)
    for key, _ in rows:
        assert key in text
    for letter in "b靴":
        assert text.count(letter) >= sum((key + words).count(letter) for key, words in rows)


@pytest.mark.parametrize("width", [60, None])
def test_letters_of_two_cells_shift_no_column(width: int | None) -> None:
    columns = [Column("n"), Column("user", "left"), Column("price"), Column("why", "words")]
    users = ("anna", "山田太郎", "🎁", "안나")
    reasons = ("looked at shoes ten times this week", "靴" * 25, "バッグ " * 8, "")
    rows = [["1", user, "9.50", why] for user, why in zip(users, reasons, strict=True)]
    lines = table_text(columns, rows, width).splitlines()
    starts = {shown_width(line[: line.index("9.50")]) for line in lines if line.startswith("1")}
    assert len(starts) == 1
    assert "".join(lines).count("靴") == 25
    assert width is None or max(map(shown_width, lines)) <= width


@pytest.mark.parametrize("form", ["csv", "json"])
def test_programs_get_all_digits(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["user_id", "day", "probability", "revenue", "reason"]
    values = ['a,"b"\nc', date(2020, 1, 2), 0.1234567890123456, Decimal("12.30"), None]
    print_rows(names, [values], form)  # type: ignore[arg-type]
    printed = capsys.readouterr().out
    if form == "csv":
        (row,) = csv.DictReader(io.StringIO(printed))
        assert row["reason"] == ""
        assert float(row["revenue"]) == 12.3
        assert float(row["probability"]) == values[2]
    else:
        (row,) = json.loads(printed)
        assert row["reason"] is None
        assert row["revenue"] == 12.3
        assert row["probability"] == values[2]
    assert row["user_id"] == values[0]
    assert row["day"] == "2020-01-02"


def test_a_paragraph_is_not_broken_where_nobody_watches() -> None:
    text = "a long sentence " * 20
    assert paragraph(text, "  1. ") == f"  1. {text}"
