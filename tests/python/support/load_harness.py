"""Loads files as the build does, without dbt: the project's own planning and writing, in milliseconds.

For properties that are tried on hundreds of files; that a build does the same is for tests with real builds.
"""

from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.dbt import delivery as delivery_module
from likely_buyers.dbt.delivery import Delivery
from likely_buyers.sources import SourceProblem

MAPPING = {"event_time": "'2026-01-01'", "event_type": "'view'", "user_id": "'u'"}
Refused = SourceProblem


class LoadHarness:
    """One empty warehouse after the other in memory, each with a load of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warnings: list[str] = []

    def load(self, events: Path, **mapping: Any) -> duckdb.DuckDBPyConnection:
        """The warehouse after a load of the files: raw_events, unreadable_lines, file_register.

        Raises:
            Refused: the load stops.
        """
        warehouse = duckdb.connect()
        # as in profiles.yml
        warehouse.execute("set preserve_insertion_order = false; set threads = 2")
        warehouse.execute(
            "create schema bronze; create table bronze.load_progress (model_name varchar, load_id bigint,"
            " definition varchar, invocation_id varchar)"
        )
        delivery = Delivery(warehouse)
        delivery.add_functions()
        before = delivery_module._staging
        delivery_module._staging = lambda: self.folder / "staging"
        try:
            plan = delivery.plan_load(
                {"is_full": True, "events_path": str(events), "mapping_name": "mine", "mapping": MAPPING | mapping,
                 "events_relation": None, "started_at": "2026-01-01 00:00:00", "invocation_id": "none"}
            )  # fmt: skip
            self.warnings = plan["told"] + plan["warned"]
            warehouse.begin()
            delivery.write(warehouse)
            warehouse.commit()
        finally:
            delivery_module._staging = before
        return warehouse
