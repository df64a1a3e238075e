"""The whole simulation: a folder of events, one file per day, with the truth beside them."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likely_buyers.demo_shop.arrays import Floats, Longs
from likely_buyers.demo_shop.behaviour import Law, interest_begins, purchase_chance, visits_per_day
from likely_buyers.demo_shop.catalogue import build_catalogue
from likely_buyers.demo_shop.dirt import KINDS, Dirt
from likely_buyers.demo_shop.files import EventFiles
from likely_buyers.demo_shop.lines import VALID_TYPES
from likely_buyers.demo_shop.people import People, draw_people, pass_midnight
from likely_buyers.demo_shop.sessions import mean_views, shop_day
from likely_buyers.demo_shop.settings import (
    FileFormat,
    SimulationError,
    SimulationSettings,
    check_file_format,
)
from likely_buyers.demo_shop.shop_calendar import ShopCalendar, shop_calendar
from likely_buyers.demo_shop.truth import (
    DAYS_AFTER,
    SETTINGS,
    TRUTH_FILES,
    TRUTH_FOLDER,
    TruthFiles,
)

EVENT_FILE = re.compile(r"events-\d{4}-\d{2}-\d{2}\.(csv|parquet|jsonl)")
# Carts, removals and purchases per view at the usual mix: they make the sessions a little longer.
OTHER_EVENTS_PER_VIEW = 0.041
# Enough users to know the mean of a heavy-tailed rate to half a per cent.
USERS_FOR_SCALE = 100_000
SCALE_ROUNDS = 3


@dataclass(frozen=True)
class SimulationSummary:
    """What was written. `lines` counts all lines but the headers of CSV files."""

    folder: Path
    truth: Path
    files: int
    users: int
    lines: int
    valid_distinct_events: int
    events_by_type: dict[str, int]
    dirt: dict[str, int]
    """Lines per kind of dirt; late lines are valid all the same."""


def simulate_shop(
    settings: SimulationSettings,
    out: Path,
    file_format: FileFormat,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationSummary:
    """Write the shop's events to `out`, one file per day, and the truth to `out/_truth`.

    Equal settings and format give byte-identical files with the same numpy and pyarrow. Memory
    grows with users and with the events of one day (about 150 bytes each), not with days.

    progress: called with (days done, days in all) after each day.

    Raises SimulationError if the format is unknown or `out` holds anything but a previous
    simulation, which is replaced.
    """
    check_file_format(file_format)
    out = Path(out)
    _clear(out)

    seed, law = settings.seed, Law()
    calendar = shop_calendar(settings.start, settings.days + DAYS_AFTER)
    catalogue = build_catalogue(seed)
    people = draw_people(settings, catalogue.category_weight)
    people.visit_rate *= np.float32(_visit_scale(settings, law, people, calendar))
    dirt = Dirt(seed, settings.days, file_format)
    files = EventFiles(out, file_format, catalogue)

    by_type = np.zeros(len(VALID_TYPES), dtype=np.int64)
    happened: dict[str, list[int]] = {
        name: [] for name in ("users_present", "visitors", "buyers", "events", "lines_in_file")
    }
    buyers: Longs = np.empty(0, dtype=np.int64)
    with TruthFiles(out / TRUTH_FOLDER, settings, law, people) as truth:
        for day in range(settings.days):
            factor = calendar.interest[day]
            truth.add_interest(
                pass_midnight(people, law, seed=seed, day=day, factor=factor, buyers=buyers)
            )
            today = shop_day(people, law, catalogue, calendar, seed=seed, day=day)
            buyers = today.buyers
            truth.add_purchases(day, buyers)
            lines = dirt.soil(day, today.lines) if settings.dirt else today.lines
            files.write(calendar.dates[day], lines)

            by_type += np.bincount(today.lines.event_type, minlength=len(VALID_TYPES))
            happened["users_present"].append(int(people.present(day).sum()))
            happened["visitors"].append(today.visitors)
            happened["buyers"].append(len(buyers))
            happened["events"].append(len(today.lines))
            happened["lines_in_file"].append(len(lines))
            if progress is not None:
                progress(day + 1, settings.days)

        # One more midnight, so that the states at the last possible as_of are known.
        end, factor = settings.days, calendar.interest[settings.days]
        truth.add_interest(
            pass_midnight(people, law, seed=seed, day=end, factor=factor, buyers=buyers)
        )
        planted = {kind: dirt.counts[kind] for kind in KINDS}
        events_by_type = dict(zip(VALID_TYPES, by_type.tolist(), strict=True))
        counts = {
            "lines": sum(happened["lines_in_file"]),
            "valid_distinct_events": sum(happened["events"]),
            **dirt.by_outcome(),
            "kinds": planted,
            "events_by_type": events_by_type,
        }
        truth.finish(calendar, happened, counts)
    return SimulationSummary(
        folder=out,
        truth=out / TRUTH_FOLDER,
        files=settings.days,
        users=settings.users,
        lines=sum(happened["lines_in_file"]),
        valid_distinct_events=sum(happened["events"]),
        events_by_type=events_by_type,
        dirt=planted,
    )


def _clear(out: Path) -> None:
    """Make `out` an empty folder, if all it holds is a previous simulation."""
    if out.exists() and not out.is_dir():
        raise SimulationError(
            f"output folder: expected a folder or nothing at {out}, found a file. "
            "Choose another path."
        )
    out.mkdir(parents=True, exist_ok=True)
    found = sorted(out.iterdir())
    truth = out / TRUTH_FOLDER
    ours = [path for path in found if path.is_file() and EVENT_FILE.fullmatch(path.name)]
    if (truth / SETTINGS).is_file() and {path.name for path in truth.iterdir()} <= TRUTH_FILES:
        ours.append(truth)
    elif ours:
        # Event files without their truth may be somebody's real log under a similar name.
        ours = []
    foreign = [path.name for path in found if path not in ours]
    if foreign:
        shown = ", ".join(foreign[:3]) + (
            f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        )
        raise SimulationError(
            f"output folder: expected {out} to be empty or to hold only a previous simulation, "
            f"found {shown}. Choose another folder, or move these away."
        )
    # The truth goes last: a replacement stopped half way must still be known as a simulation.
    for path in ours:
        shutil.rmtree(path) if path == truth else path.unlink()


def _visit_scale(
    settings: SimulationSettings, law: Law, people: People, calendar: ShopCalendar
) -> float:
    """The factor on all visit rates that meets the wanted events per user.

    Follows the expected state of users whose joining and leaving is already drawn. Purchases end
    interest and depend on the factor themselves, so it is found by repetition.
    """
    some = slice(0, USERS_FOR_SCALE)
    joined, left = people.joined[some], people.left[some]
    propensity, rises_by = people.propensity[some], people.interest_chance[some]
    per_view = 1.0 + OTHER_EVENTS_PER_VIEW
    idle_events, hot_events = (mean_views(state) * per_view for state in (False, True))
    first = law.joins_interested * hot_events + (1.0 - law.joins_interested) * idle_events
    scale = 0.05
    for _ in range(SCALE_ROUNDS):
        rate = people.visit_rate[some] * scale
        hot: Floats = np.zeros(len(joined))
        buys: Floats = np.zeros(len(joined))
        expected = 0.0
        for day in range(settings.days):
            rises = interest_begins(rises_by, calendar.interest[day])
            cools = law.interest_ends + (1.0 - law.interest_ends) * buys * law.purchase_satisfies
            hot = hot * (1.0 - cools) + (1.0 - hot) * rises
            hot[joined == day] = law.joins_interested
            idle_visits, hot_visits = (
                visits_per_day(law, rate, state, calendar.visits[day]) for state in (False, True)
            )
            chance = purchase_chance(law, propensity, True, calendar.purchases[day])
            buys = 1.0 - np.exp(-hot_visits * chance)
            events = (1.0 - hot) * idle_visits * idle_events + hot * hot_visits * hot_events
            expected += float(events[(joined <= day) & (left > day)].sum())
        scale *= (settings.events_per_user - first) * len(joined) / expected
    return scale
