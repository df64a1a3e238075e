"""Why the feature catalogue cannot be used."""

from likely_buyers.errors import LikelyBuyersError


class CatalogueError(LikelyBuyersError):
    """The catalogue cannot be used; the message says why and what to do."""


class InvalidCatalogue(CatalogueError):
    """The catalogue is not YAML, or an entry of it is not a feature."""


class StaleFiles(CatalogueError):
    """Files made from the catalogue are not what it says now."""
