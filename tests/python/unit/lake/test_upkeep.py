"""Upkeep of the lake: it gets smaller, and no table changes; a twin without a lake tells what a table holds."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from likely_buyers.lake import upkeep
from likely_buyers.lake.files import folder_of, register, take_over
from likely_buyers.lake.upkeep import LakeChanged, expire, maintain, tidy
from likely_buyers.settings import Lake
from support.lakes import open_lake
from support.tries import tries

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_lake(tmp_path / "state") as connection:
        yield connection


def data_files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "state" / "data").rglob("*.parquet"))


def test_files_are_merged_and_forgotten_and_rows_stay(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    lake.execute("create table days (day integer, user_id varchar)")
    for day in range(20):
        lake.execute(f"insert into days select {day}, 'u' || range from range(100)")
    lake.execute("delete from days where day < 10 or user_id = 'u7'")
    rows = "select *, rowid from days order by all"
    before = lake.execute(rows).fetchall()
    done = maintain(lake, 0, NOW)
    assert lake.execute(rows).fetchall() == before
    assert (done.before.files, done.after.files, done.after.snapshots) == (20, 1, 1)
    assert len(data_files(tmp_path)) == 1
    again = maintain(lake, 0, NOW)
    assert again.before == again.after


def test_a_build_merges_small_files_where_there_are_many(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    lake.execute(
        "create table days (day integer); create table large as select hash(range) as x from range(300000)"
    )
    rows = "select *, rowid from days order by all"
    for day in range(31):
        assert _files(lake, "days") == day
        lake.execute(f"insert into days values ({day})")
        before = lake.execute(rows).fetchall()
        if day % 10 == 0:
            tidy(lake, NOW - timedelta(days=10_000))
    assert (_files(lake, "days"), _files(lake, "large")) == (1, 1)
    assert lake.execute(rows).fetchall() == before


def test_a_build_leaves_many_large_files_alone(lake: duckdb.DuckDBPyConnection) -> None:
    """To look through them for small ones took a quarter of a second of each batch of the stream."""
    lake.execute("create table large (x ubigint)")
    for _ in range(31):
        lake.execute("insert into large select hash(range) from range(150000)")
    lake.execute("insert into large values (1)")
    lake.execute("insert into large values (2)")
    tidy(lake, NOW - timedelta(days=10_000))
    assert _files(lake, "large") == 33


def _files(lake: duckdb.DuckDBPyConnection, table: str) -> int:
    found = lake.execute(
        "select file_count from ducklake_table_info('likely_buyers') where table_name = ?", [table]
    )
    return int(found.fetchall()[0][0])


def test_snapshots_within_the_days_can_be_read(lake: duckdb.DuckDBPyConnection) -> None:
    lake.execute(
        "create table days (day integer); insert into days values (1); insert into days values (2)"
    )
    last = lake.execute(
        "select max(snapshot_id) from ducklake_snapshots('likely_buyers')"
    ).fetchall()[0][0]
    maintain(lake, 30, datetime.now(UTC))
    past = f"select * from days at (version => {last - 1})"
    assert lake.execute(past).fetchall() == [(1,)]
    expire(lake, datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(duckdb.Error, match="No snapshot found at version"):
        lake.execute(past)
    assert lake.execute("select * from days order by 1").fetchall() == [(1,), (2,)]


def test_a_file_that_nobody_registered_is_forgotten(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """As one copied by a build that was killed before it committed; not one that may be being written."""
    lake.execute("create table days (day integer); insert into days values (1)")
    orphan = data_files(tmp_path)[0].with_name("left-behind.parquet")
    orphan.write_bytes(data_files(tmp_path)[0].read_bytes())
    maintain(lake, 0, datetime.now(UTC))
    assert orphan.exists()
    maintain(lake, 0, NOW)
    assert not orphan.exists()
    assert lake.execute("select * from days").fetchall() == [(1,)]


def test_upkeep_that_changes_a_table_is_told(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.execute("create table days (day integer); insert into days values (1), (2)")
    monkeypatch.setattr(
        upkeep, "expire", lambda connection, _: connection.execute("delete from days where day = 2")
    )
    # another program's deletion is none of the upkeep's
    assert maintain(lake, 0, NOW).tables == 0
    lake.execute("insert into days values (2)")
    monkeypatch.setattr(upkeep, "_OWN", (*upkeep._OWN, "tables_deleted_from"))
    with pytest.raises(LakeChanged, match=r"main\.days now has rows and checksum \(1, .*had \(2, "):
        maintain(lake, 0, NOW)


def test_a_registered_file_is_the_lakes_own(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Whatever becomes of the delivered one; columns that its folder names are constants of its lines."""
    delivered = tmp_path / "it's 100 % ünï.parquet"
    duckdb.execute(
        "copy (select range::integer as day from range(3)) to ? (format parquet)", [str(delivered)]
    )
    place = Lake.in_folder(tmp_path / "state")
    lake.execute(
        "create schema bronze; create table bronze.lines (day bigint, source_file varchar, load_id bigint)"
    )
    folder = folder_of(place, "bronze.lines", {"load_id": "7", "source_file": str(delivered)})
    assert folder is not None
    register(lake, "bronze.lines", [take_over(delivered, folder)])
    delivered.write_bytes(b"another delivery")
    expected = [(day, str(delivered), 7) for day in range(3)]
    for _ in range(2):
        assert lake.execute("select * from bronze.lines order by all").fetchall() == expected
        lake.execute("delete from bronze.lines where day = 9")
        maintain(lake, 0, NOW)
    assert folder_of(place, "bronze.lines", {"source_file": "x" * 300}) is None


@pytest.mark.parametrize("seed", range(tries(10)))
def test_any_operations_leave_what_a_plain_table_holds(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path, seed: int
) -> None:
    """Appends, deletes, updates, replaced days, registered files and upkeep, reopened in between, against a twin."""
    chance = random.Random(seed)  # noqa: S311 (as random as a test needs)
    place = Lake.in_folder(tmp_path / "state")
    twin = duckdb.connect()
    for database in (lake, twin):
        database.execute("create table lines (day bigint, user_id varchar, source_file varchar)")
    past: dict[int, list[tuple[object, ...]]] = {}
    rows = "select day, user_id, source_file from lines{} order by all"
    for step in range(40):
        day, kind = chance.randrange(6), chance.randrange(9)
        if kind <= 2:
            added = f"select {day}, 'u' || range % 9, 'step {step}' from range({chance.choice([1, 5, 40])})"
            statements = [f"insert into lines {added}"]
        elif kind == 3:
            statements = [
                f"delete from lines where user_id = 'u{chance.randrange(9)}' and day = {day}"
            ]
        elif kind == 4:
            statements = [
                f"update lines set user_id = 'v{step}' where day = {day} and user_id = 'u3'"
            ]
        elif kind == 5:
            statements = [
                f"delete from lines where day = {day}",
                f"insert into lines values ({day}, 'new', '{step}')",
            ]
        else:
            statements = []
        for database in (lake, twin):
            database.begin()
            for statement in statements:
                database.execute(statement)
            database.commit()
        if kind == 6:
            file = tmp_path / f"{step}.parquet"
            duckdb.execute(
                f"copy (select {day} as day, 'f' || range as user_id from range(20)) to '{file}'"
            )
            folder = folder_of(place, "main.lines", {"source_file": file.name})
            assert folder is not None
            register(lake, "main.lines", [take_over(file, folder)])
            twin.execute(
                f"insert into lines select day, user_id, '{file.name}' from read_parquet('{file}')"
            )
        elif kind == 7:
            keep_days = chance.choice([0, 30])
            maintain(lake, keep_days, datetime.now(UTC) if keep_days else NOW)
            past = past if keep_days else {}
        elif kind == 8:
            lake.execute("use memory; detach likely_buyers")
            lake = open_lake(tmp_path / "state")
        expected = twin.execute(rows.format("")).fetchall()
        assert lake.execute(rows.format("")).fetchall() == expected, (seed, step, kind)
        version = lake.execute(
            "select max(snapshot_id) from ducklake_snapshots('likely_buyers')"
        ).fetchall()[0][0]
        past[version] = expected
        looked_at = chance.choice(list(past))
        assert (
            lake.execute(rows.format(f" at (version => {looked_at})")).fetchall() == past[looked_at]
        )
    lake.close()
