"""A mapping compiled: the pieces of SQL that models put in."""

from typing import Any

import duckdb

from likely_buyers.sources.mapping.definition import EventMapping
from likely_buyers.sources.mapping.dialect import DuckDB
from likely_buyers.sources.mapping.event_key import (
    event_digest,
    event_id,
    key_expressions,
    same_event,
)
from likely_buyers.sources.mapping.expressions import (
    compiled_expressions,
    floating_ids,
    left_out_name,
)
from likely_buyers.sources.mapping.rows import Rows, Warehouse, columns_of_sources, nulls, rows_of


class Compiler:
    """Compiles for one database, and remembers: a model asks several times for what takes dozens of questions."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._known: dict[str, dict[str, Any]] = {}

    def compiled(self, mapping: EventMapping, warehouse: Warehouse) -> dict[str, Any]:
        """What the models need of a mapping.

        columns: [{name, type}] of the rows that the expressions see; none where bronze.raw_events cannot be read.
        rows: those rows as a relation in SQL, cut where a SELECT of lines is put in.
        absent: columns of nulls to stand behind those of the lines, for keys that `rows` reads and no JSON has had.
        by_line: whether each row comes from one line alone, so that new lines can be taken in by themselves. `rows`
            that joins, groups, ranks or sorts sees all lines.
        time_zone: IANA name; what a day is.
        expressions: as `compiled_expressions`.
        floating_ids: as in `expressions`.
        left_out: as `left_out_name`.
        event_key, event_id, event_digest, same_event: as in `event_key`.

        Raises:
            SourceProblem: an expression that is no SQL.
        """
        with self._connection.cursor() as cursor:
            engine = DuckDB(cursor)
            # what the answer follows from; describing a relation takes a fraction of a millisecond
            raw = engine.describe(warehouse.raw_events).columns if warehouse.raw_events else ()
            sources = columns_of_sources(warehouse.register, (), engine) if mapping.sources else {}
            joined = [
                engine.describe(relation).columns for relation in warehouse.relations.values()
            ]
            key = repr((mapping, warehouse, raw, sources, joined))
            if key not in self._known:
                rows = rows_of(mapping, warehouse, raw, sources, engine)
                pieces = _pieces(mapping, rows, engine)
                if raw and not rows.columns:
                    # a view that is missing may be there for the next model
                    return pieces
                self._known[key] = pieces
            return self._known[key]


def _pieces(mapping: EventMapping, rows: Rows, engine: DuckDB) -> dict[str, Any]:
    expressions = compiled_expressions(mapping, rows.columns, engine)
    own_id = expressions["event_id"]["value"]
    return {
        "columns": [{"name": column.name, "type": column.type} for column in rows.columns],
        "rows": list(rows.pieces),
        "absent": nulls(rows.absent),
        "by_line": not mapping.rows or (not mapping.sources and engine.is_by_line(mapping.rows)),
        "time_zone": mapping.time_zone,
        "expressions": expressions,
        "floating_ids": floating_ids(mapping, rows.columns),
        "left_out": left_out_name(mapping, rows.columns, engine),
        "event_key": key_expressions(mapping, rows.columns, own_id),
        "event_id": event_id(mapping, rows.columns),
        "event_digest": event_digest(mapping, rows.columns),
        "same_event": same_event(mapping, rows.columns),
    }
