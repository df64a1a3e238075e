"""How the registry refuses: after nothing, or before anything, was half changed. The champion stays who it was."""

from likely_buyers.errors import LikelyBuyersError


class RegistryError(LikelyBuyersError):
    """What was asked for is not there, cannot be reached, was changed by others, or does not fit together."""
