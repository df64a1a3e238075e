"""Commands about the model: trained, measured, promoted."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from likely_buyers.cli.options import Format, Outcomes, of_one_outcome
from likely_buyers.dbt.project import Project
from likely_buyers.outcomes import Outcome


def train(
    project: Project,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make the new versions champions.")
    ] = False,
    outcome: Outcomes = None,
) -> None:
    """Build examples at past cutoffs, fit a model, evaluate it out of time, register a version: of each outcome."""
    from likely_buyers.cli.promotion import promote_versions
    from likely_buyers.cli.versions import print_versions

    outcomes = project.outcomes(outcome)
    before = {one.name: len(project.registry(one).versions()) for one in outcomes}
    if not project.of_outcomes(outcomes).dbt("build", "--selector", "training"):
        typer.echo("Error: training failed: see what dbt says above.", err=True)
        raise typer.Exit(1)
    trained = [one for one in outcomes if len(project.registry(one).versions()) > before[one.name]]
    if promote:
        promote_versions(project, trained, "latest", reason="train --promote", force=False)
    print_versions([v for one in outcomes for v in project.registry(one).versions()], "table")


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
    outcome: Outcomes = None,
    form: Format = "table",
) -> None:
    """What training would have been worth at past cutoffs, beside simple rules: training.backtest."""
    from likely_buyers.cli.backtest_table import COLUMNS, QUERY, print_backtest
    from likely_buyers.cli.tables import print_rows

    if cutoffs is not None:
        dates = [day.strip() for day in cutoffs.split(",")]
        project = project.with_var("backtest_cutoffs", int(cutoffs) if cutoffs.isdigit() else dates)
    outcomes = project.outcomes(outcome)
    project = project.of_outcomes(outcomes)
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
    for one in outcomes:
        of_outcome = [row for row in rows if row[COLUMNS.index("outcome")] == one.name]
        for whose in wanted:
            print_backtest(of_outcome, whose, one.name if len(outcomes) > 1 else "")


def promote(
    project: Project,
    version: Annotated[str, typer.Argument(help="Number of a version, or `latest`.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why; kept in the log.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote whatever the gate says; needs a --reason.")
    ] = False,
    stage: Annotated[
        str,
        typer.Option(
            "--stage", help="Another name than `production`: an endpoint of that stage serves it."
        ),
    ] = "production",
    outcome: Outcomes = None,
) -> None:
    """Make a version champion: the next `dbt build` scores with it.

    Refused where it is worse than the champion out of time, beyond noise. With a --stage of its own the champion stays.
    """
    from likely_buyers.cli.promotion import promote_versions

    if stage != "production":
        if version != "latest":
            of_one_outcome(version, project.outcomes(outcome))
        for one in project.outcomes(outcome):
            typer.echo(
                f"{project.registry(one).assign(version, stage).label} is served as {stage}."
            )
        return
    if force and not reason:
        raise typer.BadParameter("--force needs --reason 'WHY', which the promotion log keeps.")
    why = f"forced: {reason}" if force else reason or "promoted"
    outcomes = project.outcomes(outcome)
    if version != "latest":
        of_one_outcome(version, outcomes)
    promote_versions(project, outcomes, version, reason=why, force=force)


def rollback(
    project: Project,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; kept in the promotion log.")
    ] = "rolled back",
    outcome: Outcomes = None,
) -> None:
    """Return to the champion before the current one."""
    from likely_buyers.cli.promotion import announce, current_user, for_each

    def roll_back(one: Outcome) -> None:
        registry = project.registry(one)
        promotion = registry.rollback(reason=reason, by=current_user(), at=datetime.now(UTC))
        announce(promotion, registry)

    for_each(project, project.outcomes(outcome), roll_back)


def models(project: Project, outcome: Outcomes = None, form: Format = "table") -> None:
    """List the trained versions."""
    from likely_buyers.cli.versions import print_known_versions

    print_known_versions(project, outcome, form)
