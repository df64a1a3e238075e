"""What backfill and replay need of dbt: where the warehouse is, and the features of a day by the macro of scoring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from likely_buyers.dbt.project import Project
from likely_buyers.scoring import ScoringError

# The day stands in the text: as a variable of dbt it would have the whole project parsed again for each.
_ANY_DAY = "0001-01-01"
_RENDERED = """\
{{ target.type }}
{{ target.path }}
{{ ref('prediction_history') }}
{{ ref('loaded_files') }}
{{ ref('user_days') }}
with scoring_cutoff as (
    select cast('0001-01-01' as date) as cutoff_date
),

user_features as (
    {{ user_features('scoring_cutoff', ref('user_days'), cutoff_name='as_of_date') }}
)

select * from user_features"""


@dataclass(frozen=True)
class PastDays:
    """The database and SQL names of relations in it."""

    database: Path
    prediction_history: str
    loaded_files: str
    user_days: str
    features_of_any_day: str

    @classmethod
    def of(cls, project: Project, refusal: type[ScoringError]) -> PastDays:
        """Those of a project; dbt runs once, and opens nothing.

        Raises:
            refusal: the target is no DuckDB.
        """
        engine, database, history, files, days, features = project.rendered(_RENDERED).split(
            "\n", 5
        )
        if engine != "duckdb":
            raise refusal(
                f"past days are scored in DuckDB, and the target is {engine}. Choose another: --target"
            )
        return cls(Path(database), history, files, days, features)

    def features_as_of(self, day: date) -> str:
        """SQL select of `user_id`, `as_of_date` and the features as of a day."""
        return self.features_of_any_day.replace(_ANY_DAY, day.isoformat())
