"""What a build does with its metrics: the record of it always, the rest only where it is configured."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb

from likely_buyers.errors import LikelyBuyersError, said_by
from likely_buyers.settings import Settings
from likely_buyers.watching.metrics import send, write_file
from likely_buyers.watching.record import BuildRecord
from likely_buyers.watching.state import read_state


def tell_build(
    connection: duckdb.DuckDBPyConnection,
    request: Mapping[str, Any],
    problem: str | None,
    warn: Callable[[str], None],
) -> None:
    """Keep the record of a build of gold, and write and send its metrics where the settings name a place for them.

    What fails here is told and fails no build: gold is what it is.

    Args:
        connection: to which the lake is attached.
        request: of the macro end_run.
        problem: why the build did not pass.
        warn: is given what failed.
    """
    settings = Settings.of()
    record = BuildRecord.of(request, problem, datetime.now(UTC))
    try:
        record.write(settings.state)
        if not (settings.metrics_file or settings.dogstatsd):
            return
        # of a first build that failed there are no tables yet
        state = read_state(connection) if problem is None else _state_if_any(connection)
        if settings.metrics_file:
            write_file(settings.metrics_file, state, record)
        if settings.dogstatsd:
            send(settings.dogstatsd, state, record)
    except (LikelyBuyersError, OSError, duckdb.Error) as error:
        warn(f"the metrics of this build were not written: {said_by(error)}")


def _state_if_any(connection: duckdb.DuckDBPyConnection) -> Any:
    try:
        return read_state(connection)
    except LikelyBuyersError:
        return None
