"""Scoring on the executors: each Python worker loads the champions once, with all checks, and scores its rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from likely_buyers.outcomes import Outcome
from likely_buyers.registry import LoadedModel, ModelVersion, Registry
from likely_buyers.scoring import (
    PREDICTIONS_SCHEMA,
    Scorer,
    Scoring,
    population_columns,
    score_batches,
)
from likely_buyers.settings import Settings
from likely_buyers.spark.arrow import gathered, quoted, spark_schema, with_zone, without_zone

PACKED = "doubles of a row"
"""The column of them; no feature has such a name."""


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
    def of(
        cls, versions: Sequence[tuple[Outcome, ModelVersion | LoadedModel]], settings: Settings
    ) -> "Champions":
        """Of each outcome a version, and of the settings no secret."""
        return cls(
            tuple(outcome for outcome, _ in versions),
            tuple((model.model_name, model.version) for _, model in versions),
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


def scored_on_executors(
    features: Any, champions: Champions, scored_at: datetime, run_id: str
) -> Any:
    """Predictions of all rows of a frame of features, in `PREDICTIONS_SCHEMA` as Spark has it.

    The doubles of a row go to Python as one array: to hand over ninety columns takes Spark twice as long.
    """
    columns = dict(features.dtypes)
    doubles = [name for name, kind in columns.items() if kind == "double"]
    others = [quoted(name) for name in columns if name not in doubles]
    packed = features.selectExpr(
        *others, f"array({', '.join(map(quoted, doubles))}) as {quoted(PACKED)}"
    )
    return packed.mapInArrow(
        _on_executor(champions, scored_at, run_id, tuple(columns), tuple(doubles)),
        spark_schema(with_zone(PREDICTIONS_SCHEMA.empty_table()).schema),
    )


def _on_executor(
    champions: Champions,
    scored_at: datetime,
    run_id: str,
    columns: Sequence[str],
    doubles: Sequence[str],
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def predictions(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        scoring = Scoring(champions.load(), scored_at=scored_at, run_id=run_id)
        for features in gathered(unpacked(batch, columns, doubles) for batch in batches):
            told = _with_populations(without_zone(features), champions.outcomes)
            scored = score_batches(told, scoring)
            yield from with_zone(scored.read_all()).to_batches()

    return predictions


def unpacked(
    batch: pa.RecordBatch, columns: Sequence[str], doubles: Sequence[str]
) -> pa.RecordBatch:
    """Rows with a column for each feature again, in the order of `columns`."""
    values = batch.column(PACKED).flatten()
    shape = (batch.num_rows, len(doubles))
    # column by column in memory
    matrix, is_null = (
        np.asfortranarray(flat.to_numpy(zero_copy_only=False).reshape(shape))
        for flat in (values, values.is_null())
    )
    made = {
        name: pa.array(matrix[:, place], mask=is_null[:, place])
        for place, name in enumerate(doubles)
    }
    return pa.RecordBatch.from_pydict(
        {name: made[name] if name in made else batch.column(name) for name in columns}
    )


def _with_populations(features: pa.Table, outcomes: Sequence[Outcome]) -> pa.RecordBatchReader:
    """With who is in an outcome's population, by the same SQL as on one machine."""
    columns = population_columns(outcomes)
    if not columns:
        return features.to_reader()
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("user_features", features)
        query = f"select *, {', '.join(columns)} from user_features"
        return connection.execute(query).to_arrow_table().to_reader()
