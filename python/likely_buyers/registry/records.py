"""What the registry hands out: versions, loaded models, promotions. No MLflow in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from likely_buyers.registry.errors import ForeignVersion

PromotionKind = Literal["promote", "rollback", "found"]

TAG_DIGEST = "model_digest"
TAG_SIGNATURE = "feature_signature"
TAG_SKLEARN = "scikit_learn_version"
TAG_AS_OF = "as_of"
TAG_HORIZON = "horizon_days"
TAG_CREATED = "registered_at"
TAG_WINDOWS = "windows"
TAG_PARAMETERS = "parameters"
TAG_METRICS = "metrics"


@dataclass(frozen=True)
class StoredVersion:
    """One version as MLflow stores it."""

    version: int
    run_id: str
    source: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class StoredModel:
    """The registered model as MLflow stores it: its aliases and tags."""

    aliases: Mapping[str, int]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class ModelVersion:
    """One trained version.

    `model_digest` is the SHA-256 of its file, `feature_signature` that of its features' names and
    types. `as_of` is the day it was trained from, `horizon_days` how far ahead it looks. `metrics`
    are those of the out-of-time evaluation, `windows` and `parameters` what the training room wants
    to remember, both JSON.
    """

    model_name: str
    version: int
    created_at: datetime
    as_of: date
    horizon_days: int
    metrics: Mapping[str, float]
    windows: Mapping[str, Any]
    parameters: Mapping[str, Any]
    model_digest: str
    feature_signature: str
    scikit_learn_version: str
    run_id: str
    source: str
    is_champion: bool


@dataclass(frozen=True)
class LoadedModel:
    """A version's estimator, checked, with what is needed to score and to sign the scores.

    `feature_types` are MLflow's names, in the order of `feature_names`; columns of `predict_proba`
    are those of the estimator's `classes_`.
    """

    estimator: Any
    feature_names: tuple[str, ...]
    feature_types: tuple[str, ...]
    horizon_days: int
    as_of: date
    model_name: str
    version: int
    model_digest: str


@dataclass(frozen=True)
class Promotion:
    """One line of the ledger: `version` was champion from `at` until `until` (None: it still is).

    `replaces` is the champion before, if any. `kind` is 'promote', 'rollback', or 'found' for a
    champion that another tool set past the ledger; its `at` is then the time at which it was
    noticed.
    """

    number: int
    version: int
    replaces: int | None
    kind: PromotionKind
    reason: str
    by: str
    at: datetime
    until: datetime | None = None


def version_tags(
    *,
    model_digest: str,
    feature_signature: str,
    scikit_learn_version: str,
    as_of: date,
    horizon_days: int,
    created_at: datetime,
    windows: Mapping[str, Any],
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
) -> dict[str, str]:
    """The tags a version is registered with: all in one call, so that none can be missing."""
    return {
        TAG_DIGEST: model_digest,
        TAG_SIGNATURE: feature_signature,
        TAG_SKLEARN: scikit_learn_version,
        TAG_AS_OF: as_of.isoformat(),
        TAG_HORIZON: str(horizon_days),
        TAG_CREATED: created_at.astimezone(UTC).isoformat(),
        TAG_WINDOWS: json.dumps(windows, sort_keys=True),
        TAG_PARAMETERS: json.dumps(parameters, sort_keys=True),
        TAG_METRICS: json.dumps(metrics, sort_keys=True),
    }


def model_version(model_name: str, stored: StoredVersion, champion: int | None) -> ModelVersion:
    """The version that `version_tags` described.

    Raises:
        ForeignVersion: a tag is missing or unreadable.
    """
    tags = stored.tags
    try:
        return ModelVersion(
            model_name=model_name,
            version=stored.version,
            created_at=datetime.fromisoformat(tags[TAG_CREATED]),
            as_of=date.fromisoformat(tags[TAG_AS_OF]),
            horizon_days=int(tags[TAG_HORIZON]),
            metrics=json.loads(tags[TAG_METRICS]),
            windows=json.loads(tags[TAG_WINDOWS]),
            parameters=json.loads(tags[TAG_PARAMETERS]),
            model_digest=tags[TAG_DIGEST],
            feature_signature=tags[TAG_SIGNATURE],
            scikit_learn_version=tags[TAG_SKLEARN],
            run_id=stored.run_id,
            source=stored.source,
            is_champion=stored.version == champion,
        )
    except (KeyError, ValueError) as error:
        raise ForeignVersion(
            f"Version {stored.version} of model {model_name!r} was not registered by "
            f"likely_buyers, or its tags were changed since: {error!r}. Delete that version in "
            "MLflow, or keep other models under another name."
        ) from error
