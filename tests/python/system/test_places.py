"""The lake elsewhere: its catalog on a PostgreSQL server, its files in a bucket of S3."""

import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.fs
import pytest

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.lake import LakeInUse, LakeProblem, connect
from likely_buyers.lake import carry_over as carry_over_module
from likely_buyers.lake import upkeep as upkeep_module
from likely_buyers.lake.carry_over import carry_over
from likely_buyers.lake.extensions import load_extension
from likely_buyers.lake.upkeep import maintain
from likely_buyers.outcomes import Outcome
from likely_buyers.registry import LoadedModel
from likely_buyers.scoring import PastDays, Scorer, backfill_scores
from likely_buyers.scoring import backfill as backfill_module
from likely_buyers.scoring.stream import PREDICTIONS_SCHEMA
from likely_buyers.settings import BadSetting, Lake
from likely_buyers.sources import plan as plan_module
from likely_buyers.streaming import live as live_module
from likely_buyers.streaming import score_touched
from support.champions import Rising
from support.installation import Installation
from support.lake_readers import TABLES, seen
from support.load_harness import LoadHarness
from support.published_gold import (
    PASSWORD,
    S3,
    Postgres,
    free_port,
    postgres_server,
    python,
    s3_server,
    speak_to,
)
from support.told_shop import champion_of_all_features
from support.trained_shop import AS_OF, TrainedShop

# of every process; 25 on request: each reads the catalog anew for every snapshot
READERS = int(os.environ.get("LIKELY_BUYERS_LAKE_READERS", "2"))
PROCESSES = 2
SAME = ("gold.predictions", "gold.top_buyers", "silver.user_days")
# what a build gives that another one of the same events gives as well
SUMS = "select count(*), sum(hash({})) from {}"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
NUMBERS = itertools.count()
HOLD = """
import sys
from pathlib import Path
from likely_buyers.lake import connect
from likely_buyers.settings import Lake
held = connect(Lake("postgres:", sys.argv[1], Path(sys.argv[2])))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """The server, and a database of the test's own that the environment names."""
    name = f"shop_{next(NUMBERS)}"
    with psycopg.connect(server.address(), autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    speak_to(server, monkeypatch)
    monkeypatch.setenv("PGDATABASE", name)
    monkeypatch.setenv("LIKELY_BUYERS_CATALOG", "postgres:")
    monkeypatch.setenv("LIKELY_BUYERS_LOCK_ATTEMPTS", "1")
    return server


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    with s3_server() as server:
        speak_to(server, monkeypatch)
        yield server


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake("postgres:", str(tmp_path / "data"), tmp_path)


def sums(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    columns = {"gold.predictions": "(user_id, as_of_date, probability)"}
    return [
        connection.execute(
            SUMS.format(columns.get(table, "rows_of_it"), f"{table} as rows_of_it")
        ).fetchone()
        or ()
        for table in SAME
    ]


def test_all_of_it_works_with_a_server_and_a_bucket(
    shop_with_champion: TrainedShop,
    postgres: Postgres,
    s3: S3,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two builds begin at once: one waits for the other, and each delivery is taken in once."""
    monkeypatch.setenv("LIKELY_BUYERS_DATA", "s3://shop/lake/")
    shop = shop_with_champion.with_its_champion(tmp_path / "state")
    shop.settings["LIKELY_BUYERS_LOCK_ATTEMPTS"] = "200"
    other = Installation(tmp_path / "other", registry_of=shop, settings=shop.settings)
    builds = [
        place.started("dbt", "build", variables=shop_with_champion.variables)
        for place in (shop, other)
    ]
    ended = [(build.wait(), " ".join(build.output().split())) for build in builds]
    assert [code for code, _ in ended] == [0, 0], ended
    (waited,) = [said for _, said in ended if "Waiting for it" in said]
    assert "the database postgres: is in use by another process: PID " in waited

    lake = Lake("postgres:", "s3://shop/lake", tmp_path)
    with connect(lake, read_only=True) as connection:
        found = sums(connection)
    with connect(Lake.in_folder(shop_with_champion.state), read_only=True) as connection:
        assert found == sums(connection)
    # but for what is the registry's
    assert not [file for file in tmp_path.rglob("*.parquet") if "artifacts" not in file.parts]

    shown = shop.run("likely-buyers", "sql", "select count(*) as users from gold.predictions")
    assert f"{found[0][0]}" in shown.output
    for command in ("top", "maintain"):
        done = shop.run("likely-buyers", command)
        assert done.succeeded, done.output
    # of the build that was the last
    last = other if "Waiting for it" in ended[1][1] else shop
    done = last.run("likely-buyers", "publish")
    assert done.succeeded, done.output
    with connect(lake, read_only=True) as connection:
        assert sums(connection) == found

    # who may only read attaches it under a name of their own
    with psycopg.connect("", autocommit=True) as session:
        session.execute(f"create role bi_reader login password '{PASSWORD}'".encode())
        session.execute("grant usage on schema public to bi_reader")
        session.execute("grant select on all tables in schema public to bi_reader")
    with duckdb.connect() as reader:
        for extension in ("ducklake", "postgres_scanner", "httpfs"):
            load_extension(reader, extension, "")
        reader.execute(
            "create secret (type s3, key_id 'testing', secret 'testing-secret', region 'us-east-1',"
            f" endpoint '{s3.endpoint.removeprefix('http://')}', use_ssl false, url_style 'path')"
        )
        reader.execute("attach 'ducklake:postgres:user=bi_reader' as shop (read_only)")
        top = reader.execute("select count(*) from shop.gold.top_buyers").fetchall()
        assert top == [found[1][:1]]
        assert reader.execute("select count(*) > 0 from shop.silver.events").fetchall() == [(True,)]


def test_readers_see_whole_tables_while_a_build_runs(
    shop_with_champion: TrainedShop, postgres: Postgres, lake: Lake, tmp_path: Path
) -> None:
    """And of one build at the snapshot that it left."""
    shop = shop_with_champion.with_its_champion(tmp_path / "state")
    shop.settings["LIKELY_BUYERS_DATA"] = lake.data
    whole: dict[str, list[list[object]]] = {}

    def build(days_before: int) -> str:
        as_of = str(AS_OF - timedelta(days=days_before))
        done = shop.build_models(variables={**shop_with_champion.variables, "as_of": as_of})
        assert done.succeeded, done.output
        with connect(lake, read_only=True) as connection:
            ((version,),) = connection.execute(
                "select max(snapshot_id) from ducklake_snapshots('likely_buyers')"
            ).fetchall()
            whole[str(version)] = [list(one) for one in seen(connection)]
        return f"{version}\n"

    first = build(0)
    script = "import sys; from support.lake_readers import watch; watch(*sys.argv[1:])"
    processes = [python(script, "postgres:", lake.data, str(READERS)) for _ in range(PROCESSES)]
    for process in processes:
        assert process.stdin
        assert process.stdout
        process.stdin.write(first)
        process.stdin.flush()
        assert process.stdout.readline() == "reading\n"
    last = build(7)
    reads: list[int] = []
    for process in processes:
        counts, now, then, wrong = json.loads(process.communicate(last)[0].splitlines()[-1])
        assert wrong == []
        reads += counts
        for position in range(len(TABLES)):
            known = [tables[position] for tables in whole.values()]
            assert all(found[position] in known for found in now), now
        assert all(tables == whole[version] for version, *tables in then), then
    assert len(reads) == PROCESSES * READERS
    assert min(reads) > 0
    assert len(whole) == 2


# --- one writer -----------------------------------------------------------------------------


def test_who_writes_is_named_and_readers_go_by(
    installation: Installation, postgres: Postgres, lake: Lake
) -> None:
    holder = python(HOLD, lake.data, str(lake.state))
    assert holder.stdin
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    who = f"in use by another process: PID {holder.pid} on "
    with pytest.raises(
        LakeInUse,
        match=rf"{who}.* UTC; session [0-9]+ of PostgreSQL\), and a catalog has one writer.*"
        "or set LIKELY_BUYERS_CATALOG and LIKELY_BUYERS_DATA to other places",
    ):
        connect(lake)
    for _ in range(2):
        with connect(lake, read_only=True) as connection:
            assert connection.sql("show schemas").fetchall()
    installation.settings["LIKELY_BUYERS_DATA"] = lake.data
    refused = installation.dbt("build", "--select", "event_types")
    assert not refused.succeeded
    assert "Traceback" not in refused.output
    assert who in " ".join(refused.output.split())
    # as when its power fails: nobody takes the lock away but the server
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    installation.settings["LIKELY_BUYERS_LOCK_ATTEMPTS"] = "60"
    assert installation.dbt("build", "--select", "event_types").succeeded
    # the lock is the process's, and goes with its last connection
    with connect(lake) as first, connect(lake) as second:
        assert first.sql("select 1").fetchall() == second.sql("select 1").fetchall()
    del first, second
    assert installation.dbt("build", "--select", "event_types").succeeded


# a build that stands still once features are made, until a file is there
STANDS = """
import time
from pathlib import Path
Path({standing!r}).touch()
ends = time.monotonic() + 200
while not Path({goes_on!r}).exists() and time.monotonic() < ends:
    time.sleep(0.05)
"""


def test_a_stream_beside_a_build_passes_nobody_over(
    postgres: Postgres, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a server, with its files in a bucket: it waits for a build, and a build for no stream but one at work."""
    monkeypatch.setenv("LIKELY_BUYERS_DATA", "s3://shop/lake/")
    shop, events = Installation(tmp_path / "state"), tmp_path / "events"
    champion_of_all_features(shop.state)
    deliver(events, "first", 7)
    variables = {"events_path": str(events)}
    done = shop.build_models("--select", "+user_days", "live_scores", variables=variables)
    assert done.succeeded, done.output
    options = ("--seconds", "0.2", "--settle-seconds", "0.1", "--retry-seconds", "0.1")
    streaming = shop.started("likely-buyers", "stream", *options, variables=variables)

    def until(holds: Callable[[], bool]) -> None:
        ends = time.monotonic() + 200
        while not holds():
            assert time.monotonic() < ends, streaming.output()
            time.sleep(0.1)

    def told(words: str) -> bool:
        return words in " ".join(streaming.output_file.read_text().split())

    try:
        until(lambda: told("7 users with new events: 7 scores"))
        standing, goes_on = tmp_path / "standing", tmp_path / "goes_on"
        stands = STANDS.format(standing=str(standing), goes_on=str(goes_on))
        first = MEANWHILE.format(
            number=0, before="pass", words="user_features__dbt_tmp", after=f"exec({stands!r})"
        )
        shop.settings["LIKELY_BUYERS_LOCK_ATTEMPTS"] = "60"
        build = shop.started("dbt", "build", variables=variables, first=first)
        until(standing.exists)
        deliver(events, "second", 9)
        until(lambda: told("not loaded: the database postgres: is in use by another process"))
        goes_on.touch()
        assert build.wait() == 0, build.output()
        until(lambda: told("9 users with new events: 9 scores"))
    finally:
        os.kill(streaming.pid, signal.SIGTERM)
        ended = streaming.wait()
    assert ended == 0, streaming.output()
    with connect(Lake("postgres:", "s3://shop/lake", tmp_path), read_only=True) as connection:
        scored = connection.execute(
            "select scored_by, count(*) from gold.current_scores group by all"
        ).fetchall()
        assert scored == [("stream", 9)]
        passed = connection.execute("select count(*) from gold.predictions").fetchall()
        assert passed == [(7,)]


def test_files_that_a_reader_may_still_read_stay_for_a_day(postgres: Postgres, lake: Lake) -> None:
    with connect(lake) as connection:
        connection.execute("create table days as select 1 as day")
        connection.execute("insert into days values (2)")
        merged = set(Path(lake.data).rglob("*.parquet"))
        maintain(connection, 0, datetime.now(UTC))
        assert merged < set(Path(lake.data).rglob("*.parquet"))
        with psycopg.connect("", autocommit=True) as session:
            session.execute(
                "update ducklake_files_scheduled_for_deletion set schedule_start = now() - interval '2 days'"
            )
        connection.execute("insert into days values (3)")
        maintain(connection, 0, datetime.now(UTC))
        assert not merged & set(Path(lake.data).rglob("*.parquet"))
        assert connection.execute("from days order by 1").fetchall() == [(1,), (2,), (3,)]


# --- what cannot be ---------------------------------------------------------------------------


def refusal(lake: Lake, *, read_only: bool = False) -> str:
    with pytest.raises(LikelyBuyersError) as refused:
        connect(lake, read_only=read_only)
    return str(refused.value)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_server_that_cannot_be_reached(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    def told(connection: str) -> str:
        return refusal(
            Lake(f"postgres:{connection}", str(tmp_path / "data"), tmp_path), read_only=read_only
        )

    assert "cannot be reached, so nothing was read or written. Check LIKELY_BUYERS_CATALOG" in told(
        f"port={free_port()}"
    )
    assert 'database "nowhere" does not exist' in told("dbname=nowhere")
    assert "LIKELY_BUYERS_CATALOG must be a file, or postgres: and a connection string" in told(
        "shop"
    )
    monkeypatch.setenv("PGPASSWORD", "mistyped")
    wrong = told("")
    assert "Set PGPASSWORD (or PGPASSFILE) to the password of that user" in wrong
    assert "mistyped" not in wrong
    assert PASSWORD not in wrong
    monkeypatch.delenv("PGHOST")
    assert "the environment variable PGHOST is not set" in told("dbname=shop")
    assert not (tmp_path / "data").exists()


def test_a_password_in_the_connection_string_is_refused_and_not_repeated(
    installation: Installation, tmp_path: Path
) -> None:
    for catalog in (
        "postgres:host=db PASSWORD = hunter2",
        "postgres:postgresql://me:hunter2@db/shop",
    ):
        with pytest.raises(BadSetting, match="Leave it out, and set PGPASSWORD") as refused:
            Lake.of(catalog, "data", tmp_path, tmp_path)
        assert "hunter2" not in str(refused.value)
    assert Lake.of("postgres:postgresql://me@db:5432/shop", "data", tmp_path, tmp_path).file is None
    installation.settings["LIKELY_BUYERS_CATALOG"] = "postgres:dbname=shop password=hunter2"
    for command in (("dbt", "build"), ("likely-buyers", "top")):
        done = installation.run(*command)
        assert not done.succeeded
        assert "set PGPASSWORD or PGPASSFILE" in " ".join(done.output.split())
        assert "hunter2" not in done.output
        assert "Traceback" not in done.output


def test_a_catalog_that_is_none_or_of_others(
    postgres: Postgres, lake: Lake, tmp_path: Path
) -> None:
    told = refusal(lake, read_only=True)
    assert "there is no lake in postgres: yet. Make one: dbt build." in told
    with psycopg.connect("", autocommit=True) as session:
        session.execute(f"create role stranger login password '{PASSWORD}'".encode())
    stranger = Lake("postgres:user=stranger", lake.data, lake.state)
    assert "who makes the lake, to create them" in refusal(stranger)
    with connect(lake) as connection:
        connection.execute("create table days as select 1 as day")
    del connection
    assert "Who reads needs the right to read the tables ducklake_*" in refusal(
        stranger, read_only=True
    )
    other = Lake("postgres:", str(tmp_path / "other"), tmp_path)
    told = refusal(other)
    assert (
        f"the catalog postgres: is that of the data in {lake.data}/, and LIKELY_BUYERS_DATA is {other.data}"
        in told
    )
    assert f"Set LIKELY_BUYERS_DATA={lake.data}/" in told
    assert not Path(other.data).exists()
    with psycopg.connect("", autocommit=True) as session:
        session.execute("update ducklake_metadata set value = '9.0' where key = 'version'")
    told = refusal(lake)
    assert "written by another version of DuckLake" in told
    assert "catalog version is 9.0" in told


def test_a_new_catalog_for_data_of_another_lake(postgres: Postgres, s3: S3, tmp_path: Path) -> None:
    """On a server and in a file, in a folder and in a bucket: its upkeep would remove what is there."""
    for data in (str(tmp_path / "data"), "s3://shop/lake"):
        file = tmp_path / f"{Path(data).name}.ducklake"
        with connect(Lake(str(file), data, tmp_path)) as connection:
            connection.execute("create table days as select 1 as day")
        for other in ("postgres:", str(tmp_path / "new" / "other.ducklake")):
            told = refusal(Lake(other, data, tmp_path))
            assert f"there is no lake in {other} yet, and {data} holds files of another" in told
            assert f"such as {data}/main/days/" in told
        with connect(Lake(str(file), data, tmp_path)) as connection:
            assert connection.execute("from days").fetchall() == [(1,)]
    assert not list((tmp_path / "new").iterdir())
    with psycopg.connect("") as session:
        found = session.execute("select count(*) from pg_tables where tablename like 'ducklake%'")
        assert found.fetchone() == (0,)


def test_a_bucket_that_cannot_be_reached(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(data: str) -> str:
        return refusal(Lake(str(tmp_path / "catalog.ducklake"), data, tmp_path))

    assert "the bucket of LIKELY_BUYERS_DATA=s3://nowhere/lake cannot be read" in told(
        "s3://nowhere/lake"
    )
    assert "no s3://bucket/prefix. Credentials do not belong there" in told(
        "s3://key:hunter2@shop/lake"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    assert "Check its name, AWS_REGION, AWS_ENDPOINT_URL" in told("s3://shop/lake")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "AWS_ACCESS_KEY_ID is not set. Set it" in told("s3://shop/lake")
    assert not list(tmp_path.iterdir())


# --- what fails in the middle -----------------------------------------------------------------

# Python that runs once in a build: when a statement that has `words` in it is done, or before the one of a number
MEANWHILE = """
import itertools
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper
execute, numbers = DuckDBCursorWrapper.execute, itertools.count(1)
def executed(cursor, sql, *arguments, **named):
    number = next(numbers)
    if number == {number}:
        {before}
    done = execute(cursor, sql, *arguments, **named)
    if {words!r} in sql:
        {after}
    return done
DuckDBCursorWrapper.execute = executed
"""
STRANGER = """
import duckdb
from likely_buyers.lake.extensions import load_extension
stranger = duckdb.connect()
load_extension(stranger, "ducklake", "")
load_extension(stranger, "postgres_scanner", "")
stranger.execute("attach 'ducklake:postgres:' as lake (data_inlining_row_limit 0)")
stranger.execute("insert into lake.silver.user_days from lake.silver.user_days limit 1")
stranger.close()
"""


def deliver(folder: Path, name: str, users: int) -> None:
    folder.mkdir(exist_ok=True)
    duckdb.execute(
        "copy (select timestamp '2020-01-01' + interval (range) minute as event_time, 'view' as event_type,"
        " range as product_id, 2 as category_id, 'toys' as category_code, 'acme' as brand, 9.99 as price,"
        f" 1 + range % {users} as user_id, 'session' as user_session from range(100)) to '{folder / name}.parquet'"
    )


def test_a_build_that_is_disturbed_is_told_and_finished_by_the_next(
    postgres: Postgres, lake: Lake, installation: Installation, tmp_path: Path
) -> None:
    """By a program that writes without the lock, and by a server that is restarted."""
    installation.settings["LIKELY_BUYERS_DATA"] = lake.data
    events = tmp_path / "events"
    variables = {"events_path": str(events), "as_of": "2020-02-01"}

    def build(where: Installation, before: str = "pass", after: str = "pass") -> tuple[bool, str]:
        first = MEANWHILE.format(number=40, before=before, words='user_days" as DBT', after=after)
        done = where.build_models("--select", "+user_days", variables=variables, first=first)
        return done.succeeded, " ".join(done.output.split())

    deliver(events, "first", 7)
    assert build(installation)[0]
    deliver(events, "second", 5)
    succeeded, said = build(installation, after=f"exec({STRANGER!r})")
    assert not succeeded
    assert (
        "user_days failed: another program, which asks for no lock, wrote to the same table" in said
    )
    deliver(events, "third", 3)
    ended = f"import os, signal, time; os.kill({postgres.pid()}, signal.SIGINT); time.sleep(1)"
    succeeded, said = build(installation, before=ended)
    assert not succeeded
    assert "the server of the catalog ended the session that kept other writers out" in said
    assert "Traceback" not in said
    postgres.stop()
    postgres.start()
    assert build(installation)[0]

    installation.settings = {"LIKELY_BUYERS_CATALOG": ""}
    assert build(installation)[0]
    for table in ("silver.user_days", "silver.events"):
        columns = "* exclude (row_id)" if table == "silver.events" else "*"
        query = f"select {columns} from {table} order by all"
        with connect(lake, read_only=True) as connection:
            assert connection.execute(query).fetchall() == installation.query(query)


# The lock's session is lost (a network that fails, a `pg_terminate_backend`), those of DuckLake go on.
_LOST = """
    select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
"""
DAYS = [AS_OF + timedelta(days=number) for number in range(3)]
SCORER = Scorer(
    Outcome("month", 30),
    LoadedModel(Rising(), ("views",), ("double",), 30, DAYS[0], "m.month", 1, "d"),
)
_FEATURES = "select user_id, date '{}' as as_of_date, views::double as views from likely_buyers.silver.user_days"


def backfilled(lake: Lake, _: Path) -> None:
    tables = ("gold.prediction_history", "bronze.loaded_files", "silver.user_days")
    backfill_scores(PastDays(lake, *tables, _FEATURES.format), [SCORER], DAYS)


def kept_up(lake: Lake, _: Path) -> None:
    with connect(lake) as connection:
        maintain(connection, 0, NOW)


def carried_over(lake: Lake, folder: Path) -> None:
    with duckdb.connect(str(folder / "earlier.duckdb")) as earlier:
        earlier.execute("create schema gold; create table gold.results as select 'spring' as name")
    carry_over(lake, folder / "earlier.duckdb", {"gold.results": {"name": "varchar"}})


def scored_live(lake: Lake, _: Path) -> None:
    features = _FEATURES.format(DAYS[0]).replace("likely_buyers.silver.user_days", "all_days")
    with connect(lake) as connection:
        score_touched(connection, features, lambda: [SCORER], DAYS[0], NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("work", "step", "number", "scores"),
    [
        (backfilled, (backfill_module, "score_batches"), 2, [(3, 0)]),
        (kept_up, (upkeep_module, "_call"), 2, [(0, 0)]),
        (carried_over, (carry_over_module, "_carried"), 1, [(0, 0)]),
        (scored_live, (live_module, "_scored"), 1, [(0, 0)]),
    ],
)
def test_nothing_is_written_without_the_lock(
    work: Callable[[Lake, Path], None],
    step: tuple[Any, str],
    number: int,
    scores: list[tuple[int, int]],
    postgres: Postgres,
    lake: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a command whose session was lost while it was at work: somebody else writes by then."""
    with connect(lake) as connection:
        connection.execute(
            "create schema bronze; create schema silver; create schema gold;"
            " create table silver.user_days as select 'u' || range as user_id, range as views,"
            f" date '{DAYS[0]}' - cast(range as integer) as event_date from range(2);"
            f" insert into silver.user_days values ('u2', 1, date '{DAYS[2]}');"
        )
        connection.register("scores", pa.Table.from_pylist([], PREDICTIONS_SCHEMA))
        connection.execute(
            "create table gold.prediction_history as from scores;"
            " create table gold.live_scores as select *, cast(null as bigint) as snapshot_id from scores"
        )
    del connection
    holders, calls, does = [], itertools.count(1), getattr(*step)

    def lost(*arguments: Any, **named: Any) -> Any:
        if next(calls) == number:
            with psycopg.connect("", autocommit=True) as session:
                assert session.execute(_LOST).fetchall() == [(True,)]
            holders.append(python(HOLD, lake.data, str(lake.state)))
            assert holders[0].stdout.readline() == "held\n"
        return does(*arguments, **named)

    monkeypatch.setattr(*step, lost)
    try:
        with pytest.raises(LakeProblem, match="ended the session that kept other writers out"):
            work(lake, tmp_path)
    finally:
        for holder in holders:
            holder.communicate(timeout=60)
    counts = "select (select count(*) from gold.prediction_history), (select count(*) from gold.live_scores)"
    with connect(lake, read_only=True) as connection:
        assert connection.execute(counts).fetchall() == scores
        tables = connection.execute(
            "select count(*) from duckdb_tables() where schema_name = 'gold'"
        )
        assert tables.fetchall() == [(2,)]


# --- a file as catalog, files in a bucket -----------------------------------------------------


def test_files_in_a_bucket_under_a_catalog_that_is_a_file(
    s3: S3, tmp_path: Path, installation: Installation
) -> None:
    """Parquet that a folder would take as it is is written there."""
    deliver(tmp_path / "events", "day", 7)
    installation.settings["LIKELY_BUYERS_DATA"] = "s3://shop/lake"
    variables = {"events_path": str(tmp_path / "events"), "as_of": "2020-02-01"}
    done = installation.build_models("--select", "+user_days", variables=variables)
    assert done.succeeded, done.output
    lake = Lake(str(installation.state / "catalog.ducklake"), "s3://shop/lake", installation.state)
    with connect(lake) as connection:
        counts = "select count(*), sum(price), (select count(*) from silver.user_days) from silver.events"
        found = connection.sql(counts).fetchall()
        assert [found[0][0], found[0][2]] == [100, 7]
        connection.execute("delete from bronze.raw_events where user_id = 3")
        maintain(connection, 0, NOW)
        assert connection.sql("select count(*) from silver.events").fetchall() == [(86,)]
    kept = s3.filesystem().get_file_info(pyarrow.fs.FileSelector("shop/lake", recursive=True))
    assert any(file.path.startswith("shop/lake/bronze/raw_events/") for file in kept)
    assert not (installation.state / "data").exists()


# --- deliveries in a bucket -------------------------------------------------------------------


def put(s3: S3, name: str, content: bytes) -> None:
    with s3.filesystem().open_output_stream(f"shop/{name}") as file:
        file.write(content)


def test_events_of_a_bucket_under_a_lake_in_a_folder(
    s3: S3, tmp_path: Path, installation: Installation
) -> None:
    """With DuckDB's extension as it is installed: one that is fetched would need the network and a home folder."""
    deliver(tmp_path / "events", "day", 7)
    (file,) = (tmp_path / "events").iterdir()
    put(s3, f"in/{file.name}", file.read_bytes())
    installation.settings["HOME"] = str(tmp_path / "home")
    variables = {"events_path": "s3://shop/in", "as_of": "2020-02-01"}
    for _ in range(2):
        done = installation.build_models("--select", "+user_days", variables=variables)
        assert done.succeeded, done.output
        assert installation.query("select count(*) from silver.events") == [(100,)]
    read = "select source_file, count(*) from bronze.raw_events group by all"
    assert installation.query(read) == [(f"s3://shop/in/{file.name}", 100)]
    assert not (tmp_path / "home" / ".duckdb").exists()


def test_a_folder_of_a_bucket_may_be_named_like_a_column_of_the_engines_listing(
    s3: S3, tmp_path: Path
) -> None:
    for column in ("size", "content", "filename", "last_modified"):
        put(s3, f"{column}/{column}=5/h.txt", b"a,b\n")
        put(s3, f"{column}/{column}=5/a.csv", b"1,2\n")
        mapping = {"header": False, "columns": "h.txt", "files": "*.csv"}
        loaded = LoadHarness(tmp_path / column).load(f"s3://shop/{column}/{column}=5", **mapping)
        rows = loaded.execute("select a, b, source_file from bronze.raw_events").fetchall()
        assert rows == [("1", "2", f"s3://shop/{column}/{column}=5/a.csv")]


def events_told(events_path: str, folder: Path, **mapping: str) -> str:
    with pytest.raises(LikelyBuyersError) as refused:
        LoadHarness(folder).load(events_path, **mapping)
    return str(refused.value)


def test_events_of_a_bucket_that_cannot_be_reached(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, "in/a.csv", b"a,b\n1,2\n")
    put(s3, "zipped/a.zip", b"PK")
    told = events_told("s3://shop/zipped", tmp_path / "1")
    assert "a.zip' lies in a bucket, and archives are read from a disk only" in told
    told = events_told("s3://nowhere/in", tmp_path / "2")
    assert "the bucket of vars.events_path=s3://nowhere/in cannot be read" in told
    assert "LIKELY_BUYERS_DATA" not in told
    listed = plan_module.list_files

    def removed(*given: Any) -> Any:
        found = listed(*given)
        s3.filesystem().delete_file("shop/in/a.csv")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_module, "list_files", removed)
        told = events_told("s3://shop/in", tmp_path / "3")
    assert "the object 's3://shop/in/a.csv' was there and then was not" in told
    told = events_told("https://shop.example/a.csv", tmp_path / "6")
    assert "files are read from this machine or from s3://bucket/prefix. Copy them there" in told
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    told = events_told("s3://shop/in", tmp_path / "4")
    assert "AWS_ACCESS_KEY_ID is not set. Set it" in told
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setitem(sys.modules, "duckdb_extension_httpfs", None)
    told = events_told("s3://shop/in", tmp_path / "5")
    assert "pip install 'likely_buyers[s3]'" in told
