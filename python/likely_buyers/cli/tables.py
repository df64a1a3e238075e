"""Rows as text: a table that fits the terminal without losing a letter, CSV, or JSON."""

import csv
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Literal

Row = Sequence[Any]
_GAP = 2
# words in a narrower column than this are easier to read below the row
_LEAST_WORDS = 20
_INDENT = 6


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: with a line break where it may be broken.
        align: numbers to the right; words, which come last, may be broken into lines.
        is_spare: left out where the table would be too wide: the data has it.
    """

    heading: str
    align: Literal["left", "right", "words"] = "right"
    is_spare: bool = False


def terminal_width() -> int | None:
    """Columns of text; None where stdout is no terminal, and nothing is broken into lines."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table as wide as the terminal allows."""
    print(table_text(columns, rows, terminal_width(), title), end="")


def table_text(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    width: int | None,
    title: str = "",
) -> str:
    """A table of at most that width, None for any; each of its cells is there in full.

    A cell may have several lines, one where there is no width to keep to. What cannot be made narrower is left to the
    terminal to break.
    """
    if width is None:
        rows = [[" ".join(cell.split("\n")) for cell in row] for row in rows]
        columns = [Column(" ".join(c.heading.split("\n")), c.align) for c in columns]
    elif sum(_widths(columns, rows)) + _GAP * (len(columns) - 1) > width:
        kept = [number for number, column in enumerate(columns) if not column.is_spare]
        columns = [columns[number] for number in kept]
        rows = [[row[number] for number in kept] for row in rows]
    widths = _widths(columns, rows)
    gap = _GAP
    below: int | None = None
    if width is not None and sum(widths) + gap * (len(widths) - 1) > width:
        if columns[-1].align == "words":
            others = sum(widths[:-1]) + gap * (len(widths) - 1)
            if width - others >= _LEAST_WORDS:
                widths[-1] = width - others
            else:
                below = len(widths) - 1
                widths = widths[:-1]
        if sum(widths) + gap * (len(widths) - 1) > width:
            gap = 1
    lines = [title, ""] if title else []
    deepest = max(column.heading.count("\n") for column in columns)
    headings = [
        "\n" * (deepest - column.heading.count("\n")) + column.heading for column in columns
    ]
    shown = [Column("", "left" if c.align == "words" else c.align) for c in columns]
    lines += _lines(headings, shown, widths, gap, None, width)
    lines.append((" " * gap).join("-" * one for one in widths))
    for row in rows:
        lines += _lines(row, columns, widths, gap, below, width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def paragraph(text: str, margin: str = "") -> str:
    """Text with words kept whole at the terminal's width, behind a margin; its own line breaks stay."""
    width = terminal_width()
    blank = " " * len(margin)
    lines: list[str] = []
    for line in text.split("\n"):
        first = blank if lines else margin
        if width is None:
            lines.append(first + line)
        else:
            lines += textwrap.wrap(
                line,
                max(width - 1, len(margin) + _LEAST_WORDS),
                initial_indent=first,
                subsequent_indent=blank,
                break_on_hyphens=False,
            ) or [""]
    return "\n".join(lines)


def print_rows(names: Sequence[str], rows: Sequence[Row], form: Literal["csv", "json"]) -> None:
    """Print raw values, with all their digits: for other programs."""
    if form == "json":
        print_json([dict(zip(names, map(_plain, row), strict=True)) for row in rows])
    else:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(["" if value is None else _plain(value) for value in row] for row in rows)


def print_json(value: object) -> None:
    """Print JSON for people and programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date | datetime) else value


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    cells = [[column.heading for column in columns], *rows]
    return [
        max(_cells(line) for row in cells for line in row[number].split("\n"))
        for number in range(len(columns))
    ]


def _lines(
    row: Sequence[str],
    columns: Sequence[Column],
    widths: Sequence[int],
    gap: int,
    below: int | None,
    width: int | None,
) -> list[str]:
    cells = [
        _wrapped(cell, one) if column.align == "words" else cell.split("\n")
        for cell, column, one in zip(row, columns, widths, strict=False)
    ]
    lines = []
    for parts in zip_longest(*cells, fillvalue=""):
        aligned = [
            _aligned(part, column, one)
            for part, column, one in zip(parts, columns, widths, strict=False)
        ]
        lines.append((" " * gap).join(aligned))
    if below is not None and row[below] and width is not None:
        told = f"{columns[below].heading}: {row[below]}"
        most = max(width, _LEAST_WORDS) - _INDENT
        lines += [" " * _INDENT + line for line in _wrapped(told, most)]
    return lines


def _aligned(text: str, column: Column, cells: int) -> str:
    blank = " " * (cells - _cells(text))
    return blank + text if column.align == "right" else text + blank


def _wrapped(text: str, cells: int) -> list[str]:
    lines: list[str] = []
    # pieces of a long word fill their lines, so that nothing comes between them
    for piece in (piece for word in text.split() for piece in _pieces(word, cells)):
        if lines and _cells(lines[-1]) + 1 + _cells(piece) <= cells:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return lines or [""]


# A letter of Chinese, say, takes two cells of a terminal. Rich knows which, and takes a while to come.


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _pieces(word: str, cells: int) -> list[str]:
    if _cells(word) <= cells:
        return [word]
    from rich.cells import chop_cells

    return chop_cells(word, cells)
