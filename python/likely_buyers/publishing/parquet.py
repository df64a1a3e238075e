"""Parquet files: the log of serving, one file for each model version and day, beside one file for each other table."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from likely_buyers.publishing.build import GoldTable
from likely_buyers.publishing.folders import Folder
from likely_buyers.publishing.gold import BATCH_ROWS, PARTITION, Gold, Part, Rows
from likely_buyers.publishing.manifests import Published, PublishedTable, leave_manifest

_DIGEST = "likely_buyers.digest"


def publish_parquet(folder: Folder, gold: Gold) -> Published:
    """Write what differs from what stands there, each file at once, then the manifest.

    A table of users by model version and day is partitioned by them, hive style, one file a partition: earlier
    partitions stay, one that is published again is replaced. Predictions carry the features they were made from.
    """
    tables = tuple(_publish_table(gold, folder, table) for table in gold.build.tables)
    return leave_manifest(gold, folder, tables)


def _publish_table(gold: Gold, folder: Folder, table: GoldTable) -> PublishedTable:
    rows = gold.rows(table, with_features=table.name == "predictions")
    parts = gold.parts(rows, by_partition=rows.are_partitioned)
    if rows.are_partitioned and not table.is_log and not parts:
        # a list on which nobody is today has no rows, and replaces what stands there all the same
        served = gold.served
        today = served.model_name, served.model_version, served.as_of_date
        parts = [Part(today, rows=0, digest=0)]
    written = 0
    for part in parts:
        name = _file_name(table, part)
        if _digest_of(folder, name) != str(part.digest):
            folder.replace(name, partial(_write, gold, rows, part))
            written += 1
        else:
            gold.count(part.rows)
    return PublishedTable(table.name, sum(part.rows for part in parts), written)


def _file_name(table: GoldTable, part: Part) -> str:
    folders = [
        f"{column}={quote(str(value), safe='')}"
        for column, value in zip(PARTITION, part.partition, strict=False)
    ]
    return "/".join([table.name, *folders, f"{table.name}.parquet"])


def _digest_of(folder: Folder, name: str) -> str | None:
    file = folder.opened(name)
    if file is None:
        return None
    with file:
        try:
            metadata = pq.read_metadata(file).metadata or {}
        except pa.ArrowInvalid:
            # no Parquet file, whoever left it: it is replaced
            return None
    return metadata.get(_DIGEST.encode(), b"").decode()


def _write(gold: Gold, rows: Rows, part: Part, path: Path) -> None:
    batches = gold.batches(rows, part, without=PARTITION if part.partition else ())
    schema = batches.schema.with_metadata({_DIGEST: str(part.digest)})
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_index=True) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=BATCH_ROWS)
