"""The settings that dbt_project.yml has under `vars`: their names, and which values can be meant.

dbt takes a variable that nobody reads without a word, so a typing error would leave a default in force.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

from likely_buyers.errors import LikelyBuyersError, did_you_mean, nearest
from likely_buyers.outcomes import BadOutcome, outcomes_of

PROJECT = "likely_buyers"

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""What parses YAML ten times as fast, where the package was built with it."""

PUBLISH = ("duckdb", "parquet", "delta", "delta_keep_days", "postgres")
"""The settings of `publish`."""


@dataclass(frozen=True)
class _Range:
    """The numbers that a variable may be; `above`: more than `low`, not `low` itself."""

    low: float
    high: float | None = None
    whole: bool = False
    optional: bool = False
    above: bool = False

    def holds(self, value: Any) -> bool:
        if value is None:
            return self.optional
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and (value > self.low if self.above else value >= self.low)
            and (self.high is None or value <= self.high)
            and (not self.whole or float(value).is_integer())
        )

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        most = "" if self.high is None else f" and at most {self.high}"
        none = ", or null" if self.optional else ""
        return f"{kind} {'above' if self.above else 'of at least'} {self.low}{most}{none}"


_CUTOFFS = _Range(1, 60, whole=True)
_NUMBERS = {
    "warn_left_over": _Range(0, 1),
    "stop_left_over": _Range(0, 1),
    "bot_events_per_day": _Range(1, whole=True),
    "events_per_chunk": _Range(1, whole=True),
    "users_per_chunk": _Range(1, whole=True),
    "keep_days": _Range(0, 3650, whole=True),
    "top_fraction": _Range(0, 1, above=True),
    "min_probability": _Range(0, 1, optional=True),
    "min_lift": _Range(0, optional=True),
    "training_users": _Range(100, 1_000_000_000, whole=True),
    "training_cutoffs": _CUTOFFS,
    "training_step_days": _Range(1, 365, whole=True, optional=True),
    "training_history_days": _Range(1, 3650, whole=True),
    "training_seed": _Range(0, 4_294_967_295, whole=True),
    "drift_distance": _Range(0, above=True),
    "drift_p_value": _Range(0, 1, above=True),
    "check_build_hours": _Range(0, above=True, optional=True),
    "check_scores_hours": _Range(0, above=True, optional=True),
    "check_fewer_users": _Range(0, 1, optional=True),
    "check_level": _Range(1, above=True, optional=True),
    "check_score_drift": _Range(0, above=True, optional=True),
    "check_feature_drift": _Range(0, above=True, optional=True),
    "check_auc_loss": _Range(0, 1, optional=True),
    "backtest_cutoffs": _CUTOFFS,
    "backtest_users": _Range(100, 1_000_000_000, whole=True),
}

VARIABLES = (
    *("events_path", "events_relation", "event_mapping", "event_mappings", "placeholder_user_ids"),
    *("currency", "as_of", "outcomes", "horizon_days", "model_name", "publish", *_NUMBERS),
)
"""Those of dbt_project.yml as shipped."""

# a name of a user's own that is less alike than this to one of ours was meant as it stands
_ALIKE = 0.85


class BadVariable(LikelyBuyersError):
    """A variable has a name that nothing reads, or a value that cannot be meant."""


def check_names_differ(text: str, where: str) -> None:
    """Refuse a name that stands twice in one place, such as two outcomes of one name: YAML would keep the last alone.

    text: of `where`, which is `--vars`, or a file in whose `vars` is looked.

    Raises:
        BadVariable: with the name and its place.
    """
    node: Any = yaml.compose(text, Loader=LOADER)
    if where != "--vars":
        node = next((value for name, value in node.value if name.value == "vars"), None)
    for place, name in _repeated(node, "vars"):
        raise BadVariable(
            f"{where} has '{name}' twice in {place}, and the last alone would count. Give one of them another name, or"
            " leave it out."
        )


def _repeated(node: Any, place: str) -> Iterator[tuple[str, str]]:
    """Each name that stands twice in a dictionary of a YAML tree, after the place of that dictionary."""
    known = set()
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value in known:
            yield place, name.value
        known.add(name.value)
        yield from _repeated(value, f"{place}.{name.value}")


def check_variables(given: Mapping[str, Any], of_project: Mapping[str, Any]) -> None:
    """Refuse names that are misspelt, and values that cannot be meant.

    given: what `--vars` says. A name must be one of ours, or one that dbt_project.yml has.
    of_project: `vars` of dbt_project.yml, where names of a user's own may stand beside ours, unless they are so much
        alike that ours was meant.

    Raises:
        BadVariable: with the nearest name, or with what was expected.
    """
    own = [name for name in _flat(of_project) if name not in VARIABLES]
    for name in own:
        alike = nearest(name, VARIABLES, _ALIKE)
        if alike:
            raise BadVariable(
                f"dbt_project.yml has the variable '{name}', which nothing reads. Did you mean '{alike}'? A variable"
                " of your own needs a name less like it."
            )
    known = [*VARIABLES, *own]
    for name in _flat(given):
        if name not in known:
            raise BadVariable(
                f"--vars has the variable '{name}', which nothing reads."
                f" {did_you_mean(name, known)} A variable of your own belongs into dbt_project.yml, too."
            )
    for where in (of_project, given):
        places = _flat(where).get("publish")
        for name in places if isinstance(places, Mapping) else ():
            if name not in PUBLISH:
                raise BadVariable(
                    f"vars.publish has no setting '{name}'. {did_you_mean(str(name), PUBLISH)}"
                )
    _check_values(_flat(of_project) | _flat(given))


def _check_values(values: Mapping[str, Any]) -> None:
    path = values.get("events_path")
    if path and not isinstance(path, str):
        raise BadVariable(
            f"vars.events_path must be the path of a file, a folder or a glob, found: {path}."
        )
    days = [] if values.get("as_of") is None else [("as_of", values["as_of"])]
    for name, numbers in _NUMBERS.items():
        value = values.get(name)
        if name == "backtest_cutoffs" and isinstance(value, list) and value:
            days += [(name, day) for day in value]
        elif name in values and not numbers.holds(value):
            raise BadVariable(f"vars.{name} must be {numbers}; found: {value}.")
    try:
        outcomes_of(values.get("outcomes"), values.get("horizon_days"))
    except BadOutcome as error:
        raise BadVariable(str(error)) from error
    for name, day in days:
        text = str(day).strip()
        if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise BadVariable(
                f"vars.{name} must be a date as YYYY-MM-DD (UTC midnight), found: {day}."
            )
        try:
            date.fromisoformat(text)
        except ValueError as error:
            raise BadVariable(f"vars.{name} is no date of the calendar: {day}.") from error


def _flat(variables: Mapping[str, Any]) -> dict[str, Any]:
    """dbt also takes a project's variables under the project's name; those of other packages are theirs."""
    flat = {str(name): value for name, value in variables.items() if name != PROJECT}
    scoped = variables.get(PROJECT)
    return flat | (dict(scoped) if isinstance(scoped, Mapping) else {})
