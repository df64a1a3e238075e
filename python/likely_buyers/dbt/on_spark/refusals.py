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
_OF_A_BUILD = (
    "Tables are whole, those of this build are new only in part. See why it ended (its log, its memory), start it, and"
    " run the build again: it does what is left."
)
# and of what a batch of Structured Streaming raised: the last line says what the first cause was
_OF_BATCH = re.compile(r"^[\w.]+(?:Error|Exception): .+", re.MULTILINE)
_JAVA_FRAMES = re.compile(r"\n+(?:JVM stacktrace:\n.*|\s+at [\w.$]+\(.*)", re.DOTALL)


@contextmanager
def told_by_dbt() -> Iterator[None]:
    """What is raised within becomes dbt's own error, with what to tell of it."""
    try:
        yield
    except LikelyBuyersError as error:
        raise DbtRuntimeError(f"likely_buyers: {error}") from None
    except Exception as error:
        raise DbtRuntimeError(in_words(error)) from error


def in_words(error: BaseException, gone: str = _OF_A_BUILD) -> str:
    """Of an error of Spark's client; without Java's frames where its own message says it best.

    gone: what follows where the server is.
    """
    if _is_of_connection(error):
        server = os.environ.get("SPARK_REMOTE", "")
        return f"likely_buyers: Spark's Connect server at {server} does not answer. {gone}"
    raised = _OF_OURS.search(str(error))
    if raised and "Traceback" in str(error):
        return f"likely_buyers: on an executor of Spark: {raised[1].strip()}"
    if "foreachBatch" in str(error) and (causes := _OF_BATCH.findall(str(error))):
        return f"likely_buyers: in a batch on Spark, whose log has the rest: {causes[-1]}"
    return _JAVA_FRAMES.sub("", str(error))


def _is_of_connection(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__name__ == "RetriesExceeded" or "StatusCode.UNAVAILABLE" in str(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
