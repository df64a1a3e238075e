"""Commands about the model: trained, measured, promoted."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from likely_buyers.cli.options import Format
from likely_buyers.dbt.project import Project


def train(
    project: Project,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make the new version champion.")
    ] = False,
) -> None:
    """Build examples at past cutoffs, fit a model, evaluate it out of time, register a version."""
    from likely_buyers.cli.promotion import promote_version
    from likely_buyers.cli.versions import print_versions

    before = [version.version for version in project.registry().versions()]
    if not project.dbt("build", "--selector", "training"):
        typer.echo("Error: training failed: see what dbt says above.", err=True)
        raise typer.Exit(1)
    registry = project.registry()
    new = [version for version in registry.versions() if version.version not in before]
    if promote and new:
        promote_version(project, new[-1].version, reason="train --promote", force=False)
    print_versions(registry.versions(), "table")


def backtest(
    project: Project,
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
    form: Format = "table",
) -> None:
    """What training would have been worth at past cutoffs, beside simple rules: training.backtest."""
    from likely_buyers.cli.backtest_table import COLUMNS, QUERY, print_backtest
    from likely_buyers.cli.tables import print_rows

    if cutoffs is not None:
        dates = [day.strip() for day in cutoffs.split(",")]
        project = project.with_var("backtest_cutoffs", int(cutoffs) if cutoffs.isdigit() else dates)
    # what other programs read has stdout to itself
    if not project.dbt("build", "--selector", "backtest", aside=form != "table"):
        typer.echo("Error: no backtest: see what dbt says above.", err=True)
        raise typer.Exit(1)
    rows = project.show(QUERY, -1)
    if rows is None:
        raise typer.Exit(1)
    wanted = [population] if population else ["users", "customers"]
    if form != "table":
        of_wanted = [row for row in rows if row[COLUMNS.index("population")] in wanted]
        print_rows(COLUMNS, of_wanted, form)
        return
    for whose in wanted:
        print_backtest(rows, whose)


def promote(
    project: Project,
    version: Annotated[str, typer.Argument(help="Number of a version, or `latest`.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why; kept in the log.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote whatever the gate says; needs a --reason.")
    ] = False,
) -> None:
    """Make a version champion: the next `dbt build` scores with it.

    Refused unless it beats the simple rules and the champion out of time.
    """
    from likely_buyers.cli.promotion import promote_version

    if force and not reason:
        raise typer.BadParameter("--force needs --reason 'WHY', which the promotion log keeps.")
    why = f"forced: {reason}" if force else reason or "promoted"
    promote_version(project, version, reason=why, force=force)


def rollback(
    project: Project,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; kept in the promotion log.")
    ] = "rolled back",
) -> None:
    """Return to the champion before the current one."""
    from likely_buyers.cli.promotion import announce, current_user

    promotion = project.registry().rollback(reason=reason, by=current_user(), at=datetime.now(UTC))
    announce(promotion, project)


def models(project: Project, form: Format = "table") -> None:
    """List the trained versions."""
    from likely_buyers.cli.versions import print_versions

    print_versions(project.registry().versions(), form)
