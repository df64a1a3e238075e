"""Replay: scores of the history, computed once more from the events and the registered model.

It reads the warehouse and writes nothing to it: the database is opened read-only, and only the scores that differ are
kept, in a table of the connection's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from likely_buyers.lake import opened
from likely_buyers.registry import LoadedModel
from likely_buyers.scoring.errors import FeatureTableMismatch, ReplayImpossible
from likely_buyers.scoring.stream import BATCH_ROWS, Scoring, score_batches
from likely_buyers.settings import Lake

_EXAMPLES = 5


@dataclass(frozen=True)
class ReplaySource:
    """Where the scores and what they were made of are; the relations are SQL names, `features` is a SQL select.

    `features` gives `user_id`, `as_of_date` and the model's features, as of the day to be replayed.
    """

    lake: Lake
    prediction_history: str
    loaded_files: str
    features: str


@dataclass(frozen=True)
class ChangedScore:
    """A user whose score is another now; None where there is none."""

    user_id: str
    probability_then: float | None
    probability_now: float | None


@dataclass(frozen=True)
class Replay:
    """What came out: `users` scores in the history, and how many of them are not the same to the last bit.

    `missing` users have a score in the history only, `new` ones only now. `scored_at` (UTC without a zone) is when the
    first of the scores was given, `files_loaded_since` the event files that were taken in after it.
    """

    users: int
    differing: int
    missing: int
    new: int
    largest_difference: float
    examples: tuple[ChangedScore, ...]
    scored_at: datetime
    files_loaded_since: int

    @property
    def is_identical(self) -> bool:
        """Whether every score came out as it is in the history, and no other."""
        return not (self.differing or self.missing or self.new)


@dataclass(frozen=True)
class _Known:
    users: int
    horizon_days: int
    model_digest: str
    scored_at: datetime


def replay_scores(
    source: ReplaySource,
    model: LoadedModel,
    as_of: date,
    progress: Callable[[int], Callable[[int], None]] | None = None,
) -> Replay:
    """Score every user known by `as_of` with `model` again, and compare with the history.

    Args:
        source: the warehouse.
        model: the version whose scores are replayed.
        as_of: the day they speak from.
        progress: given the number of users in the history, a function to call with the users scored so far.

    Raises:
        ReplayImpossible: no database, or it is in use; no such scores; another model file gave them; the features
            are no longer those the version knows.
    """
    with opened(source.lake, ReplayImpossible, read_only=True) as connection:
        known = _known_scores(connection, source, model, as_of)
        scoring = Scoring(model, known.horizon_days, known.scored_at, run_id="")
        try:
            scores = score_batches(
                connection.sql(source.features).to_arrow_reader(BATCH_ROWS),
                scoring,
                progress=progress(known.users) if progress else None,
            )
        except FeatureTableMismatch as error:
            raise ReplayImpossible(
                f"version {model.version} of {model.model_name} cannot be replayed with the features as they are"
                f" defined now; check out the SQL of the day it was trained. In detail: {error}"
            ) from error
        with connection.cursor() as comparison:
            comparison.register("scores_now", scores)
            comparison.execute(
                f"""
                create temporary table changed_scores as
                select
                    coalesce(scores_then.user_id, scores_now.user_id) as user_id,
                    scores_then.probability as probability_then,
                    scores_now.probability as probability_now
                from scores_now
                full join (
                    select user_id, probability from {source.prediction_history}
                    where as_of_date = $as_of and model_name = $name and model_version = $version
                ) as scores_then on scores_now.user_id = scores_then.user_id
                where scores_then.probability is distinct from scores_now.probability
                """,  # noqa: S608 (a relation that dbt resolved)
                {"as_of": as_of, "name": model.model_name, "version": model.version},
            )
            return _replay(comparison, source, known)


def _known_scores(
    connection: duckdb.DuckDBPyConnection, source: ReplaySource, model: LoadedModel, as_of: date
) -> _Known:
    of_version = f"from {source.prediction_history} where model_name = ? and model_version = ?"
    try:
        sets = connection.execute(
            f"select count(*), horizon_days, model_digest, min(scored_at) {of_version} and as_of_date = ?"
            " group by horizon_days, model_digest",
            [model.model_name, model.version, as_of],
        ).fetchall()
    except duckdb.CatalogException as error:
        raise ReplayImpossible(
            f"the database {source.lake.catalog} has no table {source.prediction_history}: nothing was ever"
            " scored. Run dbt build first."
        ) from error
    if not sets:
        days = connection.execute(
            f"select distinct as_of_date {of_version} order by as_of_date desc",
            [model.model_name, model.version],
        ).fetchall()
        found = ", ".join(str(day) for (day,) in days[:_EXAMPLES]) or "none"
        more = f" and {len(days) - _EXAMPLES} earlier" if len(days) > _EXAMPLES else ""
        raise ReplayImpossible(
            f"the history has no score of version {model.version} of {model.model_name} as of {as_of}. Days it"
            f" scored: {found}{more}. Give one of them as --as-of, or another --version."
        )
    others = sorted({digest for _, _, digest, _ in sets} - {model.model_digest})
    if others:
        raise ReplayImpossible(
            f"the scores of version {model.version} of {model.model_name} as of {as_of} were given by a model file"
            f" with SHA-256 {', '.join(others)}, and the registry's has {model.model_digest}: it is not the"
            " registry they came from. Set LIKELY_BUYERS_STATE or MLFLOW_TRACKING_URI to that one."
        )
    (users, horizon_days, digest, scored_at) = sets[0]
    return _Known(users, horizon_days, digest, scored_at)


def _replay(connection: duckdb.DuckDBPyConnection, source: ReplaySource, known: _Known) -> Replay:
    ((differing, missing, new, largest),) = connection.execute(
        """
        select
            count(probability_then + probability_now),
            count(*) filter (where probability_now is null),
            count(*) filter (where probability_then is null),
            coalesce(max(abs(probability_then - probability_now)), 0)
        from changed_scores
        """
    ).fetchall()
    examples = connection.execute(
        "select * from changed_scores order by user_id limit ?", [_EXAMPLES]
    ).fetchall()
    ((files,),) = connection.execute(
        f"select count(*) from {source.loaded_files} where loaded_at > ?",  # noqa: S608
        [known.scored_at],
    ).fetchall()
    return Replay(
        users=known.users,
        differing=differing,
        missing=missing,
        new=new,
        largest_difference=largest,
        examples=tuple(ChangedScore(*example) for example in examples),
        scored_at=known.scored_at,
        files_loaded_since=files,
    )
