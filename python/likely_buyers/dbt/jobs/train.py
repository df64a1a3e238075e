"""The job behind training.model_versions: examples in, one more registered version out."""

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from likely_buyers.dbt.jobs.each import of_each
from likely_buyers.dbt.jobs.memory import at_most, given_back
from likely_buyers.dbt.on_spark.frames import with_connection
from likely_buyers.dbt.refusals import without_traceback
from likely_buyers.outcomes import Outcome, Predicted
from likely_buyers.promotion import RANKING_METRICS
from likely_buyers.registry import ModelVersion, Registry, RegistryError
from likely_buyers.settings import Settings
from likely_buyers.terminal import Progress, say
from likely_buyers.training import (
    Champion,
    Examples,
    PurchaseModel,
    TrainedModel,
    TrainingError,
    TrainingSettings,
    as_file,
    fit,
    read_examples,
    reference_of,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_ROWS_AT_ONCE = 65_536
_EXPLAINED_EXAMPLES = 2_000

VERSIONS_SCHEMA = pa.schema(
    [
        ("outcome", pa.string()),
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
    examples: "DuckDBPyRelation", connection: "DuckDBPyConnection", *, predicted: Any, seed: int
) -> pa.Table:
    """Fit a model for each outcome, register it, and return all versions (`VERSIONS_SCHEMA`).

    An outcome for which nothing can be learned is told, and the others go on.

    Args:
        examples: training.examples.
        connection: theirs.
        predicted: what `Predicted.of` takes.
        seed: seed of training.

    Raises:
        TrainingError: nothing can be learned for any of the outcomes.
        RegistryError: a version cannot be registered.
    """
    of = Predicted.of(predicted)
    examples, connection = with_connection(examples, connection)

    def train(outcome: Outcome) -> None:
        registry = Registry.of(Settings.of(), model_name=of.model_name(outcome))
        _train(examples, outcome, registry, seed)

    with given_back(connection):
        of_each("model", of.outcomes, train)
    return versions_table(Registry.all_versions(Settings.of(), of.base))


def examples_of(examples: "DuckDBPyRelation", outcome: Outcome) -> "DuckDBPyRelation":
    """The examples of one outcome: user_id, cutoff_date, the features, `label`."""
    others = [name for name in examples.columns if name.startswith("label_")]
    return examples.filter(f"{outcome.label} is not null").project(
        f"* exclude ({', '.join(others)}), {outcome.label} as label"
    )


def _train(examples: "DuckDBPyRelation", outcome: Outcome, registry: Registry, seed: int) -> None:
    read, as_of, types = _read(examples_of(examples, outcome), outcome)
    settings = TrainingSettings(horizon_days=outcome.horizon_days, seed=seed)
    champion_version, champion = _champion(registry, outcome)
    advance = Progress("training", total=1)
    model = fit(read, settings, progress=say, champion=champion, advance=advance)
    version = registry.register(
        model.estimator,
        feature_names=model.feature_names,
        feature_types=types,
        metrics=model.metrics,
        as_of=as_of,
        horizon_days=outcome.horizon_days,
        at=datetime.now(UTC),
        windows={
            name: [cutoff.isoformat() for cutoff in cutoffs]
            for name, cutoffs in asdict(model.windows).items()
        },
        parameters={
            "outcome": outcome.definition,
            "candidates": model.candidates,
            "calibration": model.calibration.method,
            "seed": seed,
            **evidence_for_promotion(model, champion_version),
            **model.notes,
        },
        reference=as_file(_reference(read, model)),
    )
    digest = version.model_digest[:12]
    say(f"registered version {version.version} of {registry.model_name} ({digest})")


def _reference(read: Examples, model: TrainedModel) -> pa.Table:
    """What the model was trained on, with how much each feature moves its scores."""
    from likely_buyers.scoring.explaining import Explainer

    # a mean of so many is known to a fiftieth of their spread
    rows = np.random.default_rng(0).permutation(len(read))[:_EXPLAINED_EXAMPLES]
    contributions = Explainer(model.estimator).contributions(read.features[np.sort(rows)])
    return reference_of(
        read,
        np.abs(contributions).mean(axis=0),
        model.held_out_probabilities,
        model.held_out_users,
    )


def _read(examples: "DuckDBPyRelation", outcome: Outcome) -> tuple[Examples, date, list[str]]:
    """Examples of an outcome, the day they were made for, and the types of their features."""
    made_for = examples.project("as_of_date").limit(1).fetchall()
    if not made_for:
        raise TrainingError(
            f"no cutoff has its horizon of {outcome.horizon_days} days over by as_of"
            + (f" and somebody of whom '{outcome.population}' holds" if outcome.population else "")
            + ". Load older events, or give it a shorter horizon_days"
            + (" or another population." if outcome.population else ".")
        )
    batches = at_most(examples).project("* exclude (as_of_date)").to_arrow_reader(_ROWS_AT_ONCE)
    read = read_examples(batches)
    say(f"outcome '{outcome.name}': {len(read):,} examples")
    types = [str(batches.schema.field(name).type) for name in read.feature_names]
    return read, made_for[0][0], types


def _champion(registry: Registry, outcome: Outcome) -> tuple[int | None, Champion | None]:
    """The champion's number, and the champion where it can be compared with."""
    version = registry.champion()
    if version is None:
        return None, None
    try:
        loaded = registry.load(version)
    except RegistryError as error:
        say(f"the champion cannot be compared with: {error}")
        return version.version, None
    if changed := outcome.changed_since(loaded.horizon_days, loaded.definition):
        say(f"the champion cannot be compared with: {'; '.join(changed)}")
        return version.version, None
    if not isinstance(loaded.estimator, PurchaseModel):
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
                "outcome": version.outcome,
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
