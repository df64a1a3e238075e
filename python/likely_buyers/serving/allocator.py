"""DuckDB's allocator, as queries of a millisecond want it."""

import os
import sys

SETTING = "DUCKDB_JE_MALLOC_CONF"
"""The environment variable that DuckDB's allocator, jemalloc, reads once, when DuckDB is loaded."""

KEPT = "dirty_decay_ms:-1,muzzy_decay_ms:-1"
"""Memory that a query frees stays with the process, so at most what its largest moment took."""


def keep_memory() -> None:
    """Begin the program anew, as the same process, unless the environment says what DuckDB does with free memory.

    It gives memory back to the system within moments, and takes it again with the next query: a score just in time
    waits for that. DuckDB has no setting for it that could be changed later.
    """
    if SETTING not in os.environ:
        os.environ[SETTING] = KEPT
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (the same words)
