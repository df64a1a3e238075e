"""Replaying: scores of the history computed once more, and what is said of them."""

from datetime import date

from likely_buyers.cli.past_days import PastDays
from likely_buyers.cli.tables import Column, print_table
from likely_buyers.dbt.project import Project
from likely_buyers.scoring import Replay, ReplayImpossible, ReplaySource, replay_scores
from likely_buyers.terminal import Progress


def replay_version(project: Project, day: date, version: str) -> bool:
    """Compute the scores of a day and version once more and say whether they are the same; writes nothing.

    Raises:
        ReplayImpossible: there is no such history, or it cannot be read.
        RegistryError: there is no such version, or it cannot be loaded safely.
    """
    model = project.registry().load(version)
    past = PastDays.of(project, ReplayImpossible)
    found = replay_scores(
        ReplaySource(
            past.lake, past.prediction_history, past.loaded_files, past.features_as_of(day)
        ),
        model,
        day,
        progress=lambda users: Progress("replaying", total=users, unit="users"),
    )
    whose = f"as of {day}, version {model.version} of {model.model_name}"
    if found.is_identical:
        print(f"identical: {found.users:,} users, {whose}")
        return True
    _print_changes(found, whose)
    return False


def _print_changes(found: Replay, whose: str) -> None:
    print(
        f"not identical, {whose}: of {found.users:,} users in the history {found.differing:,} have another"
        f" score now, {found.missing:,} have none, and {found.new:,} users are new; the largest difference is"
        f" {found.largest_difference:.3g}"
    )
    print_table(
        [Column("user", "left"), Column("then"), Column("now")],
        [
            [
                change.user_id,
                *(
                    "" if probability is None else repr(probability)
                    for probability in (change.probability_then, change.probability_now)
                ),
            ]
            for change in found.examples
        ],
        "the first of them",
    )
    if found.files_loaded_since:
        print(
            f"{found.files_loaded_since} event files were loaded after these scores were given"
            f" ({found.scored_at:%Y-%m-%d %H:%M} UTC). Events in them from before as_of came late: then the"
            " differences are legitimate. So they are after a change of the event mapping."
        )
    else:
        print(
            f"No event file was loaded after these scores were given ({found.scored_at:%Y-%m-%d %H:%M} UTC), so"
            " no event came late. What else changes scores: another event mapping, the SQL of the features,"
            " other versions of the libraries."
        )
