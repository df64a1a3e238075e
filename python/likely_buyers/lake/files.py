"""Parquet files that become lines of a table as they are, without being written anew."""

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import duckdb

from likely_buyers.lake.attaching import LAKE
from likely_buyers.settings import Lake, Settings
from likely_buyers.sql_text import literal

# of a name in a folder, in bytes
_LONGEST_NAME = 255


def folder_of(lake: Lake, table: str, constants: Mapping[str, str]) -> Path | None:
    """The folder of the lake for files of `schema.table` in whose lines these columns have these values.

    None where none can be: a name of a folder has an end, and files of a bucket are written, as are those of an
    encrypted lake, which reads no plain ones.

    The lake reads the values off the folder's path, as Hive has it. It would take one above the lake for a value, too.
    """
    names = [f"{column}={quote(value, safe='')}" for column, value in constants.items()]
    if (
        "://" in lake.data
        or "=" in lake.data
        or Settings.of().key_file
        or any(len(name) > _LONGEST_NAME for name in names)
    ):
        return None
    return Path(lake.data, *table.split("."), *names)


def take_over(file: Path, folder: Path) -> Path:
    """A copy of a file in a folder of the lake, which owns what it registers: its clean-up deletes it.

    A link would do as little, and who writes the file again would write in the lake.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{uuid.uuid4()}.parquet"
    with file.open("rb") as source, copy.open("wb") as target:
        try:
            # within the kernel; where files can share blocks nothing is copied
            while os.copy_file_range(source.fileno(), target.fileno(), 1 << 30):
                pass
        except OSError:
            source.seek(0)
            target.seek(0)
            target.truncate()
            shutil.copyfileobj(source, target, 1 << 22)
    return copy


def register(cursor: duckdb.DuckDBPyConnection, table: str, files: list[Path]) -> None:
    """Have files, which lie in folders of `folder_of`, be lines of the table; in the transaction that is open."""
    if not files:
        return
    schema, name = table.split(".")
    listed = ", ".join(literal(file) for file in files)
    cursor.execute(
        f"call ducklake_add_data_files({literal(LAKE)}, {literal(name)}, [{listed}],"
        f" schema => {literal(schema)}, hive_partitioning => true, allow_missing => true)"
    )
