"""What the registry reads and hands out: versions, loaded models, promotions. No MLflow in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from likely_buyers.registry.errors import RegistryError

CHAMPION = "champion"
"""MLflow's alias of the version that scores."""

PromotionKind = Literal["promote", "rollback", "found"]


@dataclass(frozen=True)
class StoredVersion:
    """One version as MLflow stores it."""

    version: int
    run_id: str
    source: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class StoredModel:
    """The registered model as MLflow stores it: its champion, its tags, its versions, oldest first."""

    champion: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    versions: Sequence[StoredVersion] = field(default_factory=list)


@dataclass(frozen=True)
class ModelVersion:
    """One trained version.

    `model_digest` is the SHA-256 of its file, `feature_signature` that of its features' names and types. `as_of` is the
    day it was trained from, `horizon_days` how far ahead it looks. `metrics` are those of the out-of-time evaluation,
    `windows` and `parameters` what the training room wants to remember, both JSON.
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

    `feature_types` are MLflow's names, in the order of `feature_names`; columns of `predict_proba` are those of the
    estimator's `classes_`.
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
    """One entry of the promotion log: `version` was champion from `at` until `until` (None: it still is).

    `replaces` is the champion before, if any. `kind` is 'promote', 'rollback', or 'found' for a champion that another
    tool set past the log; its `at` is then the time at which it was noticed.
    """

    number: int
    version: int
    replaces: int | None
    kind: PromotionKind
    reason: str
    by: str
    at: datetime
    until: datetime | None = None


def model_version(
    model_name: str, stored: StoredVersion, champion: int | None = None
) -> ModelVersion:
    """The version that `Registry.register` described in its tags.

    Raises:
        RegistryError: a tag is missing or unreadable.
    """
    tags = stored.tags
    try:
        return ModelVersion(
            model_name=model_name,
            version=stored.version,
            created_at=datetime.fromisoformat(tags["registered_at"]),
            as_of=date.fromisoformat(tags["as_of"]),
            horizon_days=int(tags["horizon_days"]),
            metrics=json.loads(tags["metrics"]),
            windows=json.loads(tags["windows"]),
            parameters=json.loads(tags["parameters"]),
            model_digest=tags["model_digest"],
            feature_signature=tags["feature_signature"],
            scikit_learn_version=tags["scikit_learn_version"],
            run_id=stored.run_id,
            source=stored.source,
            is_champion=stored.version == champion,
        )
    except (KeyError, ValueError) as error:
        raise RegistryError(
            f"Version {stored.version} of model {model_name!r} was not registered by likely_buyers, or its tags were"
            f" changed since: {error!r}. Delete that version in MLflow, or keep other models under another name."
        ) from error
