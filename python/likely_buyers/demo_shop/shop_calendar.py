"""Weekdays, seasons and sales: how the date alone changes visits and purchases.

Every factor is a fixed function of the date, so the days after the simulated ones are known too, as
the oracle needs.
"""

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np

from likely_buyers.demo_shop.arrays import Floats

# Monday to Sunday; weekend visitors look around more and buy less.
WEEKDAY_VISITS = (0.96, 0.95, 0.95, 0.96, 1.03, 1.09, 1.06)
WEEKDAY_PURCHASES = (1.04, 1.05, 1.05, 1.04, 1.00, 0.90, 0.92)


@dataclass(frozen=True)
class Sale:
    """What each day of a sale does: factors on visits, purchases per visit and new interest."""

    name: str
    visits: float
    purchases: float
    interest: float
    discount: float


NO_SALE = Sale("", 1.0, 1.0, 1.0, 0.0)
MONTH_END = Sale("month end", 1.10, 1.15, 1.2, 0.05)
SINGLES_DAY = Sale("singles day", 1.35, 1.40, 1.8, 0.15)
BLACK_FRIDAY = Sale("black friday", 1.45, 1.50, 2.0, 0.20)
CHRISTMAS = Sale("christmas", 1.15, 1.20, 1.4, 0.05)
SUMMER = Sale("summer sale", 1.20, 1.25, 1.5, 0.15)


def sale_on(day: dt.date) -> Sale:
    """The sale running on a day, or NO_SALE."""
    first_of_november = dt.date(day.year, 11, 1)
    thanksgiving = first_of_november + dt.timedelta(days=(3 - first_of_november.weekday()) % 7 + 21)
    if 1 <= (day - thanksgiving).days <= 4:
        return BLACK_FRIDAY
    if (day.month, day.day) in {(11, 10), (11, 11)}:
        return SINGLES_DAY
    if day.month == 12 and 10 <= day.day <= 22:
        return CHRISTMAS
    if day.month == 7 and day.day <= 10:
        return SUMMER
    if (day + dt.timedelta(days=3)).month != day.month:
        return MONTH_END
    return NO_SALE


def season_factor(day: dt.date) -> float:
    """A yearly wave: 1.15 in mid December, 0.85 in mid June."""
    return 1.0 + 0.15 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 349) / 365.25)


@dataclass(frozen=True)
class ShopCalendar:
    """Factors for consecutive days from the first; every array has one entry per day."""

    dates: tuple[dt.date, ...]
    weekday: Floats
    season: Floats
    sales: tuple[Sale, ...]
    visits: Floats
    """Factor on how often a user visits."""
    purchases: Floats
    """Factor on the chance that a visit ends in a purchase."""
    interest: Floats
    """Factor on the chance that an idle user becomes interested at the midnight this day begins
    with."""


def shop_calendar(start: dt.date, days: int) -> ShopCalendar:
    """The calendar of `days` days from `start` on."""
    dates = tuple(start + dt.timedelta(days=day) for day in range(days))
    sales = tuple(sale_on(day) for day in dates)
    weekday = np.array([WEEKDAY_VISITS[day.weekday()] for day in dates])
    season = np.array([season_factor(day) for day in dates])
    weekday_purchases = np.array([WEEKDAY_PURCHASES[day.weekday()] for day in dates])
    return ShopCalendar(
        dates=dates,
        weekday=weekday,
        season=season,
        sales=sales,
        visits=weekday * season * np.array([sale.visits for sale in sales]),
        purchases=weekday_purchases * np.array([sale.purchases for sale in sales]),
        interest=season * np.array([sale.interest for sale in sales]),
    )
