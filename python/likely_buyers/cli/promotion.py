"""Promoting: the gate, the report of what changes, the promotion log."""

import getpass
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import typer

from likely_buyers.dbt.project import Project
from likely_buyers.errors import LikelyBuyersError, first_line
from likely_buyers.lake import LakeProblem
from likely_buyers.outcomes import Outcome
from likely_buyers.registry import ModelVersion, Promotion, Registry
from likely_buyers.settings import Settings

if TYPE_CHECKING:
    from likely_buyers.dbt.jobs.compare import UserDifference


def promote_versions(
    project: Project, outcomes: Sequence[Outcome], which: int | str, *, reason: str, force: bool
) -> None:
    """Make a version of each outcome champion if it has earned it; one that has not does not stop the others.

    Raises:
        NotEarned, RegistryError: as `promote_version`, of an outcome alone; of several the reasons are told.
    """

    def promote(outcome: Outcome) -> None:
        promote_version(project, outcome, which, reason=reason, force=force)

    for_each(project, outcomes, promote)


def for_each(
    project: Project, outcomes: Sequence[Outcome], change: Callable[[Outcome], None]
) -> None:
    """Change the champion of each outcome; then bring training.promotions up to date.

    Raises:
        LikelyBuyersError: what `change` raised, of an outcome alone; else which of them were not changed, and why.
    """
    refusals: list[str] = []
    for outcome in outcomes:
        try:
            if len(outcomes) > 1:
                typer.echo(f"{outcome.name}:")
            change(outcome)
        except LikelyBuyersError as error:
            if len(outcomes) == 1:
                raise
            refusals.append(f"{outcome.name}: {error}")
    if len(refusals) < len(outcomes):
        _refresh_promotions(project)
    if refusals:
        raise LikelyBuyersError(
            f"{len(refusals)} of {len(outcomes)} outcomes keep their champion. "
            + " ".join(refusals)
        )


def promote_version(
    project: Project, outcome: Outcome, which: int | str, *, reason: str, force: bool
) -> None:
    """Make a version champion if it has earned it, after saying what will change for the list.

    Raises:
        NotEarned: it beats a simple rule or the champion not, and `force` is false.
        RegistryError: there is no such version, or it is champion already.
    """
    from likely_buyers.promotion import NotEarned, judge

    registry = project.registry(outcome)
    version, champion = registry.version(which), registry.champion()
    if champion is None or champion.version != version.version:
        verdict = judge(version, champion, _cannot_score(registry, outcome, champion, version))
        for line in verdict.lines:
            typer.echo(f"  {line}")
        if not verdict.passed and not force:
            raise NotEarned(
                f"version {version.version} has not earned its place, so nothing was changed (the reasons stand"
                " above). Train on more history, or promote it all the same, with the reason for the promotion"
                f" log: likely-buyers promote {version.version} --outcome {outcome.name} --force --reason 'WHY'"
            )
        if champion is not None:
            _print_difference(project, outcome, champion, version)
    promotion = registry.promote(
        version.version, reason=reason, by=current_user(), at=datetime.now(UTC)
    )
    announce(promotion, registry)


def _cannot_score(
    registry: Registry, outcome: Outcome, champion: ModelVersion | None, version: ModelVersion
) -> str | None:
    """Why the champion cannot score the outcome as it is defined now, and the version can; else None."""
    from likely_buyers.registry import RegistryError

    changed = {
        one.version: outcome.changed_since(one.horizon_days, one.parameters.get("outcome"))
        for one in (champion, version)
        if one is not None
    }
    if champion is None or changed[version.version]:
        return None
    if changed[champion.version]:
        return "; ".join(changed[champion.version])
    try:
        registry.load(champion)
    except RegistryError as error:
        return str(error)
    return None


def current_user() -> str:
    """Who acts, for the promotion log: LIKELY_BUYERS_USER, as a scheduler may set it, or who is logged in."""
    try:
        return Settings.of().user or getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def announce(promotion: Promotion, registry: Registry) -> None:
    """Say who is champion now."""
    instead = f" instead of version {promotion.replaces}" if promotion.replaces else ""
    typer.echo(
        f"Version {promotion.version} of {registry.model_name} is champion{instead}."
        " The next dbt build scores with it."
    )


def _refresh_promotions(project: Project) -> None:
    """The promotion is done by then, in the registry: a warehouse that cannot be written is no failure."""
    problem = project.refresh("promotions")
    if problem:
        typer.echo(
            "Warning: training.promotions does not show it yet, the next dbt build will:"
            f" {problem}",
            err=True,
        )


def _print_difference(
    project: Project, outcome: Outcome, champion: ModelVersion, version: ModelVersion
) -> None:
    from likely_buyers.dbt.jobs.compare import compare_versions
    from likely_buyers.registry import RegistryError
    from likely_buyers.scoring import ScoringError

    registry = project.registry(outcome)
    top_fraction = float(project.var("top_fraction"))
    try:
        found = compare_versions(
            project.settings().lake,
            registry.load(champion),
            registry.load(version),
            top_fraction,
            population=outcome.population,
        )
    except duckdb.CatalogException:
        typer.echo(
            "  no report of what changes for the list: no dbt build has made features here yet"
        )
        return
    except (duckdb.Error, LakeProblem, RegistryError, ScoringError, ValueError) as error:
        typer.echo(f"  no report of what changes for the list: {first_line(error)}")
        return
    for line in difference_lines(found, champion.version, version.version, top_fraction):
        typer.echo(f"  {line}")


def difference_lines(
    found: "UserDifference", before: int, after: int, top_fraction: float
) -> list[str]:
    """The difference report, a line each."""
    numbers = found.difference
    shift = numbers.mean_after - numbers.mean_before
    return [
        f"what changes for {numbers.users:,} users, version {before} to {after}:"
        f" rank correlation {numbers.rank_correlation:.3f}, mean probability"
        f" {numbers.mean_before:.4f} to {numbers.mean_after:.4f} ({shift:+.4f})",
        f"of {numbers.top:,} users in the top {top_fraction:.0%}, {len(numbers.enter):,} change:"
        f" {_some('in', found.entering, len(numbers.enter))};"
        f" {_some('out', found.leaving, len(numbers.leave))}",
    ]


def _some(direction: str, users: list[str], count: int) -> str:
    return f"{direction} {', '.join(users) or 'nobody'}{', ...' if count > len(users) else ''}"
