"""What a publish leaves last in each destination: which run a reader reads, and how much there is of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from likely_buyers.publishing.build import GoldTable
from likely_buyers.publishing.folders import Folder
from likely_buyers.publishing.gold import Gold, Served

MANIFEST_FILE = "_manifest.json"
"""Readers of Parquet and Delta pass over names that begin with an underscore."""


@dataclass(frozen=True)
class PublishedTable:
    """A table as it stands in a destination: its rows, how many parts were `written` now, its Delta version."""

    name: str
    rows: int
    written: int
    version: int | None = None


@dataclass(frozen=True)
class Published:
    """One publish into one destination."""

    destination: str
    served: Served
    tables: tuple[PublishedTable, ...]


def publication(gold: Gold, tables: Sequence[PublishedTable]) -> GoldTable:
    """The manifest of a database: the table `publication`, made beside gold and written as gold is."""
    gold.connection.execute(
        "create or replace table memory.publication (table_name varchar, row_count bigint, run_id varchar,"
        " build_id varchar, as_of_date date, model_name varchar, model_version integer, published_at timestamp)"
    )
    gold.connection.executemany(
        "insert into memory.publication values (?, ?, ?, ?, ?, ?, ?, ?)",
        [[table.name, table.rows, *astuple(gold.served)] for table in tables],
    )
    return GoldTable(
        name="publication",
        relation="memory.publication",
        description="One row per published table: its rows, the run they are of, and when it was published (UTC).",
        columns={},
        is_log=False,
    )


def leave_manifest(gold: Gold, folder: Folder, tables: tuple[PublishedTable, ...]) -> Published:
    """The manifest of a folder: MANIFEST_FILE, written when the tables stand."""
    manifest = {
        **asdict(gold.served),
        "tables": {
            table.name: {"rows": table.rows}
            | ({} if table.version is None else {"version": table.version})
            for table in tables
        },
    }
    text = json.dumps(manifest, indent=2, default=lambda moment: moment.isoformat()) + "\n"

    def write(path: Path) -> None:
        path.write_text(text, "utf-8")

    folder.replace(MANIFEST_FILE, write)
    return Published(folder.url, gold.served, tables)
