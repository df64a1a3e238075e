"""Where the stream's tables are: what each engine says of loaded files, and how it scores whom new days are of."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Protocol

import duckdb

from likely_buyers.errors import LikelyBuyersError, own_words
from likely_buyers.lake import opened
from likely_buyers.scoring import Scorer
from likely_buyers.settings import Lake, Settings
from likely_buyers.sources.register import known_files
from likely_buyers.streaming import Scored, StreamingError, score_touched

Champions = Callable[[], Sequence[Scorer]]


class LiveTables(Protocol):
    """Tables that a stream loads into and scores from."""

    maps_all: ClassVar[bool]
    """Whether silver.mapped_rows has every line, and not only what the mapping's `rows` makes."""

    def files(self, mapping_name: str) -> dict[str, tuple[int, str]]:
        """Size and time of change of each file that is loaded, by path.

        Raises:
            StreamingError: nothing was built yet, or nobody answers.
        """

    def score(self, champions: Champions) -> Scored:
        """Score the users whose days have changed, and append to gold.live_scores."""


@dataclass(frozen=True)
class TablesOfLake:
    """DuckDB's; the lake is let go of after each call."""

    maps_all: ClassVar[bool] = False

    lake: Lake
    features: str
    as_of: date | None

    def files(self, mapping_name: str) -> dict[str, tuple[int, str]]:
        """As `LiveTables` says."""
        with opened(self.lake, StreamingError, read_only=True) as connection:
            try:
                return _stamps(known_files(connection, mapping_name))
            except duckdb.CatalogException as error:
                raise StreamingError(
                    f"nothing was built in {self.lake.catalog} yet. Run dbt build once, and then this again."
                ) from error

    def score(self, champions: Champions) -> Scored:
        """As `LiveTables` says, in one transaction."""
        with opened(self.lake, StreamingError, read_only=False) as connection:
            now = datetime.now(UTC).replace(tzinfo=None)
            return score_touched(connection, self.features, champions, self.as_of, now)


@dataclass(frozen=True)
class TablesOfSpark:
    """Delta's, asked through the session that dbt has with the Connect server."""

    maps_all: ClassVar[bool] = True

    features: str
    as_of: date | None

    def files(self, mapping_name: str) -> dict[str, tuple[int, str]]:
        """As `LiveTables` says."""
        from likely_buyers.dbt.on_spark.functions import SparkFunctions
        from likely_buyers.streaming.on_spark import built_version

        with _session() as spark:
            built_version(spark)
            return _stamps(SparkFunctions(spark).known_files(mapping_name))

    def score(self, champions: Champions) -> Scored:
        """As `LiveTables` says, by a query of Structured Streaming."""
        from likely_buyers.streaming.on_spark import score_changes

        with _session() as spark:
            return score_changes(spark, self.features, champions(), self.as_of, Settings.of())


@contextmanager
def _session() -> Iterator[Any]:
    """The session, a new one where the server is; what Spark raises within is said as a build says it.

    Raises:
        StreamingError: Spark refused, or does not answer.
    """
    from likely_buyers.dbt.on_spark.adapter import session
    from likely_buyers.dbt.on_spark.refusals import in_words

    try:
        yield session()
    except LikelyBuyersError:
        raise
    except Exception as error:
        told = in_words(error, "See why it ended (its log, its memory), and start it.")
        raise StreamingError(own_words(told)) from error


def _stamps(files: Sequence[tuple[str, int, str, str, str]]) -> dict[str, tuple[int, str]]:
    return {path: (size, modified_at) for path, size, modified_at, *_ in files}
