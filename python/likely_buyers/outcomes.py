"""What is predicted: the outcomes of `vars.outcomes`.

An outcome is met by a user who has so many events of a type, of those that a condition holds for, within the horizon.
Horizons of the same events are nested: who buys within a week buys within a month.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from likely_buyers.errors import LikelyBuyersError, did_you_mean

EVENT_TYPES = ("view", "cart", "remove_from_cart", "purchase", "refund")
_MOST_DAYS = 365
_NAME = re.compile("[a-z][a-z0-9_]{0,39}")

NO_LONGER_PREDICTED = (
    "is no longer in vars.outcomes; its history stays, and its champion scores no more."
)
"""What is said after the name of an outcome whose models are still there."""


class BadOutcome(LikelyBuyersError):
    """An outcome that cannot be meant; the message names it."""


@dataclass(frozen=True)
class Outcome:
    """One outcome.

    Attributes:
        name: what it is called in tables and commands.
        event: the type of event that meets it.
        horizon_days: how far ahead it looks, in days.
        where: SQL condition on silver.events that such an event must meet; None: any does.
        at_least: how many such events within the horizon.
        population: SQL condition on the features, as of the cutoff, for whom it is predicted; None: everybody.
    """

    name: str
    horizon_days: int
    event: str = "purchase"
    where: str | None = None
    at_least: int = 1
    population: str | None = None

    @property
    def definition(self) -> dict[str, Any]:
        """What a model that was trained for it depends on."""
        return {key: value for key, value in asdict(self).items() if key != "name"}

    def changed_since(self, horizon_days: int, definition: Mapping[str, Any] | None) -> list[str]:
        """What of it is other than what a model was trained for, in words; `definition` as training noted it."""
        now = self.definition
        known = {"horizon_days": horizon_days} | dict(definition or {})
        return [
            f"{key} is {now.get(key)}, and it was trained for {value}"
            for key, value in known.items()
            if now.get(key) != value
        ]

    @property
    def in_words(self) -> str:
        """What a user does who meets it."""
        kind = {"remove_from_cart": "removal from the cart"}.get(self.event, self.event)
        times = f"a {kind}" if self.at_least == 1 else f"at least {self.at_least} {kind}s"
        return times + (f" with {self.where}" if self.where else "")

    @property
    def label(self) -> str:
        """Its column in training.examples."""
        return f"label_{self.name}"


def outcomes_of(outcomes: Any, horizon_days: Any = None) -> list[Outcome]:
    """The outcomes of vars.outcomes, in their order; or the one that vars.horizon_days is the short form of.

    Raises:
        BadOutcome: one cannot be meant.
    """
    if horizon_days is not None:
        days = _days("vars.horizon_days", horizon_days)
        return [Outcome(f"purchase_{days}d", days)]
    if not isinstance(outcomes, Mapping) or not outcomes:
        raise BadOutcome(
            "vars.outcomes must name at least one outcome, as {purchase_30d: {event: purchase, horizon_days: 30}};"
            f" found: {outcomes}."
        )
    return [_outcome(str(name), told) for name, told in outcomes.items()]


@dataclass(frozen=True)
class Predicted:
    """What a project predicts: its outcomes, and `base`, by which their registered models are named."""

    base: str
    outcomes: Sequence[Outcome]

    @classmethod
    def of(cls, told: Any) -> "Predicted":
        """Of {model_name, outcomes, horizon_days}, as dbt's variables have them; or of that as JSON.

        Raises:
            BadOutcome: an outcome cannot be meant.
        """
        known = json.loads(told) if isinstance(told, str) else told
        outcomes = outcomes_of(known["outcomes"], known["horizon_days"])
        return cls(str(known["model_name"]), outcomes)

    def model_name(self, outcome: Outcome) -> str:
        """The registered name of the outcome's models."""
        return f"{self.base}.{outcome.name}"


def outcome_of(model_name: str) -> str:
    """The name of the outcome that a registered model is of, which its name ends in."""
    return model_name.rpartition(".")[2]


def chosen(outcomes: Sequence[Outcome], names: Sequence[str]) -> list[Outcome]:
    """Those of the names; all where none is named.

    Raises:
        BadOutcome: there is none of a name.
    """
    known = {outcome.name: outcome for outcome in outcomes}
    for name in names:
        if name not in known:
            raise BadOutcome(f"vars.outcomes has no outcome '{name}'. {did_you_mean(name, known)}")
    return [known[name] for name in names] if names else list(outcomes)


def nested_chains(outcomes: Sequence[Outcome]) -> list[list[int]]:
    """Positions of outcomes that are nested in each other, two or more, the shortest horizon first.

    Of one event, whatever their populations. Where two have the same horizon neither is nested in the other, and only
    those of one population are.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    for position, outcome in enumerate(outcomes):
        key = (outcome.event, outcome.where, outcome.at_least)
        alike.setdefault(key, []).append(position)
    chains: dict[tuple[object, ...], list[int]] = {}
    for of_event, positions in alike.items():
        is_of_all = len({outcomes[each].horizon_days for each in positions}) == len(positions)
        for position in positions:
            population = None if is_of_all else outcomes[position].population
            chains.setdefault((of_event, is_of_all, population), []).append(position)
    return [
        sorted(chain, key=lambda position: outcomes[position].horizon_days)
        for chain in chains.values()
        if len(chain) > 1
    ]


def _outcome(name: str, told: Any) -> Outcome:
    what = f"the outcome '{name}'"
    if not _NAME.fullmatch(name):
        raise BadOutcome(
            f"{what} needs another name: at most 40 small letters, digits and '_', a letter first."
        )
    if not isinstance(told, Mapping):
        raise BadOutcome(
            f"{what} must be a dictionary such as {{event: purchase, horizon_days: 30}}, found: {told}."
        )
    known = [field.name for field in fields(Outcome) if field.name != "name"]
    for key in told:
        if key not in known:
            raise BadOutcome(f"{what} has the key '{key}'. {did_you_mean(str(key), known)}")
    given = {key: value for key, value in told.items() if value is not None}
    if "horizon_days" not in given:
        raise BadOutcome(f"{what} has no horizon_days: say how many days ahead it looks.")
    event = given.get("event", "purchase")
    if event not in EVENT_TYPES:
        raise BadOutcome(f"{what} has the event '{event}'. {did_you_mean(str(event), EVENT_TYPES)}")
    at_least = given.get("at_least", 1)
    if isinstance(at_least, bool) or not isinstance(at_least, int) or at_least < 1:
        raise BadOutcome(f"{what} has at_least {at_least}; expected a whole number of at least 1.")
    for key in ("where", "population"):
        if not isinstance(given.get(key, "x"), str) or not given.get(key, "x").strip():
            raise BadOutcome(
                f"{what} has {key} {given[key]!r}; expected a SQL condition as text, or leave it out."
            )
    return Outcome(
        name,
        _days(f"{what}: horizon_days", given["horizon_days"]),
        event,
        given.get("where"),
        at_least,
        given.get("population"),
    )


def _days(what: str, found: Any) -> int:
    whole = isinstance(found, int | float) and not isinstance(found, bool)
    if not whole or not float(found).is_integer() or not 1 <= found <= _MOST_DAYS:
        raise BadOutcome(
            f"{what} must be a whole number of at least 1 and at most {_MOST_DAYS}; found: {found}."
        )
    return int(found)
