"""Who is scored: the users whose days have changed since they were scored last, by the lake's own record of changes."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import duckdb

from likely_buyers.lake import LAKE, check_lock
from likely_buyers.lake.builds import last_builds
from likely_buyers.scoring import BATCH_ROWS, Scorer, Scoring, population_columns, score_batches
from likely_buyers.streaming.errors import StreamingError

# A user's day that was written again as it was is no change. ducklake_table_changes tells the same, and reads both of
# these twice.
_TOUCHED = """
    create or replace temp table touched_users as
    select distinct user_id
    from (
        select
            * exclude (sign),
            sum(sign) as net
        from (
            select *, 1 as sign from ducklake_table_insertions($lake, 'silver', 'user_days', $first, $last)
            union all by name
            select *, -1 as sign from ducklake_table_deletions($lake, 'silver', 'user_days', $first, $last)
        ) as written
        group by all
    ) as changes
    where net <> 0
"""
_EVERYBODY = (
    "create or replace temp table touched_users as select distinct user_id from silver.user_days"
)


@dataclass(frozen=True)
class Scored:
    """What a batch wrote: the users whose days have changed, the scores that they were given, and as of when."""

    users: int
    scores: int
    as_of: date | None


def score_touched(
    connection: duckdb.DuckDBPyConnection,
    features: str,
    champions: Callable[[], Sequence[Scorer]],
    as_of: date | None,
    now: datetime,
) -> Scored:
    """Score the users whose days have changed since the last scores, and append to gold.live_scores: one transaction.

    Args:
        connection: whose database is the lake.
        features: SQL of features over the relations `all_days` and `scoring_cutoff`.
        champions: gives the models, asked where there is somebody to score.
        as_of: the day scores speak from; None is the one after the last event.
        now: UTC without a zone. No score is signed earlier than one that is there: a clock may jump.

    Raises:
        StreamingError: there is nothing that a build makes.
        RegistryError: no outcome has a champion, or one cannot be loaded safely.
        ScoringError: features and champion do not fit.
        duckdb.Error: the lake cannot be read or written.
    """
    run = connection.execute
    run("begin")
    try:
        ((snapshot,),) = run(
            "select max(snapshot_id) from ducklake_snapshots(?)", [LAKE]
        ).fetchall()
        users = _find_touched(connection, snapshot)
        scored = Scored(0, 0, None)
        if users:
            scored = _scored(connection, features, champions(), as_of, now, snapshot)
        check_lock(connection)
        run("commit" if scored.scores else "rollback")
    except BaseException:
        # one that failed to commit is over
        with suppress(duckdb.Error):
            run("rollback")
        raise
    return scored


def _find_touched(connection: duckdb.DuckDBPyConnection, snapshot: int) -> int:
    """Fill `touched_users`, and count them."""
    run = connection.execute
    try:
        ((live,),) = run("select max(snapshot_id) from gold.live_scores").fetchall()
    except duckdb.CatalogException as error:
        raise StreamingError(
            "there is no table gold.live_scores: run dbt build once, and then this again."
        ) from error
    build, _ = last_builds(connection)
    built = build.snapshot if build else None
    positions = [position for position in (live, built) if position is not None]
    first = max(positions, default=-1) + 1
    if first > snapshot:
        return 0
    kept = run(
        "select count(*) from ducklake_snapshots(?) where snapshot_id = ?", [LAKE, first]
    ).fetchall()
    if positions and kept[0][0]:
        run(_TOUCHED, {"lake": LAKE, "first": first, "last": snapshot})
    else:
        # nobody was scored so far, or what has changed since is forgotten
        run(_EVERYBODY)
    return int(run("select count(*) from touched_users").fetchall()[0][0])


def _scored(
    connection: duckdb.DuckDBPyConnection,
    features: str,
    scorers: Sequence[Scorer],
    as_of: date | None,
    now: datetime,
    snapshot: int,
) -> Scored:
    run = connection.execute
    scores = ["gold.live_scores", *(["gold.predictions"] if _has_predictions(connection) else [])]
    signed_at = ", ".join(f"(select max(scored_at) from {table})" for table in scores)
    ((day, signed),) = run(
        f"select coalesce(?, (select max(event_date) + 1 from silver.user_days)), greatest({signed_at})",
        [as_of],
    ).fetchall()
    if signed is not None and signed >= now:
        now = signed + timedelta(microseconds=1)
    # read several times below
    run(
        "create or replace temp table all_days as from silver.user_days"
        " where user_id in (select user_id from touched_users)"
    )
    run(
        "create or replace temp table scoring_cutoff as select cast(? as date) as cutoff_date",
        [day],
    )
    selected = ", ".join(["*", *population_columns([scorer.outcome for scorer in scorers])])
    rows = connection.sql(f"select {selected} from ({features}) as features")
    scored = score_batches(
        rows.to_arrow_reader(BATCH_ROWS), Scoring(scorers, scored_at=now, run_id="")
    ).read_all()
    run(
        "insert into gold.live_scores by name select * exclude (run_id), cast(? as bigint) as snapshot_id from scored",
        [snapshot],
    )
    ((users,),) = run("select count(*) from touched_users").fetchall()
    return Scored(int(users), scored.num_rows, day)


def _has_predictions(connection: duckdb.DuckDBPyConnection) -> bool:
    found = connection.execute(
        "select 1 from duckdb_tables() where database_name = ? and schema_name = 'gold' and table_name = 'predictions'",
        [LAKE],
    ).fetchall()
    return bool(found)
