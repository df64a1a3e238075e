"""The registry: register, load safely, promote, roll back.

Time comes in from the caller (`at`), as does who acts (`by`): nothing here reads a clock or a user name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Literal

from likely_buyers.registry import promotion_log
from likely_buyers.registry.errors import RegistryError, UnsafeModel
from likely_buyers.registry.features import features_of_mlmodel, mlflow_types, signature_digest
from likely_buyers.registry.mlflow_store import MlflowStore, without_password
from likely_buyers.registry.records import (
    CHAMPION,
    MLMODEL_FILE,
    MODEL_FILE,
    LoadedModel,
    ModelVersion,
    Promotion,
    PromotionKind,
    StoredModel,
    StoredVersion,
    model_version,
)
from likely_buyers.registry.skops_bytes import estimator_from_bytes, model_bytes, model_digest
from likely_buyers.registry.sqlite_file import SqliteFile
from likely_buyers.settings import STATE, Settings

MODEL_NAME = "likely_buyers"
# What MLflow takes as a name in its search language and in artifact paths alike.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class Registry:
    """Versions of one model.

    `state_folder` holds `registry.db` and `artifacts/` unless `tracking_uri` names an MLflow server (`http://…`) or a
    database. A registry that does not exist yet is empty to read, and made by the first `register`. Every method may
    raise RegistryUnreachable.
    """

    def __init__(
        self, state_folder: Path, tracking_uri: str | None = None, *, model_name: str = MODEL_NAME
    ) -> None:
        """Opens nothing yet; RegistryError if MLflow cannot take the name or the folder."""
        if not _PLAIN_NAME.fullmatch(model_name):
            raise RegistryError(
                f"Expected a model name of letters, digits, '_', '.' and '-', found {model_name!r}."
            )
        self.model_name = model_name
        uri = tracking_uri or f"sqlite:///{state_folder.resolve() / 'registry.db'}"
        self._file: SqliteFile | None = None
        artifacts: Path | None = None
        if uri.startswith("sqlite:///") and not {"?", "%"} & set(uri):
            # Absolute, so that a change of directory later does not split the registry in two.
            self._file = SqliteFile(Path(uri.removeprefix("sqlite:///")).resolve())
            uri = f"sqlite:///{self._file.path}"
            artifacts = self._file.artifacts
        elif not tracking_uri:
            # SQLAlchemy cuts an address at '?' and decodes '%', MLflow's own code does not.
            raise RegistryError(
                f"The model registry cannot be kept at {uri}: expected a state folder without '?' and '%' in its path."
                f" Point {STATE} at another."
            )
        elif "://" in uri and not uri.startswith(("http", "file", "databricks")):
            # Another database: it has no place for files of its own.
            artifacts = state_folder.resolve() / "artifacts"
        self.location = without_password(uri)
        self._mlflow = MlflowStore(uri, artifacts)

    @classmethod
    def of(cls, settings: Settings, *, model_name: str = MODEL_NAME) -> Registry:
        """The registry of an installation."""
        return cls(settings.state, settings.registry_uri, model_name=model_name)

    def register(
        self,
        estimator: Any,
        *,
        feature_names: Sequence[str],
        feature_types: Sequence[str],
        metrics: Mapping[str, float],
        as_of: date,
        horizon_days: int,
        at: datetime,
        windows: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> ModelVersion:
        """Stores a fitted classifier as a new version; it is champion only once promoted.

        `feature_types` are types as MLflow or Arrow name them. `windows` and `parameters` are anything JSON can hold.
        Metrics that are NaN are left out: MLflow's backends do not agree on them.

        Raises:
            RegistryError: what was handed over does not fit together.
        """
        types = mlflow_types(feature_names, feature_types)
        _require_aware(at)
        _check_estimator(estimator, feature_names)
        model_file = model_bytes(estimator)
        # A model that could not be loaded again must fail here, not on the day it is to score.
        estimator_from_bytes(model_file, "The estimator to register")
        finite = {key: float(value) for key, value in metrics.items() if math.isfinite(value)}
        try:
            tags = {
                "model_digest": model_digest(model_file),
                "feature_signature": signature_digest(feature_names, types),
                "scikit_learn_version": installed_version("scikit-learn"),
                "as_of": as_of.isoformat(),
                "horizon_days": str(horizon_days),
                "registered_at": at.astimezone(UTC).isoformat(),
                "windows": json.dumps(windows or {}, sort_keys=True),
                "parameters": json.dumps(parameters or {}, sort_keys=True),
                "metrics": json.dumps(finite, sort_keys=True),
            }
        except TypeError as error:
            raise RegistryError(
                f"Windows and parameters must be what JSON can hold: {error}. Turn dates into text first."
            ) from error
        self._check_writable()
        features = dict(zip(feature_names, types, strict=True))
        stored = self._mlflow.register(
            self.model_name, model_file, features, tags, finite, parameters or {}, at
        )
        return model_version(self.model_name, stored)

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first.

        Raises:
            RegistryError: one was not registered here.
        """
        model = self._read()
        return [model_version(self.model_name, stored, model.champion) for stored in model.versions]

    def version(self, which: int | str) -> ModelVersion:
        """One version: its number, 'latest' or 'champion'.

        Raises:
            RegistryError: there is no such version, or it was not registered here.
        """
        model = self._read()
        return model_version(self.model_name, self._stored(model, which), model.champion)

    def champion(self) -> ModelVersion | None:
        """The version that scores: where MLflow's alias `champion` points. None if nowhere."""
        number = self._read().champion
        return None if number is None else self.version(number)

    def load(self, which: int | str | ModelVersion = CHAMPION) -> LoadedModel:
        """A version's estimator, ready to score.

        Checked before anything of the file becomes an object: the scikit-learn version, the feature signature in the
        `MLmodel` against the version's tags, the SHA-256 of the very bytes that are then loaded, the types in them.

        Raises:
            UnsafeModel: one of them is not as it was registered, or a file is missing or cannot be read.
            RegistryError: there is no such version, or it was not registered here.
        """
        number = which.version if isinstance(which, ModelVersion) else which
        stored = self._stored(self._read(), number)
        described = model_version(self.model_name, stored)
        label = f"version {stored.version} of model {self.model_name!r}"
        installed = installed_version("scikit-learn")
        if described.scikit_learn_version != installed:
            raise UnsafeModel(
                f"{label} was trained with scikit-learn {described.scikit_learn_version}, found {installed}. Install"
                f" scikit-learn=={described.scikit_learn_version}, or train a new version: likely-buyers train"
            )
        # Files lie where they lie, whatever the layout of the database.
        files = self._file or self._mlflow
        names, types = features_of_mlmodel(
            files.artifact(stored, MLMODEL_FILE),
            described.feature_signature,
            f"{MLMODEL_FILE} of {label} in {stored.source}",
        )
        model_file = files.artifact(stored, MODEL_FILE)
        digest = model_digest(model_file)
        if digest != described.model_digest:
            raise UnsafeModel(
                f"{MODEL_FILE} of {label} is not the file that was registered: expected SHA-256"
                f" {described.model_digest}, found {digest} (in {stored.source}). It was not loaded. Restore the file"
                " from a backup, roll back (likely-buyers rollback) or train a new version, and find out who changed"
                " it."
            )
        return LoadedModel(
            estimator=estimator_from_bytes(model_file, f"{MODEL_FILE} of {label}"),
            feature_names=names,
            feature_types=types,
            horizon_days=described.horizon_days,
            as_of=described.as_of,
            model_name=self.model_name,
            version=stored.version,
            model_digest=digest,
        )

    def promote(
        self, which: int | Literal["latest"] | str, *, reason: str, by: str, at: datetime
    ) -> Promotion:
        """Makes a version champion. It must load: what cannot score does not become champion.

        Raises:
            RegistryError: there is no such version, it is champion already, or the promotion lacks a reason, a name or
                a time after the last one; PromotionLogDamaged; and what `load` raises.
        """
        model = self._read()
        version = self._stored(model, which).version
        if version == model.champion:
            raise RegistryError(
                f"Version {version} of model {self.model_name!r} is champion already. See: likely-buyers models"
            )
        return self._enthrone(version, "promote", reason, by, at)

    def rollback(self, *, reason: str, by: str, at: datetime) -> Promotion:
        """Returns to the champion before the current one; twice in a row walks further back.

        A version that was rolled back is not returned to by a later rollback (see `promotion_log.champion_before`).

        Raises:
            RegistryError: there is no champion, or none before it; and what `promote` raises.
        """
        model = self._read()
        champion = self._stored(model, CHAMPION).version
        effective, _ = promotion_log.read(model)
        target = promotion_log.champion_before(effective, champion)
        if target is None:
            raise RegistryError(
                f"Version {champion} of model {self.model_name!r} has no champion before it in the promotion log."
                " Choose one yourself: likely-buyers models, then likely-buyers promote VERSION"
            )
        return self._enthrone(target, "rollback", reason, by, at)

    def promotions(self) -> list[Promotion]:
        """The promotion log, oldest first: who was champion from when until when, why, and on whose word.

        Raises:
            PromotionLogDamaged
        """
        effective, _ = promotion_log.read(self._read())
        return effective

    def _enthrone(
        self, version: int, kind: PromotionKind, reason: str, by: str, at: datetime
    ) -> Promotion:
        _require_aware(at)
        longest = promotion_log.LONGEST_REASON
        if not by.strip() or not reason.strip() or len(reason) > longest:
            raise RegistryError(
                f"A promotion needs a name and a reason of at most {longest} characters, found by={by!r} and a reason"
                f" of {len(reason)} characters. Say who and why."
            )
        self.load(version)
        self._check_writable()
        model = self._read()
        effective, entries = promotion_log.read(model)
        if entries and at < entries[-1].at:
            raise RegistryError(
                f"The promotion is dated {at.isoformat()}, before the last one of {entries[-1].at.isoformat()}. The"
                " promotion log only grows at its end: check the clock of this machine."
            )
        number = entries[-1].number + 1 if entries else 1
        last = effective[-1] if effective else None
        # what an interrupted promotion or another tool left unsaid comes first
        if last and promotion_log.mark(last) not in model.tags:
            self._mark(last)
        if model.champion is not None and (last is None or last.version != model.champion):
            replaces = last.version if last else None
            found = Promotion(
                number, model.champion, replaces, "found", promotion_log.FOUND, by, at
            )
            self._note(found)
            self._mark(found)
            number += 1
        promotion = Promotion(number, version, model.champion, kind, reason, by, at)
        self._note(promotion)
        self._mlflow.set_champion(self.model_name, version)
        self._mark(promotion)
        return promotion

    def _note(self, promotion: Promotion) -> None:
        self._mlflow.set_tag(self.model_name, *promotion_log.entry(promotion))

    def _mark(self, promotion: Promotion) -> None:
        self._mlflow.set_tag(self.model_name, promotion_log.mark(promotion), "true")

    def _read(self) -> StoredModel:
        found = self._file.read(self.model_name) if self._file else None
        return self._mlflow.read(self.model_name) if found is None else found

    def _check_writable(self) -> None:
        if self._file is not None:
            self._file.check_writable()

    def _stored(self, model: StoredModel, which: int | str) -> StoredVersion:
        latest = model.versions[-1].version if model.versions else None
        number = {"latest": latest, CHAMPION: model.champion}.get(str(which), which)
        if number is None:
            raise RegistryError(
                f"Model {self.model_name!r} has no {'version' if which == 'latest' else which} yet in {self.location};"
                " train one: likely-buyers train --promote"
            )
        for stored in model.versions:
            if str(stored.version) == str(number):
                return stored
        raise RegistryError(
            f"No version {which!r} of model {self.model_name!r} in {self.location}; expected 'latest' or one of"
            f" {[stored.version for stored in model.versions] or 'none yet'}. See: likely-buyers models"
        )


def _check_estimator(estimator: Any, names: Sequence[str]) -> None:
    """Raises RegistryError unless it is a classifier fitted on exactly these features."""
    expected = getattr(estimator, "n_features_in_", None)
    if not hasattr(estimator, "predict_proba") or expected is None:
        raise RegistryError(
            f"The estimator to register is a {type(estimator).__name__}; expected a fitted classifier with"
            " predict_proba and n_features_in_."
        )
    fitted_names = getattr(estimator, "feature_names_in_", None)
    if expected != len(names) or (fitted_names is not None and list(fitted_names) != list(names)):
        found = f"{expected} features" if fitted_names is None else str(list(fitted_names))
        raise RegistryError(
            f"The estimator to register was fitted on {found}, but what is named is {list(names)}. Name exactly the"
            " columns it was fitted on, in their order."
        )


def _require_aware(at: datetime) -> None:
    if at.tzinfo is None:
        raise RegistryError(
            f"Expected a time with a time zone, found {at!r}. Pass datetime.now(UTC)."
        )
