"""What backfill and replay need of dbt: where the warehouse is, and the features of a day by the macro of scoring."""

from dataclasses import dataclass
from datetime import date

from likely_buyers.dbt.profile import TOLD_BY_DBT
from likely_buyers.dbt.project import Project
from likely_buyers.scoring import ScoringError
from likely_buyers.settings import Lake

# The day stands in the text: as a variable of dbt it would have the whole project parsed again for each.
_ANY_DAY = "0001-01-01"
_FEATURES = """\
with scoring_cutoff as (
    select cast('0001-01-01' as date) as cutoff_date
),

user_features as (
    {{ user_features('scoring_cutoff', ref('user_days'), cutoff_name='as_of_date') }}
)

select * from user_features"""
_MODELS = ("prediction_history", "loaded_files", "user_days")
_RENDERED = "\n".join([TOLD_BY_DBT, *(f"{{{{ ref('{model}') }}}}" for model in _MODELS), _FEATURES])


@dataclass(frozen=True)
class PastDays:
    """The lake and SQL names of relations in it."""

    lake: Lake
    prediction_history: str
    loaded_files: str
    user_days: str
    features_of_any_day: str

    @classmethod
    def of(cls, project: Project, refusal: type[ScoringError]) -> "PastDays":
        """Those of a project; dbt runs once, and opens nothing.

        Raises:
            refusal: the target is no DuckDB.
        """
        *told, history, files, days, features = project.rendered(_RENDERED).split("\n", 6)
        lake = project.lake_told(told, "past days are scored", refusal)
        return cls(lake, history, files, days, features)

    def features_as_of(self, day: date) -> str:
        """SQL select of `user_id`, `as_of_date` and the features as of a day."""
        return self.features_of_any_day.replace(_ANY_DAY, day.isoformat())
