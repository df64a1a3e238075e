"""The version of a table is another whenever its rows or columns are, whatever upkeep did in between."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from likely_buyers.lake.upkeep import expire, maintain
from likely_buyers.lake.versions import versions
from support.lakes import open_lake

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "change",
    [
        "insert into days values (4, 'u4')",
        # of rows of a file, and of a whole one
        "delete from days where user_id = 'u0'",
        "delete from days where day = 2",
        "alter table days drop column user_id",
        "alter table days rename user_id to user_name",
    ],
)
def test_no_state_has_the_version_of_an_earlier_one(change: str, tmp_path: Path) -> None:
    """Merging gives files the snapshot of the oldest; the snapshot of what ended is forgotten."""
    with open_lake(tmp_path / "state") as lake:
        lake.execute("create table days as select 1 as day, 'u' || range as user_id from range(2)")
        lake.execute("create table others as select 1 as day")
        for day in (2, 3):
            lake.execute(f"insert into days values ({day}, 'u{day}')")
        first = versions(lake)
        assert versions(lake) == first
        lake.execute(change)
        found = [first, versions(lake)]
        expire(lake, NOW)
        found.append(versions(lake))
        maintain(lake, 0, NOW)
        found.append(versions(lake))
        # nothing is left to do
        maintain(lake, 0, NOW)
        assert versions(lake) == found[-1]
        assert {each["main.others"] for each in found} == {first["main.others"]}
        told = [each["main.days"] for each in found]
        assert told[0] not in told[1:]


def test_a_merge_gives_no_version_of_before(tmp_path: Path) -> None:
    with open_lake(tmp_path / "state") as lake:
        lake.execute("create table days as select 1 as day")
        found = [versions(lake)]
        for day in (2, 3):
            lake.execute(f"insert into days values ({day})")
            found.append(versions(lake))
        maintain(lake, 30, datetime.now(UTC))
        found.append(versions(lake))
        assert len({each["main.days"] for each in found}) == 4
