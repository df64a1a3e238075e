"""A random shop with everything that goes wrong with events, under several mappings."""

import csv
import struct
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from likely_buyers.features import read_catalogue
from likely_buyers.features.generate import CATALOGUE
from likely_buyers.training.estimator import PurchaseModel
from support.champions import make_champion
from support.installation import PROJECT, Installation

FEATURES = [feature.name for feature in read_catalogue(PROJECT / CATALOGUE)]
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
BUILD = date(2024, 4, 1)
LATER = BUILD + timedelta(days=2)
COLUMNS = ("moment", "kind", "who", "visit", "item", "category", "price", "pieces", "money", "id")
USERS = 150
EXPRESSIONS = {
    "format": "csv",
    "event_time": "as_utc(moment)",
    "event_type": "kind",
    "user_id": "who",
    "session_id": "visit",
    "product_id": "item",
    "category": "category",
    "price": "price",
    "quantity": "pieces",
}
MAPPINGS: dict[str, dict[str, Any]] = {
    "of several currencies, in Tokyo, by id": EXPRESSIONS
    | {"currency": "money", "time_zone": "Asia/Tokyo", "event_id": "id"},
    "the last of an id": EXPRESSIONS | {"event_id": "id", "keep": "last"},
    "equal lines are one event": EXPRESSIONS,
    "equal lines are several": EXPRESSIONS | {"dedupe_on": "none"},
    "of a currency without a rate": EXPRESSIONS | {"currency": "upper(money) || 'X'"},
}


def day_of(moment: datetime, mapping: dict[str, Any]) -> date:
    return (moment + timedelta(hours=9 if "time_zone" in mapping else 0)).date()


def told_events(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Lines of a log, in which some are told twice, some with other words, and some break a rule."""
    lines: list[dict[str, Any]] = []
    for number in range(6_000):
        # more of them in the last days
        days = 93 * rng.random() ** 0.3
        kind = rng.choice(["view", "cart", "add", "remove_from_cart", "purchase", "refund", "wink"])
        line = {
            "moment": FIRST + timedelta(days=float(days), seconds=int(rng.integers(60))),
            "kind": kind,
            "who": f"u{int(rng.integers(USERS))}",
            "visit": rng.choice(["", "s1", "s2", "s3"]),
            "item": rng.choice(["", *(f"p{n}" for n in range(9))]),
            "category": rng.choice(["", "shoes"]),
            "price": rng.choice(["", "0", "9.99", "19.5", "0.12345", "-1", "12345.678"]),
            "pieces": rng.choice(["", "1", "2", "0.5", "0", "1.23456"]),
            "money": rng.choice(["EUR", "usd", ""]),
            "id": f"e{number}",
        }
        line["moment"] = line["moment"].replace(microsecond=0)
        lines.append(line)
        if rng.random() < 0.1:
            lines.append(dict(line))
        if rng.random() < 0.1:
            later = timedelta(seconds=int(rng.integers(2)) * 30)
            lines.append(line | {"price": "7", "visit": "s9", "moment": line["moment"] + later})
    # somebody who is new on the last day
    lines.append(
        lines[0] | {"who": "new", "kind": "cart", "id": "n", "moment": FIRST + timedelta(days=92)}
    )
    return lines


def write(file: Path, lines: list[dict[str, Any]]) -> None:
    with file.open("w", newline="") as to:
        writer = csv.DictWriter(to, COLUMNS)
        writer.writeheader()
        writer.writerows(line | {"moment": line["moment"].isoformat()} for line in lines)


def as_event(line: dict[str, Any], with_id: bool, with_money: bool) -> dict[str, Any]:
    found = {
        "event_time": line["moment"].isoformat(),
        "event_type": str(line["kind"]),
        "session_id": line["visit"],
        "product_id": line["item"],
        "category": line["category"],
        "price": line["price"] or None,
        "quantity": line["pieces"] or None,
    }
    if with_id:
        found["event_id"] = line["id"]
    else:
        # what makes a line the line that it is
        found["brand"] = f"{line['money']} {line['id']}"
    if with_money:
        found["currency"] = line["money"]
    return found


def bits(value: Any) -> bytes | None:
    return None if value is None else struct.pack("<d", value)


def champion_of_all_features(state: Path) -> None:
    """A champion that takes every feature of the catalogue."""
    X = np.random.default_rng(0).exponential(3.0, (300, len(FEATURES)))
    make_champion(state, PurchaseModel().fit(X, X[:, 0] > 3), FEATURES, date(2024, 1, 1))


def told_project(
    folder: Path, mapping: dict[str, Any], lines: list[dict[str, Any]]
) -> tuple[Installation, Path, dict[str, Any]]:
    """A project with a champion to which the lines were delivered, the folder of deliveries, and its variables."""
    installation = Installation.with_own_seeds(folder)
    seeds = folder / "project" / "seeds"
    (seeds / "currency_rates.csv").write_text("currency,rate\nUSD,0.9\n")
    (seeds / "event_types.csv").write_text("event_mapping,source_value,event_type\nown,add,cart\n")
    deliveries = folder / "deliveries"
    deliveries.mkdir()
    write(deliveries / "a.csv", lines)
    champion_of_all_features(installation.state)
    variables = {
        "event_mappings": {"own": mapping},
        "event_mapping": "own",
        "events_path": str(deliveries),
        "currency": "EUR",
        "stop_left_over": 1,
    }
    return installation, deliveries, variables
