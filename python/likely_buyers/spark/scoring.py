"""Scoring on the executors: each Python worker loads the champions once, with all checks, and scores its rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import duckdb
import pyarrow as pa

from likely_buyers.outcomes import Outcome
from likely_buyers.registry import Registry
from likely_buyers.scoring import (
    PREDICTIONS_SCHEMA,
    Scorer,
    Scoring,
    population_columns,
    score_batches,
)
from likely_buyers.settings import Settings
from likely_buyers.spark.arrow import gathered, with_zone, without_zone


@dataclass(frozen=True)
class Champions:
    """Who scores, as it is told to executors: names and versions, not models.

    Attributes:
        outcomes: what is predicted.
        versions: (name of the registered model, version) of each.
        settings: where the registry is, which the executors must reach.
    """

    outcomes: tuple[Outcome, ...]
    versions: tuple[tuple[str, int], ...]
    settings: Settings

    @classmethod
    def of(cls, scorers: Sequence[Scorer], settings: Settings) -> "Champions":
        """Those that are loaded here, and of the settings no secret."""
        return cls(
            tuple(scorer.outcome for scorer in scorers),
            tuple((scorer.model.model_name, scorer.model.version) for scorer in scorers),
            replace(settings, webhook=None),
        )

    def load(self) -> list[Scorer]:
        """The models, with digest, trusted types and scikit-learn's version checked; once a process.

        Raises:
            RegistryError: one cannot be loaded safely.
        """
        return _loaded(self)


@lru_cache(maxsize=4)
def _loaded(champions: Champions) -> list[Scorer]:
    return [
        Scorer(outcome, Registry.of(champions.settings, model_name=name).load(version))
        for outcome, (name, version) in zip(champions.outcomes, champions.versions, strict=True)
    ]


def predictions_on_executor(
    champions: Champions, scored_at: datetime, run_id: str
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What `mapInArrow` takes over rows of silver.user_features; gives `predictions_schema()`."""

    def predictions(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        scoring = Scoring(champions.load(), scored_at=scored_at, run_id=run_id)
        for features in gathered(batches):
            told = _with_populations(without_zone(features), champions.outcomes)
            scored = score_batches(told, scoring)
            yield from with_zone(scored.read_all()).to_batches()

    return predictions


def predictions_schema() -> pa.Schema:
    """`PREDICTIONS_SCHEMA`, as Spark has it."""
    return with_zone(PREDICTIONS_SCHEMA.empty_table()).schema


def _with_populations(features: pa.Table, outcomes: Sequence[Outcome]) -> pa.RecordBatchReader:
    """With who is in an outcome's population, by the same SQL as on one machine."""
    columns = population_columns(outcomes)
    if not columns:
        return features.to_reader()
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("user_features", features)
        query = f"select *, {', '.join(columns)} from user_features"
        return connection.execute(query).to_arrow_table().to_reader()
