"""Parquet files: the log of serving, one file for each model version and day, beside one file for each other table."""

from functools import partial
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from likely_buyers.publishing.folders import Folder
from likely_buyers.publishing.gold import (
    PARTITION,
    Gold,
    GoldTable,
    Part,
    Published,
    PublishedTable,
)

_DIGEST = "likely_buyers.digest"


def publish_parquet(folder: Folder, gold: Gold) -> Published:
    """Write what differs from what stands there, each file at once, then the manifest.

    A table of users by model version and day is partitioned by them, hive style, one file a partition: earlier
    partitions stay, one that is published again is replaced. Predictions carry the features they were made from.
    """
    tables = [_publish_table(gold, folder, table) for table in gold.tables]
    return gold.leave_manifest(folder, tables)


def _publish_table(gold: Gold, folder: Folder, table: GoldTable) -> PublishedTable:
    rows = gold.rows(table, with_features=table.name == "predictions")
    parts = gold.parts(rows, by_partition=rows.are_partitioned)
    if rows.are_partitioned and not table.is_log:
        # a list on which nobody is today has no rows, and replaces what stands there all the same
        served, listed = gold.served, {part.partition for part in parts}
        parts += [
            Part(key, rows=0, digest=0)
            for version in served.model_versions.items()
            if (key := (*version, served.as_of_date)) not in listed
        ]

    def name(part: Part) -> str:
        values = [quote(str(value), safe="") for value in part.partition]
        folders = [f"{column}={value}" for column, value in zip(PARTITION, values, strict=False)]
        return "/".join([table.name, *folders, f"{table.name}.parquet"])

    def write(part: Part, path: Path) -> None:
        batches = gold.batches(rows, part, without=PARTITION if part.partition else ())
        schema = batches.schema.with_metadata({_DIGEST: str(part.digest)})
        with pq.ParquetWriter(path, schema, compression="zstd", write_page_index=True) as writer:
            for batch in batches:
                writer.write_batch(batch)

    known = {part.name: _digest_in(folder, name(part)) for part in parts}
    return gold.replace_changed(
        table, parts, known, lambda part: folder.replace(name(part), partial(write, part))
    )


def _digest_in(folder: Folder, name: str) -> int | None:
    try:
        with folder.opened(name) as file:
            metadata = pq.read_metadata(file).metadata or {}
    except (FileNotFoundError, pa.ArrowInvalid):
        # nothing, or no Parquet file, whoever left it: it is replaced
        return None
    return int(metadata.get(_DIGEST.encode(), -1))
