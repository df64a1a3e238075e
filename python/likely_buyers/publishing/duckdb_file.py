"""A DuckDB file for BI tools, replaced at once: open readers keep the one they have, new readers get the new one."""

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb

from likely_buyers.publishing.errors import PublishingError
from likely_buyers.publishing.folders import Folder
from likely_buyers.publishing.gold import Gold, GoldTable, Part, Published, PublishedTable
from likely_buyers.sql_text import literal, quoted

# A user's row is sought in one block: smaller than DuckDB's own, for a third of the time
_BLOCK_ROWS = 16_384


def publish_duckdb(folder: Folder, name: str, gold: Gold) -> Published:
    """Replace what differs in a copy of the file that stands there, then the file by the copy.

    It holds gold as `gold.<table>` with the comments of the dbt docs, and `gold.publication`, the manifest.

    Raises:
        PublishingError: the file is a database of somebody else.
    """
    execute = gold.connection.execute
    # DuckDB names an open file after itself: in gold.duckdb a schema gold would make gold.<table> ambiguous
    schema = "main" if Path(name).stem == "gold" else "gold"
    tables: list[PublishedTable] = []

    def write_table(table: GoldTable) -> PublishedTable:
        relation = f"published.{schema}.{quoted(table.name)}"
        rows = gold.rows(table)
        by_partition = table.is_log and rows.are_partitioned
        parts = gold.parts(rows, by_partition=by_partition)
        try:
            rows_there = gold.rows(replace(table, relation=relation))
            there = gold.parts(rows_there, by_partition=by_partition)
        except duckdb.Error:
            there = []
        known = {part.name: part.digest for part in there}
        stays = any(part in there for part in parts) and known.keys() <= {p.name for p in parts}
        if not stays:
            # a block tells its smallest and largest user; a log grows too long to be sorted as a whole
            order = "" if table.is_log else f" order by {rows.order}"
            execute(f"create or replace table {relation} as {rows.query}{order}")

        def write(part: Part) -> None:
            if stays:
                chosen = f"({rows.query}) where {part.condition} order by {rows.order}"
                execute(f"delete from {relation} where {part.condition}")
                execute(f"insert into {relation} from {chosen}")
            gold.count(part.rows)

        for comment in rows.comments(relation):
            execute(comment)
        return gold.replace_changed(table, parts, known, write)

    def write(path: Path) -> None:
        attach = f"attach {literal(path)} as published (row_group_size {_BLOCK_ROWS})"
        try:
            with folder.opened(name) as stands, path.open("wb") as copy:
                shutil.copyfileobj(stands, copy, 1 << 22)
            execute(attach)
        except (FileNotFoundError, duckdb.Error):
            # nothing, or no file of DuckDB's, whoever left it: it is replaced
            path.unlink(missing_ok=True)
            execute(attach)
        try:
            execute(f"create schema if not exists published.{schema}")
            there = execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'published'"
            ).fetchall()
            if there and "publication" not in {table for _, table in there}:
                raise PublishingError(
                    f"the DuckDB file '{name}' has tables, such as {'.'.join(there[0])}, and was not published from"
                    " here. A published file is ours whole. Nothing was published to it. Name another file"
                    " (vars.publish.duckdb)."
                )
            for gone in {*there} - {(schema, table.name) for table in gold.tables}:
                execute(f"drop table published.{'.'.join(map(quoted, gone))}")
            tables.extend(map(write_table, gold.tables))
            write_table(gold.publication(tables))
        finally:
            execute("detach published")
        path.chmod(0o444)

    folder.replace(name, write)
    return Published(folder.address(name), gold.served, tables)
