"""Where the scores of past days are, and what they are made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from likely_buyers.outcomes import Outcome
from likely_buyers.scoring.stream import population_columns
from likely_buyers.settings import Lake


@dataclass(frozen=True)
class PastDays:
    """The lake and SQL names of relations in it.

    `features_as_of` gives, for a day, a SQL select of `user_id`, `as_of_date` and the model's features.
    """

    lake: Lake
    prediction_history: str
    loaded_files: str
    user_days: str
    features_as_of: Callable[[date], str]

    def features(self, day: date, outcomes: Sequence[Outcome]) -> str:
        """The features as of a day, with `population_columns` of outcomes."""
        columns = ", ".join(["*", *population_columns(outcomes)])
        return f"select {columns} from ({self.features_as_of(day)})"  # noqa: S608 (SQL that dbt rendered)
