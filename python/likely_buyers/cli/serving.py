"""What dbt says for the serving copy, the copy itself, and the server."""

from pathlib import Path

import duckdb

from likely_buyers.dbt.project import Project
from likely_buyers.errors import LikelyBuyersError
from likely_buyers.serving.copy import LiveDefinition, newest_build, write_copy
from likely_buyers.serving.errors import ServingError
from likely_buyers.serving.server import Address, check_address, serve
from likely_buyers.serving.state import Serving
from likely_buyers.serving.store import ServingCopy
from likely_buyers.settings import Lake
from likely_buyers.sources.time_zones import known_zone
from likely_buyers.terminal import say

# what serving.live_features puts together: the days of some events, by each way to add up money, and features
_DAYS = """\
with {{{{ days_of_users('live_events', '{amount}'{options}) }}}}

select * from user_days"""
_NEXT = "\n-- the next one --\n"
_QUERIES = _NEXT.join(
    [
        "{{ user_features('scoring_cutoff', 'all_days', cutoff_name='as_of_date') }}",
        _DAYS.format(amount="price * quantity", options=""),
        _DAYS.format(
            amount="cast(price * quantity as decimal(38, 7)) * coalesce(rates.rate, 1)",
            options=", rates='live_rates'",
        ),
        _DAYS.format(amount="price * quantity", options=", is_unrated=true"),
    ]
)


def copy_file(project: Project) -> Path:
    """Where the serving copy lies."""
    return project.settings().state / "serving" / "copy.sqlite"


def live_definition(project: Project) -> LiveDefinition:
    """What the project says of events and features; dbt runs once, and opens nothing.

    Raises:
        ProjectError: dbt cannot render it.
    """
    features, plain, converted, unrated = project.rendered(_QUERIES).split(_NEXT)
    name = project.var("event_mapping")
    mapping = project.var("event_mappings")[name]
    zone = str(mapping.get("time_zone") or "UTC")
    return LiveDefinition(
        features,
        (plain, converted, unrated),
        name,
        zone if zone == "UTC" else known_zone(zone),
        project.var("currency") or None,
        mapping.get("currency") is not None,
        mapping.get("keep") == "last",
        mapping.get("dedupe_on") == "none",
    )


def copy_for_serving(project: Project) -> None:
    """Write the serving copy and say what it holds.

    Raises:
        ServingError: no build has passed, or the lake cannot be opened.
    """
    lake = project.lake("the endpoint serves", ServingError)
    file = copy_file(project)
    build, users = write_copy(lake, file, live_definition(project))
    print(f"{file}: {users:,} users as build {build} left them.")


def run_server(project: Project, stage: str, address: Address, refresh_seconds: float) -> None:
    """Serve a stage; where the newest build is not in the copy yet, it is written first.

    With a catalog on a server, whose readers wait for nobody, later builds are taken over as they pass. One that is a
    file lets nobody build while it is read: there the job of the night writes the copy.

    Raises:
        ServingError: it cannot listen there.
    """
    check_address(address)
    lake = project.lake("the endpoint serves", ServingError)
    file = copy_file(project)

    def renew(copy: ServingCopy | None) -> None:
        _renew(project, lake, file, copy)

    try:
        renew(ServingCopy(file) if file.exists() else None)
    except (LikelyBuyersError, duckdb.Error) as error:
        say(f"the serving copy stays as it is: {error}")
    registries = [(outcome, project.registry(outcome)) for outcome in project.outcomes(None)]
    serving = Serving(stage, registries, file, renew if lake.file is None else None)
    serve(serving, address, refresh_seconds)


def _renew(project: Project, lake: Lake, file: Path, copy: ServingCopy | None) -> None:
    build = newest_build(lake)
    if build and not (copy and copy.build_id == build.build_id):
        say(f"writing the serving copy of build {build.build_id}")
        write_copy(lake, file, live_definition(project))
