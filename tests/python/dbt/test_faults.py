"""Faults while a build runs: said with what to do, every table as before or as after, and the next build finishes."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from dbt_common.exceptions import DbtRuntimeError

from likely_buyers.dbt.faults import remedy
from likely_buyers.dbt.plugin import Plugin
from support.delivered_shop import DeliveredShop
from support.installation import PROJECT, Installation
from support.lakes import open_lake

HEADER = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
)
TABLES = {
    "bronze.raw_events": "* exclude (load_id, loaded_at)",
    "told_events": "*",
    "silver.quarantined_events": "*",
    "silver.user_days": "*",
    "silver.user_features": "*",
}
# `size` of memory as a disk, with the state on it; what is left of the state is copied back
ON_A_SMALL_DISK = """
    mount -t tmpfs -o size="$1" none "$2" && shift
    cp -r "$2"/. "$1"/ && disk="$1" state="$2" && shift 2
    "$@"; finished=$?
    rm -rf "$state"/* && cp -r "$disk"/. "$state"/ && exit $finished
"""


def lines(day: int, users: int) -> list[str]:
    """A view, a purchase and a broken line a user; sessions that no compression makes small."""
    made = []
    for user in range(users):
        session = f"{hash((day, user)) * 0x9E3779B97F4A7C15 % (1 << 128):032x}"
        for hour, kind in ((10, "view"), (11, "purchase"), (12, "shrug")):
            made.append(
                f"2020-01-{day:02d} {hour}:00:00 UTC,{kind},{user % 99},2,,acme,9.99,{user + 1},{session}"
            )
    return made


def deliver(file: Path, *made: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([HEADER, *made, ""]))
    return file


class Shop(DeliveredShop):
    """Its tables by their sums, to be compared before and after a fault."""

    def contents(self, of: Installation | None = None) -> dict[str, list[tuple[Any, ...]]]:
        """Per table the number of rows and a sum over them that any other row would change."""
        return {
            table: (of or self.warehouse).query(
                f"select count(*), sum(hash(whole)) from (select {columns} from {table}) as whole"
            )
            for table, columns in TABLES.items()
        }

    def undisturbed(self) -> dict[str, list[tuple[Any, ...]]]:
        fresh = Installation(self.warehouse.state.with_name("undisturbed"))
        self.built(into=fresh)
        return self.contents(fresh)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    deliver(shop.events / "1.csv", *lines(1, 200))
    shop.built()
    return shop


def small_disks() -> list[str]:
    """The command that gives a process file systems of its own: as root, or as any user where that is allowed."""
    for rights in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        if shutil.which("unshare"):
            tried = subprocess.run(
                [*rights, "sh", "-c", "mount -t tmpfs -o size=1m none /mnt"],
                capture_output=True,
                timeout=30,
                check=False,
            )
            if tried.returncode == 0:
                return rights
    pytest.skip("no small disk can be made here: mounting needs Linux, and root or user namespaces")


def test_a_full_disk(shop: Shop, tmp_path: Path) -> None:
    rights = small_disks()
    before = shop.contents()
    deliver(shop.events / "2.csv", *lines(2, 6_000))
    after = shop.undisturbed()
    # one path for each small disk: dbt parses the project anew where the profile names another
    disk = tmp_path / "disk"
    disk.mkdir()
    # what is left of the disk when the build begins: full in the middle of bronze, and later on
    for kilobytes in (100, 400):
        left = tmp_path / f"left-{kilobytes}"
        shutil.copytree(shop.warehouse.state, left, ignore=shutil.ignore_patterns("target", "logs"))
        size = sum(file.stat().st_size for file in left.rglob("*") if file.is_file())
        command = [
            *(*rights, "sh", "-c", ON_A_SMALL_DISK, "sh"),
            *(str(size + kilobytes * 1_000), str(disk), str(left)),
            *(str(Path(sys.executable).with_name("dbt")), "build", "--select", "+user_features"),
            *(
                "--exclude-resource-type",
                "test",
                "unit_test",
                "--vars",
                yaml.safe_dump(shop.variables),
            ),
        ]
        elsewhere = {
            "DBT_TARGET_PATH": str(tmp_path / "target"),
            "DBT_LOG_PATH": str(tmp_path / "logs"),
        }
        full = subprocess.run(
            command,
            cwd=PROJECT,
            env=Installation(disk).environment() | elsewhere,
            text=True,
            capture_output=True,
            timeout=300,
            check=False,
        )
        output = " ".join(full.stdout.split())
        assert full.returncode != 0, output
        assert "Traceback" not in output
        assert "No space left on device" in output
        assert "the disk is full. The database, and spill/ for what does not fit" in output
        assert f"lie in the state folder {disk}. Free space there" in output

        disturbed = Installation(left)
        for table, content in shop.contents(disturbed).items():
            assert content in (before[table], after[table]), table
        shop.built(into=disturbed)
        assert shop.contents(disturbed) == after


def test_a_database_that_was_closed_by_a_full_disk_says_so_without_a_traceback() -> None:
    class Closed:
        def execute(self, sql: str) -> None:
            raise duckdb.FatalException(
                "FATAL Error: Failed: database has been invalidated because of a previous fatal error."
                ' Original error: "Could not write file: No space left on device"'
            )

    with pytest.raises(DbtRuntimeError, match=r"the disk is full.*Free space there"):
        Plugin("likely_buyers", {}).configure_cursor(Closed())


def test_a_full_spill_folder(tmp_path: Path) -> None:
    """The engine's own message, whatever its words are in this version, has a remedy."""
    config = {
        "memory_limit": "60MB",
        "temp_directory": str(tmp_path / "spill"),
        "max_temp_directory_size": "10MB",
        "threads": 2,
    }
    with duckdb.connect(config=config) as connection, pytest.raises(duckdb.Error) as error:
        connection.execute(
            "create table sorted as select md5(i::varchar) as a, md5((-i)::varchar) as b"
            " from range(2000000) as r(i) order by a"
        )
    # it says sometimes that the disk and sometimes that the memory is full: either remedy speaks of both
    assert "spill/" in remedy(str(error.value))
    assert "LIKELY_BUYERS_MEMORY_LIMIT" in remedy(str(error.value))


def test_a_file_of_the_lake_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKELY_BUYERS_STATE", str(tmp_path))
    with open_lake(tmp_path) as lake:
        lake.execute("create table numbers as select range from range(10)")
        for file in (tmp_path / "data").rglob("*.parquet"):
            file.unlink()
        with pytest.raises(duckdb.Error) as error:
            lake.execute("from numbers").fetchall()
    words = f"a file of the lake is gone from {tmp_path}/data, which nothing but DuckLake may change. Restore"
    assert words in remedy(str(error.value))


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKELY_BUYERS_STATE", str(tmp_path))
    # root may write anywhere, so the engine's answer is made up
    said = f'IO Error: Cannot open file "{tmp_path}/data/x.parquet": Permission denied'
    assert f"lies in the state folder {tmp_path} and in {tmp_path}/data" in remedy(said)


def test_a_full_disk_of_data_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKELY_BUYERS_STATE", str(tmp_path))
    monkeypatch.setenv("LIKELY_BUYERS_DATA", "/mnt/data")
    words = f"the state folder {tmp_path}, its files of data in /mnt/data. Free space there"
    assert words in remedy("[Errno 28] No space left on device")


@pytest.mark.parametrize(
    ("data", "whose"),
    [
        ("s3://lakes/shop", "LIKELY_BUYERS_DATA"),
        ("/mnt/data", "vars.events_path"),
        ("s3://shop/lake", "vars.events_path"),
    ],
)
def test_the_bucket_that_does_not_answer_is_named(
    data: str, whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKELY_BUYERS_DATA", data)
    said = (
        "IO Error: Could not connect to server error for HTTP GET to"
        " 'https://lakes.s3.amazonaws.com/shop/a.parquet'"
    )
    assert remedy(said).startswith(f"the bucket of {whose} refused or did not answer")
    # a value that is quoted is no refusal
    assert remedy("Conversion Error: Could not convert string 'GET / HTTP/1.1' to INT32") == ""


@pytest.mark.parametrize(
    "message",
    [
        "the postgres server of vars.events_relation cannot be read. Nothing was loaded. Check PGHOST, PGPORT,"
        " PGDATABASE and PGUSER of the environment, and that the server answers there. It says: IO Error: Unable to"
        ' connect to Postgres at "host=/run": connection to server on "/run/.s.PGSQL.5432": No such file or directory',
        "the relation 'clicks' of vars.events_relation could not be read to its end. Nothing was loaded: run dbt build"
        ' again. It says: IO Error: Failed to execute query "COPY (SELECT 1) TO STDOUT": ERROR: could not write to file'
        ' "base/pgsql_tmp/1": No space left on device',
        "load 3 has 90 % lines that are no events, the first: 127.0.0.1 GET /cart HTTP/1.1 HTTP Error: Permission"
        " denied, No such file or directory. Mend the mapping.",
    ],
)
def test_a_message_that_names_its_remedy_is_given_no_other(message: str) -> None:
    assert remedy(f"Dependency Error in model raw_events\n  likely_buyers: {message}") == ""


def test_a_full_disk_is_told_of_whatever_was_copied() -> None:
    said = (
        "likely_buyers: the relation 'clicks' of vars.events_relation could not be read to its end. Nothing was loaded:"
        ' run dbt build again. It says: IO Error: Could not write file "/x": No space left on device'
    )
    assert remedy(said).startswith("the disk is full")


def test_too_little_memory(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shop.contents()
    deliver(shop.events / "2.csv", *lines(2, 2_000))
    monkeypatch.setenv("LIKELY_BUYERS_MEMORY_LIMIT", "50MB")
    finished = shop.build()
    assert not finished.succeeded
    message = " ".join(finished.output.split())
    assert "raw_events failed: DuckDB may use too little memory" in message
    assert "LIKELY_BUYERS_MEMORY_LIMIT is 50MB. Raise it" in message
    assert shop.contents() == before
    monkeypatch.delenv("LIKELY_BUYERS_MEMORY_LIMIT")
    shop.built()
    assert shop.contents() == shop.undisturbed()


# has something happen to the files of a load after they were looked into and before they are read
ONCE_PLANNED = """
from pathlib import Path
from likely_buyers.dbt import delivery

plan = delivery.plan_delivery

def planned(*arguments):
    made = plan(*arguments)
    {then}
    return made

delivery.plan_delivery = planned
"""


def test_a_file_that_vanishes_between_being_found_and_being_read(shop: Shop) -> None:
    before = shop.contents()
    late = deliver(shop.events / "2.csv", *lines(2, 50))
    shop.first = ONCE_PLANNED.format(
        then=f"Path({str(late)!r}).rename({str(late)!r}[:-4] + '.away')"
    )
    finished = shop.build(select=("raw_events+",))
    shop.first = ""
    assert not finished.succeeded
    message = " ".join(finished.output.split())
    assert "raw_events failed: a file was there and then was not" in message
    assert str(late) in message
    assert "Run dbt build again" in message
    assert shop.contents() == before

    late.with_suffix(".away").rename(late)
    shop.built()
    assert shop.contents() == shop.undisturbed()


@pytest.mark.parametrize("grown_before", ["it is read", "the next build"])
def test_a_file_that_grows(shop: Shop, grown_before: str) -> None:
    before = shop.contents()
    growing = deliver(shop.events / "2.csv", *lines(2, 50))
    more = "\n".join([*lines(3, 50), ""])

    if grown_before == "it is read":
        shop.first = ONCE_PLANNED.format(then=f"Path({str(growing)!r}).open('a').write({more!r})")
        finished = shop.build(select=("raw_events",))
        shop.first = ""
        assert not finished.succeeded
        message = " ".join(finished.output.split())
        assert f"the file '{growing}' seems to have changed while it was read" in message
        assert "run dbt build again once the delivery is over" in message
        assert shop.contents() == before
    else:
        shop.built()
        with growing.open("a") as file:
            file.write(more)
    shop.built()
    assert shop.contents() == shop.undisturbed()


def test_the_same_lines_twice_are_counted_and_change_nothing(shop: Shop) -> None:
    """A file with the content of another, and a day delivered again in files that are cut otherwise."""
    first = shop.warehouse.query("select * exclude (line_count) from told_events order by all")
    days = shop.contents()["silver.user_days"]
    shutil.copy(shop.events / "1.csv", shop.events / "copy of 1.csv")
    again = lines(1, 200)
    deliver(shop.events / "again-a.csv", *reversed(again[250:]))
    deliver(shop.events / "again-b.csv", *again[:250])
    shop.built()
    assert (
        shop.warehouse.query("select * exclude (line_count) from told_events order by all") == first
    )
    assert shop.contents()["silver.user_days"] == days
    counts = "select count(*), sum(line_count), min(line_count), max(line_count) from told_events"
    # the copy is the same file under another name
    assert shop.warehouse.query(counts) == [(400, 800, 2, 2)]
    assert shop.warehouse.query("select count(*) from silver.quarantined_events") == [(400,)]


def test_a_bot_among_the_users_is_counted_and_said(shop: Shop) -> None:
    """50,000 users with one event each, and one with 50,000 events on one day."""
    duckdb.sql(
        "copy (select timestamp '2020-01-05' + to_seconds(i) as event_time, 'view' as event_type,"
        " i % 99 as product_id, 2 as category_id, null::varchar as category_code, 'acme' as brand,"
        " 9.99 as price, case when i % 2 = 0 then 'bot' else 'u' || i end as user_id, 's' || i as user_session"
        f" from range(100000) as r(i) where i < 86400 or i % 2 = 1 union all by name"
        f" select timestamp '2020-01-05 12:00:00' as event_time, 'view' as event_type, 1000 + i as product_id,"
        f" 2 as category_id, 'acme' as brand, 9.99 as price, 'bot' as user_id, 's' || i as user_session"
        f" from range(6800) as r(i)) to '{shop.events}/5.parquet'"
    )  # fmt: skip
    output = shop.built()
    assert "the user 'bot' has 50,000 events on 2020-01-05, more than people make" in output
    assert "they are quarantined then" in output
    found = "select count(*), sum(events), max(events) from silver.user_days where event_date >= '2020-01-05'"
    assert shop.warehouse.query(found) == [(50_001, 100_000, 50_000)]
    assert shop.warehouse.query("select count(*) from silver.user_features") == [(50_201,)]
    assert shop.contents() == shop.undisturbed()
    # it is news once: the day after has none
    deliver(shop.events / "6.csv", *lines(13, 1))
    assert "more than people make" not in shop.built()


def test_an_order_out_of_proportion_is_said_once_and_expected_revenue_does_not_follow_it(
    shop: Shop,
) -> None:
    """One order of eight million, a price with digits too many."""
    duckdb.sql(
        "copy (select timestamp '2020-01-05 12:00:00' as event_time, 'purchase' as event_type, 1 as product_id,"
        " 2 as category_id, null::varchar as category_code, 'acme' as brand, 8000000.0 as price, 'u1' as user_id,"
        f" 'typo' as user_session) to '{shop.events}/5.parquet'"
    )
    output = shop.built()
    assert "the user 'u1' spent 8,000,000.00 on 2020-01-05" in output
    assert "expected_revenue does not follow it" in output
    assert shop.warehouse.query("select max(revenue) from silver.user_days") == [(8_000_000,)]
    deliver(shop.events / "6.csv", *lines(13, 1))
    assert "times a typical purchase day" not in shop.built()


def test_every_broken_check_of_a_table_is_named_with_how_often(shop: Shop) -> None:
    tested = ("test", "--select", "checks_of_user_days")
    passed = shop.warehouse.dbt(*tested, variables=shop.variables)
    assert passed.succeeded, passed.output

    with open_lake(shop.warehouse.state) as lake:
        lake.execute("update silver.user_days set events = -1 where user_id in ('1', '2')")
        lake.execute("update silver.user_days set purchased_products = 7 where user_id = '3'")

    failed = shop.warehouse.dbt(*tested, variables=shop.variables)
    assert not failed.succeeded
    said = [
        line.split("checks_of_user_days: ")[1]
        for line in failed.output.splitlines()
        if "checks_of_user_days: " in line
    ]
    assert [line.strip() for line in said] == [
        "events is below 1 (2)",
        "not: the kinds of events add up (2)",
        "not: nobody buys more products than they touched (1)",
        "not: nobody buys more products than they bought times (1)",
    ]


def test_raw_events_made_anew_alone_are_taken_in_by_the_next_build(shop: Shop) -> None:
    deliver(shop.events / "2.csv", *lines(2, 100))
    shop.built()
    (shop.events / "1.csv").unlink()

    shop.built("--full-refresh", select=("raw_events",))
    shop.built()

    assert shop.contents() == shop.undisturbed()
