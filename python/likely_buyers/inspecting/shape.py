"""How a CSV file without a mapping is to be read, where its header alone would mislead."""

import csv
import re
from pathlib import Path
from typing import Any

from likely_buyers.inspecting.sample import Sample
from likely_buyers.inspecting.table import plan
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.streams import chunks

_LOOKED_AT = 40
_VALUE = re.compile(
    r"-?[0-9]+([.,][0-9]+)?|[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([T ].*)?|[^@ ]+@[^@ ]+\.[a-z]+"
)


def reading_keys(
    sample: Sample, keys: dict[str, Any], staging: Path
) -> tuple[dict[str, Any], list[str]]:
    """The keys that a mapping needs for its files to be read, and what they leave open.

    Raises:
        SourceProblem: the files cannot be read.
    """
    planned = plan(sample, keys, "draft", staging)
    files = [file for file in planned.files if file["format"] == "csv" and file["columns"]]
    if not files:
        return keys, []
    file = files[0]
    titled = _lines_before_header(file) if len(file["columns"]) == 1 else 0
    if titled:
        keys = {**keys, "skip_lines": titled}
        try:
            file = next(f for f in plan(sample, keys, "draft", staging).files if f["columns"])
        except SourceProblem:
            return {key: value for key, value in keys.items() if key != "skip_lines"}, []
    names = file["columns"]
    values = [name for name in names if _VALUE.fullmatch(name.strip())]
    if values and len(values) >= len(names) / 3:
        keys = {
            **keys,
            "header": False,
            "columns": [f"column_{at + 1}" for at in range(len(names))],
        }
        return keys, [
            "What are the columns called? The first line looks like values rather than names. Name them in the"
            " mapping: header: false, columns: [time, user, ...], and inspect it with --vars."
        ]
    return keys, []


def _lines_before_header(file: dict[str, Any]) -> int:
    """Lines of words above the header: behind them comes one with fields, and others with as many."""
    text = b""
    for piece in chunks(Path(file["read_path"]), file["compression"]):
        text += piece
        if len(text) > 1 << 18:
            break
    lines = text.decode("utf-8", "replace").splitlines()[:_LOOKED_AT]
    for delimiter in (",", ";", "\t", "|"):
        counts = [len(next(csv.reader([line], delimiter=delimiter), [])) for line in lines]
        for at in range(1, len(lines) - 1):
            if counts[at] >= 3 and counts[at] == counts[at + 1] and max(counts[:at]) < counts[at]:
                return at
    return 0
