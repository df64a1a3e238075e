"""What stands in the lake, as figures: builds, rows, scores of each outcome, drift."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.errors import first_line
from likely_buyers.lake import LAKE
from likely_buyers.lake.builds import UNDER_WAY, last_builds
from likely_buyers.watching.errors import WatchingError

Row = Mapping[str, Any]
_QUERIES = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class State:
    """Figures of one moment.

    Attributes:
        passed_at: when the last build that passed had ended; None if none has.
        failure: what became of the last build, in words; '' if it passed.
        rows: by layer and fate.
        last_load: columns of last_load.sql; None before the first.
        outcomes: columns of outcomes.sql, an outcome after the other.
        distances: columns of distances.sql.
    """

    passed_at: datetime | None
    failure: str
    rows: Mapping[tuple[str, str], int]
    last_load: Row | None
    outcomes: Sequence[Row]
    distances: Sequence[Row]

    @property
    def unaccounted_lines(self) -> int:
        """Lines counted in the files that are neither in raw_events nor rejected; below zero there are too many."""
        rows = self.rows
        kept = rows["bronze", "raw"] + rows["bronze", "rejected"]
        return rows["files", "line"] - kept


def read_state(connection: duckdb.DuckDBPyConnection, *, beside_builds: bool = False) -> State:
    """The state of the lake that is attached to a connection.

    beside_builds: another process may build meanwhile, as on a server: a build without an end is no failure then.

    Raises:
        WatchingError: a table is not there yet, or of an earlier version.
    """
    try:
        build, failure = last_builds(connection)
        passed_at = None
        if beside_builds and failure.endswith(UNDER_WAY):
            failure = ""
        if build:
            found = connection.execute(
                "select epoch_us(snapshot_time) from ducklake_snapshots($lake) where snapshot_id = $id",
                {"lake": LAKE, "id": build.snapshot},
            ).fetchall()
            # of an earlier day than vars.keep_days its time is forgotten
            passed_at = datetime.fromtimestamp(found[0][0] / 1e6, UTC) if found else None
        loads = _rows(connection, "last_load")
        return State(
            passed_at=passed_at,
            failure=failure,
            rows={(r["layer"], r["fate"]): r["rows"] for r in _rows(connection, "rows")},
            last_load=loads[0] if loads else None,
            outcomes=_rows(connection, "outcomes"),
            distances=_rows(connection, "distances"),
        )
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise WatchingError(
            f"the lake does not have what a build makes: {first_line(error)} Run dbt build first (is"
            " LIKELY_BUYERS_STATE the same?)."
        ) from error


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    found = connection.execute((_QUERIES / f"{query}.sql").read_text())
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
