"""What a publish leaves last in each place: which run a reader reads, and how much there is of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from likely_buyers.publishing.folders import Folder
from likely_buyers.publishing.gold import Served

PUBLICATION = (
    "One row per published table: its rows, the run they are of, and when it was published (UTC)."
)
"""Of the table `publication`, the receipt in a database."""

RECEIPT_FILE = "_published.json"
"""Readers of Parquet and Delta pass over names that begin with an underscore."""


@dataclass(frozen=True)
class PublishedTable:
    """A table as it stands in a place: its rows, how many parts of it were `written` now, its Delta version."""

    name: str
    rows: int
    written: int
    version: int | None = None


@dataclass(frozen=True)
class Published:
    """One publish into one place."""

    place: str
    served: Served
    published_at: datetime
    tables: tuple[PublishedTable, ...]


def as_json(published: Published) -> dict[str, Any]:
    """The receipt of a folder."""
    served = published.served
    tables: Mapping[str, Mapping[str, int]] = {
        table.name: {"rows": table.rows}
        | ({} if table.version is None else {"version": table.version})
        for table in published.tables
    }
    return {
        "run_id": served.run_id,
        "build_id": served.build_id,
        "as_of_date": served.as_of_date.isoformat(),
        "model_name": served.model_name,
        "model_version": served.model_version,
        "published_at": published.published_at.isoformat(),
        "tables": tables,
    }


def leave_receipt(folder: Folder, published: Published) -> None:
    """Write the receipt; the tables stand by then."""
    text = json.dumps(as_json(published), indent=2) + "\n"
    folder.replace(RECEIPT_FILE, lambda path: _write(path, text))


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
