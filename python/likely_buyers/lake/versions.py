"""What tells one state of a table from another, without reading a row of it."""

import duckdb

from likely_buyers.lake.attaching import CATALOG_TABLES

# What is live goes by ids that are never given again. Its snapshots tell nothing: a merged file has that of the oldest
# that went into it, and the one at which something ended is forgotten. A merge is a change: then nothing is known.
_VERSIONS = """
    with live as (
        select table_id, 'data ' || data_file_id as part from {catalog}.ducklake_data_file where end_snapshot is null
        union all
        select table_id, 'delete ' || delete_file_id from {catalog}.ducklake_delete_file where end_snapshot is null
        union all
        select table_id, concat_ws(' ', 'column', column_id, begin_snapshot) from {catalog}.ducklake_column
        where end_snapshot is null
    ),

    digests as (
        select table_id, md5(string_agg(part, ',' order by part)) as digest from live group by table_id
    ),

    relations as (
        select schema_id, table_name as name, concat_ws(' ', table_id, digest) as version
        from {catalog}.ducklake_table left join digests using (table_id)
        where ducklake_table.end_snapshot is null
        union all
        select schema_id, view_name, md5(concat_ws(' ', sql, column_aliases)) from {catalog}.ducklake_view
        where end_snapshot is null
    )

    select schema_name || '.' || name, version
    from relations inner join {catalog}.ducklake_schema as schemas using (schema_id)
    where schemas.end_snapshot is null
"""


def latest_version(connection: duckdb.DuckDBPyConnection) -> int:
    """Of the lake, which rises with each transaction that changes anything."""
    ((version,),) = connection.execute(
        f"select max(snapshot_id) from {CATALOG_TABLES}.ducklake_snapshot"  # noqa: S608
    ).fetchall()
    return int(version)


def versions(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Of each table, by schema and name, a text that changes with its rows or columns; of each view with its SQL."""
    return dict(connection.execute(_VERSIONS.format(catalog=CATALOG_TABLES)).fetchall())
