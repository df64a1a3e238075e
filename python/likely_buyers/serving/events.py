"""Events of a request: which of them count, by the rules of silver, and as rows of `live_features`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from likely_buyers.outcomes import EVENT_TYPES
from likely_buyers.serving.live_features import EVENTS

Text = Annotated[str, StringConstraints(max_length=1_000)]
Amount = Annotated[Decimal, Field(allow_inf_nan=False)]

_EARLIEST = datetime(1990, 1, 1)
_LARGEST = Decimal(10) ** 14
# beyond that many digits before the point, or zeros behind it, an amount is refused or is nothing
_DIGITS = 30


class Event(BaseModel):
    """An event as `silver.events` describes it."""

    model_config = ConfigDict(extra="forbid")

    event_time: datetime = Field(
        description="ISO 8601; without an offset it is UTC.", examples=["2020-02-28T09:30:00Z"]
    )
    event_type: Text = Field(
        description="view, cart, remove_from_cart, purchase or refund; or the source's own name, as the seed"
        " event_types translates it.",
        examples=["cart"],
    )
    event_id: Text | None = Field(None, description="Events with the same id are one event.")
    user_id: Text | None = Field(
        None, description="May be left out; an event of another user is left out."
    )
    session_id: Text | None = None
    product_id: Text | None = Field(None, examples=["p7"])
    category: Text | None = None
    brand: Text | None = None
    price: Amount | None = Field(None, description="Of one piece.", examples=[12.5])
    quantity: Amount | None = Field(None, description="1 where it is left out.", examples=[1])
    currency: Text | None = None


class LeftOut(BaseModel):
    """An event that did not count, as the build would leave it out."""

    event: int = Field(description="Its place among the events, from 0.")
    reason: Literal[
        "unknown_event_type",
        "implausible_event_time",
        "future_event_time",
        "negative_price",
        "invalid_price",
        "non_positive_quantity",
        "invalid_quantity",
        "of_another_user",
        "in_the_build_already",
        "not_before_as_of",
        "unknown_currency",
        "duplicate",
    ]


@dataclass(frozen=True)
class EventRules:
    """What the event mapping and the build say of events.

    Attributes:
        first_day: events of earlier days are in the build.
        time_zone: whose days they are.
        types: the source's names of event types, beside those of the event contract.
        currencies: those that amounts may have; None: any, since amounts cannot be added up.
        keep_last: of several events with one id the last counts.
        equal_are_separate: events that are equal in all they say are several.
    """

    first_day: date
    time_zone: str
    types: Mapping[str, str]
    currencies: Sequence[str] | None
    keep_last: bool
    equal_are_separate: bool

    def day(self, moment: datetime) -> date:
        """The day of a moment (UTC without a zone) in the shop's time zone."""
        if self.time_zone == "UTC":
            return moment.date()
        try:
            return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(self.time_zone)).date()
        except OverflowError:
            # at an end of the calendar, where no event counts
            return moment.date()


@dataclass(frozen=True)
class Accepted:
    """The events that count, as values of EVENTS but the user, and those that do not."""

    rows: Sequence[tuple[Any, ...]]
    left_out: Sequence[LeftOut]
    last_day: date | None


def accepted(
    events: Sequence[Event], user_id: str, as_of: date | None, rules: EventRules, now: datetime
) -> Accepted:
    """Which events count.

    Args:
        events: those of the request.
        user_id: whose they are to be.
        as_of: only events of earlier days count; None: of all days.
        rules: the rules.
        now: UTC without a zone: more than a day after it is the future.
    """
    left_out: list[LeftOut] = []
    found: list[tuple[int, tuple[Any, ...], tuple[Any, ...]]] = []
    for place, event in enumerate(events):
        moment = _in_utc(event.event_time)
        row = _row(event, moment, rules)
        reason = _reason(event, row, user_id, as_of, rules, now)
        if reason:
            left_out.append(LeftOut(event=place, reason=reason))
            continue
        content = (*row, event.category or None, event.brand or None)
        key = ("id", event.event_id) if event.event_id else ("equal", *content)
        if rules.equal_are_separate and not event.event_id:
            key = ("place", place)
        found.append((place, key, content))
    found.sort(key=lambda one: _order(one[2]))
    found.sort(key=lambda one: one[2][0], reverse=rules.keep_last)
    kept: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for place, key, content in found:
        if key in kept:
            left_out.append(LeftOut(event=place, reason="duplicate"))
        else:
            kept[key] = content[: len(EVENTS) - 1]
    rows = list(kept.values())
    left_out.sort(key=lambda one: one.event)
    return Accepted(rows, left_out, max((row[1] for row in rows), default=None))


def as_table(rows_of_users: Mapping[str, Sequence[tuple[Any, ...]]]) -> pa.Table | None:
    """Rows of several users as EVENTS, by the names that stand for them; None without any."""
    rows = [(name, *row) for name, rows in rows_of_users.items() for row in rows]
    if not rows:
        return None
    columns = [
        pa.array(column, field.type)
        for column, field in zip(zip(*rows, strict=True), EVENTS, strict=True)
    ]
    return pa.table(columns, schema=EVENTS)


def _in_utc(moment: datetime) -> datetime:
    """Without a zone."""
    if not moment.tzinfo:
        return moment
    try:
        return moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        # it is in the first or the last year in any zone, and so implausible or in the future
        return moment.replace(tzinfo=None)


def _digits(amount: Decimal) -> str:
    """An amount without an exponent, which may ask for more digits than there is memory."""
    return format(amount, "f") if abs(amount.adjusted()) < _DIGITS else "0"


def _row(event: Event, moment: datetime, rules: EventRules) -> tuple[Any, ...]:
    kind = rules.types.get(event.event_type)
    if kind is None and event.event_type in EVENT_TYPES:
        kind = event.event_type
    return (
        moment,
        rules.day(moment),
        kind,
        event.session_id or None,
        event.product_id or None,
        None if event.price is None else _digits(event.price),
        "1" if event.quantity is None else _digits(event.quantity),
        (event.currency or "").strip().upper() or None,
    )


def _reason(
    event: Event,
    row: tuple[Any, ...],
    user_id: str,
    as_of: date | None,
    rules: EventRules,
    now: datetime,
) -> Any:
    moment, day, kind, *_, currency = row
    is_paid = kind in ("purchase", "refund") and event.price is not None and currency
    reasons = {
        "of_another_user": event.user_id not in (None, "", user_id),
        "unknown_event_type": kind is None,
        "implausible_event_time": moment < _EARLIEST,
        "future_event_time": moment > now + timedelta(days=1),
        "in_the_build_already": day < rules.first_day,
        "not_before_as_of": as_of is not None and day >= as_of,
        "negative_price": event.price is not None and event.price < 0,
        "invalid_price": event.price is not None and event.price >= _LARGEST,
        "non_positive_quantity": event.quantity is not None and event.quantity <= 0,
        "invalid_quantity": event.quantity is not None and event.quantity >= _LARGEST,
        "unknown_currency": is_paid
        and rules.currencies is not None
        and currency not in rules.currencies,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _order(content: tuple[Any, ...]) -> tuple[Any, ...]:
    """As silver.left_out_lines orders versions of an event of one time, with what is not given behind."""
    _, _, kind, session, product, price, quantity, currency, category, brand = content
    money = [Decimal(amount) if amount is not None else None for amount in (price, quantity)]
    later = (session, product, category, brand, *money, currency)
    return (kind, *((value is None, value if value is not None else 0) for value in later))
