"""What is published: the tables of gold that one build made and tested."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class GoldTable:
    """A public model of gold; `relation` is its SQL name, `columns` gives the description of each column.

    `is_log`: dbt appends to it (an incremental model), so that earlier rows stay as they were.
    """

    name: str
    relation: str
    description: str
    columns: Mapping[str, str]
    is_log: bool


@dataclass(frozen=True)
class PassedBuild:
    """A `dbt build` of all of gold without a failure; `database` is the name of the database in the relations."""

    invocation_id: str
    database: str
    tables: tuple[GoldTable, ...]
