"""What training leaves to others while it fits: DuckDB's memory goes down, comes back, and few examples are read."""

import re
from collections.abc import Iterator

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from likely_buyers.dbt.jobs.memory import at_most, given_back
from likely_buyers.settings import Settings
from support.installation import PROJECT


@pytest.fixture
def connection() -> Iterator[DuckDBPyConnection]:
    with duckdb.connect(config={"memory_limit": "4GiB"}) as opened:
        yield opened


def limit(connection: DuckDBPyConnection) -> str:
    return str(connection.execute("select current_setting('memory_limit')").fetchall()[0][0])


def test_duckdb_has_little_memory_while_a_model_is_fitted_and_all_of_it_afterwards(
    connection: DuckDBPyConnection,
) -> None:
    with given_back(connection):
        assert limit(connection.cursor()) == "476.8 MiB"
    assert limit(connection) == "4.0 GiB"


def test_it_comes_back_after_an_error_too(connection: DuckDBPyConnection) -> None:
    with pytest.raises(RuntimeError, match="nothing learned"), given_back(connection):
        raise RuntimeError("nothing learned")
    assert limit(connection) == "4.0 GiB"


def test_a_lower_limit_of_the_users_stays(connection: DuckDBPyConnection) -> None:
    connection.execute("set memory_limit = '100MiB'")
    with given_back(connection):
        assert limit(connection) == "100.0 MiB"
    assert limit(connection) == "100.0 MiB"


def test_after_the_examples_dbt_gives_duckdb_what_the_profile_would() -> None:
    models = (PROJECT / "models/training/_training__models.yml").read_text()
    set_to = dict(re.findall(r"(\w+)_hook: .*memory_limit\('(\w+)'\)", models))
    assert set_to == {"pre": "2GB", "post": Settings.memory_limit}


def test_of_too_many_examples_those_of_some_users_are_read_the_same_ones_each_time(
    connection: DuckDBPyConnection,
) -> None:
    examples = "select 'u' || (i // 4) as user_id, i % 4 as cutoff from range(40000) as t (i)"
    given = connection.sql(examples)
    read = at_most(given, 10_000).fetchall()
    assert len(read) == pytest.approx(10_000, rel=0.1)
    users = {user for user, _ in read}
    assert len(read) == 4 * len(users)
    assert sorted(at_most(given.order("hash(user_id)"), 10_000).fetchall()) == sorted(read)
    assert len(at_most(given, 40_000)) == 40_000
    # those with the lowest hashes are the ones that the shop's sample of users begins with
    lowest = connection.sql(examples).order("md5(user_id)").limit(10_000).fetchall()
    assert len(users & {user for user, _ in lowest}) == pytest.approx(len(users) / 4, rel=0.2)
