"""The stream from features to predictions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likely_buyers.parallel import in_order
from likely_buyers.registry import LoadedModel
from likely_buyers.scoring.errors import FeatureTableMismatch, HorizonMismatch

# Large enough that a call costs nothing beside its rows, small enough for a core's cache.
BATCH_ROWS = 16_384
_BATCHES_AHEAD = 8
KEYS = ("user_id", "as_of_date")
PREDICTIONS_SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("as_of_date", pa.date32()),
        ("horizon_days", pa.int32()),
        ("probability", pa.float64()),
        ("model_name", pa.string()),
        ("model_version", pa.int32()),
        ("model_digest", pa.string()),
        ("scored_at", pa.timestamp("us")),
        ("run_id", pa.string()),
    ]
)
# MLflow's names of the types a feature may have.
_ARROW_TYPES = {"double": "double", "float": "float", "long": "int64", "integer": "int32"}


@dataclass(frozen=True)
class Scoring:
    """Who scores, how far ahead, and how the run is signed.

    `scored_at` is UTC without a zone.
    """

    model: LoadedModel
    horizon_days: int
    scored_at: datetime
    run_id: str


def score_batches(
    features: pa.RecordBatchReader,
    scoring: Scoring,
    progress: Callable[[int], None] | None = None,
) -> pa.RecordBatchReader:
    """One prediction per row of `features`, batch by batch, in `PREDICTIONS_SCHEMA`.

    Args:
        features: `user_id`, `as_of_date` and exactly the model's features in the model's order.
        scoring: the model and the run.
        progress: called with the rows scored so far.

    Raises:
        FeatureTableMismatch: names, order or types of the columns differ from the model's signature.
        HorizonMismatch: the model was trained for another horizon.
    """
    model = scoring.model
    if model.horizon_days != scoring.horizon_days:
        raise HorizonMismatch(
            f"the champion, version {model.version} of {model.model_name}, looks {model.horizon_days}"
            f" days ahead, and vars.horizon_days is {scoring.horizon_days}. Set it to"
            f" {model.horizon_days}, or train for it: likely-buyers train --promote"
            f" --vars '{{horizon_days: {scoring.horizon_days}}}'."
        )
    check_signature(features.schema, model)

    def predictions() -> Iterator[pa.RecordBatch]:
        done = 0
        batches = (batch for batch in features if batch.num_rows)
        for scored in in_order(
            lambda batch: _scored(batch, scoring), batches, ahead=_BATCHES_AHEAD
        ):
            yield scored
            done += scored.num_rows
            if progress:
                progress(done)

    return pa.RecordBatchReader.from_batches(PREDICTIONS_SCHEMA, predictions())


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
    found = [(field.name, str(field.type)) for field in schema if field.name not in KEYS]
    expected = [
        (name, _ARROW_TYPES.get(kind, kind))
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
        f"silver.user_features does not fit the champion, version {model.version} of"
        f" {model.model_name}: {'; '.join(differences)}. It was trained on {len(expected)} features,"
        f" and the table has {len(found)}. Train on the table as it is: likely-buyers train --promote;"
        " or go back to the SQL of the features that the champion knows."
    )


def _listed(what: str, names: Sequence[str], most: int = 10) -> list[str]:
    if not names:
        return []
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return [f"{what}: {', '.join(names[:most])}{rest}"]


def _scored(batch: pa.RecordBatch, scoring: Scoring) -> pa.RecordBatch:
    model = scoring.model
    probability = model.estimator.predict_proba(feature_matrix(batch, model.feature_names))[:, 1]
    constants = {
        "horizon_days": scoring.horizon_days,
        "model_name": model.model_name,
        "model_version": model.version,
        "model_digest": model.model_digest,
        "scored_at": scoring.scored_at,
        "run_id": scoring.run_id,
    }
    columns = [
        pa.repeat(pa.scalar(constants[field.name], field.type), batch.num_rows)
        if field.name in constants
        else pa.array(probability)
        if field.name == "probability"
        else batch.column(field.name).cast(field.type)
        for field in PREDICTIONS_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PREDICTIONS_SCHEMA)


def feature_matrix(batch: pa.RecordBatch, feature_names: Sequence[str]) -> NDArray[np.float64]:
    """Features as (rows, features), NaN for null; column by column in memory, as Arrow has them."""
    tensor = batch.select(list(feature_names)).to_tensor(null_to_nan=True, row_major=False)
    return np.asarray(tensor.to_numpy(), dtype=np.float64)
