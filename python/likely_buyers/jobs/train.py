"""The job behind training.model_versions: examples in, one more registered version out."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from likely_buyers.errors import without_traceback
from likely_buyers.registry import ModelVersion, Registry
from likely_buyers.terminal import say
from likely_buyers.training import TrainingSettings, fit

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

VERSIONS_SCHEMA = pa.schema(
    [
        ("model_name", pa.string()),
        ("model_version", pa.int32()),
        ("created_at", pa.timestamp("us")),
        ("as_of_date", pa.date32()),
        ("horizon_days", pa.int32()),
        ("metrics", pa.string()),
        ("windows", pa.string()),
        ("parameters", pa.string()),
        ("model_digest", pa.string()),
        ("feature_signature", pa.string()),
        ("scikit_learn_version", pa.string()),
    ]
)


@without_traceback
def train_version(
    examples: "DuckDBPyRelation", *, model_name: str, horizon_days: int, seed: int
) -> pa.Table:
    """Fit a model on training.examples, register it, and return all versions (`VERSIONS_SCHEMA`).

    Raises:
        TrainingError: nothing can be learned from the examples.
        RegistryError: the version cannot be registered.
    """
    table = examples.to_arrow_table()
    settings = TrainingSettings(horizon_days=horizon_days, seed=seed)
    model = fit(table, settings, progress=say)
    # the newest cutoff lies one horizon before as_of, so that its outcome is known
    as_of = pc.max(table["cutoff_date"]).as_py() + timedelta(days=horizon_days)
    features = table.select(model.feature_names).schema
    registry = Registry.from_environment(Path.cwd(), os.environ, model_name=model_name)
    version = registry.register(
        model.estimator,
        feature_names=model.feature_names,
        feature_types=[str(field.type) for field in features],
        metrics=model.metrics,
        as_of=as_of,
        horizon_days=horizon_days,
        at=datetime.now(UTC),
        windows={
            name: [cutoff.isoformat() for cutoff in cutoffs]
            for name, cutoffs in asdict(model.windows).items()
        },
        parameters={
            "chosen": model.chosen,
            "candidates": model.candidates,
            "calibration": model.calibration.method,
            "seed": seed,
            **model.notes,
        },
    )
    say(f"registered version {version.version} of {model_name} ({version.model_digest[:12]})")
    return versions_table(registry.versions())


def versions_table(versions: list[ModelVersion]) -> pa.Table:
    """Registered versions as rows of training.model_versions."""
    return pa.Table.from_pylist(
        [
            {
                "model_name": version.model_name,
                "model_version": version.version,
                "created_at": version.created_at.astimezone(UTC).replace(tzinfo=None),
                "as_of_date": version.as_of,
                "horizon_days": version.horizon_days,
                "metrics": json.dumps(dict(version.metrics), sort_keys=True),
                "windows": json.dumps(dict(version.windows), sort_keys=True),
                "parameters": json.dumps(dict(version.parameters), sort_keys=True),
                "model_digest": version.model_digest,
                "feature_signature": version.feature_signature,
                "scikit_learn_version": version.scikit_learn_version,
            }
            for version in versions
        ],
        schema=VERSIONS_SCHEMA,
    )
