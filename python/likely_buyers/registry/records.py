"""What the registry reads and hands out: versions, loaded models, promotions. No MLflow in them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Self

from likely_buyers.outcomes import outcome_of
from likely_buyers.registry.errors import RegistryError

CHAMPION = "champion"
"""MLflow's alias of the version that scores."""


@dataclass(frozen=True)
class Fingerprint:
    """What a version's folder must be, as the registry has it. As text it is the three, with colons between."""

    model_digest: str
    feature_signature: str
    scikit_learn_version: str

    @classmethod
    def of(cls, text: str) -> Self:
        """The fingerprint in a text; RegistryError if it is none."""
        parts = text.split(":")
        if len(parts) != 3 or not all(parts):
            raise RegistryError(
                f"Expected a fingerprint, SHA-256:SHA-256:version of scikit-learn, found {text!r}. Take it from the"
                " registry: likely_buyers.registry.Registry.version(…).fingerprint"
            )
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.model_digest}:{self.feature_signature}:{self.scikit_learn_version}"


@dataclass(frozen=True)
class ModelVersion:
    """One trained version.

    `model_digest` is the SHA-256 of its file, `feature_signature` that of its features' names and types. `metrics` are
    those of the out-of-time evaluation, `windows` and `parameters` what the training room wants to remember, both JSON.
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
    is_champion: bool

    @property
    def outcome(self) -> str:
        """The name of what it predicts."""
        return outcome_of(self.model_name)

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"version {self.version} of model {self.model_name!r}"

    @property
    def fingerprint(self) -> Fingerprint:
        """What its folder must be."""
        return Fingerprint(self.model_digest, self.feature_signature, self.scikit_learn_version)


@dataclass(frozen=True)
class LoadedModel:
    """A version's estimator, checked, with what is needed to score and to sign the scores.

    `feature_types` are MLflow's names. Columns of `predict_proba` are those of the estimator's `classes_`.
    `definition` is that of the outcome it predicts, as training noted it.
    """

    estimator: Any
    feature_names: tuple[str, ...]
    feature_types: tuple[str, ...]
    horizon_days: int
    as_of: date
    model_name: str
    version: int
    model_digest: str
    definition: Mapping[str, Any] | None = None

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"version {self.version} of {self.model_name}"


@dataclass(frozen=True)
class Promotion:
    """One entry of the promotion log: `version` was champion from `at` until `until` (None: it still is).

    `replaces` is the champion before, if any. `kind` is 'promote', 'rollback', or 'found' for a champion that another
    tool set past the log; its `at` is then the time at which it was noticed.
    """

    number: int
    version: int
    replaces: int | None
    kind: Literal["promote", "rollback", "found"]
    reason: str
    by: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True)
class StoredVersion:
    """One version as MLflow stores it."""

    version: int
    run_id: str
    source: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class StoredModel:
    """The registered model as MLflow stores it, and where: its aliases, its tags, its versions, oldest first."""

    name: str
    location: str
    aliases: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    versions: Sequence[StoredVersion] = field(default_factory=list)

    @property
    def champion(self) -> int | None:
        """The version that scores."""
        return self.aliases.get(CHAMPION)

    def find(self, which: int | str) -> StoredVersion:
        """A version by its number, 'latest', 'champion' or another alias; RegistryError if there is none."""
        latest = self.versions[-1].version if self.versions else None
        known = {CHAMPION: None, **self.aliases, "latest": latest}
        number = known.get(str(which), which)
        if number is None:
            raise RegistryError(
                f"Model {self.name!r} has no {'version' if which == 'latest' else which} yet in {self.location};"
                " train one: likely-buyers train --promote"
            )
        for stored in self.versions:
            if str(stored.version) == str(number):
                return stored
        raise RegistryError(
            f"No version {which!r} of model {self.name!r} in {self.location}; expected 'latest' or one of"
            f" {[stored.version for stored in self.versions] or 'none yet'}. See: likely-buyers models"
        )

    def described(self, stored: StoredVersion) -> ModelVersion:
        """The version as `Registry.register` described it in its tags; RegistryError if it did not."""
        tags = stored.tags
        try:
            return ModelVersion(
                model_name=self.name,
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
                is_champion=stored.version == self.champion,
            )
        except (KeyError, ValueError) as error:
            raise RegistryError(
                f"Version {stored.version} of model {self.name!r} was not registered by likely_buyers, or its tags were"
                f" changed since: {error!r}. Delete that version in MLflow, or keep other models under another name."
            ) from error
