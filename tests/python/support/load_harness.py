"""Loads files as the build does, without dbt: the project's own planning and writing, in milliseconds.

For properties that are tried on hundreds of files; that a build does the same is for tests with real builds.
"""

from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.dbt import delivery as delivery_module
from likely_buyers.dbt.delivery import Delivery
from likely_buyers.settings import Lake
from likely_buyers.sources import SourceProblem
from likely_buyers.sources.sql_helpers import create_helpers
from support.lakes import open_lake

MAPPING = {"event_time": "'2026-01-01'", "event_type": "'view'", "user_id": "'u'"}
Refused = SourceProblem


class LoadHarness:
    """A lake in which each load takes the place of the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        self._lake = open_lake(folder / "state")
        self._lake.execute("set threads = 2")
        create_helpers(self._lake)
        self._lake.execute("create schema bronze")
        self._delivery = Delivery(self._lake, Lake.in_folder(folder / "state"))
        self._delivery.add_functions()

    def load(self, events: Path | str, **mapping: Any) -> duckdb.DuckDBPyConnection:
        """The lake after a load of the files, until the next: raw_events, unreadable_lines, file_register.

        Raises:
            Refused: the load stops.
        """
        warehouse = self._lake.cursor()
        warehouse.execute("use likely_buyers.main")
        delivery, before = self._delivery, delivery_module._staging
        delivery_module._staging = lambda: self.folder / "staging"
        try:
            plan = delivery.plan_load(
                {"is_full": True, "events_path": str(events), "mapping_name": "mine", "mapping": MAPPING | mapping,
                 "events_relation": None, "started_at": "2026-01-01 00:00:00"}
            )  # fmt: skip
            self.warnings = plan["told"] + plan["warned"]
            warehouse.begin()
            try:
                delivery.write(warehouse)
            except BaseException:
                warehouse.rollback()
                raise
            warehouse.commit()
        finally:
            delivery_module._staging = before
        return warehouse
