"""Delta Lake tables: current tables overwritten in one commit, logs appended a model version and day at a time."""

from collections.abc import Sequence
from dataclasses import replace

from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import TableNotFoundError

from likely_buyers.publishing.folders import Folder
from likely_buyers.publishing.gold import (
    BATCH_ROWS,
    PARTITION,
    Gold,
    GoldTable,
    Part,
    Published,
    PublishedTable,
)

_FILE_BYTES = 128 * 1024 * 1024


def publish_delta(folder: Folder, keep_days: int, gold: Gold) -> Published:
    """Commit what differs from what stands there, then the manifest with the version of each table.

    Rows are written in the order of user_id: a z-order of one column is that order, without a second pass and a
    moment without it. Each commit carries the digest of its rows as the application's transaction, so a repeated
    publish commits nothing. Partitions that gold has no more are removed, and so are a table's versions older
    than `keep_days`.
    """
    tables = [_publish_table(gold, folder, table, keep_days) for table in gold.tables]
    return gold.leave_manifest(folder, tables)


def _publish_table(gold: Gold, folder: Folder, table: GoldTable, keep_days: int) -> PublishedTable:
    rows = gold.rows(table).in_utc()
    by_partition = table.is_log and rows.are_partitioned
    stands = _opened(folder, table)
    parts = gold.parts(rows, by_partition=by_partition)
    if not parts and stands is None:
        # a log without a row is a table all the same
        parts = gold.parts(rows, by_partition=False)
    kept = f"interval {keep_days} days"

    def commit_of(*transactions: Transaction) -> CommitProperties:
        served = gold.served.as_texts
        return CommitProperties(custom_metadata=served, app_transactions=[*transactions])

    def write(part: Part) -> None:
        nonlocal stands
        write_deltalake(
            stands or folder.address(table.name),
            gold.batches(rows, part),
            mode="overwrite",
            predicate=part.condition if stands and part.partition else None,
            # columns of a log are added, those of a current table are what they are
            schema_mode="merge" if part.partition else "overwrite",
            partition_by=list(PARTITION) if by_partition else None,
            name=table.name,
            description=table.comments.get(""),
            target_file_size=_FILE_BYTES,
            writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=BATCH_ROWS),
            commit_properties=commit_of(Transaction(part.name, part.digest)),
            configuration={
                "delta.deletedFileRetentionDuration": kept,
                "delta.logRetentionDuration": kept,
            },
        )
        stands = stands or _opened(folder, table)

    def remove(part: Part) -> None:
        if stands:
            # files of a partition are named no more, and stay as long as the version before
            stands.delete(part.condition, commit_properties=commit_of())

    published = gold.replace_changed(table, parts, _known(stands, parts), write, remove)
    # an empty vacuum aside, removing old versions makes a version, too
    version = stands.version() if stands else None
    if stands and published.written:
        stands.vacuum(keep_days * 24, dry_run=False, enforce_retention_duration=False, full=True)
    return replace(published, version=version)


def _known(stands: DeltaTable | None, parts: Sequence[Part]) -> dict[str, int | None]:
    """The digest of each part that stands there; a partition that was removed has left its own with the table."""
    if stands is None:
        return {}
    names = [part.name for part in parts]
    if stands.metadata().partition_columns:
        names = ["/".join(each[key] for key in PARTITION) for each in stands.partitions()]
    return {name: stands.transaction_version(name) for name in names}


def _opened(folder: Folder, table: GoldTable) -> DeltaTable | None:
    try:
        return DeltaTable(folder.address(table.name))
    except TableNotFoundError:
        return None
