"""What is wrong, in words, each with its remedy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, time
from typing import Any, Self

from likely_buyers.watching.record import BuildRecord
from likely_buyers.watching.state import Row, State

_FEATURES_NAMED = 3


@dataclass(frozen=True)
class Limits:
    """Above which figures something is wrong; None leaves one out. As the variables of the same names, check_*."""

    build_hours: float | None
    scores_hours: float | None
    fewer_users: float | None
    level: float | None
    score_drift: float | None
    feature_drift: float | None
    auc_loss: float | None
    left_over: float | None

    @classmethod
    def of(cls, variable: Callable[[str], Any]) -> Self:
        """From dbt's variables; what may be left over of a load has one that builds read, too."""
        given = {one.name: variable(f"check_{one.name}") for one in fields(cls)[:-1]}
        return cls(**given, left_over=variable("warn_left_over"))


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        name: of the kind, as the alert rules name it.
        outcome: which it is about; '' is all.
        told: what was expected and found.
        remedy: what to do.
    """

    name: str
    outcome: str
    told: str
    remedy: str


def findings(
    state: State, record: BuildRecord | None, limits: Limits, now: datetime
) -> list[Finding]:
    """All that is wrong at a moment."""
    found = [*_of_builds(state, record, limits, now), *_of_rows(state, limits)]
    if not state.outcomes:
        found.append(
            Finding("no_scores", "", "nobody is scored", "dbt build; likely-buyers train --promote")
        )
    for outcome in state.outcomes:
        found += _of_scores(outcome, limits, now)
        found += _of_quality(outcome, limits)
    return found


def _of_builds(
    state: State, record: BuildRecord | None, limits: Limits, now: datetime
) -> Iterator[Finding]:
    if state.failure:
        tests = f" ({record.failed_tests} tests failed)" if record and record.failed_tests else ""
        yield Finding(
            "build_failed",
            "",
            f"{state.failure}{tests}",
            "the log of dbt says what failed: logs/dbt.log in the state folder. Mend it, then: dbt build",
        )
    if state.passed_at is None:
        yield Finding("no_build", "", "no build of all of gold has passed", "dbt build")
    elif limits.build_hours is not None:
        hours = (now - state.passed_at).total_seconds() / 3600
        if hours > limits.build_hours:
            yield Finding(
                "stale_build",
                "",
                f"the last build that passed ended {hours:,.0f} hours ago, at {state.passed_at:%Y-%m-%d %H:%M} UTC"
                f" (check_build_hours: {limits.build_hours:g})",
                "is the daily job still scheduled, and does it end? Its log says; then: dbt build",
            )


def _of_rows(state: State, limits: Limits) -> Iterator[Finding]:
    lost = state.unaccounted_lines
    if lost:
        yield Finding(
            "unaccounted_lines",
            "",
            f"{abs(lost):,} lines of the files are"
            f" {'neither in bronze.raw_events nor rejected' if lost > 0 else 'there twice'}",
            "dbt test --select assert_every_line_is_loaded_or_rejected; restore bronze from a backup, or load anew into"
            " another state folder",
        )
    load = state.last_load
    if load and limits.left_over is not None and load["lines"]:
        share = (load["rejected"] + load["quarantined"]) / load["lines"]
        if share > limits.left_over:
            yield Finding(
                "left_over",
                "",
                f"of the {load['lines']:,} lines of the last load {share:.1%} were rejected or quarantined"
                f" (warn_left_over: {limits.left_over:g})",
                "look at bronze.rejected_lines and silver.quarantined_events, then mend the event mapping",
            )


def _of_scores(outcome: Row, limits: Limits, now: datetime) -> Iterator[Finding]:
    name, day = outcome["outcome"], outcome["as_of_date"]
    if limits.scores_hours is not None:
        hours = (now - datetime.combine(day, time(), UTC)).total_seconds() / 3600
        if hours > limits.scores_hours:
            yield Finding(
                "stale_scores",
                name,
                f"the scores speak from {day}, {hours:,.0f} hours ago (check_scores_hours: {limits.scores_hours:g})",
                "are new events delivered? bronze.loads has the last load. Then: dbt build",
            )
    before = outcome["earlier_users"]
    if limits.fewer_users is not None and before:
        fewer = 1 - outcome["users"] / before
        if fewer > limits.fewer_users:
            yield Finding(
                "fewer_users",
                name,
                f"{outcome['users']:,} users are scored, {fewer:.0%} fewer than the {before:,} as of"
                f" {outcome['earlier_as_of_date']} (check_fewer_users: {limits.fewer_users:g})",
                "did a file vanish or change, or the event mapping or the outcome's population?",
            )
    if not outcome["listed_users"]:
        yield Finding(
            "empty_list",
            name,
            "nobody is on the list",
            "lower min_probability or min_lift; the last build says how many came close",
        )


def _of_quality(outcome: Row, limits: Limits) -> Iterator[Finding]:
    name, train = outcome["outcome"], "likely-buyers train --promote"
    level = outcome["expected_over_observed"]
    if limits.level is not None and level and max(level, 1 / level) > limits.level:
        yield Finding(
            "level_off",
            name,
            f"as of {outcome['finished_as_of_date']} {outcome['finished_expected_buyers']:,.0f} buyers were expected,"
            f" and {outcome['actual_buyers']:,} came (check_level: {limits.level:g})",
            f"ranks may still be right; do not trust amounts. {train}",
        )
    actual, estimated = outcome["actual_roc_auc"], outcome["finished_estimated_roc_auc"]
    if limits.auc_loss is not None and actual is not None and estimated is not None:
        loss = estimated - actual
        if loss > limits.auc_loss:
            yield Finding(
                "auc_below_estimate",
                name,
                f"as of {outcome['finished_as_of_date']} an AUC of {estimated:.3f} was estimated, and it was"
                f" {actual:.3f} (check_auc_loss: {limits.auc_loss:g}): users buy otherwise than they did",
                train,
            )
    moved = ", ".join((outcome["moved_features"] or [])[:_FEATURES_NAMED])
    for kind, words in (
        ("score", "the distribution of the scores"),
        ("feature", f"the features that move the score (the most: {moved})"),
    ):
        limit, distance = getattr(limits, f"{kind}_drift"), outcome[f"{kind}_drift"]
        if limit is not None and distance is not None and distance > limit:
            yield Finding(
                f"{kind}_drift",
                name,
                f"{words} moved by {distance:.2f} since the champion was trained (check_{kind}_drift: {limit:g})",
                f"look at gold.drift: a change of the shop, or of its events? {train}",
            )
