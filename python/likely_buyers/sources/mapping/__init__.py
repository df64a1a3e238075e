"""The compiler of event mappings: from what a user wrote to the pieces of SQL that the models are made of.

A mapping is checked (`definition`), the rows that its expressions see are found (`rows`), its expressions are made
safe and typed by the engine (`expressions`), and what makes two rows the same event is settled (`event_key`).
`compiled` puts that together; `file_check` says which files a mapping cannot be applied to. What the engine is
asked stands in `dialect`.

The models themselves stay SQL: macros ask for the pieces and put them in.
"""

from likely_buyers.sources.mapping.compiled import Compiler
from likely_buyers.sources.mapping.definition import EventMapping, chosen_mapping
from likely_buyers.sources.mapping.file_check import Checked, check_files
from likely_buyers.sources.mapping.rows import Warehouse, columns_of_sources

__all__ = [
    "Checked",
    "Compiler",
    "EventMapping",
    "Warehouse",
    "check_files",
    "chosen_mapping",
    "columns_of_sources",
]
