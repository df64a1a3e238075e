"""What Spark reports of an error, in words of the project where there are some."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from dbt_common.exceptions import DbtRuntimeError

from likely_buyers.errors import LikelyBuyersError

# as Python prints what was raised, at the end of the traceback that Spark hands on from a Python worker
_OF_OURS = re.compile(
    r"^likely_buyers[\w.]*: (.+?)(?=\n\s*\n|\n\s+at |\Z)", re.MULTILINE | re.DOTALL
)


_JAVA_FRAMES = re.compile(r"\n+(?:JVM stacktrace:\n.*|\s+at [\w.$]+\(.*)", re.DOTALL)


@contextmanager
def told_by_dbt() -> Iterator[None]:
    """What is raised within becomes dbt's own error, with what to tell of it."""
    try:
        yield
    except LikelyBuyersError as error:
        raise DbtRuntimeError(f"likely_buyers: {error}") from None
    except Exception as error:
        raise DbtRuntimeError(_in_words(error)) from error


def _in_words(error: BaseException) -> str:
    """Of an error of Spark's client; without Java's frames where its own message says it best."""
    if _is_of_connection(error):
        return (
            f"likely_buyers: Spark's Connect server at {os.environ.get('SPARK_REMOTE', '')} does not answer any more."
            " Tables are whole, those of this build are new only in part. See why it ended (its log, its memory), start"
            " it, and run the build again: it does what is left."
        )
    raised = _OF_OURS.search(str(error))
    if raised and "Traceback" in str(error):
        return f"likely_buyers: on an executor of Spark: {raised[1].strip()}"
    return _JAVA_FRAMES.sub("", str(error))


def _is_of_connection(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__name__ == "RetriesExceeded" or "StatusCode.UNAVAILABLE" in str(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
