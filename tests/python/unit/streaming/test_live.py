"""Who is scored between builds, by which champion, and how the scores are signed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from likely_buyers.lake import connect
from likely_buyers.outcomes import Outcome
from likely_buyers.registry import LoadedModel
from likely_buyers.scoring import Scorer
from likely_buyers.settings import Lake
from likely_buyers.streaming import Scored, StreamingError, score_touched
from support.champions import Rising

NOON = datetime(2020, 2, 1, 12)
FEATURES = """
select user_id, cutoff_date as as_of_date, sum(views)::double as views
from all_days cross join scoring_cutoff
where event_date < cutoff_date
group by all
"""


MODEL = LoadedModel(
    estimator=Rising(),
    feature_names=("views",),
    feature_types=("double",),
    horizon_days=30,
    as_of=date(2020, 1, 1),
    model_name="m.month",
    version=1,
    model_digest="d",
)
CHAMPION = Scorer(Outcome("month", 30), MODEL)
LATER_CHAMPION = replace(CHAMPION, model=replace(MODEL, version=2))


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(Lake.in_folder(tmp_path)) as connection:
        connection.execute(
            "create schema bronze; create schema silver; create schema gold;"
            " create table silver.user_days (user_id varchar, event_date date, views integer);"
            " create table gold.live_scores (user_id varchar, outcome varchar, as_of_date date, horizon_days integer,"
            " probability double, model_name varchar, model_version integer, model_digest varchar, scored_with varchar,"
            " scored_at timestamp, snapshot_id bigint);"
            " create table bronze.builds (invocation_id varchar, snapshot_id bigint, tables varchar, problem varchar)"
        )
        yield connection


def days(lake: duckdb.DuckDBPyConnection, **views: int) -> None:
    for user, number in views.items():
        lake.execute("insert into silver.user_days values (?, '2020-01-31', ?)", [user, number])


def score(
    lake: duckdb.DuckDBPyConnection,
    *scorers: Scorer,
    now: datetime = NOON,
    as_of: date | None = None,
) -> Scored:
    return score_touched(lake, FEATURES, lambda: scorers or [CHAMPION], as_of, now)


def newest(lake: duckdb.DuckDBPyConnection, columns: str) -> list[tuple[object, ...]]:
    return lake.execute(
        f"select user_id, {columns} from gold.live_scores where snapshot_id ="
        " (select max(snapshot_id) from gold.live_scores) order by 1"
    ).fetchall()


def test_whose_days_have_changed_is_scored_once(lake: duckdb.DuckDBPyConnection) -> None:
    days(lake, ann=10, bob=20)
    assert score(lake) == Scored(2, 2, date(2020, 2, 1))
    assert score(lake) == Scored(0, 0, None)
    days(lake, bob=5)
    # written again as it was
    lake.execute("begin; create temp table same as from silver.user_days where user_id = 'ann'")
    lake.execute("delete from silver.user_days where user_id = 'ann'")
    lake.execute("insert into silver.user_days from same; commit")
    assert score(lake).users == 1
    assert newest(lake, "probability") == [("bob", 0.25)]


def test_what_a_build_that_passed_has_scored_is_not_scored_again(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    days(lake, ann=10)
    passed = "select 'b1', max(snapshot_id), '{}', null from ducklake_snapshots('likely_buyers')"
    lake.execute(f"insert into bronze.builds {passed}")
    days(lake, bob=20)
    assert score(lake).users == 1
    assert newest(lake, "probability") == [("bob", 0.2)]
    # one that did not pass has scored nobody for good
    days(lake, cem=30)
    lake.execute("insert into bronze.builds values ('b2', null, null, 'did not pass')")
    assert score(lake).users == 1


def test_a_clock_that_is_set_back_signs_no_score_earlier_than_one_before(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    days(lake, ann=10)
    score(lake)
    days(lake, ann=1)
    score(lake, now=NOON - timedelta(days=400))
    assert newest(lake, "scored_at > timestamp '2020-02-01 12:00', probability") == [
        ("ann", True, 0.11)
    ]
    # nor than one of the build's
    lake.execute("create table gold.predictions as select timestamp '2020-03-01' as scored_at")
    days(lake, ann=1)
    score(lake)
    assert newest(lake, "scored_at > timestamp '2020-03-01', probability") == [("ann", True, 0.12)]


def test_a_champion_that_was_promoted_meanwhile_scores_from_then_on(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    days(lake, ann=10, bob=20)
    score(lake)
    days(lake, ann=1)
    score(lake, LATER_CHAMPION)
    assert newest(lake, "model_version") == [("ann", 2)]
    assert lake.execute("select model_version from gold.live_scores order by all").fetchall() == [
        (1,),
        (1,),
        (2,),
    ]


def test_a_model_that_does_not_fit_leaves_users_to_the_next_batch(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    days(lake, ann=10)
    other = replace(CHAMPION, model=replace(MODEL, feature_names=("carts",)))
    with pytest.raises(Exception, match="carts"):
        score(lake, other)
    assert lake.execute("select count(*) from gold.live_scores").fetchall() == [(0,)]
    assert score(lake).users == 1


def test_a_day_that_is_given_is_what_scores_speak_from(lake: duckdb.DuckDBPyConnection) -> None:
    days(lake, ann=10)
    assert score(lake, as_of=date(2020, 2, 29)).as_of == date(2020, 2, 29)


def test_a_lake_without_the_table_of_a_build_is_told(lake: duckdb.DuckDBPyConnection) -> None:
    lake.execute("drop table gold.live_scores")
    with pytest.raises(StreamingError, match="run dbt build once"):
        score(lake)
