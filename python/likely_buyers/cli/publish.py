"""Publishing gold, and what is said of it."""

from __future__ import annotations

from likely_buyers.dbt.project import Project
from likely_buyers.publishing import (
    NotPublishable,
    Places,
    Published,
    publish,
    read_build,
)
from likely_buyers.terminal import Progress


def publish_gold(project: Project) -> None:
    """Publish the gold of the last build to the places of `vars.publish`, and say what stands where.

    Raises:
        PublishingError: the build did not pass, a place is misconfigured or could not be written.
    """
    build = read_build(project.target_path())
    places = Places.of(project.publishing_places(), project.settings().state / "published")
    publish(
        project.database_file("gold is published", NotPublishable),
        build,
        places,
        _tell,
        progress=lambda rows: Progress("publishing", total=rows, unit="rows"),
    )


def _tell(published: Published) -> None:
    served = published.served
    rows = sum(table.rows for table in published.tables)
    changed = [table.name for table in published.tables if table.written]
    print(
        f"Published to {published.place}: {len(published.tables)} tables, {rows:,} rows, scores as of"
        f" {served.as_of_date} by version {served.model_version} of {served.model_name}"
        f" ({f'{len(changed)} tables changed' if changed else 'nothing changed'})"
    )
