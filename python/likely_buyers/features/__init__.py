"""The feature catalogue: what each column of silver.user_features is, where it comes from and how a reason words it.

`catalogue.yml` is the one place where a feature is written down. `python -m likely_buyers.features.generate` writes
from it what dbt reads: the select list, the contract and the labels. Those files are checked in, and never edited.

To add a feature, add an entry to `catalogue.yml`. If its SQL needs a count that no CTE of
`macros/features/user_features.sql` has yet, add that there. Then run `make generate`, `dbt build` and
`likely-buyers train --promote`: a champion refuses features that it was not trained on.
"""

from likely_buyers.features.catalogue import Feature, read_catalogue
from likely_buyers.features.errors import CatalogueError, InvalidCatalogue, StaleFiles

__all__ = ["CatalogueError", "Feature", "InvalidCatalogue", "StaleFiles", "read_catalogue"]
