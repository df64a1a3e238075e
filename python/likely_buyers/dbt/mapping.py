"""The event mapping, for the macros: checked and compiled."""

from typing import Any

import duckdb

from likely_buyers.dbt.conditions import check_conditions
from likely_buyers.dbt.delivery import add_functions
from likely_buyers.outcomes import Predicted
from likely_buyers.sources.mapping import Compiler, EventMapping, Warehouse, chosen_mapping
from likely_buyers.sources.relation import given_relation


class MappingFunctions:
    """Functions over one connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._compiler = Compiler(connection)

    def add_functions(self) -> None:
        """Give SQL those below."""
        add_functions(self._connection, self.check_settings, self.compiled_mapping)

    def check_settings(self, request: dict[str, Any]) -> None:
        """Stop at a mapping, a relation of events or an outcome that cannot be meant, or that is not there."""
        chosen_mapping(request["mappings"], request["mapping_name"])
        given_relation(request["events_relation"], request["events_path"])
        check_conditions(
            Predicted.of(request["predicted"]).outcomes, request["columns"], self._connection
        )

    def compiled_mapping(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the models are made of, as `Compiler.compiled`."""
        return self._compiler.compiled(
            EventMapping.of(request["mapping_name"], request["mapping"]),
            Warehouse(
                raw_events=request["raw_events"],
                loaded_files=request["loaded_files"],
                register=request["register"],
                relations=request["relations"],
            ),
        )
