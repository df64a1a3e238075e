"""The registry: register, load safely, promote, roll back.

Time comes in from the caller (`at`), as does who acts (`by`): nothing here reads a clock or a user name.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Literal, Self

from likely_buyers.registry import model_folder, promotion_log
from likely_buyers.registry.errors import RegistryError
from likely_buyers.registry.model_folder import MLMODEL_FILE, MODEL_FILE, REFERENCE_FILE
from likely_buyers.registry.records import CHAMPION, LoadedModel, ModelVersion, Promotion
from likely_buyers.registry.skops_bytes import estimator_from_bytes, model_bytes, model_digest
from likely_buyers.registry.stores import MlflowStore, SqliteFile
from likely_buyers.settings import STATE, Settings

MODEL_NAME = "likely_buyers.purchase_30d"
"""That of the outcome that dbt_project.yml ships."""

_TAKEN = (CHAMPION, "latest", "production")


class Registry:
    """Versions of one model, each asked for by its number, or as 'latest' or 'champion'.

    `state_folder` holds `registry.db` and `artifacts/` unless `tracking_uri` names an MLflow server (`http://…`) or a
    database. A registry that does not exist yet is empty to read, and made by the first `register`.

    Every method may raise RegistryError, before it changed anything: the registry cannot be reached, a version is not
    there, was not registered here, or is not what was registered, or what was handed over does not fit together.
    """

    def __init__(
        self, state_folder: Path, tracking_uri: str | None = None, *, model_name: str = MODEL_NAME
    ) -> None:
        # what MLflow takes in its search language and in artifact paths alike
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", model_name):
            raise RegistryError(
                f"Expected a model name of letters, digits, '_', '.' and '-', found {model_name!r}."
            )
        self.model_name = model_name
        state = state_folder.resolve()
        uri = tracking_uri or f"sqlite:///{state / 'registry.db'}"
        # SQLAlchemy cuts an address at '?' and decodes '%', MLflow's own code does not.
        if uri.startswith("sqlite:///") and not {"?", "%"} & set(uri):
            self._store: MlflowStore = SqliteFile(Path(uri.removeprefix("sqlite:///")))
        elif not tracking_uri:
            raise RegistryError(
                f"The model registry cannot be kept at {uri}: expected a state folder without '?' and '%' in its path."
                f" Point {STATE} at another."
            )
        else:
            # Another database: it has no place for files of its own.
            database = "://" in uri and not uri.startswith(("http", "file", "databricks"))
            self._store = MlflowStore(uri, state / "artifacts" if database else None)
        self.location = self._store.location

    @classmethod
    def of(cls, settings: Settings, *, model_name: str = MODEL_NAME) -> Self:
        """The registry of an installation."""
        return cls(settings.state, settings.registry_uri, model_name=model_name)

    @classmethod
    def all_versions(cls, settings: Settings, base: str) -> list[ModelVersion]:
        """Versions of all outcomes, configured or not: of each registered model named `base`, a dot and an outcome."""
        names = cls.of(settings, model_name=base).names()
        return [
            version for name in names for version in cls.of(settings, model_name=name).versions()
        ]

    def names(self) -> list[str]:
        """Registered models whose names are this one's, a dot and one more word, in their order."""
        begin = f"{self.model_name}."
        names = [name for name in self._store.names() if name.startswith(begin)]
        return sorted(name for name in names if "." not in name[len(begin) :])

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
        reference: bytes | None = None,
    ) -> ModelVersion:
        """Stores a fitted classifier as a new version; it is champion only once promoted.

        `feature_types` are types as MLflow or Arrow name them. `windows` and `parameters` are anything JSON can hold.
        `reference` is a file that later says what it was trained on.
        Metrics that are NaN are left out: MLflow's backends do not agree on them.
        """
        features = model_folder.typed_features(feature_names, feature_types)
        _require_aware(at)
        _check_estimator(estimator, feature_names)
        model_file = model_bytes(estimator)
        # A model that could not be loaded again must fail here, not on the day it is to score.
        estimator_from_bytes(model_file, "The estimator to register")
        files = {MODEL_FILE: model_file} | ({REFERENCE_FILE: reference} if reference else {})
        finite = {key: float(value) for key, value in metrics.items() if math.isfinite(value)}
        try:
            tags = {
                "model_digest": model_digest(model_file),
                "feature_signature": model_folder.signature_digest(features),
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
        if reference:
            tags["reference_digest"] = model_digest(reference)
        return self.version(self._store.register(self.model_name, tags, features, files))

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first."""
        model = self._store.read(self.model_name)
        return [model.described(stored) for stored in model.versions]

    def version(self, which: int | str) -> ModelVersion:
        """One version."""
        model = self._store.read(self.model_name)
        return model.described(model.find(which))

    def champion(self) -> ModelVersion | None:
        """The version that scores: where MLflow's alias `champion` points. None if nowhere."""
        number = self._store.read(self.model_name).champion
        return None if number is None else self.version(number)

    def load(self, which: int | str | ModelVersion = CHAMPION) -> LoadedModel:
        """A version's estimator, ready to score, after the checks of `model_folder.checked_model`."""
        model = self._store.read(self.model_name)
        stored = model.find(which.version if isinstance(which, ModelVersion) else which)
        described = model.described(stored)
        estimator, features = model_folder.checked_model(
            described.label,
            described.fingerprint,
            partial(self._store.artifact, stored),
            stored.source,
        )
        return LoadedModel(
            estimator=estimator,
            feature_names=tuple(features),
            feature_types=tuple(features.values()),
            horizon_days=described.horizon_days,
            as_of=described.as_of,
            model_name=self.model_name,
            version=stored.version,
            model_digest=described.model_digest,
            definition=described.parameters.get("outcome"),
        )

    def reference(self, which: int | str = CHAMPION) -> bytes | None:
        """The file that says what a version was trained on; None of a version registered without one."""
        stored = self._store.read(self.model_name).find(which)
        expected = stored.tags.get("reference_digest")
        if not expected:
            return None
        content = self._store.artifact(stored, REFERENCE_FILE)
        if model_digest(content) != expected:
            raise RegistryError(
                f"{REFERENCE_FILE} of version {stored.version} of {self.model_name} is not the file that was"
                f" registered: expected SHA-256 {expected}, found {model_digest(content)}. Restore it from a backup,"
                " or train anew: likely-buyers train --promote"
            )
        return content

    def save(self, which: int | str, folder: Path) -> ModelVersion:
        """Writes a version's files into a folder, for those who load it without the registry, after the same checks.

        They load it by its `fingerprint`, through the flavor `python_function`, which must be the one written here:
        MLflow runs what that flavor names.
        """
        loaded = self.load(which)
        stored = self._store.read(self.model_name).find(loaded.version)
        files = {name: self._store.artifact(stored, name) for name in (MLMODEL_FILE, MODEL_FILE)}
        model_folder.require_pyfunc(files[MLMODEL_FILE], loaded.label)
        for name in model_folder.ENVIRONMENT_FILES:
            files[name] = self._store.artifact(stored, name)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return self.version(loaded.version)

    def promote(self, which: int | str, *, reason: str, by: str, at: datetime) -> Promotion:
        """Makes a version champion. It must load: what cannot score does not become champion."""
        model = self._store.read(self.model_name)
        version = model.find(which).version
        if version == model.champion:
            raise RegistryError(
                f"Version {version} of model {self.model_name!r} is champion already. See: likely-buyers models"
            )
        return self._enthrone(version, "promote", reason, by, at)

    def assign(self, which: int | str, stage: str) -> ModelVersion:
        """Makes a version that of a stage beside the champions', by MLflow's alias of its name. It must load, too."""
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", stage) or stage in _TAKEN:
            raise RegistryError(
                f"A stage is named by at most 40 small letters, digits, '_' and '-', a letter first, and not"
                f" {', '.join(_TAKEN)}. Found {stage!r}."
            )
        version = self.load(which).version
        with self._store.client() as client:
            client.set_registered_model_alias(self.model_name, stage, str(version))
        return self.version(version)

    def rollback(self, *, reason: str, by: str, at: datetime) -> Promotion:
        """Returns to the champion before the current one; twice in a row walks further back.

        A version that was rolled back is not returned to by a later rollback (see `promotion_log.champion_before`).
        """
        model = self._store.read(self.model_name)
        champion = model.find(CHAMPION).version
        effective, _ = promotion_log.read(model)
        target = promotion_log.champion_before(effective, champion)
        if target is None:
            raise RegistryError(
                f"Version {champion} of model {self.model_name!r} has no champion before it in the promotion log."
                " Choose one yourself: likely-buyers models, then likely-buyers promote VERSION"
            )
        return self._enthrone(target, "rollback", reason, by, at)

    def promotions(self) -> list[Promotion]:
        """The promotion log, oldest first: who was champion from when until when, why, and on whose word."""
        return promotion_log.read(self._store.read(self.model_name))[0]

    def _enthrone(
        self, version: int, kind: Literal["promote", "rollback"], reason: str, by: str, at: datetime
    ) -> Promotion:
        _require_aware(at)
        longest = promotion_log.LONGEST_REASON
        if not by.strip() or not reason.strip() or len(reason) > longest:
            raise RegistryError(
                f"A promotion needs a name and a reason of at most {longest} characters, found by={by!r} and a reason"
                f" of {len(reason)} characters. Say who and why."
            )
        self.load(version)
        model = self._store.read(self.model_name)
        effective, entries = promotion_log.read(model)
        if entries and at < entries[-1].at:
            raise RegistryError(
                f"The promotion is dated {at.isoformat()}, before the last one of {entries[-1].at.isoformat()}. The"
                " promotion log only grows at its end: check the clock of this machine."
            )
        number = entries[-1].number + 1 if entries else 1
        known = effective[-1].version if effective else None
        steps = []
        # what another tool, or a promotion that was interrupted, left unsaid comes first
        if model.champion is not None and model.champion != known:
            found = promotion_log.FOUND
            steps.append(Promotion(number, model.champion, known, "found", found, by, at))
            number += 1
        steps.append(Promotion(number, version, model.champion, kind, reason, by, at))
        with self._store.client() as client:
            tag = partial(client.set_registered_model_tag, self.model_name)
            if effective and promotion_log.mark(effective[-1]) not in model.tags:
                tag(promotion_log.mark(effective[-1]), "true")
            for step in steps:
                tag(*promotion_log.entry(step))
                client.set_registered_model_alias(self.model_name, CHAMPION, str(step.version))
                tag(promotion_log.mark(step), "true")
        return steps[-1]


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
        raise RegistryError(f"Expected a time zone in {at!r}. Pass datetime.now(UTC).")
