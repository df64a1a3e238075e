"""Features of a request, in any of the protocols' forms, as the matrix that a model takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from likely_buyers.evaluation import Floats
from likely_buyers.serving.bodies import MOST_ROWS, Invocation, Tensor
from likely_buyers.serving.errors import bad_request


def of_invocation(body: Invocation, features: Sequence[str]) -> Floats:
    """Features (rows, f) of MLflow's forms; NaN where missing.

    Raises:
        Refused: a feature is missing, rows differ in length, or a value is infinite.
    """
    if body.dataframe_split is not None:
        rows: Any = body.dataframe_split.data
        return _checked(
            _chosen(
                _matrix(rows, len(body.dataframe_split.columns)),
                body.dataframe_split.columns,
                features,
            )
        )
    if body.dataframe_records is not None:
        return _checked(_of_records(body.dataframe_records, features))
    inputs: Any = body.inputs
    if isinstance(inputs, dict):
        return _checked(_of_columns(inputs, features))
    if inputs and isinstance(inputs[0], dict):
        return _checked(_of_records(inputs, features))
    return _checked(_matrix(inputs or [], len(features)))


def of_tensors(tensors: Sequence[Tensor], features: Sequence[str]) -> Floats:
    """Features (rows, f) of Open Inference's tensors; NaN where missing.

    Raises:
        Refused: as `of_invocation`; or a tensor has not as many values as its shape says.
    """
    columns: dict[str, Any] = {}
    for tensor in tensors:
        values = _flat(tensor)
        if len(tensors) == 1 and len(tensor.shape) == 2 and tensor.name not in features:
            if tensor.shape[1] != len(features):
                raise bad_request(
                    f"the tensor {tensor.name!r} has {tensor.shape[1]} columns, and the model takes {len(features)}"
                    " features, in the order of its metadata."
                )
            return _checked(values.reshape(tensor.shape))
        if len(tensor.shape) == 2 and tensor.shape[1] != 1:
            raise bad_request(
                f"the tensor {tensor.name!r} has shape {tensor.shape}; expected [rows, 1] or [rows] of a feature, or a"
                " single tensor of all of them."
            )
        columns[tensor.name] = values
    return _checked(_of_columns(columns, features))


def _flat(tensor: Tensor) -> Floats:
    nested = bool(tensor.data) and isinstance(tensor.data[0], list)
    values = [cell for row in tensor.data for cell in row] if nested else tensor.data  # type: ignore[union-attr]
    expected = int(np.prod(tensor.shape))
    if len(values) != expected:
        raise bad_request(
            f"the tensor {tensor.name!r} has {len(values)} values, and shape {tensor.shape} means {expected}."
        )
    return np.array(values, dtype=np.float64)


def _matrix(rows: Sequence[Sequence[float | None]], columns: int) -> Floats:
    for place, row in enumerate(rows):
        if len(row) != columns:
            raise bad_request(
                f"row {place} has {len(row)} values, and there are {columns} columns."
            )
    return np.array(rows, dtype=np.float64).reshape(len(rows), columns)


def _of_records(records: Sequence[Mapping[str, float | None]], features: Sequence[str]) -> Floats:
    for record in records:
        _all_there(record, features)
    rows = [[record[name] for name in features] for record in records]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(features))


def _of_columns(columns: Mapping[str, Any], features: Sequence[str]) -> Floats:
    _all_there(columns, features)
    lengths = {len(columns[name]) for name in features}
    if len(lengths) > 1:
        raise bad_request(f"the columns have different lengths: {sorted(lengths)}.")
    return np.column_stack([np.array(columns[name], dtype=np.float64) for name in features])


def _chosen(matrix: Floats, columns: Sequence[str], features: Sequence[str]) -> Floats:
    if tuple(columns) == tuple(features):
        return matrix
    places = {name: place for place, name in enumerate(columns)}
    _all_there(places, features)
    return matrix[:, [places[name] for name in features]]


def _all_there(given: Mapping[str, Any], features: Sequence[str]) -> None:
    missing = [name for name in features if name not in given]
    if missing:
        rest = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise bad_request(
            f"features are missing: {', '.join(missing[:10])}{rest}. The model takes {len(features)}, those of"
            " silver.user_features; GET /v2/models/NAME names them. A value that is not known is null."
        )


def _checked(matrix: Floats) -> Floats:
    if len(matrix) > MOST_ROWS:
        raise bad_request(f"{len(matrix)} rows, and at most {MOST_ROWS} may come at once.")
    if np.isinf(matrix).any():
        raise bad_request("a value is infinite; expected numbers, or null where there is none.")
    return matrix
