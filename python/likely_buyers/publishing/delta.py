"""Delta Lake tables: current tables overwritten in one commit, logs appended a model version and day at a time."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa
from deltalake import (
    CommitProperties,
    DeltaTable,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import TableNotFoundError

from likely_buyers.publishing.build import GoldTable
from likely_buyers.publishing.folders import Folder
from likely_buyers.publishing.gold import BATCH_ROWS, PARTITION, Gold, Part, is_partitioned, literal
from likely_buyers.publishing.receipts import Published, PublishedTable, leave_receipt

_FILE_BYTES = 128 * 1024 * 1024
_WHOLE = "table"


def publish_delta(gold: Gold, folder: Folder, keep_days: int, at: datetime) -> Published:
    """Commit what differs from what stands there, then the receipt with the version of each table.

    Rows are written in the order of user_id: a z-order of one column is that order, without a second pass and a
    moment without it. Each commit carries the digest of its rows as the application's transaction, so a repeated
    publish commits nothing. Versions older than `keep_days` are removed.
    """
    tables = tuple(_publish_table(gold, folder, table, keep_days) for table in gold.build.tables)
    published = Published(str(folder), gold.served, at, tables)
    leave_receipt(folder, published)
    return published


def _publish_table(gold: Gold, folder: Folder, table: GoldTable, keep_days: int) -> PublishedTable:
    query = gold.select(table)
    columns = gold.columns(query)
    by_partition = table.is_log and is_partitioned(columns)
    address, options = folder.address(table.name), folder.storage_options
    stands = _opened(address, options)
    parts = gold.partitions(query) if by_partition else [gold.whole(query)]
    if not parts and stands is None:
        parts = [gold.whole(query)]
    written = 0
    for part in parts:
        if stands is not None and stands.transaction_version(_name(part)) == part.digest:
            gold.count(part.rows)
            continue
        write_deltalake(
            stands or address,
            _in_utc(gold.batches(query, part)),
            mode="overwrite",
            predicate=_rows_of(part.partition) if stands and part.partition else None,
            # columns of a log are added, those of a current table are what they are
            schema_mode=_schema_mode(stands, part),
            partition_by=list(PARTITION) if by_partition else None,
            name=table.name,
            description=table.description,
            storage_options=options,
            target_file_size=_FILE_BYTES,
            writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=BATCH_ROWS),
            commit_properties=CommitProperties(
                custom_metadata={
                    "run_id": gold.served.run_id,
                    "build_id": gold.served.build_id,
                    "as_of_date": gold.served.as_of_date.isoformat(),
                },
                app_transactions=[Transaction(_name(part), part.digest)],
            ),
            configuration={
                "delta.deletedFileRetentionDuration": f"interval {keep_days} days",
                "delta.logRetentionDuration": f"interval {keep_days} days",
            },
        )
        stands = _opened(address, options)
        written += 1
    version = None
    if stands is not None:
        version = stands.version()
        if written:
            stands.vacuum(
                keep_days * 24, dry_run=False, enforce_retention_duration=False, full=True
            )
    return PublishedTable(table.name, sum(part.rows for part in parts), written, version)


def _opened(address: str, options: dict[str, str] | None) -> DeltaTable | None:
    try:
        return DeltaTable(address, storage_options=options)
    except TableNotFoundError:
        return None


def _name(part: Part) -> str:
    """The application's name of a part, which Delta keeps the last digest for."""
    return "/".join(map(str, part.partition)) if part.partition else _WHOLE


def _rows_of(partition: tuple[str, int, date]) -> str:
    name, version, day = partition
    return f"model_name = {literal(name)} and model_version = {version:d} and as_of_date = '{day.isoformat()}'"


def _schema_mode(stands: DeltaTable | None, part: Part) -> Any:
    if stands is None:
        return None
    return "merge" if part.partition else "overwrite"


def _in_utc(batches: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same stream with its times marked as UTC: times without a zone ask for a feature that few readers have."""
    schema = pa.schema(
        [
            field.with_type(pa.timestamp("us", "UTC"))
            if pa.types.is_timestamp(field.type)
            else field
            for field in batches.schema
        ]
    )
    return pa.RecordBatchReader.from_batches(
        schema,
        (
            pa.RecordBatch.from_arrays(
                [
                    column.cast(field.type)
                    for column, field in zip(batch.columns, schema, strict=True)
                ],
                schema=schema,
            )
            for batch in batches
        ),
    )
