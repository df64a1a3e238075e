"""Publishing gold, and what is said of it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from likely_buyers.dbt.project import Project
from likely_buyers.publishing import (
    Published,
    PublishingError,
    publish,
    read_build,
)


def publish_gold(project: Project) -> None:
    """Publish the gold of the last build to the destinations of `vars.publish`, and say what stands where.

    Raises:
        PublishingError: the build did not pass, a destination is misconfigured or could not be written.
    """
    # the artifacts first: they cost nothing, and what they refuse needs no dbt
    build = read_build(project.target_path())
    settings, base = project.publishing_places(), project.settings().state / "published"
    engine, _, database = project.rendered("{{ target.type }}\n{{ target.path }}").partition("\n")
    if engine != "duckdb":
        raise PublishingError(
            f"gold is published from DuckDB, and the target is {engine}. Choose another: --target"
        )
    publish(project.project_dir / Path(database.strip()), build, settings, base, _tell)


def _tell(published: Published) -> None:
    served = published.served
    rows = sum(table.rows for table in published.tables)
    changed = [table.name for table in published.tables if table.written]
    Console(soft_wrap=True, highlight=False).print(
        f"Published to {published.destination}: {len(published.tables)} tables, {rows:,} rows, scores as of"
        f" {served.as_of_date} by version {served.model_version} of {served.model_name}"
        f" ({f'{len(changed)} tables changed' if changed else 'nothing changed'})",
        markup=False,
    )
