"""What kind of event a line is, guessed from the values of a column."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb

from likely_buyers.inspecting.profile import Column
from likely_buyers.inspecting.times import plain
from likely_buyers.inspecting.vocabulary import (
    EVENTS,
    is_other_event,
    is_whole_name,
    kind_of_event,
    meaning_of_status,
    rank,
)
from likely_buyers.sql_text import literal, quoted

_MOST_VALUES = 60
_SHOWN = 8


@dataclass
class EventTypes:
    """How a mapping tells a line's event type."""

    expression: str = "'purchase'"
    left_out: dict[str, str] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)

    def refund_below_zero(self, number: str) -> None:
        """Take a line whose number is below zero for a refund."""
        self.expression = f"case when {number} < 0 then 'refund' else {self.expression} end"


def event_types(
    columns: Sequence[Column], connection: duckdb.DuckDBPyConnection, *, taken: set[str]
) -> EventTypes:
    """By the column of events, else by the status of orders, else each line is a purchase."""
    candidates = []
    unread = []
    for number, column in enumerate(columns):
        if column.name in taken or column.distinct > _MOST_VALUES or column.kind != "text":
            continue
        counted = connection.execute(
            f"select trim({quoted(column.name)}) as value, count(*) as n from lines where {quoted(column.name)}"
            " is not null group by 1 order by n desc, value"
        ).fetchall()
        values = {str(value): int(count) for value, count in counted}
        total = sum(values.values())
        events = sum(
            n for value, n in values.items() if kind_of_event(value) or is_other_event(value)
        )
        is_event = sum(n for value, n in values.items() if kind_of_event(value)) > 0
        statuses = sum(n for value, n in values.items() if meaning_of_status(value))
        named_event, named_status = rank(column.name, "type"), rank(column.name, "status")
        if is_event and (events >= 0.5 * total or named_event is not None):
            order = (0, 999 if named_event is None else named_event, number)
            candidates.append((order, column, values, True))
        elif statuses and named_status is not None:
            candidates.append(((1, named_status, number), column, values, False))
        # an address has a state, too
        elif column.name.lower() not in ("state", "estado") and (
            is_whole_name(column.name, "type") or is_whole_name(column.name, "status")
        ):
            shown = ", ".join(f"'{value}'" for value in [*values][:_SHOWN])
            unread.append(f"{column.name} may say otherwise: {shown}")
    if not candidates:
        said = "; ".join(unread) or "No column says what happened"
        return EventTypes(questions=[f"Is each line a purchase? {said}; the draft takes it so."])
    _, column, values, is_event = min(candidates, key=lambda one: one[0])
    taken.add(column.name)
    found = _of_events(column, values) if is_event else _of_statuses(column, values)
    others = [one for _, one, _, _ in candidates if one is not column]
    if not is_event and others:
        names = ", ".join(one.name for one in others)
        found.questions.append(
            f"Which column says whether an order counts? The draft takes {column.name}; there are {names}, too."
        )
    return found


def _of_events(column: Column, values: dict[str, int]) -> EventTypes:
    kinds = {value: kind_of_event(value) for value in values}
    others = [value for value in values if is_other_event(value)]
    unknown = [value for value in values if kinds[value] is None and value not in others]
    found = EventTypes(_case(column, {v: kind for v, kind in kinds.items() if kind}))
    if others:
        found.left_out["other_event"] = _among(column, others)
    if unknown:
        found.questions.append(
            _asked(column, unknown, "of view, cart, remove_from_cart, purchase, refund")
        )
    return found


def _of_statuses(column: Column, values: dict[str, int]) -> EventTypes:
    meanings = {value: meaning_of_status(value) for value in values}
    bought = [value for value, meaning in meanings.items() if meaning == "purchase"]
    found = EventTypes(_case(column, dict.fromkeys(bought, "purchase")))
    for meaning in dict.fromkeys(meanings.values()):
        if meaning and meaning != "purchase":
            same = [value for value, other in meanings.items() if other == meaning]
            found.left_out[meaning] = _among(column, same)
    if found.left_out:
        named = ", ".join(found.left_out)
        found.questions.append(
            f"Which values of {column.name} are purchases? The draft takes {', '.join(bought) or 'none'}, and leaves"
            f" out {named}."
            + (
                " In a shop that is paid on delivery, pending orders are purchases."
                if "pending" in named
                else ""
            )
        )
    unknown = [value for value, meaning in meanings.items() if meaning is None]
    if unknown:
        found.questions.append(_asked(column, unknown, "of a purchase, or to be left out"))
    if column.filled < 1:
        found.questions.append(
            f"{column.name} is empty on {1 - column.filled:.0%} of the lines. If it stands on an order's first line"
            " only, give `rows` that carry it to the others: max(...) over (partition by the order)."
        )
    return found


def _case(column: Column, kinds: dict[str, str]) -> str:
    """The values' kinds; a value that is none stays itself, and is quarantined under its name."""
    name = plain(column.name)
    if all(value == kind for value, kind in kinds.items()):
        return name
    branches: dict[str, list[str]] = {}
    for value, kind in kinds.items():
        lowered = value.lower()
        if lowered not in branches.setdefault(kind, []):
            branches[kind].append(lowered)
    order = [*EVENTS]
    when = " ".join(
        f"when lower(trim({name})) in ({', '.join(literal(value) for value in branches[kind])}) then '{kind}'"
        for kind in sorted(branches, key=order.index)
    )
    return f"case {when} else {name} end"


def _among(column: Column, values: Sequence[str]) -> str:
    lowered = list(dict.fromkeys(value.lower() for value in values))
    return (
        f"lower(trim({plain(column.name)})) in ({', '.join(literal(value) for value in lowered)})"
    )


def _asked(column: Column, values: Sequence[str], choice: str) -> str:
    shown = ", ".join(f"'{value}'" for value in values[:_SHOWN])
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return (
        f"What does {shown}{more} in {column.name} mean? One {choice}: put it into event_type or leave_out. Until then"
        " such lines are quarantined."
    )
