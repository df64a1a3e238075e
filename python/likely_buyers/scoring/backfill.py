"""Backfill: the history filled with the scores of past days, a day at a time, each whole or not at all."""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import duckdb

from likely_buyers.lake import opened, transaction
from likely_buyers.scoring.errors import BackfillImpossible
from likely_buyers.scoring.past_days import PastDays
from likely_buyers.scoring.stream import BATCH_ROWS, Scorer, Scoring, score_batches


def backfill_scores(
    target: PastDays,
    scorers: Sequence[Scorer],
    days: Sequence[date],
    progress: Callable[[int], Callable[[int], None]] | None = None,
) -> tuple[int, int]:
    """Score every user known by each of `days`, for each outcome, and append to the history.

    What a version scored for a day already is passed over, and each day is one transaction: a backfill that was
    stopped goes on where it was, and a second one adds nothing.

    Args:
        target: the warehouse.
        scorers: outcomes and the versions that score, together: nested outcomes are made to agree.
        days: the days the scores are to speak from.
        progress: given the days to do, a function to call with the days done.

    Returns:
        For how many of the days something was scored now, and how many scores in all; the others were known already.

    Raises:
        BackfillImpossible: no database or no history in it, or it is in use; a day outside of the events.
        FeatureTableMismatch: the features are not those a version knows.
    """
    with opened(target.lake, BackfillImpossible, read_only=False) as connection:
        known = _known_days(connection, target)
        _check_days(connection, target, days)
        missing = [
            day
            for day in days
            if any((day, one.model.model_name, one.model.version) not in known for one in scorers)
        ]
        scores = 0
        advance = progress(len(missing)) if progress else lambda _: None
        for done, day in enumerate(missing, start=1):
            scores += _score_day(connection, target, scorers, day)
            advance(done)
    return len(missing), scores


def _known_days(
    connection: duckdb.DuckDBPyConnection, target: PastDays
) -> set[tuple[date, str, int]]:
    try:
        rows = connection.execute(
            f"select distinct as_of_date, model_name, model_version from {target.prediction_history}"  # noqa: S608
        ).fetchall()
    except duckdb.CatalogException as error:
        raise BackfillImpossible(
            f"the database {target.lake.catalog} has no table {target.prediction_history} yet. Run dbt build first."
        ) from error
    return {(day, name, version) for day, name, version in rows}


def _check_days(
    connection: duckdb.DuckDBPyConnection, target: PastDays, days: Sequence[date]
) -> None:
    ((first, last),) = connection.execute(
        f"select min(event_date) + 1, max(event_date) + 1 from {target.user_days}"  # noqa: S608
    ).fetchall()
    outside = [day for day in days if first is None or not first <= day <= last]
    if outside:
        raise BackfillImpossible(
            f"{len(outside)} of the days, the first {outside[0]}, lie outside of the events: a day can be scored"
            f" from the one after the first event day to the one after the last, {first} to {last}."
        )


def _score_day(
    connection: duckdb.DuckDBPyConnection, target: PastDays, scorers: Sequence[Scorer], day: date
) -> int:
    scoring = Scoring(
        scorers,
        scored_at=datetime.now(UTC).replace(tzinfo=None),
        run_id=f"backfill-{uuid.uuid4()}",
    )
    features = target.features(day, [scorer.outcome for scorer in scorers])
    # the stream has a connection of its own: any other query on it would end it
    with transaction(connection), connection.cursor() as reading:
        scores = score_batches(reading.sql(features).to_arrow_reader(BATCH_ROWS), scoring)
        connection.register("scores_of_day", scores)
        try:
            ((users,),) = connection.execute(
                f"""
                insert into {target.prediction_history} by name
                select * from scores_of_day
                where (model_name, model_version) not in (
                    select model_name, model_version from {target.prediction_history} where as_of_date = ?
                )
                """,  # noqa: S608
                [day],
            ).fetchall()
        finally:
            connection.unregister("scores_of_day")
    return int(users)
