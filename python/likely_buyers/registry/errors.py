"""How the registry refuses.

A message says what was refused and where, what was expected against what was found, and what to do about it. None of
these is raised after something was half changed: the champion stays who it was.
"""

from __future__ import annotations

from likely_buyers.errors import LikelyBuyersError


class RegistryError(LikelyBuyersError):
    """Base of every error of this room: what was asked for is not there, or does not fit together."""


class RegistryUnreachable(RegistryError):
    """The server does not answer, the registry's file cannot be opened, or another process holds it."""


class PromotionLogDamaged(RegistryError):
    """The promotion log has an entry that cannot be read, or one is missing."""


class UnsafeModel(RegistryError):
    """A model's file is not what was registered, or not for this installation: it was not loaded."""
