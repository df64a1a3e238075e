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
from likely_buyers.scoring.past_days import PastDays
from likely_buyers.scoring.stream import BATCH_ROWS, Scorer, Scoring, score_batches

_EXAMPLES = 5


@dataclass(frozen=True)
class Replay:
    """What came out: `users` scores in the history, and how many of them are not the same to the last bit.

    `missing` users have a score in the history only, `new` ones only now. `scored_at` (UTC without a zone) is when the
    first of the scores was given, `files_loaded_since` the event files that were taken in after it. `examples` are the
    first users whose score is another: (user_id, score then, score now), None where there is none.
    """

    users: int
    differing: int
    missing: int
    new: int
    largest_difference: float
    examples: list[tuple[str, float | None, float | None]]
    scored_at: datetime
    files_loaded_since: int

    @property
    def is_identical(self) -> bool:
        """Whether every score came out as it is in the history, and no other."""
        return not (self.differing or self.missing or self.new)


def replay_scores(
    source: PastDays,
    scorer: Scorer,
    as_of: date,
    load: Callable[[str, int], Scorer],
    progress: Callable[[int], Callable[[int], None]] | None = None,
) -> Replay:
    """Score every user of an outcome's population known by `as_of` again, and compare with the history.

    Versions of nested outcomes that it was scored with score along: their probabilities were made to agree.

    Args:
        source: the warehouse.
        scorer: the version whose scores are replayed.
        as_of: the day they speak from.
        load: gives a version by registered name and number.
        progress: given the number of users in the history, a function to call with the users scored so far.

    Raises:
        ReplayImpossible: no database, or it is in use; no such scores; another model file gave them; the features
            are no longer those the version knows.
    """
    with opened(source.lake, ReplayImpossible, read_only=True) as connection:
        model = scorer.model
        users, scored_with, scored_at = _known_scores(connection, source, model, as_of)
        together = [named.rsplit(" ", 1) for named in scored_with.split(", ") if named]
        scorers = [scorer, *(load(name, int(version)) for name, version in together)]
        scoring = Scoring(scorers, scored_at, run_id="")
        features = source.features(as_of, [one.outcome for one in scorers])
        try:
            scores = score_batches(
                connection.sql(features).to_arrow_reader(BATCH_ROWS),
                scoring,
                progress=progress(users) if progress else None,
            )
        except FeatureTableMismatch as error:
            raise ReplayImpossible(
                f"{model.label} cannot be replayed with the features as they are"
                f" defined now; check out the SQL of the day it was trained. In detail: {error}"
            ) from error
        with connection.cursor() as comparison:
            comparison.register("scores_of_all", scores)
            comparison.execute(
                f"""
                create temporary table changed_scores as
                select
                    coalesce(scores_then.user_id, scores_now.user_id) as user_id,
                    scores_then.probability as probability_then,
                    scores_now.probability as probability_now
                from (
                    select user_id, probability from scores_of_all where model_name = $name
                ) as scores_now
                full join (
                    select user_id, probability from {source.prediction_history}
                    where as_of_date = $as_of and model_name = $name and model_version = $version
                ) as scores_then on scores_now.user_id = scores_then.user_id
                where scores_then.probability is distinct from scores_now.probability
                """,  # noqa: S608 (a relation that dbt resolved)
                {"as_of": as_of, "name": model.model_name, "version": model.version},
            )
            return _replay(comparison, source, users, scored_at)


def _known_scores(
    connection: duckdb.DuckDBPyConnection, source: PastDays, model: LoadedModel, as_of: date
) -> tuple[int, str, datetime]:
    """Users, the versions that they were scored with ('' for none), and the time of the scores."""
    of_version = f"from {source.prediction_history} where model_name = ? and model_version = ?"
    try:
        sets = connection.execute(
            "select count(*), coalesce(scored_with, ''), model_digest, min(scored_at)"
            f" {of_version} and as_of_date = ? group by 2, 3 order by 2, 3",
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
            f"the history has no score of {model.label} as of {as_of}. Days it"
            f" scored: {found}{more}. Give one of them as --as-of, or another --version."
        )
    others = sorted({digest for _, _, digest, _ in sets} - {model.model_digest})
    if others:
        raise ReplayImpossible(
            f"the scores of {model.label} as of {as_of} were given by a model file"
            f" with SHA-256 {', '.join(others)}, and the registry's has {model.model_digest}: it is not the"
            " registry they came from. Set LIKELY_BUYERS_STATE or MLFLOW_TRACKING_URI to that one."
        )
    if len(sets) > 1:
        raise ReplayImpossible(
            f"the scores of {model.label} as of {as_of} were given in company of different versions"
            f" ({'; '.join(together or 'none' for _, together, _, _ in sets)}), and can only be replayed together with"
            " those. Give another day as --as-of."
        )
    users, scored_with, _, scored_at = sets[0]
    return users, scored_with, scored_at


def _replay(
    connection: duckdb.DuckDBPyConnection, source: PastDays, users: int, scored_at: datetime
) -> Replay:
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
        [scored_at],
    ).fetchall()
    return Replay(
        users=users,
        differing=differing,
        missing=missing,
        new=new,
        largest_difference=largest,
        examples=examples,
        scored_at=scored_at,
        files_loaded_since=files,
    )
