"""Memory while a model is fitted: DuckDB gives its own back, and what is read of the examples is bounded."""

from collections.abc import Iterator
from contextlib import contextmanager

from duckdb import DuckDBPyConnection, DuckDBPyRelation

# With 80 features half a gigabyte of doubles, and more than the final fit takes.
_MOST_EXAMPLES = 700_000
# Enough to hand out examples batch by batch. What DuckDB keeps beyond it is a cache of files it has just written.
_WHILE_FITTING = "500MB"
_PARTS = 1_000_000


@contextmanager
def given_back(connection: DuckDBPyConnection) -> Iterator[None]:
    """Within it DuckDB keeps little memory; afterwards, or after an error, it may use as much as before."""
    before, lower = connection.execute(
        """
        select current_setting('memory_limit') as memory_limit,
            parse_formatted_bytes($1) < parse_formatted_bytes(memory_limit)
        """,
        [_WHILE_FITTING],
    ).fetchall()[0]
    if lower:
        connection.execute(f"set memory_limit = '{_WHILE_FITTING}'")
    try:
        yield
    finally:
        connection.execute(f"set memory_limit = '{before}'")


def at_most(examples: DuckDBPyRelation, most: int = _MOST_EXAMPLES) -> DuckDBPyRelation:
    """About `most` of the examples: those of some users, at all cutoffs, chosen by a hash of the user's id.

    Another half of the hash than the one that chose `training_users`, by which all are alike.
    """
    count = len(examples)
    if count <= most:
        return examples
    return examples.filter(f"md5_number_lower(user_id) % {_PARTS} < {_PARTS * most // count}")
