"""vars.events_relation, checked."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likely_buyers.sources.databases import FILES, KINDS, table_name
from likely_buyers.sources.errors import SourceProblem

_SETTINGS = ("relation", "database", "path", "table", "cursor", "key", "lookback")
_LOOKBACK = re.compile(r"[0-9]{1,6} (second|minute|hour|day|week|month)s?")


def given_relation(given: Any, events_path: str | None) -> Mapping[str, Any] | None:
    """vars.events_relation as a mapping, the text of a relation of dbt among them; None where it is not set.

    Raises:
        SourceProblem: events_path is given, too, or it is neither.
    """
    if given is None or given == "":
        return None
    if events_path:
        words = given
        if isinstance(given, Mapping):
            words = given.get("relation") or given.get("table") or "a mapping"
        raise SourceProblem(
            f"both vars.events_path ({events_path}) and vars.events_relation ({words}) are given. Events come from one"
            " of them: set the other to null."
        )
    if isinstance(given, str):
        return {"relation": given}
    if not isinstance(given, Mapping):
        raise SourceProblem(
            "vars.events_relation must be \"ref('model')\", \"source('name', 'table')\", or a mapping such as"
            f" {{database: postgres, table: public.orders, cursor: updated_at, key: [id]}}; found: {given}."
        )
    return given


@dataclass(frozen=True)
class Relation:
    """vars.events_relation, checked."""

    name: str
    """What bronze calls it."""
    kind: str
    """One of KINDS, or model: of the warehouse itself."""
    path: str | None
    table: str
    """The FROM clause that reads it."""
    cursor: str | None
    key: tuple[str, ...]
    lookback: str | int | None

    @classmethod
    def of(
        cls, given: Mapping[str, Any], from_clause: str | None, warehouse: Path | None
    ) -> "Relation":
        """The setting, checked.

        Args:
            given: vars.events_relation as a mapping.
            from_clause: what dbt makes of its `relation`; None where it names none that dbt knows how to find.
            warehouse: the file of the lake's catalog.

        Raises:
            SourceProblem: a value that cannot be meant.
        """
        unknown = sorted(set(given) - set(_SETTINGS))
        if unknown:
            raise SourceProblem(
                f"vars.events_relation has an unknown key '{unknown[0]}'. Expected some of: {', '.join(_SETTINGS)}."
                " Credentials come from the environment (PG*, MYSQL_*), never from vars."
            )
        given = {name: value for name, value in given.items() if value is not None}
        key = given.get("key", [])
        key = [key] if isinstance(key, str) else key
        for name in ("relation", "database", "path", "table", "cursor"):
            if name in given and not (isinstance(given[name], str) and given[name]):
                raise SourceProblem(
                    f"vars.events_relation: {name} must be a text; found: {given[name]!r}."
                )
        if not isinstance(key, list) or not all(isinstance(name, str) and name for name in key):
            raise SourceProblem(
                f"vars.events_relation: key must be the list of the columns that tell rows apart; found: {key!r}."
            )
        cursor, lookback = given.get("cursor"), given.get("lookback")
        _check_lookback(cursor, key, lookback)
        if "relation" in given:
            also = [name for name in ("database", "path", "table") if name in given]
            if also:
                raise SourceProblem(
                    f"vars.events_relation names a relation of dbt and a {also[0]}: leave one of them out."
                )
            if from_clause is None:
                raise SourceProblem(
                    "vars.events_relation must name its relation as ref('model') or source('name', 'table'); found:"
                    f" {given['relation'].strip()}. For a table of another database give database and table."
                )
            return cls(given["relation"], "model", None, from_clause, cursor, tuple(key), lookback)
        kind, path, table = given.get("database", ""), given.get("path"), given.get("table", "")
        if kind not in KINDS:
            raise SourceProblem(
                f"vars.events_relation: database must be one of {', '.join(KINDS)}; found: {kind or 'none'}. For a"
                " model or source of dbt give a relation: ref('model') or source('name', 'table')."
            )
        if not table:
            raise SourceProblem(
                "vars.events_relation names a database, and no table in it. Give table: schema.table."
            )
        if (kind in FILES) != (path is not None):
            raise SourceProblem(
                f"vars.events_relation: a database of {kind} "
                + ("is a file: give its path." if kind in FILES else
                   "is found by the environment (PG*, MYSQL_*): leave path out.")
            )  # fmt: skip
        if (
            path
            and warehouse
            and Path(path).exists()
            and Path(path).resolve() == warehouse.resolve()
        ):
            raise SourceProblem(
                f"vars.events_relation: '{path}' is the warehouse itself. Name its table as a relation of dbt:"
                " ref('model') or source('name', 'table')."
            )
        name = f"{path if kind in FILES else kind}:{table}"
        return cls(name, kind, path, table_name(kind, table), cursor, tuple(key), lookback)

    @property
    def definition(self) -> str:
        """Digest of what makes one load go on from another."""
        return hashlib.sha256(json.dumps([self.cursor, self.key]).encode()).hexdigest()


def _check_lookback(cursor: str | None, key: Sequence[str], lookback: Any) -> None:
    if cursor is None and (key or lookback is not None):
        raise SourceProblem(
            "vars.events_relation has a key or a lookback, and no cursor that they belong to. Name the column that"
            " grows with each new or changed row (cursor), or leave them out: then the relation is read whole."
        )
    if lookback is not None and not (
        _LOOKBACK.fullmatch(lookback)
        if isinstance(lookback, str)
        else isinstance(lookback, int) and not isinstance(lookback, bool) and lookback >= 0
    ):
        raise SourceProblem(
            "vars.events_relation: lookback must be a time such as '1 hour', or for a cursor of numbers a whole"
            f" number; found: {lookback!r}."
        )
