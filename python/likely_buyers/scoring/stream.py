"""The stream from features to predictions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likely_buyers.outcomes import Outcome, nested_chains
from likely_buyers.parallel import in_order
from likely_buyers.registry import LoadedModel
from likely_buyers.registry.matrix import ARROW_TYPES, feature_matrix
from likely_buyers.scoring.errors import FeatureTableMismatch, OutcomeMismatch

# Large enough that a call costs nothing beside its rows, small enough for a core's cache.
BATCH_ROWS = 16_384
_BATCHES_AHEAD = 8
KEYS = ("user_id", "as_of_date")
PREDICTIONS_SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("outcome", pa.string()),
        ("as_of_date", pa.date32()),
        ("horizon_days", pa.int32()),
        ("probability", pa.float64()),
        ("model_name", pa.string()),
        ("model_version", pa.int32()),
        ("model_digest", pa.string()),
        ("scored_with", pa.string()),
        ("scored_at", pa.timestamp("us")),
        ("run_id", pa.string()),
    ]
)


POPULATION = "in_population_of_"
"""How columns of features are named that say who is in an outcome's population."""


@dataclass(frozen=True)
class Scorer:
    """An outcome, and the version of its model that scores."""

    outcome: Outcome
    model: LoadedModel


@dataclass(frozen=True)
class Scoring:
    """Who scores together, and how the run is signed.

    `scored_at` is UTC without a zone.
    """

    scorers: Sequence[Scorer]
    scored_at: datetime
    run_id: str

    @cached_property
    def chains(self) -> list[list[int]]:
        """Places of scorers whose outcomes are nested in each other, the shortest horizon first."""
        return nested_chains([scorer.outcome for scorer in self.scorers])

    def scored_with(self, place: int) -> str | None:
        """The versions that the probabilities of a scorer were nested with, as 'name version, name version'."""
        others = [
            self.scorers[other].model
            for chain in self.chains
            if place in chain
            for other in chain
            if other != place
        ]
        return ", ".join(f"{model.model_name} {model.version}" for model in others) or None


def population_columns(outcomes: Sequence[Outcome]) -> list[str]:
    """SQL of the columns that say who is in the population of each outcome that has one."""
    return [
        f"coalesce(({outcome.population}), false) as {POPULATION}{outcome.name}"
        for outcome in outcomes
        if outcome.population
    ]


def score_batches(
    features: pa.RecordBatchReader,
    scoring: Scoring,
    progress: Callable[[int], None] | None = None,
) -> pa.RecordBatchReader:
    """One prediction per row of `features` and outcome of whose population it is, in `PREDICTIONS_SCHEMA`.

    Where outcomes are nested, so are the probabilities of a user: a shorter horizon's is at most a longer one's. They
    are moved as little as possible for it, in squares (isotonic regression: Barlow et al., Statistical Inference under
    Order Restrictions, 1972), by which their squared error all together can only fall.

    Args:
        features: `user_id`, `as_of_date`, exactly the models' features in their order, and `population_columns`.
        scoring: the models and the run.
        progress: called with the rows scored so far.

    Raises:
        FeatureTableMismatch: names, order or types of the columns differ from a model's signature.
        OutcomeMismatch: a model was trained for another outcome of the same name.
    """
    for scorer in scoring.scorers:
        check_outcome(scorer)
        check_signature(features.schema, scorer.model)

    def predictions() -> Iterator[pa.RecordBatch]:
        done = 0
        batches = (batch for batch in features if batch.num_rows)
        for rows, scored in in_order(
            lambda batch: (batch.num_rows, _scored(batch, scoring)), batches, ahead=_BATCHES_AHEAD
        ):
            yield from scored
            done += rows
            if progress:
                progress(done)

    return pa.RecordBatchReader.from_batches(PREDICTIONS_SCHEMA, predictions())


def nested(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest probabilities (outcomes, users) that do not fall from one outcome to the next; NaN stays NaN.

    By the min-max formula of isotonic regression: of each outcome the largest, over the outcomes before, of the least
    mean from there to one behind.
    """
    known = ~np.isnan(probabilities)
    falls = np.fmax.accumulate(np.where(known, probabilities, -np.inf)) > probabilities
    columns = np.flatnonzero(falls.any(axis=0))
    if not len(columns):
        return probabilities
    p, known = probabilities[:, columns], known[:, columns]
    sums = np.vstack([np.zeros(len(columns)), np.where(known, p, 0).cumsum(axis=0)])
    counts = np.vstack([np.zeros(len(columns)), known.cumsum(axis=0)])
    moved = np.full_like(p, np.nan)
    for place in range(len(p)):
        best = np.full(len(columns), -np.inf)
        for first in range(place + 1):
            lowest = np.full(len(columns), np.inf)
            for last in range(place, len(p)):
                count = np.maximum(counts[last + 1] - counts[first], 1)
                lowest = np.minimum(lowest, (sums[last + 1] - sums[first]) / count)
            best = np.maximum(best, lowest)
        moved[place] = np.where(known[place], best, np.nan)
    found = probabilities.copy()
    # what rounding leaves of a fall
    found[:, columns] = np.where(known, np.fmax.accumulate(moved), np.nan)
    return found


def check_outcome(scorer: Scorer) -> None:
    """Raises OutcomeMismatch unless the model was trained for the outcome as it is configured."""
    outcome, model = scorer.outcome, scorer.model
    if changed := outcome.changed_since(model.horizon_days, model.definition):
        raise OutcomeMismatch(
            f"the champion, {model.label}, was trained for another outcome '{outcome.name}' than vars.outcomes has now:"
            f" {'; '.join(changed)}. Change it back, give the new outcome a name of its own, or train for it:"
            f" likely-buyers train --promote --outcome {outcome.name}"
        )


def probabilities(batch: pa.RecordBatch, model: LoadedModel) -> NDArray[np.float64]:
    """Probabilities (rows,) of a batch of features.

    Raises:
        FeatureTableMismatch: names, order or types of the columns differ from the model's signature.
    """
    check_signature(batch.schema, model)
    return np.asarray(
        model.estimator.predict_proba(feature_matrix(batch, model.feature_names))[:, 1],
        dtype=np.float64,
    )


def check_signature(schema: pa.Schema, model: LoadedModel) -> None:
    """Whether columns besides the keys are exactly the model's features, in order and type.

    Raises:
        FeatureTableMismatch: they are not.
    """
    found = [
        (field.name, str(field.type))
        for field in schema
        if field.name not in KEYS and not field.name.startswith(POPULATION)
    ]
    expected = [
        (name, ARROW_TYPES.get(kind, kind))
        for name, kind in zip(model.feature_names, model.feature_types, strict=True)
    ]
    if found == expected:
        return
    found_names, expected_names = [name for name, _ in found], [name for name, _ in expected]
    differences = [
        *_listed("missing", [name for name in expected_names if name not in found_names]),
        *_listed("not known to it", [name for name in found_names if name not in expected_names]),
    ]
    if not differences:
        kinds = dict(found)
        differences = _listed(
            "of another type",
            [
                f"{name} ({kinds[name]} for {kind})"
                for name, kind in expected
                if kinds[name] != kind
            ],
        ) or ["the same columns in another order"]
    raise FeatureTableMismatch(
        f"silver.user_features does not fit the champion, {model.label}: {'; '.join(differences)}."
        f" It was trained on {len(expected)} features,"
        f" and the table has {len(found)}. Train on the table as it is: likely-buyers train --promote;"
        " or go back to the SQL of the features that the champion knows."
    )


def _listed(what: str, names: Sequence[str], most: int = 10) -> list[str]:
    if not names:
        return []
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return [f"{what}: {', '.join(names[:most])}{rest}"]


def _scored(batch: pa.RecordBatch, scoring: Scoring) -> list[pa.RecordBatch]:
    """A batch of predictions for each outcome."""
    scorers = scoring.scorers
    inside = [_in_population(batch, scorer.outcome) for scorer in scorers]
    # every model that fits the table has its columns in their order
    X = feature_matrix(batch, scorers[0].model.feature_names)
    p = np.full((len(scorers), len(X)), np.nan)
    for place, scorer in enumerate(scorers):
        rows = inside[place]
        if rows.any():
            own = X if rows.all() else X[rows]
            p[place, rows] = scorer.model.estimator.predict_proba(own)[:, 1]
    for chain in scoring.chains:
        p[chain] = nested(p[chain])
    return [
        _predictions(batch, scoring, place, inside[place], p[place])
        for place in range(len(scorers))
    ]


def _in_population(batch: pa.RecordBatch, outcome: Outcome) -> NDArray[np.bool_]:
    if not outcome.population:
        return np.ones(batch.num_rows, dtype=bool)
    column = batch.column(f"{POPULATION}{outcome.name}")
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=bool)


def _predictions(
    batch: pa.RecordBatch,
    scoring: Scoring,
    place: int,
    rows: NDArray[np.bool_],
    p: NDArray[np.float64],
) -> pa.RecordBatch:
    scorer = scoring.scorers[place]
    model = scorer.model
    keys, p = (batch, p) if rows.all() else (batch.filter(pa.array(rows)), p[rows])
    constants = {
        "outcome": scorer.outcome.name,
        "horizon_days": scorer.outcome.horizon_days,
        "model_name": model.model_name,
        "model_version": model.version,
        "model_digest": model.model_digest,
        "scored_with": scoring.scored_with(place),
        "scored_at": scoring.scored_at,
        "run_id": scoring.run_id,
    }
    columns = [
        pa.repeat(pa.scalar(constants[field.name], field.type), len(p))
        if field.name in constants
        else pa.array(p)
        if field.name == "probability"
        else keys.column(field.name).cast(field.type)
        for field in PREDICTIONS_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PREDICTIONS_SCHEMA)
