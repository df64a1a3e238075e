"""Parquet files: the log of serving, one file for each model version and day, beside one file for each other table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from likely_buyers.publishing.build import GoldTable
from likely_buyers.publishing.folders import Folder
from likely_buyers.publishing.gold import BATCH_ROWS, PARTITION, Gold, Part, is_partitioned
from likely_buyers.publishing.receipts import Published, PublishedTable, leave_receipt

_DIGEST = "likely_buyers.digest"


def publish_parquet(gold: Gold, folder: Folder, at: datetime) -> Published:
    """Write what differs from what stands there, each file at once, then the receipt.

    A table of users by model version and day is partitioned by them, hive style, one file a partition: earlier
    partitions stay, one that is published again is replaced. Predictions carry the features they were made from.
    """
    folder.remove_unfinished()
    tables = tuple(_publish_table(gold, folder, table) for table in gold.build.tables)
    published = Published(str(folder), gold.served, at, tables)
    leave_receipt(folder, published)
    return published


def _publish_table(gold: Gold, folder: Folder, table: GoldTable) -> PublishedTable:
    query = gold.select_with_features(table) if table.name == "predictions" else gold.select(table)
    rows = written = 0
    for part in _parts(gold, table, query):
        rows += part.rows
        name = _file_name(table, part)
        if _digest_of(folder, name) == part.digest:
            gold.count(part.rows)
            continue
        folder.replace(name, partial(_write, gold, query, part))
        written += 1
    return PublishedTable(table.name, rows, written)


def _parts(gold: Gold, table: GoldTable, query: str) -> Iterator[Part]:
    if not is_partitioned(gold.columns(query)):
        yield gold.whole(query)
        return
    parts = gold.partitions(query)
    yield from parts
    # a list on which nobody is today has no rows, and replaces what stands there all the same
    if not table.is_log and gold.served.partition not in [part.partition for part in parts]:
        yield Part(gold.served.partition, 0, 0)


def _file_name(table: GoldTable, part: Part) -> str:
    folders = [table.name]
    if part.partition:
        folders += [
            f"{column}={quote(str(value), safe='')}"
            for column, value in zip(PARTITION, part.partition, strict=True)
        ]
    return "/".join([*folders, f"{table.name}.parquet"])


def _digest_of(folder: Folder, name: str) -> int | None:
    file = folder.opened(name)
    if file is None:
        return None
    with file:
        try:
            metadata = pq.read_metadata(file).metadata or {}
        except pa.ArrowInvalid:
            # no Parquet file, whoever left it: it is replaced
            return None
    return int(metadata[_DIGEST.encode()]) if _DIGEST.encode() in metadata else None


def _write(gold: Gold, query: str, part: Part, path: Path) -> None:
    batches = gold.batches(query, part, without=PARTITION if part.partition else ())
    metadata = {_DIGEST: str(part.digest)}
    if part.partition:
        metadata |= {
            f"likely_buyers.{column}": str(value)
            for column, value in zip(PARTITION, part.partition, strict=True)
        }
    with pq.ParquetWriter(
        path, batches.schema.with_metadata(metadata), compression="zstd", write_page_index=True
    ) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=BATCH_ROWS)
