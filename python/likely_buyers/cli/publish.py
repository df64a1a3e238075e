"""Publishing gold, and what is said of it."""

from likely_buyers.dbt.project import Project
from likely_buyers.publishing import Published, PublishingError, publish
from likely_buyers.terminal import Progress


def publish_gold(project: Project) -> None:
    """Publish gold of the last build that passed to the destinations of `vars.publish`, and say what stands where.

    Raises:
        PublishingError: no build has passed, a destination is misconfigured or could not be written.
    """
    settings, base = project.publishing_destinations(), project.settings().state / "published"
    publish(
        project.lake("gold is published", PublishingError),
        settings,
        base,
        _tell,
        progress=lambda rows: Progress("publishing", total=rows, unit="rows"),
    )


def _tell(published: Published) -> None:
    served = published.served
    rows = sum(table.rows for table in published.tables)
    changed = [table.name for table in published.tables if table.written]
    print(
        f"Published to {published.destination}: {len(published.tables)} tables, {rows:,} rows, scores as of"
        f" {served.as_of_date} by version {served.model_version} of {served.model_name}"
        f" ({f'{len(changed)} tables changed' if changed else 'nothing changed'})"
    )
