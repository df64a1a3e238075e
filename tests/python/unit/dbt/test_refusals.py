"""What dbt-duckdb prints of an expected error of a Python model: the message alone."""

import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pytest

from likely_buyers.dbt.delivery import add_functions
from likely_buyers.dbt.refusals import without_traceback
from likely_buyers.outcomes import BadOutcome
from likely_buyers.registry import RegistryError
from likely_buyers.terminal import Volume, set_volume


@contextmanager
def somewhere() -> Iterator[None]:
    yield


@without_traceback
def job(problem: str) -> int:
    with somewhere():
        if problem == "expected":
            raise RegistryError("no champion yet; train one: likely-buyers train --promote")
        return 1 // 0


def test_an_expected_error_is_its_message() -> None:
    with pytest.raises(RegistryError) as raised, somewhere():
        job("expected")
    shown = "".join(traceback.format_exception(raised.value))
    assert shown == ("likely_buyers: no champion yet; train one: likely-buyers train --promote\n")


def test_verbose_it_has_its_traceback() -> None:
    set_volume(Volume.VERBOSE)
    try:
        with pytest.raises(RegistryError) as raised:
            job("expected")
    finally:
        set_volume(Volume.USUAL)
    assert "Traceback" in "".join(traceback.format_exception(raised.value))


def test_an_error_of_the_program_has_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        job("a mistake")
    assert "Traceback" in "".join(traceback.format_exception(raised.value))


def test_an_expected_error_in_a_function_of_sql_is_its_message() -> None:
    """Else DuckDB tells where in the program it was raised."""

    def refusing(_request: dict[str, Any]) -> None:
        raise BadOutcome("the outcome 'x' is none")

    with duckdb.connect() as connection:
        add_functions(connection, refusing)
        told = connection.execute("select refusing('{}')").fetchall()
    assert json.loads(told[0][0]) == {"problem": ["the outcome 'x' is none"]}
