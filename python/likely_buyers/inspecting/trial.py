"""What a mapping makes of a sample: the project's own models, run on it in a state folder that is thrown away."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from likely_buyers.dbt.project import Project
from likely_buyers.errors import own_words
from likely_buyers.inspecting.errors import InspectionImpossible
from likely_buyers.lake import LAKE, connect
from likely_buyers.settings import STATE, Lake

_SAMPLED = 3
_LOADS = (
    "select * replace (first_event_time::varchar as first_event_time, last_event_time::varchar as last_event_time)"
    " from bronze.loads"
)


@dataclass(frozen=True)
class Fault:
    """Why lines are no events."""

    name: str
    lines: int
    samples: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """What became of the lines."""

    lines: int
    events: int
    duplicates: int
    users: int
    buyers: int
    buyers_of_two_days: int
    first_event_time: str
    last_event_time: str
    event_types: Sequence[tuple[str, int, int]]
    """(type, events, users), the most first."""
    revenue: Mapping[str, float]
    """By currency; '' where none was given."""
    left_out: Mapping[str, int]
    faults: Sequence[Fault]
    unknown_types: Sequence[str]
    lost: int
    """Lines that are no events, and nothing says why."""
    warnings: Sequence[str]


def run_trial(
    project: Project, events_path: str, mapping: Mapping[str, Any], name: str, folder: Path
) -> Trial:
    """Build bronze and silver.events of a sample.

    project: gives the models and the settings; its warehouse is not touched.
    folder: for the state, which must not be there yet.

    Raises:
        InspectionImpossible: the mapping cannot be applied; in the words of the build.
    """
    folder.mkdir(parents=True)
    profile = _profile(project, folder)
    # a mapping that joins a model of dbt needs whatever that is made from
    if not any("ref(" in str(pattern) for pattern in (mapping.get("sources") or {}).values()):
        project = replace(
            project, project_dir=_what_is_needed(project.project_dir, folder / "project")
        )
    sampled = (
        project.with_var("events_path", events_path)
        .with_var("event_mappings", {name: dict(mapping)})
        .with_var("event_mapping", name)
        .with_var("stop_left_over", 1)
    )
    with _state(folder):
        problem, warnings = sampled.build_aside(
            *("--profiles-dir", str(profile), "--target-path", str(folder / "target")),
            *("--log-path", str(folder / "logs"), "--select", "+loads", "+quarantined_events"),
            *("--resource-type", "model", "--resource-type", "seed"),
        )
    if problem:
        raise InspectionImpossible(_in_words(problem))
    return _result(Lake.in_folder(folder), [_in_words(warning) for warning in warnings])


def _what_is_needed(project_dir: Path, folder: Path) -> Path:
    """A copy of the project without what comes after the events: dbt reads it in half of the time."""
    folder.mkdir()
    for path in project_dir.iterdir():
        if path.suffix in (".yml", ".yaml"):
            shutil.copy(path, folder)
    # dbt does not follow links to folders
    for name in (
        *("macros", "seeds", "dbt_packages", "tests/generic"),
        *("models/bronze", "models/silver"),
    ):
        if (project_dir / name).is_dir():
            later = shutil.ignore_patterns(
                *("*unit_tests.yml", "*user_features*", "user_days.sql"),
                *("gold", "features", "statistics"),
            )
            shutil.copytree(project_dir / name, folder / name, ignore=later)
    return folder


@contextmanager
def _state(folder: Path) -> Iterator[None]:
    before = os.environ.get(STATE)
    os.environ[STATE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[STATE]
        else:
            os.environ[STATE] = before


def _profile(project: Project, folder: Path) -> Path:
    """The profile of the project with a lake of its own, wherever the profile has it."""
    source = (
        project.profiles_dir or Path(os.environ.get("DBT_PROFILES_DIR", project.project_dir))
    ) / "profiles.yml"
    try:
        profiles = yaml.safe_load(source.read_text("utf-8"))
    except OSError as error:
        raise InspectionImpossible(
            f"there is no {source}: name its folder with --profiles-dir."
        ) from error
    profile = profiles["likely_buyers"]
    target = project.target or profile.get("target", "default")
    output = profile["outputs"].get(target)
    if not output or output.get("type") != "duckdb":
        raise InspectionImpossible(
            f"a source is inspected with DuckDB, and the target is {target}. Choose another: --target"
        )
    lake = Lake.in_folder(folder)
    own = {
        "path": f"ducklake:{lake.catalog}", "alias": LAKE, "options": {"data_path": lake.data}
    }  # fmt: skip
    others = [one for one in output.get("attach") or () if one.get("alias") != LAKE]
    output = {**output, "attach": [own, *others]}
    output["config_options"] = {
        **output.get("config_options", {}),
        "temp_directory": str(folder / "spill"),
    }
    written = {"likely_buyers": {"target": target, "outputs": {target: output}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(written))
    return folder


def _in_words(message: str) -> str:
    """A message of the build without what only a build has."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    told = next((line for line in lines if "likely_buyers: " in line), lines[0] if lines else "")
    return own_words(told)


def _result(lake: Lake, warnings: list[str]) -> Trial:
    with connect(lake, read_only=True) as connection:

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        (load,) = connection.sql(_LOADS).to_arrow_table().to_pylist()
        ((buyers, of_two_days),) = rows(
            "select count(*), count(*) filter (days > 1) from (select count(distinct event_date) as days"
            " from silver.events where event_type = 'purchase' group by user_id)"
        )
        quarantined = rows(
            """
            select reason, count(*), list(shown order by shown)[1:100]
            from (
                select unnest(string_split(reasons, ' ')) as reason,
                    event_time, event_type, user_id, price, quantity, line
                from silver.quarantined_events
            ) as faults,
            lateral (
                select case
                    when reason like '%event_time' then event_time
                    when reason = 'unknown_event_type' then event_type
                    when reason = 'placeholder_user_id' then user_id
                    when reason like '%price' then price
                    when reason like '%quantity' then quantity
                end as value
            ) as values_at_fault,
            lateral (select coalesce(nullif(value, ''), line) as shown) as samples
            group by reason order by 2 desc, 1
            """
        )
        rejected = rows(
            "select reason, count(*), list(line order by line)[1:3] from bronze.rejected_lines group by reason"
            " order by 2 desc, 1"
        )
        unknown = rows(
            "select event_type from silver.quarantined_events where reasons like '%unknown_event_type%'"
            " and event_type is not null group by 1 order by count(*) desc, 1 limit 20"
        )
        types = rows(
            "select event_type, count(*), count(distinct user_id) from silver.events group by 1 order by 2 desc, 1"
        )
    faults = [
        Fault(name, count, tuple(dict.fromkeys(map(str, shown)))[:_SAMPLED])
        for name, count, shown in [*quarantined, *rejected]
    ]
    return Trial(
        lines=load["lines"], events=load["events"], duplicates=load["duplicates"], users=load["users"], buyers=buyers,
        buyers_of_two_days=of_two_days, lost=load["quarantined"] + load["rejected"],
        first_event_time=load["first_event_time"] or "", last_event_time=load["last_event_time"] or "",
        event_types=types, revenue=json.loads(load["revenue_by_currency"]),
        left_out=json.loads(load["left_out_by_name"]), faults=faults, unknown_types=[row[0] for row in unknown],
        warnings=warnings,
    )  # fmt: skip
