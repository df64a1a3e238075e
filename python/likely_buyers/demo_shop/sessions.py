"""One day in the shop: who visits, what they look at, what they buy."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from likely_buyers.demo_shop.arrays import Bools, Ints, Longs, Words
from likely_buyers.demo_shop.behaviour import Law, purchase_chance, visits_per_day
from likely_buyers.demo_shop.catalogue import Catalogue
from likely_buyers.demo_shop.lines import VIEW, WHOLE, Lines
from likely_buyers.demo_shop.people import People
from likely_buyers.demo_shop.settings import random_stream
from likely_buyers.demo_shop.shop_calendar import ShopCalendar

SECONDS_A_DAY = 86_400
EPOCH = dt.date(1970, 1, 1)

# Chance after each product page to stop looking: a few pages when idle, more when interested.
STOPS_IDLE = 0.29
STOPS_INTERESTED = 0.17
MOST_VIEWS = 60
CARTS_BEFORE_PURCHASE = 0.60
# People put into the cart what they might buy: abandoned carts follow the same chance as purchases.
ABANDONED_PER_PURCHASE_CHANCE = 0.75
REMOVES_ABANDONED = 0.08
SECOND_ITEM = 0.10
THIRD_ITEM = 0.04
STAYS_ON_FAVOURITE = 0.55
STAYS_IN_CATEGORY = 0.85
# Exponent of popularity: with 2.5, a fifth of a category's products draw half of its views.
POPULARITY = 2.5
MEAN_PAUSE_SECONDS = 50.0
# With at most MOST_VIEWS + 6 events, a session of longest pauses still fits into one day.
LONGEST_PAUSE_SECONDS = 1_200
HOURLY_VISITS = np.array([
    2, 1.5, 2, 3, 5, 7, 8.5, 9, 9.5, 9.5, 9, 9,
    9, 9, 9.5, 10, 10.5, 10.5, 9.5, 8, 6, 4.5, 3.5, 2.5,
])  # fmt: skip


@dataclass(frozen=True)
class ShopDay:
    """What happened on one day: valid, distinct lines in order of time, and who bought."""

    lines: Lines
    buyers: Longs
    """Positions of the users with at least one purchase, ascending."""
    visitors: int


@dataclass(frozen=True)
class _Sessions:
    """One entry per session; the counts say how many lines of each type it has."""

    user: Longs
    views: Ints
    carts: Ints
    removes: Ints
    purchases: Ints


def mean_views(interested: bool) -> float:
    """Expected product views of one session, before the cap that almost none reaches."""
    return 1.0 / (STOPS_INTERESTED if interested else STOPS_IDLE)


def shop_day(
    people: People, law: Law, catalogue: Catalogue, calendar: ShopCalendar, *, seed: int, day: int
) -> ShopDay:
    """All valid events of one day, given the states that `pass_midnight` has set.

    Sessions begin and end within the day and their seconds strictly increase, so no two lines are
    equal and every purchase counts for the day the law drew it for.
    """
    rng = random_stream(seed, "sessions", day)
    sessions = _draw_sessions(rng, people, law, calendar, day)
    discount = calendar.sales[day].discount
    midnight = (calendar.dates[day] - EPOCH).days * SECONDS_A_DAY
    lines = _lines(rng, sessions, people, catalogue, discount=discount, midnight=midnight)
    lines = lines.take(np.argsort(lines.seconds, kind="stable"))
    buyers = np.unique(sessions.user[sessions.purchases > 0])
    visitors = int(np.count_nonzero(np.diff(sessions.user))) + (len(sessions.user) > 0)
    return ShopDay(lines, buyers, visitors)


def _draw_sessions(
    rng: np.random.Generator, people: People, law: Law, calendar: ShopCalendar, day: int
) -> _Sessions:
    here = np.flatnonzero(people.present(day))
    rate = visits_per_day(
        law, people.visit_rate[here], people.interested[here], calendar.visits[day]
    )
    # A user joins by visiting, so everybody who has joined is in the log.
    visits = rng.poisson(rate) + (people.joined[here] == day)
    user = np.repeat(here, visits)
    n = len(user)
    interested = people.interested[user]

    chance = purchase_chance(law, people.propensity[user], interested, calendar.purchases[day])
    buys: Bools = rng.random(n) < chance
    cart_chance = np.where(buys, CARTS_BEFORE_PURCHASE, ABANDONED_PER_PURCHASE_CHANCE * chance)
    fills_cart: Bools = rng.random(n) < cart_chance
    views = rng.geometric(np.where(interested, STOPS_INTERESTED, STOPS_IDLE))
    seen: Ints = np.minimum(views, MOST_VIEWS).astype(np.int32)
    draw = rng.random(n)
    items = np.minimum(seen, 1 + (draw < SECOND_ITEM) + (draw < THIRD_ITEM)).astype(np.int32)
    removes = fills_cart & ~buys & (rng.random(n) < REMOVES_ABANDONED)
    return _Sessions(user, seen, items * fills_cart, removes.astype(np.int32), items * buys)


def _lines(
    rng: np.random.Generator,
    sessions: _Sessions,
    people: People,
    catalogue: Catalogue,
    *,
    discount: float,
    midnight: int,
) -> Lines:
    """The sessions' lines, session by session: views, then carts, removal, purchases."""
    count = len(sessions.user)
    length = sessions.views + sessions.carts + sessions.removes + sessions.purchases
    n = int(length.sum())
    session = np.repeat(np.arange(count, dtype=np.int32), length)
    first = np.cumsum(length) - length
    step = np.arange(n, dtype=np.int64) - first[session]

    carts_from = sessions.views
    removes_from = carts_from + sessions.carts
    purchases_from = removes_from + sessions.removes
    # A session's steps pass one threshold after the other: VIEW, CART, REMOVE, PURCHASE are 0 to 3.
    kind = (step >= carts_from[session]).astype(np.int8)
    kind += step >= removes_from[session]
    kind += step >= purchases_from[session]

    viewed = _draw_products(rng, sessions, people, catalogue, session)
    # Carts, removals and purchases concern the pages looked at last.
    block = np.stack([np.zeros_like(carts_from), carts_from, removes_from, purchases_from])
    after = step - block[kind, session]
    seen = first[session] + np.where(kind == VIEW, step, carts_from[session] - 1 - after)
    product = viewed[seen]

    cents = np.round(catalogue.cents * (1.0 - discount)).astype(np.int32)
    return Lines(
        seconds=midnight + _draw_seconds(rng, session, first, length),
        event_type=kind,
        product=product,
        cents=cents[product],
        user_id=people.user_id[sessions.user][session],
        session=_draw_uuids(rng, count)[session],
        damage=np.full(n, WHOLE, dtype=np.int8),
    )


def _draw_products(
    rng: np.random.Generator,
    sessions: _Sessions,
    people: People,
    catalogue: Catalogue,
    session: Ints,
) -> Ints:
    """A product per line, as if every line were a view."""
    thresholds = np.cumsum(catalogue.category_weight)[:-1]
    count, n = len(sessions.user), len(session)
    other = np.searchsorted(thresholds, rng.random(count), side="right").astype(np.int32)
    loyal = rng.random(count) < STAYS_ON_FAVOURITE
    category = np.where(loyal, people.favourite[sessions.user], other)[session]
    strays = np.flatnonzero(rng.random(n, dtype=np.float32) >= STAYS_IN_CATEGORY)
    category[strays] = np.searchsorted(thresholds, rng.random(len(strays)), side="right")
    size = catalogue.category_size[category]
    # In double precision a draw below 1 stays below the size after scaling.
    rank = np.floor(size * rng.random(n) ** POPULARITY).astype(np.int32)
    product: Ints = catalogue.category_first[category] + rank
    return product


def _draw_seconds(rng: np.random.Generator, session: Ints, first: Longs, length: Ints) -> Longs:
    """Seconds after midnight, strictly increasing within each session."""
    count, n = len(length), len(session)
    pause = np.minimum(1.0 + rng.exponential(MEAN_PAUSE_SECONDS, n), LONGEST_PAUSE_SECONDS).astype(
        np.int64
    )
    passed = np.cumsum(pause)
    passed -= passed[first][session]
    lasts = passed[first + length - 1]
    hour_ends = np.cumsum(HOURLY_VISITS) / HOURLY_VISITS.sum()
    hour = np.searchsorted(hour_ends[:-1], rng.random(count), side="right")
    begins = hour * 3_600 + rng.integers(0, 3_600, count)
    begins = np.minimum(begins, SECONDS_A_DAY - 1 - lasts)
    seconds: Longs = begins[session] + passed
    return seconds


def _draw_uuids(rng: np.random.Generator, count: int) -> Words:
    """Random UUIDs (version 4) as two words each."""
    words = rng.integers(0, 2**64, (count, 2), dtype=np.uint64)
    words[:, 0] = (words[:, 0] & np.uint64(0xFFFFFFFFFFFF0FFF)) | np.uint64(0x4000)
    words[:, 1] = (words[:, 1] & np.uint64(0x3FFFFFFFFFFFFFFF)) | np.uint64(0x8000000000000000)
    return words
