"""A DuckDB file for BI tools, replaced at once: open readers keep the one they have, new readers get the new one."""

from __future__ import annotations

from pathlib import Path

import duckdb

from likely_buyers.database import literal, quoted
from likely_buyers.publishing.build import GoldTable
from likely_buyers.publishing.folders import Folder
from likely_buyers.publishing.gold import Gold
from likely_buyers.publishing.manifests import Published, PublishedTable, publication

_ATTACHED = "published"
_READ_ONLY = 0o444
# A user's row is sought in one block: smaller than DuckDB's own, for a third of the time
_BLOCK_ROWS = 16_384


def publish_duckdb(folder: Folder, name: str, gold: Gold) -> Published:
    """Write all of gold as `gold.<table>` with the comments of the dbt docs, and `gold.publication`, the manifest."""
    # DuckDB names an open file after itself: in gold.duckdb a schema gold would make gold.<table> ambiguous
    schema = f"{_ATTACHED}.{'main' if Path(name).stem == 'gold' else 'gold'}"
    tables: list[PublishedTable] = []

    def write(path: Path) -> None:
        with gold.connection.cursor() as connection:
            connection.execute(
                f"attach {literal(str(path))} as {_ATTACHED} (row_group_size {_BLOCK_ROWS})"
            )
            try:
                connection.execute(f"create schema if not exists {schema}")
                tables.extend(
                    _write_table(gold, connection, schema, table) for table in gold.build.tables
                )
                _write_table(gold, connection, schema, publication(gold, tables))
            finally:
                connection.execute(f"detach {_ATTACHED}")
        path.chmod(_READ_ONLY)

    folder.replace(name, write)
    return Published(folder.address(name), gold.served, tuple(tables))


def _write_table(
    gold: Gold, connection: duckdb.DuckDBPyConnection, schema: str, table: GoldTable
) -> PublishedTable:
    relation = f"{schema}.{quoted(table.name)}"
    found = gold.rows(table)
    # a block tells its smallest and largest user; a log grows too long to be sorted daily
    order = "" if table.is_log else f" order by {found.order}"
    ((rows,),) = connection.execute(f"create table {relation} as {found.query}{order}").fetchall()
    gold.count(rows)
    connection.execute(f"comment on table {relation} is {literal(table.description)}")
    for column, description in table.columns.items():
        if column in found.columns:
            connection.execute(
                f"comment on column {relation}.{quoted(column)} is {literal(description)}"
            )
    return PublishedTable(table.name, rows, 1)
