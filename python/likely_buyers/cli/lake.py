"""Asking the lake in SQL, its upkeep, and what comes from before it, and what is said of each."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from likely_buyers.dbt.faults import remedy
from likely_buyers.dbt.profile import read_yaml
from likely_buyers.dbt.project import Project
from likely_buyers.errors import LikelyBuyersError
from likely_buyers.lake import opened
from likely_buyers.lake.carry_over import carry_over
from likely_buyers.lake.upkeep import Size, maintain

_PROMPT, _CONTINUED = "likely_buyers> ", "          ...> "


# the models that keep what earlier builds made -> their tables in gold
LOGS = {
    "prediction_history": "prediction_history",
    "expected_buyers": "expected_buyers",
    "model_performance": "model_performance",
    "model_performance_deciles": "model_performance_deciles",
    "audiences": "audiences",
    "listed_campaigns": "campaigns",
    "campaign_results": "campaign_results",
}


class LakeUnreadable(LikelyBuyersError):
    """The lake cannot be opened, or refuses a query."""


def ask(project: Project, query: str | None, rows: int) -> None:
    """Print what a query gives, or what each query typed at a prompt gives, to its end with a semicolon.

    Raises:
        LakeUnreadable: the lake cannot be opened; the one query given is refused.
    """
    lake = project.lake("SQL is asked", LakeUnreadable)
    with opened(lake, LakeUnreadable, read_only=True) as connection:
        if query is not None:
            try:
                _show(connection, query, rows)
            except duckdb.Error as error:
                raise LakeUnreadable(f"DuckDB says: {error}") from error
            return
        print(
            f"{lake.catalog}, read only. A query ends with a semicolon; an empty line or Ctrl-D ends this."
        )
        while typed := _typed():
            try:
                _show(connection, typed, rows)
            except duckdb.Error as error:
                print(error)


def keep_up(project: Project) -> None:
    """Do the upkeep, and say what became smaller.

    Raises:
        LakeUnreadable: the lake cannot be opened or written.
        LakeChanged: a table is not what it was.
    """
    lake = project.lake("a lake is kept up", LakeUnreadable)
    keep_days = int(project.var("keep_days"))
    with opened(lake, LakeUnreadable, read_only=False) as connection:
        try:
            done = maintain(connection, keep_days, datetime.now(UTC))
        except duckdb.Error as error:
            raise LakeUnreadable(f"{remedy(str(error))} DuckDB says: {error}") from error
    compared = (
        f"The {done.tables} tables have the rows and checksums that they had"
        f"{'' if done.past is None else f', and had at snapshot {done.past}'}."
        if done.tables
        else "Another program wrote meanwhile, so rows were not compared: run it again when none does."
    )
    print(
        f"{lake.catalog}: {_told(done.before)} before, {_told(done.after)} now. Snapshots of the last {keep_days} days"
        f" and the published one are kept. {compared}"
    )


def carry(project: Project, old: Path | None) -> None:
    """Carry over, and say which rows.

    Raises:
        CarryOverImpossible: nothing was written.
        LakeProblem: the lake cannot be opened.
    """
    old = old or project.settings().state / "likely_buyers.duckdb"
    lake = project.lake("tables are carried over", LakeUnreadable)
    for table in carry_over(lake, old, _logs(project.project_dir)):
        print(
            f"{table.table}: {table.rows:,} rows in {old.name}, {'known to' if table.known else 'now in'} the lake."
        )
    print(
        f"All rows of {old} that cannot be computed again are in {lake.catalog}, compared by checksum. Run dbt build;"
        " once it has passed, the earlier file can be deleted."
    )


def _logs(project: Path) -> dict[str, dict[str, str]]:
    """schema.table -> columns with types, as the models' contracts have them."""
    files = sorted((project / "models" / "gold").glob("*__models.yml"))
    return {
        f"gold.{LOGS[model['name']]}": {
            column["name"]: column["data_type"]
            + (" not null" if {"type": "not_null"} in column.get("constraints", ()) else "")
            for column in model["columns"]
        }
        for file in files
        for model in read_yaml(file)["models"]
        if model["name"] in LOGS
    }


def _show(connection: duckdb.DuckDBPyConnection, query: str, rows: int) -> None:
    found = connection.sql(query)
    if found is not None:
        found.show(max_rows=rows, max_width=10_000)


def _typed() -> str:
    """A query of one or more lines; '' at the end."""
    lines: list[str] = []
    while not lines or not lines[-1].rstrip().endswith(";"):
        try:
            line = input(_CONTINUED if lines else _PROMPT)
        except (EOFError, KeyboardInterrupt):
            print()
            return ""
        if not lines and not line.strip():
            return ""
        lines.append(line)
    return "\n".join(lines)


def _told(size: Size) -> str:
    return f"{size.files:,} files of {size.bytes / 1e6:,.1f} MB and {size.snapshots:,} snapshots"
