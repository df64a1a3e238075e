"""A DuckDB file for BI tools, replaced at once: open readers keep the one they have, new readers get the new one."""

from pathlib import Path

from likely_buyers.publishing.build import GoldTable
from likely_buyers.publishing.folders import Folder
from likely_buyers.publishing.gold import Gold, Published, PublishedTable
from likely_buyers.sql_text import literal, quoted

# A user's row is sought in one block: smaller than DuckDB's own, for a third of the time
_BLOCK_ROWS = 16_384


def publish_duckdb(folder: Folder, name: str, gold: Gold) -> Published:
    """Write all of gold as `gold.<table>` with the comments of the dbt docs, and `gold.publication`, the manifest."""
    execute = gold.connection.execute
    # DuckDB names an open file after itself: in gold.duckdb a schema gold would make gold.<table> ambiguous
    schema = f"published.{'main' if Path(name).stem == 'gold' else 'gold'}"
    tables: list[PublishedTable] = []

    def write_table(table: GoldTable) -> PublishedTable:
        relation = f"{schema}.{quoted(table.name)}"
        found = gold.rows(table)
        # a block tells its smallest and largest user; a log grows too long to be sorted daily
        order = "" if table.is_log else f" order by {found.order}"
        ((rows,),) = execute(f"create table {relation} as {found.query}{order}").fetchall()
        gold.count(rows)
        for comment in found.comments(relation):
            execute(comment)
        return PublishedTable(table.name, rows, 1)

    def write(path: Path) -> None:
        execute(f"attach {literal(path)} as published (row_group_size {_BLOCK_ROWS})")
        try:
            execute(f"create schema if not exists {schema}")
            tables.extend(map(write_table, gold.build.tables))
            write_table(gold.publication(tables))
        finally:
            execute("detach published")
        path.chmod(0o444)

    folder.replace(name, write)
    return Published(folder.address(name), gold.served, tables)
