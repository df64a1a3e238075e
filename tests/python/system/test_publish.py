"""Publishing: what each destination's own client reads back, and what is refused."""

import itertools
import json
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from likely_buyers.lake.extensions import load_extension
from likely_buyers.lake.upkeep import maintain
from likely_buyers.libpq import tls_options
from likely_buyers.publishing import (
    PublishingError,
)
from support.installation import PROJECT
from support.lakes import open_lake
from support.published_gold import (
    COMMENTS,
    FIRST_DAY,
    MODEL,
    PASSWORD,
    S3,
    SETTINGS,
    TABLES,
    Postgres,
    Shop,
    postgres_server,
    read_delta,
    read_duckdb,
    read_parquet,
    read_postgres,
    s3_server,
    speak_to,
)

PARTITION = "model_name=o%27brien%20shop/model_version=3/as_of_date={}"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def empty_postgres(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    with psycopg.connect(postgres.address()) as connection:
        connection.execute("drop schema if exists gold cascade")
    speak_to(postgres, monkeypatch)
    return postgres


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


def warehouse(shop: Shop, query: str) -> list[tuple[object, ...]]:
    with open_lake(shop.folder, read_only=True) as connection:
        return connection.sql(query).fetchall()


# --- the DuckDB file ----------------------------------------------------------------------


def test_the_duckdb_file_holds_gold_with_comments_and_a_manifest(shop: Shop) -> None:
    shop.build(1).publish()
    file = shop.published / "gold.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        for table in ("predictions", "prediction_history", "top_buyers", "model_performance"):
            found = connection.sql(f"select * from gold.{table} order by all").fetchall()
            assert found == warehouse(shop, f"select * from gold.{table} order by all"), table
        comments = connection.sql(
            "select comment from duckdb_columns() where table_name = 'predictions' and"
            " column_name in ('user_id', 'probability') order by column_name desc"
        ).fetchall()
        assert comments == [(COMMENTS["user_id"],), (COMMENTS["probability"],)]
        assert connection.sql(
            "select comment from duckdb_tables() where table_name = 'predictions'"
        ).fetchall() == [("One row per thing in predictions;\nit's documented.",)]
        manifest = connection.sql(
            "select table_name, row_count, run_id, build_id, as_of_date, model_versions"
            " from gold.publication where table_name = 'top_buyers'"
        ).fetchall()
        day = FIRST_DAY + timedelta(days=1)
        assert manifest == [("top_buyers", 20, "run-1", "build-1", day, f'{{"{MODEL}": 3}}')]
    assert not file.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)


def test_the_duckdb_file_takes_in_a_day_and_holds_nothing_else(shop: Shop) -> None:
    file = shop.published / "gold.duckdb"
    shop.published.mkdir(parents=True)
    for run in (1, 3):
        # what others left there
        file.unlink(missing_ok=True)
        if run == 1:
            file.write_text("no database")
        else:
            with duckdb.connect(str(file)) as connection:
                connection.execute("create schema other; create table other.old as select 1 as a")
                connection.execute("create table predictions as select 'u' as user_id")
                connection.execute("create table publication as select 1 as a")
        shop.build(run).publish(parquet=None, delta=None)
        told = shop.build(run + 1).publish(parquet=None, delta=None)[0]
        assert [table.written for table in told.tables] == [1, 1, 1, 1]
        # all that was known of a day is another
        changed = f"update gold.prediction_history set probability = 1 where run_id = 'run-{run}'"
        told = shop.build(run + 1, then=changed).publish(parquet=None, delta=None)[0]
        assert [table.written for table in told.tables] == [0, 1, 0, 0]
        with duckdb.connect(str(file), read_only=True) as connection:
            found = connection.sql("select schema_name, table_name from duckdb_tables()").fetchall()
            assert {*found} == {("main", name) for name in (*TABLES, "publication")}
            for table in TABLES:
                query = f"select * from gold.{table} order by all"
                assert connection.sql(query).fetchall() == warehouse(shop, query), table
            rows = "select row_count from gold.publication where table_name = 'prediction_history'"
            assert connection.sql(rows).fetchall() == [(200 * (run + 1),)]


def test_a_duckdb_file_of_somebody_else_is_refused(shop: Shop) -> None:
    shop.published.mkdir(parents=True)
    with duckdb.connect(str(shop.published / "gold.duckdb")) as connection:
        connection.execute("create schema team; create table team.budget as select 1 as amount")
    with pytest.raises(PublishingError, match=r"has tables, such as team\.budget, .*vars\.publish"):
        shop.build(1).publish(parquet=None, delta=None)
    with duckdb.connect(str(shop.published / "gold.duckdb"), read_only=True) as connection:
        assert connection.sql("from team.budget").fetchall() == [(1,)]


def test_an_open_reader_keeps_its_file_and_a_new_one_gets_the_new(shop: Shop) -> None:
    shop.build(1).publish()
    file = shop.published / "gold.duckdb"
    with duckdb.connect() as reader:
        reader.execute(f"attach '{file}' as published (read_only)")
        shop.build(2).publish()
        runs = reader.sql("select distinct run_id from published.predictions").fetchall()
        assert runs == [("run-1",)]
    assert read_duckdb(file).predictions == (("run-2", 200),)


def test_the_tables_are_named_the_same_in_a_file_of_any_name(shop: Shop) -> None:
    shop.build(1).publish(duckdb="bi/shop.duckdb")
    with duckdb.connect(str(shop.published / "bi" / "shop.duckdb"), read_only=True) as connection:
        assert connection.sql("select count(*) from gold.predictions").fetchall() == [(200,)]


# --- Parquet ------------------------------------------------------------------------------


def test_parquet_is_a_log_by_version_and_day_with_features(shop: Shop) -> None:
    shop.build(1).publish()
    shop.build(2).publish()
    folder = shop.published / "parquet"
    days = [str(FIRST_DAY + timedelta(days=run)) for run in (1, 2)]
    for run, day in enumerate(days, start=1):
        file = folder / "predictions" / PARTITION.format(day) / "predictions.parquet"
        rows = pq.read_table(file, partitioning=None)
        assert rows.num_rows == 200
        assert set(rows["run_id"].to_pylist()) == {f"run-{run}"}
        assert rows["purchases"].to_pylist() == [
            float(int(user.removeprefix("user ")) % 7) for user in rows["user_id"].to_pylist()
        ]
        assert rows["user_id"].to_pylist() == sorted(rows["user_id"].to_pylist())
    dataset = ds.dataset(folder / "predictions", partitioning="hive")
    assert dataset.count_rows(filter=ds.field("as_of_date") == days[0]) == 200
    assert set(dataset.to_table()["model_name"].to_pylist()) == {MODEL}
    performance = pq.read_table(folder / "model_performance" / "model_performance.parquet")
    assert performance.num_rows == 2
    manifest = json.loads((folder / "_manifest.json").read_text())
    assert (manifest["run_id"], manifest["as_of_date"]) == ("run-2", days[1])
    assert manifest["tables"]["predictions"] == {"rows": 200}


def test_a_partition_published_again_is_replaced_and_an_equal_one_left_alone(shop: Shop) -> None:
    shop.build(1, day=5).publish()
    file = (
        *(shop.published, "parquet", "top_buyers"),
        *(PARTITION.format(FIRST_DAY + timedelta(days=5)), "top_buyers.parquet"),
    )
    path = Path(*file)
    before = path.stat().st_ino
    told = shop.build(1, day=5).publish()
    assert path.stat().st_ino == before
    assert [sum(table.written for table in destination.tables) for destination in told] == [0, 0, 0]

    shop.build(2, day=5, then="delete from gold.top_buyers").publish()
    assert pq.read_metadata(path).num_rows == 0  # nobody is on the list, and the log says so
    assert read_parquet(str(shop.published / "parquet")).predictions == (("run-2", 200),)


def test_a_list_on_which_nobody_is_any_more_is_replaced_beside_one_that_has_users(
    shop: Shop,
) -> None:
    """Of two outcomes on one day: the second one's threshold was raised."""
    other = "insert into gold.{0} select * replace ('other' as model_name) from gold.{0};"
    scored = other.format("predictions")
    shop.build(1, day=5, then=scored + other.format("top_buyers")).publish()
    shop.build(2, day=5, then=scored).publish()
    folder = shop.published / "parquet"
    listed = ds.dataset(folder / "top_buyers", partitioning="hive").to_table()
    assert set(listed["model_name"].to_pylist()) == {MODEL}
    manifest = json.loads((folder / "_manifest.json").read_text())
    assert manifest["tables"]["top_buyers"] == {"rows": 20} == {"rows": listed.num_rows}


# --- Delta --------------------------------------------------------------------------------


def test_delta_overwrites_what_is_current_and_appends_the_history(shop: Shop) -> None:
    shop.build(1).publish()
    shop.build(2).publish()
    folder = shop.published / "delta"
    predictions = DeltaTable(folder / "predictions")
    assert read_delta(str(folder)).predictions == (("run-2", 200),)
    history = DeltaTable(folder / "prediction_history")
    rows = history.to_pyarrow_table().group_by("run_id").aggregate([("run_id", "count")])
    assert sorted(rows["run_id"].to_pylist()) == ["run-1", "run-2"]
    assert rows["run_id_count"].to_pylist() == [200, 200]
    assert history.metadata().partition_columns == ["model_name", "model_version", "as_of_date"]
    assert predictions.metadata().description.startswith("One row per thing in predictions")

    # the version before is still there, and the manifest names the versions that belong together
    predictions.load_as_version(0)
    assert set(predictions.to_pyarrow_table()["run_id"].to_pylist()) == {"run-1"}
    manifest = json.loads((folder / "_manifest.json").read_text())
    assert manifest["tables"]["predictions"] == {"rows": 200, "version": 1}

    again = shop.publish()
    assert [table.version for table in again[2].tables] == [
        table["version"] for table in manifest["tables"].values()
    ]


def test_delta_files_lie_in_the_order_of_users(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likely_buyers.publishing.delta._FILE_BYTES", 200_000)
    shop.build(1, users=150_000).publish(duckdb=None, parquet=None)
    table = DeltaTable(shop.published / "delta" / "predictions")
    files = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    assert len(files) > 1
    ranges = sorted((file["min.user_id"], file["max.user_id"]) for file in files)
    assert all(high < low for (_, high), (low, _) in itertools.pairwise(ranges))


def test_old_versions_of_delta_are_kept_for_the_stated_time_only(shop: Shop) -> None:
    shop.build(1).publish(delta_keep_days=0)
    before = {path.name for path in (shop.published / "delta" / "predictions").glob("*.parquet")}
    shop.build(2).publish(delta_keep_days=0)
    after = {path.name for path in (shop.published / "delta" / "predictions").glob("*.parquet")}
    assert len(after) == 1
    assert not before & after


# --- PostgreSQL ---------------------------------------------------------------------------


def test_postgres_holds_gold_with_comments_for_a_role_that_reads(
    shop: Shop, empty_postgres: Postgres
) -> None:
    role = 'bi "readers"'
    shop.build(1).publish(postgres={"reader_role": role})
    with psycopg.connect(empty_postgres.address()) as connection:
        for table in ("predictions", "prediction_history", "top_buyers", "model_performance"):
            found = connection.execute(f"select * from gold.{table}").fetchall()
            assert sorted(found, key=repr) == sorted(
                warehouse(shop, f"select * from gold.{table}"), key=repr
            )
        comments = connection.execute(
            "select col_description('gold.predictions'::regclass, attnum) from pg_attribute"
            " where attrelid = 'gold.predictions'::regclass and attname = 'probability'"
        ).fetchall()
        assert comments == [(COMMENTS["probability"],)]
        connection.execute('set role "bi ""readers"""')
        assert connection.execute("select count(*) from gold.top_buyers").fetchone() == (20,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from gold.top_buyers")


def test_postgres_appends_to_the_history_and_follows_a_changed_table(
    shop: Shop, empty_postgres: Postgres
) -> None:
    shop.build(1).publish(postgres={})
    untouched = "select xmin::text from gold.prediction_history where run_id = 'run-1' limit 1"
    before = empty_postgres.query(untouched)
    added = "alter table gold.top_buyers add column campaign varchar default 'x'"
    told = shop.build(2, then=added).publish(postgres={})
    assert [(table.name, table.rows) for table in told[3].tables][1] == ("prediction_history", 400)
    assert empty_postgres.query(untouched) == before
    assert empty_postgres.query("select distinct campaign from gold.top_buyers") == [("x",)]
    seen = read_postgres(empty_postgres.address())
    assert (seen.manifest, seen.predictions) == ("run-2", (("run-2", 200),))


def test_a_table_of_somebody_else_is_refused(shop: Shop, empty_postgres: Postgres) -> None:
    with psycopg.connect(empty_postgres.address()) as connection:
        connection.execute("create schema gold; create table gold.top_buyers (name text)")
        connection.execute("insert into gold.top_buyers values ('theirs')")
    with pytest.raises(PublishingError, match="a table top_buyers stands in the schema already"):
        shop.build(1).publish(postgres={})
    assert empty_postgres.query("select * from gold.top_buyers") == [("theirs",)]
    assert not empty_postgres.query("select 1 from pg_tables where tablename = 'predictions'")


def test_texts_arrive_in_a_database_of_another_encoding(
    shop: Shop, empty_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(empty_postgres.address(), autocommit=True) as connection:
        connection.execute(
            "create database latin encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'"
        )
    monkeypatch.setenv("PGDATABASE", "latin")
    shop.build(1).publish(postgres={})
    query = "select distinct favourite_category from gold.top_buyers where favourite_category <> ''"
    with psycopg.connect(empty_postgres.address(), dbname="latin") as connection:
        found = connection.execute(query).fetchall()
    assert found == warehouse(shop, query)
    assert "é" in found[0][0]


def test_a_reader_of_postgres_does_not_wait_and_keeps_its_run(
    shop: Shop, empty_postgres: Postgres
) -> None:
    shop.build(1).publish(postgres={})
    with psycopg.connect(empty_postgres.address()) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert reader.execute("select distinct run_id from gold.publication").fetchone() == (
            "run-1",
        )
        shop.build(2).publish(postgres={})
        runs = reader.execute("select distinct run_id from gold.predictions").fetchall()
        assert runs == [("run-1",)]


def test_postgres_without_a_password_names_the_variable(
    shop: Shop, empty_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD")
    with pytest.raises(PublishingError, match="PGPASSWORD is not set"):
        shop.build(1).publish(postgres={})
    monkeypatch.delenv("PGUSER")
    with pytest.raises(PublishingError, match="variable PGUSER is not set"):
        shop.build(2).publish(postgres={})
    # what cannot work is said before anything is written
    assert read_duckdb(shop.published / "gold.duckdb").manifest == "run-1"


def test_a_wrong_password_is_not_shown(
    shop: Shop, empty_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = PASSWORD + "-wrong"
    monkeypatch.setenv("PGPASSWORD", wrong)
    with pytest.raises(PublishingError, match="password authentication failed") as refused:
        shop.build(1).publish(postgres={})
    assert wrong not in str(refused.value)


def test_a_reader_role_that_may_do_more_is_refused(shop: Shop, empty_postgres: Postgres) -> None:
    with pytest.raises(PublishingError, match="superuser or the user who publishes"):
        shop.build(1).publish(postgres={"reader_role": "owner"})
    assert empty_postgres.query("select to_regclass('gold.predictions')") == [(None,)]


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("127.0.0.1", None),
        ("localhost", None),
        ("/run/postgresql", None),
        ("db.shop.example", "verify-full"),
        ("localhost,db.shop.example", "verify-full"),
    ],
)
def test_a_server_elsewhere_is_spoken_to_over_tls_only(host: str, mode: str | None) -> None:
    environment = {"PGHOST": host, "PGUSER": "u", "PGDATABASE": "d"}
    assert tls_options(environment).get("sslmode") == mode
    asked = tls_options(environment | {"PGSSLMODE": "require"})
    assert "sslmode" not in asked  # libpq takes the variable


# --- days that gold has no more -----------------------------------------------------------


def history_there(shop: Shop, postgres: Postgres) -> dict[str, tuple[list[object], object]]:
    """The day of each row of the history, and how many rows the manifest tells of, in PostgreSQL and as Delta."""
    folder = shop.published / "delta"
    table = DeltaTable(folder / "prediction_history").to_pyarrow_table(columns=["as_of_date"])
    manifest = json.loads((folder / "_manifest.json").read_text())
    days = "select as_of_date from gold.prediction_history order by 1"
    ((counted,),) = postgres.query(
        "select row_count from gold.publication where table_name = 'prediction_history'"
    )
    return {
        "postgres": ([day for (day,) in postgres.query(days)], counted),
        "delta": (
            sorted(table["as_of_date"].to_pylist()),
            manifest["tables"]["prediction_history"]["rows"],
        ),
    }


def test_days_that_gold_has_no_more_are_removed_and_said_and_come_again(
    shop: Shop, empty_postgres: Postgres
) -> None:
    days = [FIRST_DAY + timedelta(days=run) for run in (1, 2, 3, 4)]
    shop.build(1, users=2).build(2, users=2).build(3, users=2).publish(postgres={})
    then = (
        "create table silver.kept as select * from gold.prediction_history where run_id = 'run-1';"
        f"delete from gold.prediction_history where as_of_date <= '{days[1]}'"
    )
    told = shop.build(4, users=2, then=then).publish(postgres={})
    found = ([days[2]] * 2 + [days[3]] * 2, 4)
    assert history_there(shop, empty_postgres) == {"postgres": found, "delta": found}
    lost = (
        "prediction_history: 2 model versions and days that gold has no more were removed, from"
        f" {days[0]} to {days[1]}"
    )
    in_file, as_parquet, *others = told
    for destination in (in_file, *others):
        # a day came, two went
        assert destination.tables[1].written == 3
        assert list(destination.losses_in_words()) == [lost]
    assert not list(as_parquet.losses_in_words()), "its log keeps earlier days"
    again = shop.publish(postgres={})
    assert not any(table.written for destination in again for table in destination.tables)
    assert not any(list(destination.losses_in_words()) for destination in again)

    back = "insert into gold.prediction_history from silver.kept"
    shop.build(4, users=2, then=back).publish(postgres={})
    found = ([days[0]] * 2 + found[0], 6)
    assert history_there(shop, empty_postgres) == {"postgres": found, "delta": found}


def test_a_history_of_which_gold_has_nothing_is_of_another_state_and_stays(
    shop: Shop, empty_postgres: Postgres, tmp_path: Path
) -> None:
    """A state folder that was lost and made anew cannot compute it again."""
    shop.build(1, users=2).build(2, users=2).publish(postgres={})
    before = history_there(shop, empty_postgres)
    other = Shop(tmp_path / "anew").build(9, users=2)
    there = {name: str(shop.published / SETTINGS[name]) for name in ("duckdb", "delta")}
    with pytest.raises(PublishingError) as refused:
        other.publish(postgres={}, parquet=None, **there)
    said = str(refused.value)
    assert "3 of 3 destinations were not published" in said
    holds = "prediction_history there holds 2 model versions and days, and gold has none of them"
    assert said.count(holds) == 3
    assert "vars.publish" in said
    assert history_there(shop, empty_postgres) == before
    assert read_duckdb(shop.published / "gold.duckdb").manifest == "run-2"
    # nor with columns of another version
    later = "alter table gold.prediction_history add column more double"
    with pytest.raises(PublishingError, match=holds):
        Shop(tmp_path / "later").build(9, users=2, then=later).publish(postgres={})
    assert history_there(shop, empty_postgres) == before
    # the one whose history it is goes on, and whoever wants it replaced has it removed
    shop.build(3, users=2).publish(postgres={})
    assert history_there(shop, empty_postgres)["postgres"][1] == 6
    with psycopg.connect(empty_postgres.address()) as connection:
        connection.execute("drop table gold.prediction_history")
    shutil.rmtree(shop.published / "delta" / "prediction_history")
    other.publish(postgres={}, parquet=None, duckdb=None, delta=there["delta"])
    found = ([FIRST_DAY + timedelta(days=9)] * 2, 2)
    assert history_there(shop, empty_postgres) == {"postgres": found, "delta": found}


# --- S3 -----------------------------------------------------------------------------------


def test_s3_holds_what_a_folder_holds(
    shop: Shop, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak_to(s3, monkeypatch)
    destinations = {
        "duckdb": "s3://shop/bi/gold.duckdb",
        "parquet": "s3://shop/parquet",
        "delta": "s3://shop/delta",
    }
    shop.build(1).publish(**destinations)
    told = shop.build(2).publish(**destinations)
    filesystem = s3.filesystem()
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(filesystem.open_input_file("shop/bi/gold.duckdb").read())
    assert read_duckdb(copy).predictions == (("run-2", 200),)
    assert read_parquet("shop/parquet", filesystem).predictions == (("run-2", 200),)
    assert read_delta("s3://shop/delta").predictions == (("run-2", 200),)
    assert ds.dataset("shop/parquet/prediction_history", filesystem=filesystem).count_rows() == 400
    manifest = json.loads(filesystem.open_input_file("shop/parquet/_manifest.json").read())
    assert manifest["run_id"] == "run-2"
    again = shop.publish(**destinations)
    assert not any(table.written for destination in again for table in destination.tables)
    assert told[1].tables != again[1].tables
    assert list(shop.published.iterdir()) == [shop.published / ".lock"]


def test_s3_without_credentials_names_the_variable(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    shop.build(1)
    with pytest.raises(PublishingError, match="variable AWS_ACCESS_KEY_ID is not set"):
        shop.publish(parquet="s3://shop/parquet")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    with pytest.raises(PublishingError, match="variable AWS_SECRET_ACCESS_KEY is not"):
        shop.publish(parquet="s3://shop/parquet")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://s3.shop.example")
    monkeypatch.delenv("AWS_ALLOW_HTTP", raising=False)
    with pytest.raises(PublishingError, match="without TLS"):
        shop.publish(parquet="s3://shop/parquet")
    assert not (shop.published / "gold.duckdb").exists()


# --- which build is published, and what is refused ----------------------------------------


def refusal(shop: Shop) -> str:
    with pytest.raises(PublishingError) as refused:
        shop.publish()
    assert not (shop.published / "gold.duckdb").exists()
    return str(refused.value)


def test_a_failed_test_is_named(shop: Shop) -> None:
    said = refusal(shop.build(1, not_null_top_buyers=("fail", "Got 2 results")))
    assert "the last build, build-1, did not pass: test not_null_top_buyers." in said
    assert "Got 2 results" in said


def test_a_failed_model_is_named_and_not_what_was_skipped(shop: Shop) -> None:
    failed = {
        "predictions": ("error", "no champion yet\nand more"),
        "model_performance": ("skipped", ""),
    }
    said = refusal(shop.build(1, **failed))
    assert 'did not pass: model predictions. dbt says of the first: "no champion yet".' in said


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "Runtime Error in model predictions (models/gold/predictions.py)\n  Catalog Error: no table\n  LINE 1:",
            "Catalog Error: no table",
        ),
        (
            "Runtime Error in model predictions (a.py)\n  likely_buyers: no champion yet\n  LINE 1",
            "no champion yet",
        ),
        (
            "Runtime Error in model predictions (models/gold/predictions.py)",
            "Runtime Error in model predictions",
        ),
    ],
    ids=["heading of dbt", "words of ours", "heading alone"],
)
def test_a_failed_model_is_told_by_the_line_that_says_why(
    shop: Shop, message: str, told: str
) -> None:
    said = refusal(shop.build(1, predictions=("error", message)))
    assert f'model predictions. dbt says of the first: "{told}' in said


def test_only_a_whole_build_of_gold_is_published(shop: Shop) -> None:
    open_lake(shop.folder).close()
    assert ": none has begun." in refusal(shop)
    said = refusal(shop.build(1, not_null_top_buyers=None))
    assert "left 1 models or tests of gold out: test not_null_top_buyers" in said
    with open_lake(shop.folder) as lake:
        lake.execute("insert into bronze.builds (invocation_id) values ('killed')")
    assert "the last build, killed, was stopped or is under way" in refusal(shop)
    assert "has scores of no model versions" in refusal(
        shop.build(2, then="delete from gold.predictions")
    )
    Path(shop.lake.catalog).unlink()
    assert "there is no database" in refusal(shop)


def test_what_ran_after_a_build_that_passed_is_not_published(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tables as they were, with their columns, comments and the features of then; and a word on the later build."""
    before = shop.build(1).publish(delta=None)
    assert "the last build" not in capsys.readouterr().err
    (shop.published / "gold.duckdb").unlink()
    columns = "comment on column gold.predictions.probability is 'another'"
    then = f"drop table gold.model_performance; {columns}; drop table silver.user_features"
    shop.build(2, users=3, then=then, not_null_predictions=("fail", "Got 2 results"))
    again = shop.publish(delta=None)
    assert "build-2, did not pass: test not_null_predictions" in (said := capsys.readouterr().err)
    assert "Gold is as build-1 left it" in said
    assert [destination.served.build_id for destination in again] == ["build-1"] * 2
    assert [table.written for table in again[1].tables] == [0] * 4
    assert [[t.rows for t in d.tables] for d in again] == [
        [t.rows for t in d.tables] for d in before
    ]
    assert read_duckdb(shop.published / "gold.duckdb").predictions == (("run-1", 200),)
    with duckdb.connect(str(shop.published / "gold.duckdb"), read_only=True) as connection:
        assert connection.sql(
            "select comment from duckdb_columns() where table_name = 'predictions' and column_name = 'probability'"
        ).fetchall() == [(COMMENTS["probability"],)]


def test_the_lake_is_opened_as_the_docs_say(shop: Shop) -> None:
    """At the snapshot that is published, under another name; a view follows."""
    view = "create view silver.scores as select * from gold.predictions"
    shop.build(1, then=view).build(2, users=3, not_null_predictions=("fail", ""))
    page = (PROJECT / "docs" / "operate.md").read_text()
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    load = 'load_extension(shop, "ducklake", "")'
    for told, here in (
        ("warehouse/", f"{shop.folder}/"),
        ('shop.load_extension("ducklake")', load),
    ):
        assert told in script
        script = script.replace(told, here)
    names: dict[str, Any] = {"load_extension": load_extension}
    exec(script, names)  # noqa: S102 (a page of ours)
    for table in ("gold.predictions", "silver.scores"):
        found = names["shop"].sql(f"select count(*), max(run_id) from shop.{table}").fetchall()
        assert found == [(200, "run-1")]
    names["shop"].close()


def test_upkeep_keeps_what_is_published(shop: Shop) -> None:
    shop.build(1).build(2, not_null_predictions=("fail", ""))
    with open_lake(shop.folder) as lake:
        done = maintain(lake, 0, datetime(2100, 1, 1, tzinfo=UTC))
    # the one of the build that passed, and the latest
    assert done.after.snapshots == 2
    shop.publish()
    assert read_duckdb(shop.published / "gold.duckdb").predictions == (("run-1", 200),)
    shop.build(3)
    with open_lake(shop.folder) as lake:
        assert maintain(lake, 0, datetime(2100, 1, 1, tzinfo=UTC)).after.snapshots == 2


def test_a_build_beside_another_is_not_published(shop: Shop) -> None:
    """On a catalog that lets several in, gold may be of both."""
    began = "insert into bronze.builds (invocation_id) values ('other')"
    assert "build-1, was not alone: build other began meanwhile" in refusal(
        shop.build(1, then=began)
    )


def test_a_database_in_use_is_said(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKELY_BUYERS_LOCK_ATTEMPTS", "1")
    shop.build(1)
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, shop.lake.catalog],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(PublishingError, match="in use by another process"):
            shop.publish()
    finally:
        holder.communicate(b"\n", timeout=30)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"delta": 3}, "vars.publish.delta must be"),
        ({"delta": "gs://bucket/x"}, "gs://"),
        ({"delta_keep_days": "long"}, "delta_keep_days"),
        ({"duckdb": "s3://bucket"}, "or a file, such as"),
        ({"duckdb": 3}, "or a file, such as"),
        ({"parquet": "s3://key:secret@bucket/x"}, "Credentials do not belong there"),
        ({"delta": "gs://key:secret@bucket/x"}, "gs://bucket/x"),
        ({"postgres": {"host": "db"}}, "PGHOST"),
        ({"postgres": {"password": "secret"}}, "PGPASSWORD"),
        ({"postgres": {"reader_role": "public"}}, "reader_role"),
        ({"postgres": {"schema": "x" * 64}}, "63 bytes"),
    ],
)
def test_a_destination_that_cannot_be_is_refused_before_anything_is_written(
    shop: Shop, settings: dict[str, object], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    shop.build(1)
    with pytest.raises(PublishingError, match=said) as refused:
        shop.publish(**settings)
    assert "secret" not in str(refused.value)
    assert not shop.published.exists() or list(shop.published.iterdir()) == [
        shop.published / ".lock"
    ]
