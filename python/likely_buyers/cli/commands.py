"""The commands. Each is thin: it opens the project and calls a room."""

import getpass
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from likely_buyers.cli.project import Project
from likely_buyers.errors import expected_errors
from likely_buyers.registry import ModelVersion, Promotion

if TYPE_CHECKING:
    from likely_buyers.scoring import Replay

app = typer.Typer(
    help="From a shop's raw events to a ranked list of likely buyers. The daily job is `dbt build`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

ProjectDir = Annotated[
    Path | None, typer.Option("--project-dir", help="Folder of dbt_project.yml; default: here.")
]
ProfilesDir = Annotated[
    Path | None,
    typer.Option("--profiles-dir", help="Folder of profiles.yml; default: the project's."),
]
Target = Annotated[str | None, typer.Option("--target", help="Target of the dbt profile.")]
Vars = Annotated[str, typer.Option("--vars", help="dbt variables, as YAML: '{as_of: 2011-11-09}'.")]


def main() -> None:
    """Run a command; an expected error becomes one message and exit code 1."""
    try:
        app()
    except expected_errors() as error:
        message = escape(str(error))
        Console(stderr=True).print(f"[red]Error:[/red] {message}", soft_wrap=True, highlight=False)
        raise SystemExit(1) from None


@app.command()
def simulate(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
    users: Annotated[int, typer.Option("--users", help="Distinct users in the log.")] = 12_000,
    days: Annotated[int, typer.Option("--days", help="Days of events.")] = 120,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same files.")] = 0,
    file_format: Annotated[
        Literal["csv", "parquet", "jsonl"], typer.Option("--format", help="Format of the files.")
    ] = "csv",
    start: Annotated[str, typer.Option("--start", help="First day, YYYY-MM-DD.")] = "2019-10-01",
    events_per_user: Annotated[
        float, typer.Option("--events-per-user", help="Mean events per user.")
    ] = 20.0,
    dirt: Annotated[
        bool, typer.Option("--dirt/--no-dirt", help="Plant broken, doubled and late lines.")
    ] = True,
) -> None:
    """Write the events of a demo shop, and in _truth/ what lies behind them."""
    from likely_buyers.simulate import SimulationSettings, simulate_shop
    from likely_buyers.terminal import progress_bar

    try:
        first_day = date.fromisoformat(start)
    except ValueError as error:
        raise typer.BadParameter(f"--start must be a date as YYYY-MM-DD, found: {start}") from error
    settings = SimulationSettings(
        users=users,
        days=days,
        seed=seed,
        start=first_day,
        events_per_user=events_per_user,
        dirt=dirt,
    )
    bar = progress_bar("simulating", total=days, unit="days")
    summary = simulate_shop(
        settings, out, file_format, progress=(lambda done, _: bar(done)) if bar else None
    )
    Console().print(
        f"{summary.lines:,} lines of {summary.users:,} users in {summary.files} files in"
        f" {summary.folder}; the truth behind them in {summary.truth}",
        soft_wrap=True,
        highlight=False,
    )


@app.command()
def train(
    promote: Annotated[
        bool, typer.Option("--promote", help="Make the new version champion.")
    ] = False,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """Build examples at past cutoffs, fit a model, evaluate it out of time, register a version."""
    project = Project.open(project_dir, profiles_dir, target, vars_text)
    before = [version.version for version in project.registry().versions()]
    if not project.dbt("build", "--selector", "training"):
        Console(stderr=True).print("[red]Error:[/red] training failed: see what dbt says above.")
        raise typer.Exit(1)
    registry = project.registry()
    new = [version for version in registry.versions() if version.version not in before]
    if promote and new:
        promotion = registry.promote(
            new[-1].version, reason="train --promote", by=_user(), at=datetime.now(UTC)
        )
        _announce(promotion, project)
    _print_versions(registry.versions())


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="Number of a version, or `latest`.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the ledger.")] = "promoted",
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """Make a version champion: the next `dbt build` scores with it."""
    project = Project.open(project_dir, profiles_dir, target, vars_text)
    promotion = project.registry().promote(version, reason=reason, by=_user(), at=datetime.now(UTC))
    _announce(promotion, project)


@app.command()
def rollback(
    reason: Annotated[
        str, typer.Option("--reason", help="Why; kept in the ledger.")
    ] = "rolled back",
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """Return to the champion before the current one."""
    project = Project.open(project_dir, profiles_dir, target, vars_text)
    promotion = project.registry().rollback(reason=reason, by=_user(), at=datetime.now(UTC))
    _announce(promotion, project)


@app.command()
def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """List the trained versions."""
    versions = Project.open(project_dir, profiles_dir, target, vars_text).registry().versions()
    if as_json:
        typer.echo(json.dumps([_as_dict(version) for version in versions], indent=2))
    elif versions:
        _print_versions(versions)
    else:
        Console().print("No version yet; train one: likely-buyers train --promote")


@app.command()
def top(
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows to print.")] = 10,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """Print the head of gold.top_buyers."""
    project = Project.open(project_dir, profiles_dir, target, vars_text)
    shown = project.show(
        "select rank, user_id, probability, lift, expected_revenue, days_since_last_purchase,"
        " favourite_category from {{ ref('top_buyers') }} order by rank",
        limit,
    )
    if shown is None:
        raise typer.Exit(1)
    table = Table(title="gold.top_buyers")
    for heading in ("rank", "user", "probability", "lift", "expected revenue"):
        table.add_column(heading, justify="left" if heading == "user" else "right")
    table.add_column("days since last purchase", justify="right")
    table.add_column("favourite category")
    for rank, user, probability, lift, revenue, days, category in shown:
        table.add_row(
            str(rank),
            str(user),
            f"{probability:.3f}",
            f"{lift:.1f}",
            f"{revenue:.2f}",
            "never" if days is None else str(days),
            category or "",
        )
    Console().print(table)
    if not shown:
        Console().print("Nobody is on the list; the last dbt build says how many came close.")


@app.command()
def replay(
    as_of: Annotated[
        str, typer.Option("--as-of", help="The day the scores speak from, YYYY-MM-DD.")
    ],
    version: Annotated[str, typer.Option("--version", help="The version that gave them.")],
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """Compute scores of the history once more, and say whether they are the same; writes nothing."""
    from likely_buyers.scoring import ReplayImpossible, ReplaySource, replay_scores
    from likely_buyers.terminal import progress_bar

    try:
        day = date.fromisoformat(as_of)
    except ValueError as error:
        raise typer.BadParameter(f"--as-of must be a date as YYYY-MM-DD, found: {as_of}") from error
    project = Project.open(project_dir, profiles_dir, target, vars_text)
    model = project.registry().load(version)
    engine, database, history, files, features = project.rendered(
        _REPLAYED.replace("AS_OF", day.isoformat())
    ).split("\n", 4)
    if engine != "duckdb":
        raise ReplayImpossible(
            f"a replay reads DuckDB, and the target is {engine}. Choose another: --target"
        )
    found = replay_scores(
        ReplaySource(Path(database), history, files, features),
        model,
        day,
        progress=lambda users: progress_bar("replaying", total=users, unit="users"),
    )
    whose = f"as of {day}, version {model.version} of {model.model_name}"
    if found.is_identical:
        Console().print(f"identical: {found.users:,} users, {whose}", highlight=False)
        return
    _print_changes(found, whose)
    raise typer.Exit(1)


# What a replay needs of dbt: where the warehouse is, and the features by the macro that scoring uses. The day stands
# in the text: as a variable of dbt it would have the whole project parsed again.
_REPLAYED = """\
{{ target.type }}
{{ target.path }}
{{ ref('prediction_history') }}
{{ ref('loaded_files') }}
with scoring_cutoff as (
    select cast('AS_OF' as date) as cutoff_date
),

user_features as (
    {{ user_features('scoring_cutoff', ref('user_days'), cutoff_name='as_of_date') }}
)

select * from user_features"""


def _print_changes(found: "Replay", whose: str) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"not identical, {whose}: of {found.users:,} users in the history {found.differing:,} have another"
        f" score now, {found.missing:,} have none, and {found.new:,} users are new; the largest difference is"
        f" {found.largest_difference:.3g}"
    )
    table = Table(title="the first of them")
    for heading in ("user", "then", "now"):
        table.add_column(heading, justify="left" if heading == "user" else "right")
    for change in found.examples:
        table.add_row(
            escape(change.user_id),
            *(
                "" if probability is None else repr(probability)
                for probability in (change.probability_then, change.probability_now)
            ),
        )
    Console().print(table)
    if found.files_loaded_since:
        console.print(
            f"{found.files_loaded_since} event files were loaded after these scores were given"
            f" ({found.scored_at:%Y-%m-%d %H:%M} UTC). Events in them from before as_of came late: then the"
            " differences are legitimate. So they are after a change of the event mapping."
        )
    else:
        console.print(
            f"No event file was loaded after these scores were given ({found.scored_at:%Y-%m-%d %H:%M} UTC), so"
            " no event came late. What else changes scores: another event mapping, the SQL of the features,"
            " other versions of the libraries."
        )


def _user() -> str:
    return os.environ.get("LIKELY_BUYERS_USER") or getpass.getuser()


def _announce(promotion: Promotion, project: Project) -> None:
    """Say who is champion, and bring training.promotions up to date.

    The promotion is done by then, in the registry: a warehouse that cannot be written is no failure.
    """
    before = f" (before: version {promotion.replaces})" if promotion.replaces else ""
    Console().print(
        f"Version {promotion.version} of {project.registry().model_name} is champion{before}. The next"
        " dbt build scores with it.",
        highlight=False,
    )
    problem = project.refresh("promotions")
    if problem:
        Console(stderr=True).print(
            "[yellow]Warning:[/yellow] training.promotions does not show it yet, the next dbt build will:"
            f" {escape(problem)}",
            soft_wrap=True,
            highlight=False,
        )


def _print_versions(versions: list[ModelVersion]) -> None:
    table = Table(title="Trained versions, metrics out of time")
    for heading in ("version", "as of", "horizon", "AUC", "avg precision", "digest", ""):
        table.add_column(heading, no_wrap=True)
    table.add_column("model")
    for version in versions:
        table.add_row(
            str(version.version),
            version.as_of.isoformat(),
            f"{version.horizon_days} days",
            _number(version.metrics.get("roc_auc")),
            _number(version.metrics.get("average_precision")),
            version.model_digest[:12],
            "champion" if version.is_champion else "",
            str(version.parameters.get("chosen", "")),
        )
    Console().print(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _as_dict(version: ModelVersion) -> dict[str, object]:
    return {
        "version": version.version,
        "as_of": version.as_of.isoformat(),
        "horizon_days": version.horizon_days,
        "created_at": version.created_at.isoformat(),
        "metrics": dict(version.metrics),
        "windows": dict(version.windows),
        "model_digest": version.model_digest,
        "is_champion": version.is_champion,
    }
