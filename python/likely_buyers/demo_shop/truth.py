"""What the simulator knows and a shop does not: the files in `_truth/`.

| file | one row per | holds |
|---|---|---|
| users.parquet | user | joined_on, left_on (null: still there), latent rates, favourite category |
| interest_spells.parquet | spell of interest | began_on, ended_on (first day without; or null) |
| purchase_days.parquet | user and day with a purchase | user_id, date |
| days.parquet | day, simulated and a year on | calendar factors; what happened while simulated |
| settings.json | | settings and law; written first, so that a stopped run can be told |
| dirt.json | | line counts, overall and per kind of dirt; written last |
"""

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from likely_buyers.demo_shop.arrays import Ints, Longs
from likely_buyers.demo_shop.behaviour import Law
from likely_buyers.demo_shop.catalogue import CATEGORIES
from likely_buyers.demo_shop.people import EndedInterest, People
from likely_buyers.demo_shop.sessions import EPOCH
from likely_buyers.demo_shop.settings import SimulationError, SimulationSettings
from likely_buyers.demo_shop.shop_calendar import ShopCalendar

TRUTH_FOLDER = "_truth"
SETTINGS, USERS, DAYS = "settings.json", "users.parquet", "days.parquet"
SPELLS, PURCHASE_DAYS, DIRT = "interest_spells.parquet", "purchase_days.parquet", "dirt.json"
TRUTH_FILES = frozenset({SETTINGS, USERS, DAYS, SPELLS, PURCHASE_DAYS, DIRT})
# How far past the last simulated day the oracle can look.
DAYS_AFTER = 366

_SPELL_SCHEMA = pa.schema(
    [("user_id", pa.int64()), ("began_on", pa.date32()), ("ended_on", pa.date32())]
)
_PURCHASE_SCHEMA = pa.schema([("user_id", pa.int64()), ("date", pa.date32())])


class TruthFiles:
    """Writes the truth while the days pass. Use as a context: leaving it closes the open files."""

    def __init__(
        self, folder: Path, settings: SimulationSettings, law: Law, people: People
    ) -> None:
        """Make the folder, write what is known beforehand, open what grows day by day."""
        self._folder = folder
        self._start = (settings.start - EPOCH).days
        self._people = people
        folder.mkdir()
        _write_json(
            folder / SETTINGS,
            {
                "settings": dataclasses.asdict(settings) | {"start": settings.start.isoformat()},
                "law": dataclasses.asdict(law),
            },
        )
        pq.write_table(self._users(settings), folder / USERS)
        self._spells = pq.ParquetWriter(folder / SPELLS, _SPELL_SCHEMA)
        self._purchases = pq.ParquetWriter(folder / PURCHASE_DAYS, _PURCHASE_SCHEMA)

    def __enter__(self) -> "TruthFiles":
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files that grow."""
        self._spells.close()
        self._purchases.close()

    def add_interest(self, spells: EndedInterest) -> None:
        """Record the spells that ended at one midnight."""
        self._write_spells(spells.user, spells.began, pa.array(self._start + spells.ended))

    def add_purchases(self, day: int, buyers: Longs) -> None:
        """Record who bought on a day."""
        date = pa.array(np.full(len(buyers), self._start + day, dtype=np.int32)).view(pa.date32())
        user = pa.array(self._people.user_id[buyers])
        self._purchases.write_table(pa.table([user, date], schema=_PURCHASE_SCHEMA))

    def finish(
        self,
        calendar: ShopCalendar,
        happened: Mapping[str, list[int]],
        counts: Mapping[str, object],
    ) -> None:
        """Record the spells that go on, the days and the counts.

        calendar: the simulated days and DAYS_AFTER more. happened: columns of days.parquet with one
        number per simulated day.
        """
        people = self._people
        on = np.flatnonzero(people.interested)
        self._write_spells(on, people.interested_since[on], pa.nulls(len(on), pa.int32()))
        pq.write_table(_days(calendar, happened), self._folder / DAYS)
        _write_json(self._folder / DIRT, counts)

    def _write_spells(self, user: Longs, began: Ints, ended: pa.Array) -> None:
        began_on = pa.array((self._start + began).astype(np.int32)).view(pa.date32())
        ended_on = ended.cast(pa.int32()).view(pa.date32())
        ids = pa.array(self._people.user_id[user])
        self._spells.write_table(pa.table([ids, began_on, ended_on], schema=_SPELL_SCHEMA))

    def _users(self, settings: SimulationSettings) -> pa.Table:
        people = self._people
        still_there = people.left > settings.days
        left = np.where(still_there, 0, self._start + people.left).astype(np.int32)
        codes = pa.array([code for code, _, _ in CATEGORIES], pa.string())
        return pa.table(
            {
                "user_id": people.user_id,
                "joined_on": pa.array((self._start + people.joined).astype(np.int32)).view(
                    pa.date32()
                ),
                "left_on": pa.array(left, mask=still_there).view(pa.date32()),
                "visits_per_idle_day": people.visit_rate,
                "purchase_propensity": people.propensity,
                "leave_chance": people.leave_chance,
                "interest_chance": people.interest_chance,
                "favourite_category": codes.take(pa.array(people.favourite)),
            }
        )


def _days(calendar: ShopCalendar, happened: Mapping[str, list[int]]) -> pa.Table:
    after = len(calendar.dates) - len(next(iter(happened.values())))
    simulated = [True] * (len(calendar.dates) - after) + [False] * after
    return pa.table(
        {
            "date": pa.array(calendar.dates, pa.date32()),
            "simulated": simulated,
            "weekday_factor": calendar.weekday,
            "season_factor": calendar.season,
            "sale": pa.array([sale.name or None for sale in calendar.sales], pa.string()),
            "discount": [sale.discount for sale in calendar.sales],
            "visit_factor": calendar.visits,
            "purchase_factor": calendar.purchases,
            "interest_factor": calendar.interest,
            **{
                name: pa.array(numbers + [None] * after, pa.int64())
                for name, numbers in happened.items()
            },
        }
    )


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_recipe(truth: Path) -> tuple[dt.date, dt.date, Law]:
    """The first day of a finished simulation, the day after its last one, and its law.

    Raises SimulationError if the folder does not hold the truth of one.
    """
    missing = sorted(name for name in TRUTH_FILES if not (truth / name).is_file())
    if missing:
        raise SimulationError(
            f"truth of a simulation: expected {', '.join(sorted(TRUTH_FILES))} in {truth}, "
            f"found no {', '.join(missing)}. Give the folder {TRUTH_FOLDER} of a finished "
            "simulation, or run `likely-buyers simulate` again if it was stopped."
        )
    content = json.loads((truth / SETTINGS).read_text(encoding="utf-8"))
    start = dt.date.fromisoformat(content["settings"]["start"])
    end = start + dt.timedelta(days=content["settings"]["days"])
    return start, end, Law(**content["law"])
