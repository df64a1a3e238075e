"""Every way the registry can refuse, each a class of its own under `RegistryError`.

A message says what was refused and where, what was expected against what was found, and what to do
about it. None of these is raised after something was half changed: the champion stays who it was.
"""

from __future__ import annotations

from likely_buyers.errors import LikelyBuyersError


class RegistryError(LikelyBuyersError):
    """Base of every error of this room."""


class RegistryUnreachable(RegistryError):
    """The server does not answer, or the registry's file cannot be opened or created."""


class RegistryLocked(RegistryError):
    """Another process holds the registry's SQLite file."""


class RegistryOutdated(RegistryError):
    """The registry was laid out by another release of MLflow than the one installed."""


class UnknownVersion(RegistryError):
    """No such version of the model."""


class ForeignVersion(RegistryError):
    """A version that likely_buyers did not register: tags are missing or unreadable."""


class NoVersions(RegistryError):
    """`latest` was asked for and nothing is registered yet."""


class NoChampion(RegistryError):
    """A champion is needed and there is none yet."""


class AlreadyChampion(RegistryError):
    """The version to promote is the champion."""


class NoEarlierChampion(RegistryError):
    """A rollback has nowhere left to go."""


class PromotionRefused(RegistryError):
    """The promotion cannot be recorded: no reason, no name, or a time before the last one."""


class LedgerDamaged(RegistryError):
    """The promotion ledger has an entry that cannot be read, or one is missing."""


class InvalidRegistration(RegistryError):
    """What was handed over to be registered does not fit together."""


class UnsafeModel(RegistryError):
    """Base of the refusals to load: nothing of the file was turned into an object."""


class ArtifactMissing(UnsafeModel):
    """The model's file, or the `MLmodel` beside it, is not where the version says."""


class ArtifactUnreadable(UnsafeModel):
    """The file has the digest that was recorded, but is no model in skops format."""


class DigestMismatch(UnsafeModel):
    """The file is not the one that was registered."""


class UntrustedType(UnsafeModel):
    """The file holds a type that is not on likely_buyers' own trust list."""


class LibraryMismatch(UnsafeModel):
    """The version was trained with another scikit-learn than the one installed."""


class SignatureMismatch(UnsafeModel):
    """The features named beside the model are not the ones that were registered."""
