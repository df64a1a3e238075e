"""Builds of gold, as each notes in the lake that it begins and how it ends (macros/sources/runs.sql)."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import duckdb

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.lake.attaching import opened
from likely_buyers.settings import Lake
from likely_buyers.terminal import say

UNDER_WAY = "was stopped or is under way"
"""Said of a build that has noted no end."""


@dataclass(frozen=True)
class PassedBuild:
    """A build of all of gold that passed its tests: the `snapshot` holds its `tables`, name -> materialization."""

    build_id: str
    snapshot: int
    tables: Mapping[str, str]


def last_builds(connection: duckdb.DuckDBPyConnection) -> tuple[PassedBuild | None, str]:
    """The last build that passed, and in words what became of the last one; '' if that is the one."""
    try:
        builds = connection.execute(
            "from likely_buyers.bronze.builds order by rowid desc"
        ).fetchall()
    except duckdb.CatalogException:
        builds = []
    if not builds:
        return None, "none has begun"
    last, *_, problem = builds[0]
    told = f"the last build, {last}, {problem or UNDER_WAY}"
    for build, snapshot, tables, _ in builds:
        if snapshot is not None:
            return PassedBuild(build, snapshot, json.loads(tables)), told if build != last else ""
    return None, told


@contextmanager
def opened_as_passed(
    lake: Lake, refusal: type[LikelyBuyersError]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, PassedBuild]]:
    """The lake, read only, as the last build that passed has left it, whatever ran since; and a word on a later one.

    Raises:
        refusal: there is no lake, another process holds it, or no build of gold has passed.
    """
    with opened(lake, refusal, read_only=True) as connection:
        build, last = last_builds(connection)
    if build is None:
        raise refusal(
            f"no build of all of gold has passed in {lake.catalog}: {last}. Nothing was done. Run dbt build (is"
            " LIKELY_BUYERS_STATE the same?), and then this again."
        )
    if last:
        say(f"{last}. Gold is as {build.build_id} left it, the last one that passed.")
    with opened(replace(lake, snapshot=build.snapshot), refusal, read_only=True) as connection:
        yield connection, build
