"""The registry: register, load safely, promote, roll back.

Time comes in from the caller (`at`), as does who acts (`by`): nothing here reads a clock or a user
name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Literal, Protocol

from likely_buyers.registry import ledger
from likely_buyers.registry.errors import (
    AlreadyChampion,
    ArtifactUnreadable,
    DigestMismatch,
    InvalidRegistration,
    LibraryMismatch,
    NoChampion,
    NoEarlierChampion,
    NoVersions,
    PromotionRefused,
    RegistryError,
    SignatureMismatch,
    UnknownVersion,
)
from likely_buyers.registry.features import features_of_mlmodel, normalized_types, signature_digest
from likely_buyers.registry.mlflow_store import (
    MLMODEL_FILE,
    MODEL_FILE,
    MlflowStore,
    without_password,
)
from likely_buyers.registry.records import (
    LoadedModel,
    ModelVersion,
    Promotion,
    PromotionKind,
    StoredModel,
    StoredVersion,
    model_version,
    version_tags,
)
from likely_buyers.registry.skops_bytes import estimator_from_bytes, model_bytes, model_digest
from likely_buyers.registry.sqlite_file import SqliteFile
from likely_buyers.registry.trust import trusted_types
from likely_buyers.settings import STATE, Settings

MODEL_NAME = "likely_buyers"
_CHAMPION = "champion"
# What MLflow takes as a name in its search language and in artifact paths alike.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class _Reader(Protocol):
    def model(self, name: str) -> StoredModel | None: ...

    def versions(self, name: str, version: int | None = None) -> list[StoredVersion]: ...


class Registry:
    """Versions of one model.

    `state_folder` holds `registry.db` and `artifacts/` unless `tracking_uri` names an MLflow server
    (`http://…`) or a database. A registry that does not exist yet is empty to read, and made by the
    first `register`. Every method may raise RegistryUnreachable, RegistryLocked or
    RegistryOutdated.
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
        local = state_folder.resolve() / "registry.db"
        if not tracking_uri and {"?", "%"} & set(str(local)):
            # SQLAlchemy cuts an address at '?' and decodes '%', MLflow's own code does not.
            raise RegistryError(
                f"The model registry cannot be kept at {local}: expected a state folder without "
                f"'?' and '%' in its path. Point {STATE} at another."
            )
        uri = tracking_uri or f"sqlite:///{local}"
        self._file: SqliteFile | None = None
        artifacts: Path | None = None
        if uri.startswith("sqlite:///") and not {"?", "%"} & set(uri):
            # Absolute, so that a change of directory later does not split the registry in two.
            self._file = SqliteFile(Path(uri.removeprefix("sqlite:///")).resolve())
            uri = f"sqlite:///{self._file.path}"
            artifacts = self._file.artifacts
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

        `feature_types` are types as MLflow, DuckDB, Arrow or NumPy name them. `windows` and
        `parameters` are anything JSON can hold. Metrics that are NaN are left out: MLflow's
        backends do not agree on them.

        Raises:
            InvalidRegistration: what was handed over does not fit together.
        """
        types = normalized_types(feature_names, feature_types)
        _require_aware(at, InvalidRegistration)
        _check_estimator(estimator, feature_names, "The estimator to register")
        finite = {key: float(value) for key, value in metrics.items() if math.isfinite(value)}
        model_file = model_bytes(estimator)
        # A model that could not be loaded again must fail here, not on the day it is to score.
        estimator_from_bytes(
            model_file, trusted_types=trusted_types(), where="The estimator to register"
        )
        try:
            tags = version_tags(
                model_digest=model_digest(model_file),
                feature_signature=signature_digest(feature_names, types),
                scikit_learn_version=installed_version("scikit-learn"),
                as_of=as_of,
                horizon_days=horizon_days,
                created_at=at,
                windows=windows or {},
                parameters=parameters or {},
                metrics=finite,
            )
        except TypeError as error:
            raise InvalidRegistration(
                f"Windows and parameters must be what JSON can hold: {error}. Turn dates into "
                "text first."
            ) from error
        self._check_writable()
        stored = self._mlflow.register(
            self.model_name,
            model_file=model_file,
            feature_names=feature_names,
            feature_types=types,
            tags=tags,
            metadata={
                "as_of": as_of.isoformat(),
                "horizon_days": horizon_days,
                "model_digest": tags["model_digest"],
                "windows": json.loads(tags["windows"]),
            },
            metrics=finite,
            parameters={
                key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
                for key, value in (parameters or {}).items()
            },
            at=at,
        )
        return model_version(self.model_name, stored, self._champion_number())

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first.

        Raises:
            ForeignVersion: one was not registered here.
        """
        champion = self._champion_number()
        return [
            model_version(self.model_name, stored, champion)
            for stored in self._reader().versions(self.model_name)
        ]

    def version(self, which: int | str) -> ModelVersion:
        """One version: its number, 'latest' or 'champion'.

        Raises:
            UnknownVersion, NoVersions, NoChampion, ForeignVersion
        """
        return model_version(self.model_name, self._stored(which), self._champion_number())

    def champion(self) -> ModelVersion | None:
        """The version that scores: where MLflow's alias `champion` points. None if nowhere."""
        number = self._champion_number()
        return None if number is None else self.version(number)

    def load(self, which: int | str | ModelVersion = _CHAMPION) -> LoadedModel:
        """A version's estimator, ready to score.

        Checked before anything of the file becomes an object: the scikit-learn version, the feature
        signature in the `MLmodel` against the version's tags, the SHA-256 of the very bytes that
        are then loaded, the types in them.

        Raises:
            LibraryMismatch, SignatureMismatch, DigestMismatch, UntrustedType, ArtifactMissing,
                ArtifactUnreadable: all are UnsafeModel. UnknownVersion, NoVersions, NoChampion,
                ForeignVersion
        """
        stored = self._stored(which.version if isinstance(which, ModelVersion) else which)
        described = model_version(self.model_name, stored, None)
        label = f"version {described.version} of model {self.model_name!r}"
        installed = installed_version("scikit-learn")
        if described.scikit_learn_version != installed:
            raise LibraryMismatch(
                f"{label} was trained with scikit-learn {described.scikit_learn_version}, found "
                f"{installed}. Install scikit-learn=={described.scikit_learn_version}, or train a "
                "new version: likely-buyers train"
            )
        # Files lie where they lie, whatever the layout of the database.
        files = self._file or self._mlflow
        names, types = self._checked_features(
            files.artifact(stored, MLMODEL_FILE), described, label
        )
        model_file = files.artifact(stored, MODEL_FILE)
        digest = model_digest(model_file)
        if digest != described.model_digest:
            raise DigestMismatch(
                f"{MODEL_FILE} of {label} is not the file that was registered: expected SHA-256 "
                f"{described.model_digest}, found {digest} (in {described.source}). It was not "
                "loaded. Restore the file from a backup, roll back (likely-buyers rollback) or "
                "train a new version, and find out who changed it."
            )
        estimator = _estimator(model_file, trusted_types(), f"{MODEL_FILE} of {label}")
        try:
            _check_estimator(estimator, names, f"{MODEL_FILE} of {label}")
        except InvalidRegistration as error:
            raise SignatureMismatch(str(error)) from error
        return LoadedModel(
            estimator=estimator,
            feature_names=names,
            feature_types=types,
            horizon_days=described.horizon_days,
            as_of=described.as_of,
            model_name=self.model_name,
            version=described.version,
            model_digest=digest,
        )

    def promote(
        self, which: int | Literal["latest"] | str, *, reason: str, by: str, at: datetime
    ) -> Promotion:
        """Makes a version champion. It must load: what cannot score does not become champion.

        Raises:
            AlreadyChampion, PromotionRefused, UnknownVersion, NoVersions, LedgerDamaged, and what
            `load` raises.
        """
        stored = self._stored(which)
        if stored.version == self._champion_number():
            raise AlreadyChampion(
                f"Version {stored.version} of model {self.model_name!r} is champion already. See: "
                "likely-buyers models"
            )
        return self._enthrone(stored.version, "promote", reason, by, at)

    def rollback(self, *, reason: str, by: str, at: datetime) -> Promotion:
        """Returns to the champion before the current one; twice in a row walks further back.

        A version that was rolled back is not returned to by a later rollback (see
        `ledger.champion_before`).

        Raises:
            NoChampion, NoEarlierChampion, PromotionRefused, UnknownVersion (it was deleted since),
            LedgerDamaged, and what `load` raises.
        """
        champion = self._required_champion()
        past = self.promotions()
        if not past or past[-1].version != champion:
            past = [*past, self._found(past, champion, by, at)]
        target = ledger.champion_before(past)
        if target is None:
            raise NoEarlierChampion(
                f"Version {champion} of model {self.model_name!r} has no champion before it in "
                "the ledger. Choose one yourself: likely-buyers models, then likely-buyers "
                "promote VERSION"
            )
        return self._enthrone(target, "rollback", reason, by, at)

    def promotions(self) -> list[Promotion]:
        """The ledger, oldest first: who was champion from when until when, why, and on whose word.

        Raises:
            LedgerDamaged
        """
        model = self._reader().model(self.model_name)
        if model is None:
            return []
        effective, _ = ledger.read_ledger(model.tags, model.aliases.get(_CHAMPION))
        return effective

    def _enthrone(
        self, version: int, kind: PromotionKind, reason: str, by: str, at: datetime
    ) -> Promotion:
        _require_aware(at, PromotionRefused)
        if not by.strip() or not reason.strip() or len(reason) > ledger.LONGEST_REASON:
            raise PromotionRefused(
                f"A promotion needs a name and a reason of at most {ledger.LONGEST_REASON} "
                f"characters, found by={by!r} and a reason of {len(reason)} characters. Say who "
                "and why."
            )
        self.load(version)
        self._check_writable()
        model = self._reader().model(self.model_name)
        tags = model.tags if model else {}
        champion = model.aliases.get(_CHAMPION) if model else None
        effective, entries = ledger.read_ledger(tags, champion)
        if entries and at < entries[-1].at:
            raise PromotionRefused(
                f"The promotion is dated {at.isoformat()}, before the last one of "
                f"{entries[-1].at.isoformat()}. The ledger only grows at its end: check the clock "
                "of this machine."
            )
        if effective and ledger.mark_key(effective[-1]) not in tags:
            self._mark(effective[-1])
        number = len({entry.number for entry in entries})
        if champion is not None and (not effective or effective[-1].version != champion):
            number += 1
            found = self._found(entries, champion, by, at)
            self._note(found)
            self._mark(found)
        promotion = Promotion(number + 1, version, champion, kind, reason, by, at)
        self._note(promotion)
        self._mlflow.set_alias(self.model_name, _CHAMPION, version)
        self._mark(promotion)
        return promotion

    def _found(
        self, before: Sequence[Promotion], champion: int, by: str, at: datetime
    ) -> Promotion:
        return Promotion(
            number=before[-1].number + 1 if before else 1,
            version=champion,
            replaces=before[-1].version if before else None,
            kind="found",
            reason="MLflow's alias was moved here by another tool, at a time that nobody noted",
            by=by,
            at=at,
        )

    def _note(self, promotion: Promotion) -> None:
        self._mlflow.set_model_tag(
            self.model_name, ledger.entry_key(promotion), ledger.entry_value(promotion)
        )

    def _mark(self, promotion: Promotion) -> None:
        self._mlflow.set_model_tag(self.model_name, ledger.mark_key(promotion), "true")

    def _reader(self) -> _Reader:
        if self._file is None:
            return self._mlflow
        return self._file if self._file.is_readable_here() else self._mlflow

    def _check_writable(self) -> None:
        if self._file is not None:
            self._file.check_writable()

    def _champion_number(self) -> int | None:
        model = self._reader().model(self.model_name)
        return None if model is None else model.aliases.get(_CHAMPION)

    def _required_champion(self) -> int:
        number = self._champion_number()
        if number is None:
            raise NoChampion(
                f"Model {self.model_name!r} has no champion yet in {self.location}; train one: "
                "likely-buyers train --promote"
            )
        return number

    def _stored(self, which: int | str) -> StoredVersion:
        reader = self._reader()
        if which == "latest":
            known = reader.versions(self.model_name)
            if not known:
                raise NoVersions(
                    f"Model {self.model_name!r} has no version yet in {self.location}; train one: "
                    "likely-buyers train"
                )
            return known[-1]
        if which == _CHAMPION:
            which = self._required_champion()
        if str(which).isdecimal():
            found = reader.versions(self.model_name, int(which))
            if found:
                return found[0]
        known_numbers = [stored.version for stored in reader.versions(self.model_name)]
        raise UnknownVersion(
            f"No version {which!r} of model {self.model_name!r} in {self.location}; expected "
            f"'latest' or one of {known_numbers or 'none yet'}. See: likely-buyers models"
        )

    def _checked_features(
        self, mlmodel: bytes, described: ModelVersion, label: str
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        try:
            names, types = features_of_mlmodel(mlmodel.decode())
        except ValueError as error:
            raise ArtifactUnreadable(
                f"{MLMODEL_FILE} of {label} cannot be read: {error} (in {described.source}). "
                "Restore it from a backup, or train a new version."
            ) from error
        digest = signature_digest(names, types)
        if digest != described.feature_signature:
            raise SignatureMismatch(
                f"The features named in {MLMODEL_FILE} of {label} are not the ones registered: "
                f"expected a signature with SHA-256 {described.feature_signature}, found {digest} "
                f"for {list(names)} (in {described.source}). Restore the file from a backup, or "
                "train a new version."
            )
        return names, types


@lru_cache(maxsize=2)
def _estimator(model_file: bytes, trusted: tuple[str, ...], where: str) -> Any:
    """`estimator_from_bytes`, once for those who score, explain and compare with the same version."""
    return estimator_from_bytes(model_file, trusted_types=trusted, where=where)


def _check_estimator(estimator: Any, names: Sequence[str], where: str) -> None:
    """Raises InvalidRegistration unless it is a classifier fitted on exactly these features."""
    expected = getattr(estimator, "n_features_in_", None)
    if not hasattr(estimator, "predict_proba") or expected is None:
        raise InvalidRegistration(
            f"{where} is a {type(estimator).__name__}; expected a fitted classifier with "
            "predict_proba and n_features_in_."
        )
    fitted_names = getattr(estimator, "feature_names_in_", None)
    if expected != len(names) or (fitted_names is not None and list(fitted_names) != list(names)):
        found = f"{expected} features" if fitted_names is None else str(list(fitted_names))
        raise InvalidRegistration(
            f"{where} was fitted on {found}, but what is named is {list(names)}. Name exactly the "
            "columns it was fitted on, in their order."
        )


def _require_aware(at: datetime, refusal: type[RegistryError]) -> None:
    if at.tzinfo is None:
        raise refusal(f"Expected a time with a time zone, found {at!r}. Pass datetime.now(UTC).")
