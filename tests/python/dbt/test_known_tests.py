"""dbt build with nothing new: tests that passed over the same tables are not asked again, nor views made anew."""

from pathlib import Path

import numpy as np
import pytest

from support.installation import Installation
from support.lakes import open_lake
from support.small_shop import delivered, views

MODELS = (
    *("+user_days", "loads", "event_types", "assert_user_days_are_unique"),
    "assert_every_line_is_loaded_or_rejected",
)
OF_DAYS = "test.likely_buyers.assert_user_days_are_unique"
OF_EVENTS = "test.likely_buyers.assert_newest_events_are_valid_and_distinct"
OF_LINES = "test.likely_buyers.assert_every_line_is_loaded_or_rejected"
# says of each test of data that the database is asked for it
TELLS = """
import re
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper as Cursor
execute = Cursor.execute
def telling(self, sql, *bindings):
    if 'dbt_internal_test' in sql:
        print('asked', re.search('"node_id": "([^"]*)"', sql)[1])
    return execute(self, sql, *bindings)
Cursor.execute = telling
"""


class Shop:
    """A shop whose events come as files, and its builds."""

    def __init__(self, folder: Path) -> None:
        self.installation = Installation.with_own_seeds(folder)
        self._files = folder / "events"
        self._files.mkdir()
        self.deliver(1)

    def deliver(self, seed: int) -> None:
        delivered(self._files / str(seed), views(np.random.default_rng(seed), users=5, days=4))

    def deliver_broken(self) -> None:
        file = self._files / "1" / "events.csv"
        header = file.read_text().splitlines()[0]
        broken = self._files / "broken" / "events.csv"
        broken.parent.mkdir()
        broken.write_text(f"{header}\nof too few fields\n")

    def asked(self, command: str = "build", *, passes: bool = True) -> set[str]:
        """The tests that a build asks, and whether it passes."""
        finished = self.installation.run(
            "dbt",
            *(command, "--select", *MODELS),
            variables={"events_path": f"{self._files}/*/*.csv"},
            first=TELLS,
        )
        assert finished.succeeded == passes, finished.output
        return {line.split()[1] for line in finished.output.splitlines() if "asked " in line[:6]}

    def change(self, sql: str) -> None:
        with open_lake(self.installation.state) as connection:
            connection.execute(sql)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    assert {OF_DAYS, OF_EVENTS} <= shop.asked()
    return shop


def test_a_test_that_passed_is_asked_when_its_tables_change(shop: Shop) -> None:
    assert shop.asked() == set()
    shop.deliver(2)
    assert {OF_DAYS, OF_EVENTS} <= shop.asked()
    assert shop.asked() == set()


def test_a_load_of_rejected_lines_alone_is_seen(shop: Shop) -> None:
    """Only tables behind views change by it, which dbt does not know."""
    shop.deliver_broken()
    assert OF_LINES in shop.asked()
    assert shop.asked() == set()


def test_dbt_test_asks_in_any_case(shop: Shop) -> None:
    assert {OF_DAYS, OF_EVENTS} <= shop.asked("test")


def test_rows_that_somebody_changed_are_seen(shop: Shop) -> None:
    """A test that fails is asked until it passes."""
    twice = "from silver.user_days order by user_id, event_date limit 1"
    shop.change(f"create table kept as {twice}; insert into silver.user_days from kept")
    for _ in range(2):
        assert OF_DAYS in shop.asked(passes=False)
    shop.change(
        "delete from silver.user_days using kept where user_days.user_id = kept.user_id"
        " and user_days.event_date = kept.event_date;"
        " insert into silver.user_days from kept; drop table kept"
    )
    assert OF_DAYS in shop.asked()
    assert OF_DAYS not in shop.asked()


def test_a_seed_counts_by_its_rows(shop: Shop) -> None:
    """dbt writes it with each build. The view of events has it, and so what is tested there."""
    seed = shop.installation.folder / "seeds" / "event_types.csv"
    seed.write_text(seed.read_text() + "rees46,looked,view\n")
    assert OF_EVENTS in shop.asked()
    assert shop.asked() == set()


def test_a_view_is_made_anew_when_its_columns_change(shop: Shop) -> None:
    def made() -> list[tuple[int]]:
        return shop.installation.query(
            "select begin_snapshot from __ducklake_metadata_likely_buyers.ducklake_view"
            " where view_name = 'loaded_files' and end_snapshot is null"
        )

    before = made()
    shop.asked()
    assert made() == before
    shop.change("alter table bronze.file_register add column note varchar")
    shop.asked()
    assert made() != before
