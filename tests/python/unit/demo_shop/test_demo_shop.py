"""The demo shop: same settings, same bytes; dirt as counted; a truth that foretells the events."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from likely_buyers.demo_shop import (
    FileFormat,
    SimulationError,
    SimulationSettings,
    SimulationSummary,
    files,
    purchase_probability,
    simulate_shop,
)

COLUMNS = [
    *("event_time", "event_type", "product_id", "category_id", "category_code", "brand"),
    *("price", "user_id", "user_session"),
]
VALID_TYPES = {"view", "cart", "remove_from_cart", "purchase"}
SMALL = SimulationSettings(users=1_500, days=12, seed=7)
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")

Row = tuple[str | None, ...]


@dataclass
class Shop:
    folder: Path
    summary: SimulationSummary

    @property
    def truth(self) -> Path:
        return self.folder / "_truth"

    @property
    def counts(self) -> dict:
        return json.loads((self.truth / "dirt.json").read_text())


@pytest.fixture(scope="module")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Callable[[FileFormat], Shop]:
    """A small dirty shop per format, written once."""
    made: dict[str, Shop] = {}

    def make(file_format: FileFormat) -> Shop:
        if file_format not in made:
            folder = tmp_path_factory.mktemp(file_format) / "events"
            made[file_format] = Shop(folder, simulate_shop(SMALL, folder, file_format))
        return made[file_format]

    return make


@pytest.fixture(scope="module")
def big_shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Two months of 40,000 users: enough to see shares and probabilities."""
    folder = tmp_path_factory.mktemp("big") / "events"
    settings = SimulationSettings(users=40_000, days=60, seed=11)
    return Shop(folder, simulate_shop(settings, folder, "parquet"))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read_lines(folder: Path) -> list[tuple[str, Row | None]]:
    """(day of the file, the line's values as text or None if broken), read without our own code."""
    lines: list[tuple[str, Row | None]] = []
    for path in sorted(folder.glob("events-*")):
        day = path.stem.removeprefix("events-")
        if path.suffix == ".csv":
            with path.open(newline="") as file:
                rows = csv.reader(file)
                assert next(rows) == COLUMNS
                for row in rows:
                    whole = len(row) == len(COLUMNS)
                    lines.append((day, tuple(value or None for value in row) if whole else None))
        elif path.suffix == ".jsonl":
            for text in path.read_text().splitlines():
                try:
                    row = json.loads(text, parse_float=str, parse_int=str)
                except json.JSONDecodeError:
                    lines.append((day, None))
                else:
                    assert list(row) == COLUMNS
                    lines.append((day, tuple(row.values())))
        else:
            table = pq.read_table(path)
            assert table.column_names == COLUMNS
            columns = [
                [None if value is None else str(value) for value in column.to_pylist()]
                for column in table.columns
            ]
            columns[0] = [f"{time} UTC" for time in columns[0]]
            lines.extend((day, row) for row in zip(*columns, strict=True))
    return lines


def faults(row: Row) -> list[str]:
    time, event_type, _, _, _, _, price, user, _ = row
    assert time is not None
    assert TIME.fullmatch(time)
    assert price is not None
    return [
        *(["unknown_event_type"] if event_type not in VALID_TYPES else []),
        *(["missing_user"] if user is None else []),
        *(["negative_price"] if float(price) < 0 else []),
        *(["future_time"] if time.startswith("2099") else []),
    ]


def area_under_curve(score: np.ndarray, bought: np.ndarray) -> float:
    """The chance that a buyer scores above a non-buyer; ties count half."""
    _, position, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[position]
    buyers = bought.sum()
    return (rank[bought].sum() - buyers * (buyers + 1) / 2) / (buyers * (len(bought) - buyers))


def arrays(oracle: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    probability = oracle["probability"].to_numpy()
    bought = oracle["bought"].to_numpy(zero_copy_only=False).astype(bool)
    return probability, bought


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["csv", "parquet", "jsonl"])
def test_same_settings_give_the_same_bytes(
    file_format: FileFormat, small_shop: Callable[[FileFormat], Shop], tmp_path: Path
) -> None:
    simulate_shop(SMALL, tmp_path, file_format)
    assert digests(tmp_path) == digests(small_shop(file_format).folder)


def test_bytes_do_not_depend_on_how_lines_are_sliced(
    small_shop: Callable[[FileFormat], Shop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LINES_PER_SLICE", 97)
    simulate_shop(SMALL, tmp_path, "csv")
    assert digests(tmp_path) == digests(small_shop("csv").folder)


def test_another_seed_is_another_shop(
    small_shop: Callable[[FileFormat], Shop], tmp_path: Path
) -> None:
    other = SimulationSettings(users=SMALL.users, days=SMALL.days, seed=SMALL.seed + 1)
    simulate_shop(other, tmp_path, "csv")
    mine, others = digests(small_shop("csv").folder), digests(tmp_path)
    assert mine.keys() == others.keys()
    assert all(mine[name] != others[name] for name in mine)


@pytest.mark.slow
def test_every_format_holds_the_same_lines(small_shop: Callable[[FileFormat], Shop]) -> None:
    whole = {
        file_format: [line for line in read_lines(small_shop(file_format).folder) if line[1]]
        for file_format in ("csv", "jsonl", "parquet")
    }
    assert whole["csv"] == whole["jsonl"] == whole["parquet"]


def test_one_file_a_day_and_a_truth_apart(small_shop: Callable[[FileFormat], Shop]) -> None:
    names = sorted(path.name for path in small_shop("csv").folder.iterdir())
    days = [SMALL.start + dt.timedelta(days=day) for day in range(SMALL.days)]
    assert names == ["_truth", *(f"events-{day}.csv" for day in days)]


def test_parquet_is_typed(small_shop: Callable[[FileFormat], Shop]) -> None:
    schema = pq.read_schema(small_shop("parquet").folder / f"events-{SMALL.start}.parquet")
    types = {field.name: str(field.type) for field in schema}
    assert types["event_time"] == "timestamp[us]"
    assert types["price"] == "decimal128(10, 2)"
    assert types["user_id"] == types["product_id"] == types["category_id"] == "int64"
    assert types["user_session"] == types["event_type"] == "string"


def test_ids_look_like_rees46(small_shop: Callable[[FileFormat], Shop]) -> None:
    rows = [row for _, row in read_lines(small_shop("csv").folder) if row and not faults(row)]
    assert all(re.fullmatch(r"\d{9}", row[7] or "") for row in rows)
    assert all(
        re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", row[8] or "") for row in rows
    )
    assert any(row[4] is None for row in rows)
    assert any(row[5] is None for row in rows)
    assert len({row[7] for row in rows}) == SMALL.users


def test_duckdb_reads_the_whole_csv_lines(small_shop: Callable[[FileFormat], Shop]) -> None:
    shop = small_shop("csv")
    read = duckdb.sql(
        f"""
        select count(*) from read_csv(
            '{shop.folder}/*.csv', header = true, all_varchar = true, quote = '',
            strict_mode = true, ignore_errors = true
        )
        """
    ).fetchone()
    assert read == (shop.counts["lines"] - shop.counts["rejected"],)


# --- dirt ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["csv", "parquet", "jsonl"])
def test_dirt_is_counted_exactly(
    file_format: FileFormat, small_shop: Callable[[FileFormat], Shop]
) -> None:
    shop = small_shop(file_format)
    lines = read_lines(shop.folder)
    counts, kinds = shop.counts, shop.counts["kinds"]
    found: Counter[str] = Counter()
    copies: dict[Row, list[str]] = {}
    for day, row in lines:
        if row is None:
            found["broken"] += 1
            continue
        wrong = faults(row)
        assert len(wrong) <= 1
        found.update(wrong)
        if not wrong:
            copies.setdefault(row, []).append(day)

    for kind in ("unknown_event_type", "missing_user", "negative_price", "future_time"):
        assert found[kind] == kinds[kind] > 0
    broken = kinds["broken_too_short"] + kinds["broken_too_long"]
    assert found["broken"] == broken == counts["rejected"]
    assert (broken > 0) == (file_format != "parquet")
    assert len(copies) == counts["valid_distinct_events"] == shop.summary.valid_distinct_events
    repeats = [days for days in copies.values() if len(days) > 1]
    assert sum(days[0] == days[1] for days in repeats) == kinds["duplicate_same_file"] > 0
    assert sum(days[0] < days[1] for days in repeats) == kinds["duplicate_later_file"] > 0
    late = [days for row, days in copies.items() if row[0][:10] != days[0]]  # type: ignore[index]
    assert len(late) == kinds["late"] > 0
    assert all(row[0][:10] <= days[0] for row, days in copies.items())  # type: ignore[index]
    assert len(lines) == counts["lines"] == shop.summary.lines


@pytest.mark.parametrize("file_format", ["csv", "parquet", "jsonl"])
def test_lines_are_conserved(
    file_format: FileFormat, small_shop: Callable[[FileFormat], Shop]
) -> None:
    counts = small_shop(file_format).counts
    outcomes = ("valid_distinct_events", "duplicates", "quarantined", "rejected")
    assert counts["lines"] == sum(counts[outcome] for outcome in outcomes)


def test_dirt_leaves_the_events_alone(
    small_shop: Callable[[FileFormat], Shop], tmp_path: Path
) -> None:
    clean = SimulationSettings(users=SMALL.users, days=SMALL.days, seed=SMALL.seed, dirt=False)
    summary = simulate_shop(clean, tmp_path, "csv")
    clean_rows = [row for _, row in read_lines(tmp_path)]
    dirty_rows = [row for _, row in read_lines(small_shop("csv").folder) if row]
    assert None not in clean_rows
    assert len(clean_rows) == len(set(clean_rows)) == summary.lines
    assert set(clean_rows) == {row for row in dirty_rows if not faults(row)}
    assert sum(summary.dirt.values()) == 0


# --- behaviour -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_shares_are_near_the_public_shop(big_shop: Shop) -> None:
    events = big_shop.summary.valid_distinct_events
    share = {name: count / events for name, count in big_shop.summary.events_by_type.items()}
    assert share["view"] == pytest.approx(0.96, abs=0.01)
    assert share["cart"] == pytest.approx(0.02, abs=0.005)
    assert share["purchase"] == pytest.approx(0.0175, abs=0.004)
    assert 0 < share["remove_from_cart"] < 0.005
    assert events / big_shop.summary.users == pytest.approx(20, rel=0.05)


def test_sales_bring_more_buyers(big_shop: Shop) -> None:
    days = pq.read_table(big_shop.truth / "days.parquet").to_pylist()
    simulated = [day for day in days if day["simulated"]]
    rate = {
        day["date"]: day["buyers"] / day["users_present"]
        for day in simulated
        if day["users_present"]
    }
    assert rate[dt.date(2019, 11, 29)] > 1.5 * rate[dt.date(2019, 11, 22)]
    assert [day["sale"] for day in simulated if day["date"] == dt.date(2019, 11, 29)] == [
        "black friday"
    ]


def test_nobody_is_seen_before_joining_or_after_leaving(big_shop: Shop) -> None:
    outside = duckdb.sql(
        f"""
        select count(*)
        from '{big_shop.folder}/*.parquet' as events
        left join '{big_shop.truth}/users.parquet' as users using (user_id)
        where events.user_id is not null and year(event_time) < 2099 and not coalesce(
            event_time::date >= joined_on and (left_on is null or event_time::date < left_on), false
        )
        """
    ).fetchone()
    assert outside == (0,)


# --- oracle --------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_of", [dt.date(2019, 10, 11), dt.date(2019, 10, 31)])
def test_oracle_foretells_how_many_buy(big_shop: Shop, as_of: dt.date) -> None:
    probability, bought = arrays(purchase_probability(big_shop.truth, as_of, 30))
    spread = np.sqrt((probability * (1 - probability)).sum())
    assert abs(bought.sum() - probability.sum()) < 4 * spread
    for group in np.array_split(np.argsort(probability, kind="stable"), 10):
        expected = probability[group]
        spread = np.sqrt((expected * (1 - expected)).sum())
        assert abs(bought[group].sum() - expected.sum()) <= 4 * spread
    assert 0.05 < bought.mean() < 0.15


def test_oracle_is_right_for_one_day_and_for_a_sale(big_shop: Shop) -> None:
    for as_of in (dt.date(2019, 11, 12), dt.date(2019, 11, 29)):
        probability, bought = arrays(purchase_probability(big_shop.truth, as_of, 1))
        spread = np.sqrt((probability * (1 - probability)).sum())
        assert abs(bought.sum() - probability.sum()) < 4 * spread


def test_oracle_agrees_with_the_events(big_shop: Shop) -> None:
    as_of = dt.date(2019, 10, 31)
    oracle = purchase_probability(big_shop.truth, as_of, 30)
    assert oracle.schema.names == ["user_id", "probability", "bought"]
    buyers = duckdb.sql(
        f"""
        select distinct user_id from '{big_shop.folder}/*.parquet'
        where event_type = 'purchase' and price >= 0 and user_id is not null
            and event_time >= date '{as_of}' and event_time < date '{as_of}' + 30
            and user_id in (select user_id from oracle)
        """
    ).fetchnumpy()["user_id"]
    _, bought = arrays(oracle)
    assert set(oracle["user_id"].to_numpy()[bought]) == set(buyers)
    seen = duckdb.sql(
        f"""
        select count(distinct user_id) from '{big_shop.folder}/*.parquet'
        where event_time < date '{as_of}' and event_type in ('view', 'cart', 'purchase')
        """
    ).fetchone()
    assert seen == (len(oracle),)


def test_no_simple_score_beats_the_oracle(big_shop: Shop) -> None:
    as_of = dt.date(2019, 10, 31)
    oracle = purchase_probability(big_shop.truth, as_of, 30)
    connection = duckdb.connect()
    connection.register("oracle", oracle)
    known = connection.execute(
        f"""
        select
            bought, probability,
            count(*)::double as events,
            epoch(max(event_time)) as last_seen,
            (count(*) filter (event_type = 'cart' and event_time >= date '{as_of}' - 7))::double
                as carts
        from oracle inner join '{big_shop.folder}/*.parquet' using (user_id)
        where event_time < date '{as_of}'
        group by user_id, bought, probability
        """
    ).fetchnumpy()
    bought = np.asarray(known["bought"], dtype=bool)
    area = {
        name: area_under_curve(np.asarray(known[name]), bought)
        for name in ("probability", "events", "last_seen", "carts")
    }
    assert 0.82 < area["probability"] < 0.95
    assert area["events"] + 0.05 < area["probability"]
    # History informs, or there would be nothing to learn from it.
    assert area["events"] > 0.6
    assert area["last_seen"] > 0.6
    assert area["carts"] > 0.52


def test_oracle_equals_the_law_followed_by_hand(big_shop: Shop) -> None:
    """A user's chance, by summing over every path of states of a short horizon."""
    as_of, horizon = dt.date(2019, 10, 30), 4
    oracle = purchase_probability(big_shop.truth, as_of, horizon)
    law = json.loads((big_shop.truth / "settings.json").read_text())["law"]
    days = {day["date"]: day for day in pq.read_table(big_shop.truth / "days.parquet").to_pylist()}
    users = {
        user["user_id"]: user
        for user in pq.read_table(big_shop.truth / "users.parquet").slice(0, 300).to_pylist()
    }
    hot_now = {
        spell["user_id"]
        for spell in pq.read_table(big_shop.truth / "interest_spells.parquet").to_pylist()
        if spell["began_on"] <= as_of and (spell["ended_on"] is None or spell["ended_on"] > as_of)
    }

    def no_purchase(user: dict, state: str, ahead: list[dict]) -> float:
        if not ahead or state == "gone":
            return 1.0
        day, hot = ahead[0], state == "hot"
        visits = user["visits_per_idle_day"] * day["visit_factor"]
        visits *= law["visits_when_interested"] if hot else 1.0
        factor = law["purchases_when_interested"] if hot else law["purchases_when_idle"]
        chance = user["purchase_propensity"] * factor * day["purchase_factor"]
        quiet = np.exp(-visits * min(chance, law["most_purchase_chance"]))
        if len(ahead) == 1:
            return float(quiet)
        rises = min(user["interest_chance"] * ahead[1]["interest_factor"], 1.0)
        heats = 1 - law["interest_ends"] if hot else rises
        leaves = user["leave_chance"]
        after = {"gone": leaves, "hot": (1 - leaves) * heats, "idle": (1 - leaves) * (1 - heats)}
        return float(
            quiet * sum(share * no_purchase(user, then, ahead[1:]) for then, share in after.items())
        )

    ahead = [days[as_of + dt.timedelta(days=day)] for day in range(horizon)]
    checked = 0
    for row in oracle.to_pylist():
        user = users.get(row["user_id"])
        if user is None:
            continue
        left = user["left_on"] is not None and user["left_on"] <= as_of
        state = "gone" if left else "hot" if row["user_id"] in hot_now else "idle"
        assert row["probability"] == pytest.approx(1 - no_purchase(user, state, ahead), abs=1e-9)
        checked += 1
    assert checked > 100


def test_what_lies_beyond_the_simulation_is_unknown_not_false(big_shop: Shop) -> None:
    oracle = purchase_probability(big_shop.truth, dt.date(2019, 11, 30), 30)
    assert oracle["bought"].null_count == len(oracle) == 40_000
    assert 0 < oracle["probability"].to_numpy().mean() < 1


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"users": 0}, "users"),
        ({"users": 2.5}, "users"),
        ({"days": 0}, "days"),
        ({"seed": -1}, "seed"),
        ({"start": "2019-10-01"}, "start"),
        ({"start": dt.date(2098, 12, 1)}, "start"),
        ({"events_per_user": 1.0}, "events_per_user"),
        ({"events_per_user": float("nan")}, "events_per_user"),
        ({"dirt": "no"}, "dirt"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict, named: str) -> None:
    with pytest.raises(SimulationError, match=rf"{named}: expected .*, found .*\. \w+"):
        SimulationSettings(**({"users": 10, "days": 2} | wrong))


def test_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="expected one of csv, parquet, jsonl, found 'xml'"):
        simulate_shop(SMALL, tmp_path / "out", "xml")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SimulationError, match=r"notes\.txt"):
        simulate_shop(SMALL, tmp_path, "csv")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_real_log_of_similar_name_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "events-2019-10-01.csv"
    log.write_text("mine")
    with pytest.raises(SimulationError, match="previous simulation"):
        simulate_shop(SMALL, tmp_path, "csv")
    assert log.read_text() == "mine"


def test_a_previous_simulation_is_replaced_whole(tmp_path: Path) -> None:
    simulate_shop(SimulationSettings(users=50, days=4), tmp_path, "csv")
    simulate_shop(SimulationSettings(users=50, days=2), tmp_path, "jsonl")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["_truth", "events-2019-10-01.jsonl", "events-2019-10-02.jsonl"]


def test_a_stopped_simulation_is_told_and_can_be_replaced(tmp_path: Path) -> None:
    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    settings = SimulationSettings(users=50, days=4)
    with pytest.raises(KeyboardInterrupt):
        simulate_shop(settings, tmp_path, "csv", stop)
    with pytest.raises(SimulationError, match=r"found no .*dirt\.json.*if it was stopped"):
        purchase_probability(tmp_path / "_truth", dt.date(2019, 10, 2), 1)
    assert simulate_shop(settings, tmp_path, "csv").files == 4


def test_oracle_refuses_times_it_knows_nothing_of(small_shop: Callable[[FileFormat], Shop]) -> None:
    truth = small_shop("csv").truth
    with pytest.raises(SimulationError, match="as_of: expected a date from 2019-10-02"):
        purchase_probability(truth, SMALL.start, 7)
    with pytest.raises(SimulationError, match="as_of"):
        purchase_probability(truth, SMALL.end + dt.timedelta(days=1), 7)
    with pytest.raises(SimulationError, match="horizon_days: expected 1 to"):
        purchase_probability(truth, SMALL.end, 0)
    with pytest.raises(SimulationError, match="horizon_days: expected 1 to"):
        purchase_probability(truth, SMALL.end, 1_000)


def test_progress_counts_the_days(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    settings = SimulationSettings(users=20, days=3)
    simulate_shop(settings, tmp_path, "csv", lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("users", [1, 2, 30])
def test_tiny_shops_work(users: int, tmp_path: Path) -> None:
    settings = SimulationSettings(users=users, days=1)
    summary = simulate_shop(settings, tmp_path, "parquet")
    assert summary.valid_distinct_events >= users
    assert len(purchase_probability(tmp_path / "_truth", settings.end, 7)) == users
