"""Time zones by the names that IANA, Rails and Windows give them."""

import csv
import difflib
import functools
import re
from collections.abc import Mapping
from importlib import resources

import duckdb

from likely_buyers.errors import LikelyBuyersError

# The names of three letters that IANA knows. ICU's other ones are guesses: its BST is Bangladesh, its AST Alaska.
_SHORT_NAMES = frozenset(
    ["CET", "EET", "EST", "GMT", "HST", "MET", "MST", "PRC", "ROC", "ROK", "UCT", "UTC", "WET"]
)


class UnknownZone(LikelyBuyersError):
    """A name that is no time zone's."""


def known_zone(text: str) -> str:
    """The IANA name of an IANA, Rails or Windows name, in any case.

    Raises:
        UnknownZone: nobody knows it; with the nearest name.
    """
    zones = zones_by_name()
    name = text.strip().lower()
    if name in zones:
        return zones[name]
    # people name a zone by its city as often as by its whole name
    cities = {known.rpartition("/")[2]: known for known in zones}
    near = difflib.get_close_matches(name, [*zones, *cities], n=1)
    hint = f" Did you mean {zones[cities.get(near[0], near[0])]!r}?" if near else ""
    raise UnknownZone(
        f"{text!r} is no time zone; wanted is a name such as 'Europe/Paris', 'Eastern Time (US & Canada)' or"
        f" 'W. Europe Standard Time'.{hint}"
    )


@functools.cache
def _icu_names() -> tuple[str, ...]:
    with duckdb.connect() as connection:
        rows = connection.execute("select name from pg_timezone_names()").fetchall()
    return tuple(sorted(name for (name,) in rows))


def _is_strange(icu_name: str) -> bool:
    """Whether it is of ICU only, and means something else to most people."""
    return bool(re.fullmatch("[A-Z]{3}", icu_name)) and icu_name not in _SHORT_NAMES


@functools.cache
def zones_by_name() -> Mapping[str, str]:
    """IANA names by every known name in lower case."""
    with resources.files(__package__).joinpath("zone_names.csv").open(encoding="utf-8") as file:
        other_names = {row["name"].lower(): row["zone"] for row in csv.DictReader(file)}
    # Factory is the zone of a computer that nobody has told its zone; SystemV's are of ICU only
    iana_names = (
        name
        for name in _icu_names()
        if not _is_strange(name) and name != "Factory" and not name.startswith("SystemV/")
    )
    return other_names | {name.lower(): name for name in iana_names}


@functools.cache
def misleading_names() -> tuple[str, ...]:
    """Names of ICU only, which mean something else to most people."""
    return tuple(name for name in _icu_names() if _is_strange(name))
