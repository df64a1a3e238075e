"""Shops of a few hundred users, made line by line."""

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import numpy as np

FIRST = date(2024, 1, 1)
Line = tuple[int, str, int]


def delivered(folder: Path, lines: Iterable[Line]) -> Path:
    """A file of (day, event type, user)."""
    folder.mkdir()
    file = folder / "events.csv"
    rows = [
        f"{FIRST + timedelta(days=int(day))} 12:{user % 60:02d}:00 UTC,{kind},{product(user)},1,,,10.00,{user},s{day}"
        for day, kind, user in lines
    ]
    header = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
    file.write_text("\n".join([header, *rows]) + "\n")
    return folder


def product(user: int) -> int:
    """The one that a user looks at and buys."""
    return 1 + user % 7


def views(rng: np.random.Generator, users: int, days: int) -> list[Line]:
    return [
        (day, "view", user)
        for user in range(1, users + 1)
        for day in sorted(set(rng.integers(0, days, 6)))
    ]
