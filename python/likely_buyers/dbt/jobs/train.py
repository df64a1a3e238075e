"""The job behind training.model_versions: examples in, one more registered version out."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from likely_buyers.dbt.refusals import without_traceback
from likely_buyers.promotion import RANKING_METRICS
from likely_buyers.registry import ModelVersion, Registry, RegistryError
from likely_buyers.settings import Settings
from likely_buyers.terminal import Progress, say
from likely_buyers.training import Champion, PurchaseModel, TrainedModel, TrainingSettings, fit

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
    whole = examples.to_arrow_table()
    table = whole.drop_columns(["as_of_date"])
    settings = TrainingSettings(horizon_days=horizon_days, seed=seed)
    registry = Registry.of(Settings.of(), model_name=model_name)
    champion_version, champion = _champion(registry, horizon_days)
    advance = Progress("training", total=1)
    model = fit(table, settings, progress=say, champion=champion, advance=advance)
    features = table.select(model.feature_names).schema
    version = registry.register(
        model.estimator,
        feature_names=model.feature_names,
        feature_types=[str(field.type) for field in features],
        metrics=model.metrics,
        as_of=whole["as_of_date"][0].as_py(),
        horizon_days=horizon_days,
        at=datetime.now(UTC),
        windows={
            name: [cutoff.isoformat() for cutoff in cutoffs]
            for name, cutoffs in asdict(model.windows).items()
        },
        parameters={
            "candidates": model.candidates,
            "calibration": model.calibration.method,
            "seed": seed,
            **evidence_for_promotion(model, champion_version),
            **model.notes,
        },
    )
    say(f"registered version {version.version} of {model_name} ({version.model_digest[:12]})")
    return versions_table(registry.versions())


def _champion(registry: Registry, horizon_days: int) -> tuple[int | None, Champion | None]:
    """The champion's number, and the champion where it can be compared with."""
    version = registry.champion()
    if version is None:
        return None, None
    try:
        loaded = registry.load(version)
    except RegistryError as error:
        say(f"the champion cannot be compared with: {error}")
        return version.version, None
    if not isinstance(loaded.estimator, PurchaseModel) or loaded.horizon_days != horizon_days:
        return version.version, None
    return version.version, Champion(loaded.estimator, loaded.feature_names, loaded.as_of)


def evidence_for_promotion(model: TrainedModel, champion_version: int | None) -> dict[str, Any]:
    """What `promotion.judge` reads: metrics out of time of the simple rules and of the champion."""
    against = None
    if model.comparison is not None:
        against = {
            "version": champion_version,
            "kind": model.comparison.kind,
            "cutoffs": [cutoff.isoformat() for cutoff in model.comparison.cutoffs],
            "champion": {name: model.comparison.champion[name] for name in RANKING_METRICS},
            "challenger": {name: model.comparison.challenger[name] for name in RANKING_METRICS},
            "difference": asdict(model.comparison.difference),
        }
    return {
        "chosen": model.chosen,
        "why": model.why,
        "tells_buyers_apart": model.tells_buyers_apart,
        "held_out": model.held_out,
        "rules": {
            rule: {name: metrics[name] for name in RANKING_METRICS}
            for rule, metrics in model.rules.items()
        },
        "against_champion": against,
    }


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
