"""The names of the settings that dbt_project.yml has under `vars`, and what a misspelt one was meant to be.

dbt takes a variable that nobody reads without a word, so a typing error would leave a default in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from likely_buyers.errors import LikelyBuyersError

PROJECT = "likely_buyers"

VARIABLES = (
    "events_path",
    "events_relation",
    "event_mapping",
    "placeholder_user_ids",
    "currency",
    "warn_left_over",
    "stop_left_over",
    "bot_events_per_day",
    "events_per_chunk",
    "users_per_chunk",
    "as_of",
    "horizon_days",
    "top_fraction",
    "min_probability",
    "min_lift",
    "model_name",
    "training_users",
    "training_cutoffs",
    "training_step_days",
    "training_history_days",
    "training_seed",
    "backtest_cutoffs",
    "backtest_users",
    "publish",
    "event_mappings",
)
"""Those of dbt_project.yml as shipped."""

PUBLISH = ("duckdb", "parquet", "delta", "delta_keep_days", "postgres")
"""The settings of `publish`."""

# a name of a user's own that is less alike than this to one of ours was meant as it stands
_ALIKE = 0.85


class UnknownVariable(LikelyBuyersError):
    """A variable has a name that nothing reads."""


def check_variables(given: Mapping[str, Any], of_project: Mapping[str, Any]) -> None:
    """Refuse names that are misspelt.

    given: what `--vars` says. A name must be one of ours, or one that dbt_project.yml has.
    of_project: `vars` of dbt_project.yml, where names of a user's own may stand beside ours, unless they are so much
        alike that ours was meant.

    Raises:
        UnknownVariable: with the nearest name.
    """
    own = [name for name in _flat(of_project) if name not in VARIABLES]
    for name in own:
        alike = nearest(name, VARIABLES, _ALIKE)
        if alike:
            raise UnknownVariable(
                f"dbt_project.yml has the variable '{name}', which nothing reads. Did you mean '{alike}'? A variable"
                " of your own needs a name less like it."
            )
    known = [*VARIABLES, *own]
    for name in _flat(given):
        if name not in known:
            raise UnknownVariable(
                f"--vars has the variable '{name}', which nothing reads."
                f" {did_you_mean(name, known)} A variable of your own belongs into dbt_project.yml, too."
            )
    for where in (of_project, given):
        places = _flat(where).get("publish")
        for name in places if isinstance(places, Mapping) else ():
            if name not in PUBLISH:
                raise UnknownVariable(
                    f"vars.publish has no setting '{name}'. {did_you_mean(str(name), PUBLISH)}"
                )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or all of them."""
    names = list(known)
    alike = nearest(name, names, 0.6)
    return f"Did you mean '{alike}'?" if alike else f"Expected one of: {', '.join(names)}."


def nearest(name: str, known: Iterable[str], alike: float) -> str | None:
    """The known name most like another, if they are as much alike as that (0 to 1)."""
    found = get_close_matches(name, list(known), n=1, cutoff=alike)
    return found[0] if found else None


def _flat(variables: Mapping[str, Any]) -> dict[str, Any]:
    """dbt also takes a project's variables under the project's name; those of other packages are theirs."""
    flat = {str(name): value for name, value in variables.items() if name != PROJECT}
    scoped = variables.get(PROJECT)
    return flat | (dict(scoped) if isinstance(scoped, Mapping) else {})
