"""A DuckDB file for BI tools, replaced at once: open readers keep the one they have, new readers get the new one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

from likely_buyers.publishing.build import GoldTable
from likely_buyers.publishing.folders import Folder
from likely_buyers.publishing.gold import Gold, literal, quoted
from likely_buyers.publishing.receipts import PUBLICATION, Published, PublishedTable

_ATTACHED = "published"
_READ_ONLY = 0o444
# A user's row is sought in one block: smaller than DuckDB's own, for a third of the time
_BLOCK_ROWS = 16_384


def publish_duckdb(gold: Gold, folder: Folder, name: str, at: datetime) -> Published:
    """Write all of gold as `gold.<table>` with the comments of the dbt docs, and `gold.publication`, the receipt."""
    published: list[Published] = []
    # DuckDB names an open file after itself: in gold.duckdb a schema gold would make gold.<table> ambiguous
    schema = f"{_ATTACHED}.{'main' if Path(name).stem == 'gold' else 'gold'}"

    def write(path: Path) -> None:
        with gold.connection.cursor() as connection:
            connection.execute(
                f"attach {literal(str(path))} as {_ATTACHED} (row_group_size {_BLOCK_ROWS})"
            )
            try:
                connection.execute(f"create schema if not exists {schema}")
                tables = tuple(
                    _write_table(gold, connection, schema, table) for table in gold.build.tables
                )
                published.append(Published(folder.address(name), gold.served, at, tables))
                _write_receipt(connection, schema, published[0])
            finally:
                connection.execute(f"detach {_ATTACHED}")
        path.chmod(_READ_ONLY)

    folder.replace(name, write)
    return published[0]


def _write_table(
    gold: Gold, connection: duckdb.DuckDBPyConnection, schema: str, table: GoldTable
) -> PublishedTable:
    relation = f"{schema}.{quoted(table.name)}"
    query = gold.select(table)
    columns = gold.columns(query)
    # a block tells its smallest and largest user; a log grows too long to be sorted daily
    order = "" if table.is_log else f" order by {gold.order(columns)}"
    ((rows,),) = connection.execute(f"create table {relation} as {query}{order}").fetchall()
    gold.count(rows)
    connection.execute(f"comment on table {relation} is {literal(table.description)}")
    for column, description in table.columns.items():
        if column in columns:
            connection.execute(
                f"comment on column {relation}.{quoted(column)} is {literal(description)}"
            )
    return PublishedTable(table.name, rows, 1)


def _write_receipt(
    connection: duckdb.DuckDBPyConnection, schema: str, published: Published
) -> None:
    relation = f"{schema}.publication"
    connection.execute(
        f"create table {relation} (table_name varchar, row_count bigint, run_id varchar, build_id varchar,"
        " as_of_date date, model_name varchar, model_version integer, published_at timestamp)"
    )
    connection.execute(f"comment on table {relation} is {literal(PUBLICATION)}")
    served = published.served
    connection.executemany(
        f"insert into {relation} values (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        [
            [
                *(table.name, table.rows, served.run_id, served.build_id, served.as_of_date),
                *(served.model_name, served.model_version, published.published_at),
            ]
            for table in published.tables
        ],
    )
