"""dbt-spark, with two things that it has not: Python models on a session, and functions of ours for macros.

Open-source Spark runs no Python model with dbt-spark alone: its ways to submit one speak to one vendor's service. Here
the code runs in the process of dbt, on the session that dbt-spark has with the Connect server; what the model makes is
computed by the executors.
"""

import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from dbt_common.exceptions import DbtRuntimeError
from dbt_common.invocation import get_invocation_id

from likely_buyers.dbt.on_spark.refusals import told_by_dbt

# 17 seconds after the first
_TIMES_TRIED = 5


class SessionJob:
    """Runs a Python model, as dbt's `PythonJobHelper`."""

    def __init__(self, parsed_model: dict[str, Any], credentials: Any) -> None:
        self._name = parsed_model.get("alias", "")

    def submit(self, compiled_code: str) -> str:
        """Run the code; what it raises fails the build."""
        with told_by_dbt():
            # the code of a model of this project, compiled by dbt
            exec(compile(compiled_code.lstrip(), f"<{self._name}>", "exec"), {"spark": session()})  # noqa: S102
        return self._name


def install() -> None:
    """Add both to dbt-spark's adapter; a second call does nothing."""
    from dbt.adapters.contracts.connection import AdapterResponse
    from dbt.adapters.spark.connections import SparkConnectionManager
    from dbt.adapters.spark.impl import SparkAdapter

    from likely_buyers.dbt.on_spark.functions import SparkFunctions

    if "likely_buyers" in SparkAdapter._available_:
        return
    # dbt-spark asks for Hive with each statement, which a Connect server has settled when it started
    warnings.filterwarnings("ignore", message="Failed to set spark.sql.catalogImplementation")
    opened = SparkConnectionManager.open.__func__

    def open_on_server(manager: Any, connection: Any) -> Any:
        _check_remote()
        return opened(manager, connection)

    SparkConnectionManager.open = classmethod(open_on_server)
    handled = SparkConnectionManager.exception_handler

    @contextmanager
    def handled_in_words(manager: Any, sql: str) -> Iterator[None]:
        with handled(manager, sql), told_by_dbt():
            yield

    SparkConnectionManager.exception_handler = handled_in_words
    functions: dict[str, SparkFunctions] = {}
    one_at_a_time = Lock()

    def likely_buyers(adapter: Any, name: str, request: Any = None) -> Any:
        """What a function of `SparkFunctions` answers, to one of dbt's threads at a time."""
        with one_at_a_time:
            run = get_invocation_id()
            if run not in functions:
                # a process may run dbt several times: what another has loaded meanwhile is not known to the one before
                while functions:
                    functions.popitem()[1].end_run({})
                functions[run] = SparkFunctions(session())
            function: Callable[..., Any] = getattr(functions[run], name)
            given = json.loads(request) if isinstance(request, str) else request
            if name not in SparkFunctions.at_once:
                with told_by_dbt():
                    return function(given) if given is not None else function()
        with told_by_dbt():
            return function(given)

    SparkAdapter.likely_buyers = likely_buyers
    # dbt's macros may call what stands here
    SparkAdapter._available_ = SparkAdapter._available_ | {"likely_buyers"}
    SparkAdapter.python_submission_helpers = property(lambda adapter: {"session": SessionJob})
    SparkAdapter.default_python_submission_method = property(lambda adapter: "session")
    SparkAdapter.generate_python_submission_response = lambda adapter, result: AdapterResponse(
        _message="OK"
    )


def session() -> Any:
    """The session that dbt-spark's method `session` has, too. Days are days of UTC.

    Raises:
        DbtRuntimeError: no Connect server is named.
    """
    _check_remote()
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.retries import DefaultPolicy

    found = SparkSession.builder.getOrCreate()
    # as long as a network may be gone, not ten minutes: a server that was started again knows nothing of this session
    found.client.set_retry_policies([DefaultPolicy(max_retries=_TIMES_TRIED)])
    found.conf.set("spark.sql.session.timeZone", "UTC")
    found.conf.set("spark.sql.pyspark.jvmStacktrace.enabled", "false")
    # Java compiles no method of more bytes, and ninety features make one: rows then take four times as long
    found.conf.set("spark.sql.codegen.hugeMethodLimit", "8000")
    # a product of decimals keeps all its digits, as on DuckDB, or fails
    found.conf.set("spark.sql.decimalOperations.allowPrecisionLoss", "false")
    return found


def _check_remote() -> None:
    """Raises DbtRuntimeError where no Connect server is named: dbt-spark would start a Spark without Delta."""
    if not os.environ.get("SPARK_REMOTE", "").startswith("sc://"):
        raise DbtRuntimeError(
            "likely_buyers: the target is Spark, and SPARK_REMOTE does not say where its Connect server is"
            f" (sc://host:15002); found: '{os.environ.get('SPARK_REMOTE', '')}'. Set it, choose another target, or try"
            " a cluster of this machine: make spark-demo. docs/spark.md says what a cluster needs."
        )
