"""The serving copy as it is read: by user, and replaced when another is put in its place."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from likely_buyers.serving.copy import LAYOUT
from likely_buyers.serving.errors import ServingError
from likely_buyers.serving.events import EventRules
from likely_buyers.serving.live_features import LiveSql
from likely_buyers.serving.packed_days import DayFormat


class ServingCopy:
    """One copy, for any thread; `mark` tells it from the one that replaces it."""

    def __init__(self, file: Path) -> None:
        """Open the copy at a path.

        Raises:
            ServingError: there is none, or it is not one that this version reads.
        """
        self.mark = mark_of(file)
        if self.mark is None:
            raise ServingError(
                f"there is no serving copy {file}. Make one: likely-buyers serving-copy, after a dbt build that passed."
            )
        try:
            self._connection = sqlite3.connect(
                f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
            )
            about = {
                name: json.loads(told)
                for name, told in self._connection.execute("select name, told from about")
            }
        except (sqlite3.Error, ValueError) as error:
            raise ServingError(
                f"the serving copy {file} cannot be read: {error}. Write it anew: likely-buyers serving-copy"
            ) from error
        if about.get("layout") != LAYOUT:
            raise ServingError(
                f"the serving copy {file} has layout {about.get('layout')}, and this version reads {LAYOUT}. Write it"
                " anew: likely-buyers serving-copy"
            )
        self.build_id: str = about["build_id"]
        self.as_of = date.fromisoformat(about["as_of"])
        schema = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(about["days"])))
        self._format = DayFormat.of(schema)
        self.sql = LiveSql(
            about["features_query"],
            about["days_query"],
            about["event_columns"],
            schema,
            about["rates"],
        )
        self.rules = EventRules(
            self.as_of,
            about["time_zone"],
            about["types"],
            about["currencies"],
            about["keep_last"],
            about["equal_are_separate"],
        )

    def scores(self, user_id: str) -> str | None:
        """A user's stored scores as JSON; None of an unknown user."""
        return self._one("select told from scores where user_id = ?", user_id)

    def days(self, user_id: str) -> bytes | None:
        """A user's days before `as_of`; None of an unknown user."""
        return self._one("select days from days where user_id = ?", user_id)

    def table(self, days: Sequence[bytes], names: Sequence[str]) -> pa.Table | None:
        """Days of several users as silver.user_days has them, with names for the users; None without any."""
        return self._format.unpacked(days, names) if days else None

    def _one(self, query: str, user_id: str) -> Any:
        row = self._connection.execute(query, (user_id,)).fetchone()
        return row[0] if row else None


def mark_of(file: Path) -> tuple[int, int] | None:
    """What tells the file at a path from its successor; None if there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
