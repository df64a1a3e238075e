"""What an earlier state holds comes into the lake whole, once, or not at all."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from likely_buyers.lake import connect
from likely_buyers.lake.carry_over import Carried, CarryOverImpossible, carry_over
from likely_buyers.settings import Lake
from support.lakes import open_lake

TABLES = {
    "gold.history": {"user_id": "varchar not null", "probability": "double", "as_of": "date"},
    "gold.results": {"campaign": "varchar not null", "digest": "decimal(38,0)"},
    "gold.never_built": {"campaign": "varchar"},
}
# in another order and with narrower types, as an earlier version may have written them
EARLIER = """
    create schema gold;
    create table gold.history as
        select date '2026-01-01' + (range % 3)::integer as as_of, 'u' || range as user_id, range / 100 as probability
        from range(100);
    create table gold.results as select 12345 as digest, 'spring' as campaign;
    create table gold.predictions as select 1 as left_alone;
"""


def rows(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    with open_lake(lake.state, read_only=True) as connection:
        names = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables()"
            " where database_name = 'likely_buyers' order by all"
        ).fetchall()
        return {
            name: connection.execute(f"select * from {name} order by all").fetchall()
            for (name,) in names
        }


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.in_folder(tmp_path / "state")


@pytest.fixture(params=["a DuckDB file", "a lake"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """An earlier state; it must be what it was in the end."""
    folder = tmp_path / "old"
    if request.param == "a lake":
        with open_lake(folder) as connection:
            connection.execute(EARLIER)
        file = folder / "catalog.ducklake"
    else:
        folder.mkdir()
        file = folder / "likely_buyers.duckdb"
        with duckdb.connect(str(file)) as connection:
            connection.execute(EARLIER)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    yield file
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_all_rows_come_once(old: Path, lake: Lake) -> None:
    assert carry_over(lake, old, TABLES) == [
        Carried("gold.history", 100, False),
        Carried("gold.results", 1, False),
    ]
    found = rows(lake)
    assert found.keys() == {"gold.history", "gold.results"}
    with (
        open_lake(old.parent) if old.suffix == ".ducklake" else duckdb.connect(str(old)) as earlier
    ):
        told = earlier.execute("select user_id, probability, as_of from gold.history order by all")
        assert found["gold.history"] == told.fetchall()
    assert [tuple(map(str, row)) for row in found["gold.results"]] == [("spring", "12345")]

    # a build has added to it since
    with open_lake(lake.state) as connection:
        connection.execute("insert into gold.history values ('new', 0.5, '2026-02-01')")
        with pytest.raises(duckdb.ConstraintException):
            connection.execute("insert into gold.results values (null, 1)")
    before = rows(lake)
    assert [table.known for table in carry_over(lake, old, TABLES)] == [True, True]
    assert rows(lake) == before


def test_a_lake_with_other_rows_stays_as_it_is(old: Path, lake: Lake) -> None:
    """The second table has them: of the first nothing is kept either."""
    with open_lake(lake.state) as connection:
        connection.execute(
            "create schema gold; create table gold.results (campaign varchar not null, digest decimal(38,0));"
            " insert into gold.results values ('autumn', 1)"
        )
    before = rows(lake)
    with pytest.raises(
        CarryOverImpossible,
        match=r"gold.results of the lake holds rows already, and not 1 of those",
    ):
        carry_over(lake, old, TABLES)
    assert rows(lake) == before


def test_other_columns_are_told(old: Path, lake: Lake) -> None:
    tables = {"gold.history": {"user_id": "varchar", "score": "double", "as_of": "date"}}
    with pytest.raises(
        CarryOverImpossible, match=r"other columns: without \['score'\], and with \['probability'\]"
    ):
        carry_over(lake, old, tables)
    assert rows(lake) == {}
    with pytest.raises(CarryOverImpossible, match=r"has none of the tables gold.other"):
        carry_over(lake, old, {"gold.other": {}})


def test_a_file_that_is_none(tmp_path: Path, lake: Lake) -> None:
    with pytest.raises(CarryOverImpossible, match=r"there is no file .*old.duckdb. Name"):
        carry_over(lake, tmp_path / "old.duckdb", TABLES)
    assert not lake.state.exists()
    for name in ("old.duckdb", "old.ducklake"):
        (tmp_path / name).write_text("no database" * 2000)
        with pytest.raises(CarryOverImpossible, match=f"{name} cannot be opened"):
            carry_over(lake, tmp_path / name, TABLES)


def test_a_lake_whose_data_lie_elsewhere(lake: Lake, tmp_path: Path) -> None:
    earlier = Lake(str(tmp_path / "shop.ducklake"), str(tmp_path / "elsewhere"), tmp_path)
    with connect(earlier) as connection:
        connection.execute(EARLIER)
    assert carry_over(lake, Path(earlier.catalog), TABLES)[0].rows == 100


def test_a_plain_lake_comes_into_an_encrypted_one(
    old: Path, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    key.write_bytes(b64encode(b"k" * 32))
    key.chmod(0o600)
    monkeypatch.setenv("LIKELY_BUYERS_KEY_FILE", str(key))
    assert carry_over(lake, old, TABLES)[0].rows == 100
    assert len(rows(lake)["gold.history"]) == 100
