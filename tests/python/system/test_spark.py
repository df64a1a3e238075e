"""The project on a Spark cluster with Delta: the same models, the same model version, the same rows as on DuckDB."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from support.catalogs import Catalogs
from support.commands import Running
from support.exports import EXPORTS
from support.installation import Installation
from support.lakes import open_lake
from support.spark import SparkInstallation, skip_without_spark
from support.twins import CAMPAIGNS, EARLIER_DAY, HORIZON, ONCE, Twins, twins_in

SILVER = tuple(
    f"silver.{name}" for name in ("events", "left_out_lines", "quarantined_events", "user_days")
)
BUILD = ("dbt", "build")
SCORED_ANEW = (
    *BUILD,
    "--full-refresh",
    "--select",
    "predictions",
    *("--exclude-resource-type", "test"),
)
MODELS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    skip_without_spark()
    with twins_in(tmp_path_factory.mktemp("spark")) as twins:
        yield twins


@pytest.fixture
def faults(twins: Twins) -> Iterator[Path]:
    """A folder in which a test says what is to happen where executors load the champions; nothing after it."""
    yield twins.cluster.faults
    for file in twins.cluster.faults.iterdir():
        file.unlink()


def test_a_stream_before_any_build_says_so(twins: Twins) -> None:
    streamed = twins.spark.run(*ONCE, variables=twins.variables)
    assert not streamed.succeeded
    assert "no build has scored anybody" in streamed.output


def test_a_first_build_says_what_became_of_the_lines(twins: Twins) -> None:
    said = twins.build(as_of=EARLIER_DAY)
    assert "likely_buyers: load 1: " in said
    assert "users in gold.top_buyers" in said


def test_later_days_and_late_lines_give_the_rows_of_duckdb(twins: Twins) -> None:
    """In every table: what increments added, the scores of both days, and what came true of the first day's list."""
    for file in twins.later.iterdir():
        shutil.copy2(file, twins.shop)
    twins.build()
    assert twins.differences() == {}
    counts = twins.spark.query(
        "select count(*), count(distinct as_of_date) from gold.prediction_history union all"
        " select count(*), sum(treated_users) from gold.campaign_results union all"
        " select count(*), count(*) from gold.model_performance"
    )
    assert counts[0][1] == "2"
    assert int(counts[1][0]) == len(CAMPAIGNS) - 1
    assert counts[2][0] == "1"


def test_tests_of_data_run_on_spark(twins: Twins) -> None:
    names = ("checks_of_user_days", "checks_of_predictions", "assert_every_user_is_scored")
    tested = twins.spark.dbt("test", "--select", *names, variables=twins.variables)
    assert tested.succeeded, tested.output
    assert [name for name in names if f"PASS {name}" not in tested.output] == []


def test_with_nothing_new_no_table_is_written(twins: Twins) -> None:
    models = ("user_features", "predictions", "top_buyers")
    before = _versions(twins)
    twins.spark.built("--select", *models, *MODELS, variables=twins.variables)
    assert _versions(twins) == before


def test_the_list_is_printed_and_read_by_other_clients_of_delta(twins: Twins) -> None:
    printed = twins.spark.run("likely-buyers", "top", "--rows", "3", variables=HORIZON)
    assert printed.succeeded, printed.output
    with open_lake(twins.duckdb.state, read_only=True) as lake:
        first = lake.sql("select user_id from gold.top_buyers where rank = 1").fetchall()[0][0]
    assert first in printed.output
    details, columns = twins.spark.queries(
        "describe detail gold.top_buyers", "describe gold.top_buyers_v1"
    )
    place = next(value for value in details[0] if value.startswith("file:"))
    read = DeltaTable(place.removeprefix("file:")).to_pyarrow_table(columns=["user_id", "rank"])
    assert first in read.column("user_id").to_pylist()
    # a metastore that has 256 characters for one of a view would stand still for twenty seconds
    meanings = [column[2] for column in columns]
    assert max(len(meaning) for meaning in meanings) == 256
    assert all(meanings)


def test_a_target_without_a_server_is_told(twins: Twins) -> None:
    lost = SparkInstallation(twins.folder / "lost", folder=twins.spark.folder)
    for command in (("dbt", "build", "--select", "raw_events"), ONCE):
        told = lost.typed(*command)
        assert not told.succeeded
        assert "SPARK_REMOTE does not say where its Connect server is" in told.output


# --- between two builds -----------------------------------------------------


def test_a_stream_scores_whom_a_new_file_is_of(twins: Twins) -> None:
    """A day that is new, a late event, a user who is new, and a line that is there already."""
    known = (twins.shop / "events-2019-11-20.csv").read_text().splitlines()[1]
    user = known.split(",")[-2]
    lines = [known, _line("2019-12-20", "1"), _line("2019-10-12", user), _line("2019-10-12", "new")]
    _deliver(twins, "a", lines)
    streamed = twins.stream()
    assert "3 users with new events: 3 scores as of 2019-12-21" in streamed
    assert_scores_are_those_of_duckdb(twins, scores=3, users=3)


def test_a_stream_that_was_killed_scores_each_user_once(twins: Twins, faults: Path) -> None:
    """After it had appended and before that was in its checkpoint; and while executors scored the next batch."""
    live_scores = twins.cluster.folder / "spark" / "tables" / "gold.db" / "live_scores"
    (commits,) = live_scores.glob("_checkpoints/*/commits")
    last = max(commits.glob("[0-9]*"), key=lambda file: int(file.name))
    last.unlink()
    # its checksum, without which Spark would not write it again
    last.with_name(f".{last.name}.crc").unlink()
    _deliver(twins, "b", [_line("2019-10-13", "new"), _line("2019-12-20", "other")])
    for name in ("anew", "hold scoring"):
        (faults / name).touch()
    with under_way(twins, faults, *ONCE) as streaming:
        streaming.kill()
        twins.cluster.kill("pyspark.sql.connect.streaming.worker.foreach_batch_worker")
        (faults / "hold scoring").unlink()
    twins.stream()
    assert_scores_are_those_of_duckdb(twins, scores=5, users=4)
    # a version in which nothing has changed, as the docs advise to make them
    twins.spark.query("optimize silver.user_days")
    twins.stream()
    assert_scores_are_those_of_duckdb(twins, scores=5, users=4)


# --- when things break ------------------------------------------------------


def test_a_task_that_fails_three_times_is_tried_again(twins: Twins, faults: Path) -> None:
    (faults / "failures").write_text("3")
    twins.spark.built(*SCORED_ANEW[2:], variables=twins.variables)
    assert (faults / "scoring").exists()
    assert twins.differences("gold.predictions") == {}


def test_a_task_that_always_fails_fails_the_build_and_leaves_the_table(
    twins: Twins, faults: Path
) -> None:
    (faults / "failures").write_text("99")
    built = twins.spark.run(*SCORED_ANEW, variables=twins.variables)
    assert not built.succeeded
    assert "RuntimeError: attempt 3 fails" in built.output
    assert twins.differences("gold.predictions") == {}


def test_another_scikit_learn_on_the_executors_is_told(twins: Twins, faults: Path) -> None:
    """It is the first that Python finds."""
    installed = twins.cluster.folder / "scikit_learn-1.0.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: scikit-learn\nVersion: 1.0.0\n"
    )
    try:
        (faults / "anew").touch()
        built = twins.spark.run(*SCORED_ANEW, variables=twins.variables)
    finally:
        shutil.rmtree(installed)
    assert not built.succeeded
    assert "likely_buyers: on an executor of Spark: " in built.output
    assert "found 1.0.0. Install scikit-learn==" in built.output
    assert twins.differences("gold.predictions") == {}


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("registry.db", "registry"),
        (
            "artifacts/*/artifacts/model/model.skops",
            "model.skops of version 1 .* is not the file that was registered",
        ),
    ],
    ids=["registry", "model"],
)
def test_a_champion_that_executors_cannot_have_is_told(
    twins: Twins, faults: Path, lost: str, told: str
) -> None:
    """dbt has found it there a moment before: the registry is away then, or the model is another file."""
    for name in ("anew", "hold scoring"):
        (faults / name).touch()
    (file,) = twins.duckdb.state.glob(lost)
    away = file.with_suffix(".away")
    with under_way(twins, faults, *SCORED_ANEW) as building:
        file.rename(away)
        try:
            if file.suffix == ".skops":
                file.write_bytes(away.read_bytes() + b" ")
            (faults / "hold scoring").unlink()
            code, output = building.wait(), building.output()
        finally:
            # what looked for it may have made an empty one
            away.replace(file)
    assert code
    assert "likely_buyers: on an executor of Spark: " in output
    assert re.search(told, output), output
    assert twins.differences("gold.predictions") == {}


@pytest.mark.parametrize(
    "lost",
    [
        "org.apache.spark.executor.CoarseGrainedExecutorBackend",
        "org.apache.spark.deploy.worker.Worker",
    ],
    ids=["executor", "worker for good"],
)
def test_what_is_lost_while_scoring_costs_no_user(twins: Twins, faults: Path, lost: str) -> None:
    for name in ("anew", "hold scoring"):
        (faults / name).touch()
    with under_way(twins, faults, *SCORED_ANEW) as building:
        twins.cluster.kill(lost)
        (faults / "hold scoring").unlink()
        code, output = building.wait(), building.output()
    assert code == 0, output
    assert twins.differences("gold.predictions") == {}


def test_a_build_that_lost_its_driver_is_finished_by_the_next(twins: Twins, faults: Path) -> None:
    """A file was replaced; the driver goes when its lines are there and not mapped, then while users are scored."""
    replaced = twins.shop / "events-2019-10-31.csv"
    lines = replaced.read_text().splitlines(keepends=True)
    replaced.write_text("".join(lines[:1] + lines[30:]))
    os.utime(replaced, (1_600_000_000, 1_600_000_000))
    (faults / "anew").touch()
    for place in ("mapping", "scoring"):
        (faults / f"hold {place}").touch()
        with under_way(twins, faults, *BUILD, *MODELS, place=place) as building:
            twins.cluster.kill("org.apache.spark.sql.connect.service.SparkConnectServer")
            code, output = building.wait(), building.output()
        assert code
        assert "likely_buyers: Spark's Connect server" in output
        (faults / f"hold {place}").unlink()
        twins.cluster.stop()
        twins.spark.remote = twins.cluster.start()
    # with tests of all tables where there is time for them
    many = os.environ.get("LIKELY_BUYERS_TRIES") == "many"
    twins.build(*(MODELS[2:] if many else MODELS))
    assert twins.differences() == {}


@pytest.mark.parametrize("export", ["ga4-parquet", "shopify"])
def test_rows_that_a_mapping_makes_are_those_of_duckdb(twins: Twins, export: str) -> None:
    """Of a line by itself, from lists of structs, and of lines that belong together; of a path within the project."""
    folder, state = twins.folder / export, twins.folder / f"state_of_{export}"
    EXPORTS[export].write(folder)
    path = os.path.relpath(folder, twins.spark.folder)
    given = {"event_mapping": export.split("-", maxsplit=1)[0], "events_path": path}
    upstream = ("--full-refresh", "--select", "+user_days", *MODELS)
    one = Installation(state, folder=twins.spark.folder)
    one.built(*upstream, variables=given)
    twins.spark.built(*upstream, variables=given)
    other = replace(twins, duckdb=one)
    assert other.differences(*SILVER) == {}
    assert len(one.query("select * from silver.events")) == len(EXPORTS[export].events)


CLICKS = """create table shop.clicks (
    id bigint, happened {moment}, kind string, customer string, price decimal(10, 2), updated_at {naive}
) {using}"""


def clicks(*rows: tuple[int, str | None, str | None]) -> str:
    """(id, user, day of January 2026 of the last change)."""
    moment = "{moment} '2026-01-01 03:00:00Z'"
    values = [
        f"({number}, {moment}, 'purchase', {'null' if user is None else repr(user)}, 2.50, "
        + ("{naive} " + f"'2026-01-{day} 00:00:00')" if day else "null)")
        for number, user, day in rows
    ]
    return f"insert into shop.clicks values {', '.join(values)}"


def test_a_table_of_the_catalog_gives_the_rows_of_duckdb(twins: Twins) -> None:
    """Of Parquet files, then of Delta: what is new, what changed, what has no cursor, what a stopped load removed."""
    shop = Catalogs.beside(twins)
    selected = ("--select", "+events", "+quarantined_events", "loads", *MODELS)
    rows = ((1, "a", "01"), (2, "b", "02"), (3, "c", "02"), (4, None, "02"))
    shop.run("create schema shop", CLICKS, clicks(*rows))
    said = shop.built("--full-refresh", *selected)
    assert any("load 1: 4 lines of 1 file: 3 new events of 3 users" in line for line in said)
    shop.make_changeable()
    # the third shares the greatest value, and came later
    changed = "delete from shop.clicks where id = 1"
    shop.run(changed, clicks((1, "z", "03"), (5, "d", "03"), (6, "e", "02"), (7, "f", None)))
    said = shop.built(*selected)
    assert any("load 2: 4 lines of 1 file" in line for line in said)
    assert any("1 rows of the relation" in line for line in said)
    shop.run(changed, clicks((1, "y", "04")))
    # a load that was stopped had removed the row: silver has to start over all the same
    twins.spark.queries("delete from bronze.raw_events where id = 1")
    shop.built("--select", "raw_events", tables=("bronze.raw_events",))
    replaced = "select load_id from bronze.loaded_files where replaces_earlier order by 1"
    assert twins.spark.query(replaced) == [("2",), ("3",)]


REPLACED = """
import sys

import duckdb
from pyspark.sql import SparkSession

from likely_buyers.dbt.on_spark.relations import remove_replaced

session = SparkSession.builder.getOrCreate()
# of whichever shop was loaded last
(key,) = {"user_id", "customer"} & set(session.table("bronze.raw_events").columns)
connection = duckdb.connect()
columns = f"'a' as {key}, timestamp_ns '2026-01-01 00:00:00.123456789' as seen, time '10:30' as opened"
connection.execute(f"copy (select {columns}) to '{sys.argv[1]}'")
file = {"relation": "of nobody", "replaced_key": [key], "read_path": sys.argv[1]}
remove_replaced(session, file, 2**31, connection)
"""


def test_keys_are_read_beside_columns_that_spark_cannot_read(twins: Twins) -> None:
    """As a table of a DuckDB may have them."""
    removed = twins.spark.run("python", "-c", REPLACED, str(twins.folder / "keys.parquet"))
    assert removed.succeeded, removed.output


# Parquet of the first month, of the second, and a copy of the first line as CSV
MONTHS = (
    (
        "1.parquet",
        "select '2020-01-01 10:00:00' as event_time, 'view' as event_type, 1 as product_id, 9 as price, 7 as user_id,"
        " 1e7::double as weight, null::integer as stock, timestamptz '2020-01-01 10:00:00Z' as sent,"
        " 255::utinyint as stars, 18446744073709551615::ubigint as code, time '10:30:00.000005' as opened,"
        " timestamp_ns '2020-01-01 10:00:00.123456789' as seen, {'of day': [7::usmallint]} as stay,"
        " null::double as user_session"
        " union all select '2020-01-01 11:00:00', 'view', 1, 9, 8, 0.5, 5, null, 1::utinyint, null, null,"
        " null, null, 9007199254740992"
        " union all select 'never', 'view', 1, 9, 8, 0.5, 5, null, 2::utinyint, 3::ubigint, time '11:00',"
        " timestamp_ns '2020-01-01', null, null",
    ),
    (
        "2.parquet",
        "select '2020-01-02 10:00:00' as event_time, 'view' as event_type, 'p2' as product_id, 9.5::double as price,"
        " 'b9' as user_id, 'heavy' as weight, 9000000000 as stock, 'red' as colour,"
        " 3::utinyint as stars, -1::bigint as code",
    ),
    (
        "0.csv",
        "select '2020-01-01 10:00:00' as event_time, 'view' as event_type, 1 as product_id, 9 as price, 7 as user_id,"
        " '10000000.0' as weight, '2020-01-01 10:00:00+00' as sent, 255 as stars, 18446744073709551615 as code,"
        " '10:30:00.000005' as opened, '2020-01-01 10:00:00.123456789' as seen, '{''of day'': [7]}' as stay"
        " union all select '2020-01-03 10:00:00', 'view', 1, 9, '007', null, null, null, null, null, null, null",
    ),
)


def test_a_column_that_changes_its_type_gives_the_rows_of_duckdb(twins: Twins) -> None:
    """Also where a build that was stopped left one column half made, and another without its name."""
    folder = twins.folder / "months"
    folder.mkdir()
    own = replace(twins, duckdb=Installation(twins.folder / "state_of_months"))
    given = {"events_path": str(folder)}
    selected = ("--select", "+events", "+quarantined_events", *MODELS)
    lines = (
        "select _metadata.row_id, cast(user_id as string) from bronze.raw_events where load_id = 1"
    )
    for load, files in enumerate((MONTHS[:1], MONTHS[1:])):
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            for name, rows in files:
                connection.execute(f"copy ({rows}) to '{folder}/{name}'")
        flags = () if load else ("--full-refresh",)
        said = [
            set(
                re.findall(
                    r"likely_buyers: .*", one.built(*flags, *selected, variables=given).output
                )
            )
            for one in (own.duckdb, own.spark)
        ]
        assert load or any(
            "'user_session' has 1 numbers of 2^53 or more" in line for line in said[0]
        )
        # the build that was stopped had told of the column that is whole
        assert [line for line in said[0] ^ said[1] if "the column 'user_id'" not in line] == []
        assert own.differences(*SILVER[:3]) == {}
        if not load:
            before = twins.spark.queries(
                lines,
                "alter table bronze.raw_events set tblproperties ('delta.columnMapping.mode' = 'name')",
                "alter table bronze.raw_events add columns (`price (retyped)` string, `user_id (retyped)` string)",
                "update bronze.raw_events set `user_id (retyped)` = cast(user_id as string)",
                "alter table bronze.raw_events drop column user_id",
            )[0]
    columns = (
        "load_id, user_id, price, product_id, weight, stock, colour, stars, code, opened, seen"
    )
    query = f"select {columns} from bronze.raw_events"
    ours = sorted(tuple(map(str, row)) for row in own.duckdb.query(query))
    theirs, after, types = twins.spark.queries(query, lines, "describe bronze.raw_events")
    assert sorted(theirs) == ours
    assert sorted(after) == sorted(before)
    assert ["stock", "bigint"] in [list(row[:2]) for row in types]
    events = own.duckdb.query("select user_id, line_count from told_events order by 1")
    assert events == [("007", 1), ("7", 2), ("8", 1), ("b9", 1)]


def test_contracts_hold_on_spark(twins: Twins) -> None:
    """A table that lasts refuses what its contract excludes, whoever writes; one made anew looks as it is made."""
    refused = twins.spark.refusal("update silver.user_days set user_id = null")
    assert "never_null" in refused, refused
    # what its models are made of has nobody without an id, so the statement is asked about a row of ours
    twins.spark.built("--full-refresh", "--select", "user_features", *MODELS, variables=HORIZON)
    made = twins.spark.state / "target" / "run" / "likely_buyers" / "models" / "silver"
    statement = (made / "user_features.sql").read_text()
    (looked_at,) = re.findall(r"coalesce\(`?user_id`?, raise_error\('[^']*'\)\)", statement)
    refused = twins.spark.refusal(
        f"select {looked_at} from (select cast(null as string) as user_id)"
    )
    assert "user_id of silver.user_features is null in a row" in refused, refused


def test_converted_money_keeps_its_digits(twins: Twins) -> None:
    """The types are those of user_days.sql; without a setting Spark would round each event to six digits."""
    amount = (
        "cast(cast(0.35 as decimal(38, 7)) * cast(0.92471336 as decimal(18, 8)) as decimal(18, 4))"
    )
    asked = (
        "from likely_buyers.dbt.on_spark.adapter import session\n"
        f"print(session().sql('select {amount}').first()[0])"
    )
    told = twins.spark.run("python", "-c", asked)
    ((on_duckdb,),) = duckdb.sql(f"select {amount}").fetchall()
    assert told.output.split()[-1] == str(on_duckdb) == "0.3236"


@contextmanager
def under_way(
    twins: Twins, faults: Path, *command: str, place: str = "scoring"
) -> Iterator[Running]:
    """A command that has come to a place, on executors that wait there while `hold PLACE` is among the faults."""
    # an earlier command has been there, too
    (faults / place).unlink(missing_ok=True)
    running = twins.spark.started(*command, variables=twins.variables)
    try:
        deadline = time.monotonic() + 600
        while not (faults / place).exists():
            assert not running.ended(), running.output()
            assert time.monotonic() < deadline, f"no {place}"
            time.sleep(0.1)
        yield running
    finally:
        running.kill()


def assert_scores_are_those_of_duckdb(twins: Twins, scores: int, users: int) -> None:
    """Each in its batch, once; DuckDB scores more, since it takes a build without tests for none."""
    assert twins.differences("silver.user_days") == {}
    day = "where as_of_date = date '2019-12-21'"
    live = f"select user_id, outcome, probability, model_version from gold.live_scores {day}"
    on_spark, current = twins.spark.queries(
        live, f"select user_id from gold.current_scores {day} and scored_by = 'stream'"
    )
    assert (len(on_spark), len(current)) == (scores, users)
    streamed = {row[0] for row in on_spark}
    on_duckdb = [tuple(map(str, row)) for row in twins.duckdb.query(live) if row[0] in streamed]
    assert sorted(on_spark) == sorted(on_duckdb)


def _deliver(twins: Twins, name: str, lines: list[str]) -> None:
    header = (twins.shop / "events-2019-11-20.csv").read_text().splitlines()[0]
    (twins.shop / f"streamed-{name}.csv").write_text("\n".join([header, *lines, ""]))


def _line(day: str, user: str) -> str:
    return f"{day} 10:00:00 UTC,view,1,1,,,9.50,{user},{user}s"


def _versions(twins: Twins) -> list[int]:
    """How many versions tables have that nothing new leaves as they are."""
    names = ("silver.user_features", "gold.predictions", "gold.top_buyers")
    return [
        len(rows) for rows in twins.spark.queries(*(f"describe history {name}" for name in names))
    ]
