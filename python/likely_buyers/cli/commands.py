"""The commands. Each is thin: it opens the project and calls a room."""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import duckdb
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from likely_buyers.cli.promotion import announce, current_user, promote_version
from likely_buyers.dbt.faults import remedy
from likely_buyers.dbt.project import Project
from likely_buyers.errors import LikelyBuyersError
from likely_buyers.registry import ModelVersion

app = typer.Typer(
    help="From a shop's raw events to a ranked list of likely buyers. The daily job is `dbt build`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

# Columns of text.
_WIDE_TERMINAL = 110

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
    except LikelyBuyersError as error:
        Console(stderr=True).print(f"[red]Error:[/red] {error}", soft_wrap=True, highlight=False)
        raise SystemExit(1) from None
    except duckdb.Error as error:
        todo = remedy(str(error))
        if not todo:
            raise
        print(f"Error: {todo} DuckDB says: {error}", file=sys.stderr)
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
    from likely_buyers.demo_shop import SimulationSettings, simulate_shop
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
def inspect(
    path: Annotated[str, typer.Argument(help="A file, a folder or a glob in quotes.")],
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """Say what a source is, which event mapping reads it, and what that makes of its first lines."""
    from likely_buyers.cli.inspect import inspect as look

    # Project.open changes into the project's folder
    where = path if "://" in path else str(Path(path).expanduser().absolute())
    if not look(Project.open(project_dir, profiles_dir, target, vars_text), where):
        raise typer.Exit(1)


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
        promote_version(project, new[-1].version, reason="train --promote", force=False)
    _print_versions(registry.versions())


@app.command()
def backtest(
    cutoffs: Annotated[
        str | None,
        typer.Option(
            "--cutoffs", help="How many past cutoffs, or dates: 2011-09-01,2011-11-09. Default 12."
        ),
    ] = None,
    population: Annotated[
        Literal["users", "customers"] | None,
        typer.Option("--population", help="Print only this one; default: both."),
    ] = None,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """What training would have been worth at past cutoffs, beside simple rules: training.backtest."""
    from likely_buyers.cli.ladder import QUERY, print_ladder

    project = Project.open(project_dir, profiles_dir, target, vars_text)
    if cutoffs is not None:
        dates = [day.strip() for day in cutoffs.split(",")]
        project = project.with_var("backtest_cutoffs", int(cutoffs) if cutoffs.isdigit() else dates)
    if not project.dbt("build", "--selector", "backtest"):
        Console(stderr=True).print("[red]Error:[/red] no backtest: see what dbt says above.")
        raise typer.Exit(1)
    rows = project.show(QUERY, -1)
    if rows is None:
        raise typer.Exit(1)
    for whose in [population] if population else ["users", "customers"]:
        print_ladder(rows, whose)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="Number of a version, or `latest`.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why; kept in the ledger.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote whatever the gate says; needs a --reason.")
    ] = False,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """Make a version champion: the next `dbt build` scores with it.

    Refused unless it beats the simple rules and the champion out of time.
    """
    if force and not reason:
        raise typer.BadParameter("--force needs --reason 'WHY', which the ledger keeps.")
    project = Project.open(project_dir, profiles_dir, target, vars_text)
    why = f"forced: {reason}" if force else reason or "promoted"
    promote_version(project, version, reason=why, force=force)


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
    promotion = project.registry().rollback(reason=reason, by=current_user(), at=datetime.now(UTC))
    announce(promotion, project)


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
        "select top_buyers.rank, top_buyers.user_id, top_buyers.probability, top_buyers.lift,"
        " top_buyers.expected_revenue, top_buyer_reasons.reason,"
        " top_buyers.days_since_last_purchase, top_buyers.favourite_category"
        " from {{ ref('top_buyers') }} as top_buyers"
        " left join {{ ref('top_buyer_reasons') }} as top_buyer_reasons"
        " on top_buyers.user_id = top_buyer_reasons.user_id and top_buyer_reasons.reason_rank = 1"
        " order by top_buyers.rank",
        limit,
    )
    if shown is None:
        raise typer.Exit(1)
    console = Console()
    headings = ["rank", "user", "probability", "lift", "expected\nrevenue", "first reason"]
    # what would leave the reason no room on a narrow terminal; the table has it
    if console.width >= _WIDE_TERMINAL:
        headings += ["days since last purchase", "favourite category"]
    table = Table(title="gold.top_buyers", box=SIMPLE_HEAD)
    for heading in headings:
        words = heading in ("user", "first reason", "favourite category")
        table.add_column(
            heading,
            justify="left" if words else "right",
            no_wrap=heading in ("rank", "user", "probability", "lift"),
        )
    for rank, user, probability, lift, revenue, reason, days, category in shown:
        row = [
            str(rank),
            str(user),
            f"{probability:.3f}",
            f"{lift:.1f}",
            f"{revenue:.2f}",
            reason or "",
            "never" if days is None else str(days),
            category or "",
        ]
        table.add_row(*row[: len(headings)])
    console.print(table)
    if not shown:
        Console().print("Nobody is on the list; the last dbt build says how many came close.")


@app.command()
def report(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to write; default: report.html in the state folder."),
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Users of the list to show.")] = 5_000,
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """Write one HTML page on the list, the scores, how good they are, the data and the campaigns."""
    from likely_buyers.cli.report import report as write

    # Project.open changes into the project's folder
    page = out.resolve() if out else None
    write(Project.open(project_dir, profiles_dir, target, vars_text), page, rows)


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
    from likely_buyers.cli.replay import replay_version

    try:
        day = date.fromisoformat(as_of)
    except ValueError as error:
        raise typer.BadParameter(f"--as-of must be a date as YYYY-MM-DD, found: {as_of}") from error
    project = Project.open(project_dir, profiles_dir, target, vars_text)
    if not replay_version(project, day, version):
        raise typer.Exit(1)


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="First day to score as of, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last day to score as of, YYYY-MM-DD.")],
    every: Annotated[int, typer.Option("--every", min=1, help="Score every so many days.")] = 1,
    version: Annotated[
        str, typer.Option("--version", help="Version that scores; default: the champion.")
    ] = "champion",
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """Fill the history with scores as of past days; what is there stays, a stopped run goes on."""
    from likely_buyers.cli.backfill import backfill as fill

    days = []
    for name, given in (("--from", first), ("--to", last)):
        try:
            days.append(date.fromisoformat(given))
        except ValueError as error:
            raise typer.BadParameter(
                f"{name} must be a date as YYYY-MM-DD, found: {given}"
            ) from error
    project = Project.open(project_dir, profiles_dir, target, vars_text)
    fill(project, days[0], days[1], every, version)


@app.command()
def publish(
    project_dir: ProjectDir = None,
    profiles_dir: ProfilesDir = None,
    target: Target = None,
    vars_text: Vars = "{}",
) -> None:
    """Put gold of a build that passed where people and BI tools read it: the places of vars.publish."""
    from likely_buyers.cli.publish import publish_gold

    publish_gold(Project.open(project_dir, profiles_dir, target, vars_text))


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
