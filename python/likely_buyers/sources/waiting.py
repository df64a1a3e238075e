"""Files that this process leaves for a later load: they are still growing, or were refused a moment ago.

A load is planned in the depths of a run of dbt, which has no place for a word of who started it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

_left: list[Collection[str]] = []


@contextmanager
def left_for_later(paths: Collection[str]) -> Iterator[None]:
    """Loads that are planned within see no files of these paths."""
    _left.append(frozenset(paths))
    try:
        yield
    finally:
        _left.pop()


def is_left_for_later(path: str) -> bool:
    """Whether a file is to be passed over now."""
    return any(path in paths for paths in _left)
