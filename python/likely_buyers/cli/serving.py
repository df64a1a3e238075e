"""What dbt says for the serving copy, the copy itself, and the server."""

import subprocess
import sys
from pathlib import Path

import duckdb

from likely_buyers.dbt.live import FEATURES, NEXT
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

# what serving.live_features puts together: features, and the days of some events, by each way to add up money. The
# build makes money apart, of the few events that have any; of the events of a request that takes longer than it saves
_DAYS = """\
select
    user_id,
    event_date,
    {{{{ counts_of_a_day() }}}},
    {{{{ money_of_a_day('{amount}') }}}}
from live_events{rates}
group by user_id, event_date"""
_PLAIN = _DAYS.format(amount="price * quantity", rates="")
_QUERIES = NEXT.join(
    [
        FEATURES,
        _PLAIN,
        _DAYS.format(
            amount="cast(price * quantity as decimal(38, 7)) * coalesce(rates.rate, 1)",
            rates=" left join live_rates as rates using (currency)",
        ),
        "select * replace (cast(null as decimal(18, 4)) as revenue, cast(null as decimal(18, 4)) as refunded)"  # noqa: S608 (ours)
        f" from ({_PLAIN})",
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
    features, plain, converted, unrated = project.rendered(_QUERIES).split(NEXT)
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
    try:
        if build := _newer_build(lake, _copy_there(file)):
            say(f"writing the serving copy of build {build}")
            write_copy(lake, file, live_definition(project))
    except (LikelyBuyersError, duckdb.Error) as error:
        say(f"the serving copy stays as it is: {error}")

    def renew(copy: ServingCopy | None) -> None:
        if _newer_build(lake, copy):
            _copy_aside(project)

    registries = [(outcome, project.registry(outcome)) for outcome in project.outcomes(None)]
    serving = Serving(stage, registries, file, renew if lake.file is None else None)
    serve(serving, address, refresh_seconds)


def _copy_there(file: Path) -> ServingCopy | None:
    try:
        return ServingCopy(file)
    except ServingError:
        # none, or none that this version reads: it is written
        return None


def _newer_build(lake: Lake, copy: ServingCopy | None) -> str | None:
    build = newest_build(lake)
    return build.build_id if build and not (copy and copy.build_id == build.build_id) else None


def _copy_aside(project: Project) -> None:
    """Write the copy in a process of its own: dbt takes seconds of the processor, and requests would wait for them."""
    command = [sys.executable, "-c", "from likely_buyers.cli import main; main()", "serving-copy"]
    options = {
        "--project-dir": project.project_dir,
        "--profiles-dir": project.profiles_dir,
        "--target": project.target,
        "--vars": project.vars_text,
    }
    given = [str(word) for option, value in options.items() if value for word in (option, value)]
    done = subprocess.run([*command, *given], capture_output=True, text=True, check=False)  # noqa: S603 (ours)
    if done.returncode:
        raise ServingError(f"the serving copy was not written: {done.stderr.strip()[-1_000:]}")
