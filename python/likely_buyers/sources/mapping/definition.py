"""What an event mapping is: a name, an expression for each column of the contract, and how they are to be read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.mapping.contract import COLUMNS, REQUIRED
from likely_buyers.sources.reading import KEYS as READING_KEYS
from likely_buyers.sources.reading import Reading, is_of_dbt
from likely_buyers.sources.time_zones import UnknownZone, known_zone
from likely_buyers.sql_text import literal

# beside the contract's columns
_KEYS = (*READING_KEYS, "time_zone", "rows", "leave_out", "dedupe_on", "keep")
_NAME = r"""\s*['"][A-Za-z0-9_.-]+['"]\s*"""
_OF_DBT = re.compile(rf"ref\({_NAME}(,{_NAME})?\)|source\({_NAME},{_NAME}\)")
_AS_UTC = re.compile(r"\bas_utc\s*\(")


def in_time_zone(expression: str, time_zone: str) -> str:
    """An expression with a zone put into its calls of as_utc."""
    return _AS_UTC.sub(lambda _: f"as_utc_in({literal(time_zone)}, ", expression)


@dataclass(frozen=True)
class EventMapping:
    """A mapping that was checked; `of` makes one of what a user wrote."""

    name: str
    columns: Mapping[str, str]
    """Contract column -> SQL expression, without user_id."""
    user_ids: tuple[str, ...]
    """Expressions, of which the first that names somebody counts."""
    time_zone: str
    """IANA name, of times without an offset."""
    has_decimal_comma: bool
    rows: str | None
    sources: Mapping[str, str]
    """Name that `rows` knows -> pattern of files, or a relation of dbt, as ref('model')."""
    leave_out: Mapping[str, str]
    """Name -> condition of rows that are no events on purpose."""
    dedupe_on: tuple[str, ...]
    """Expressions; none where the event id, all columns, or nothing makes two rows the same event."""
    keeps_equal_lines_apart: bool

    @classmethod
    def of(cls, name: str, given: Any) -> "EventMapping":
        """Check what a user wrote.

        Raises:
            SourceProblem: something in it cannot be meant.
        """
        whose = f"event mapping '{name}'"
        if not isinstance(given, Mapping):
            _refuse(f"{whose} must give a SQL expression per contract column, found: {given}.")
        _check_columns(given, whose)
        _check_identity(given, whose)
        _check_rows(given, whose)
        # how files are read
        Reading.of(given, name)
        time_zone = given.get("time_zone") or "UTC"
        try:
            # the names of all zones are looked up only where one is given
            time_zone = time_zone if time_zone == "UTC" else known_zone(str(time_zone))
        except UnknownZone as error:
            raise SourceProblem(f"{whose}: time_zone: {error}") from error
        users, dedupe_on = given["user_id"], given.get("dedupe_on")
        return cls(
            name=name,
            columns={
                column: str(given[column])
                for column in COLUMNS
                if column != "user_id" and given.get(column)
            },
            user_ids=tuple(users) if isinstance(users, list) else (str(users),),
            time_zone=time_zone,
            has_decimal_comma=given.get("decimal") == ",",
            rows=given.get("rows") or None,
            sources=given.get("sources") or {},
            leave_out=given.get("leave_out") or {},
            dedupe_on=() if dedupe_on == "none" else tuple(str(one) for one in dedupe_on or ()),
            keeps_equal_lines_apart=dedupe_on == "none",
        )

    @property
    def compares_whole_lines(self) -> bool:
        """Whether equal rows are recognised by all their columns."""
        return not self.dedupe_on and (
            self.keeps_equal_lines_apart or "event_id" not in self.columns
        )

    def in_its_zone(self, expression: str) -> str:
        """An expression as the engine is to see it."""
        return in_time_zone(expression, self.time_zone)


def chosen_mapping(mappings: Any, name: Any) -> EventMapping:
    """The mapping that `vars.event_mapping` picks of `vars.event_mappings`.

    Raises:
        SourceProblem: there is none of that name, or something in it cannot be meant.
    """
    if not isinstance(mappings, Mapping) or not mappings:
        _refuse(
            f"vars.event_mappings must be a dictionary of event mappings, found: {mappings}."
            " See docs/map_events.md."
        )
    if not isinstance(name, str) or name not in mappings:
        _refuse(
            f"unknown event mapping '{name}'. vars.event_mappings has:"
            f" {', '.join(sorted(mappings, key=str.lower))}. Set vars.event_mapping to one of them, or add '{name}'"
            " to vars.event_mappings."
        )
    return EventMapping.of(name, mappings[name])


def _refuse(words: str) -> NoReturn:
    raise SourceProblem(words)


def _check_columns(given: Mapping[str, Any], whose: str) -> None:
    for column, expression in given.items():
        if column in _KEYS:
            continue
        if column not in COLUMNS:
            _refuse(
                f"{whose} has an unknown column '{column}'. Expected some of: {', '.join((*COLUMNS, *_KEYS))}."
            )
        if column == "user_id" and isinstance(expression, list):
            if not expression or not all(isinstance(one, str) for one in expression):
                _refuse(
                    f"{whose}: user_id must be a SQL expression, or a list of them to fall back on;"
                    f" found: {expression}."
                )
        elif isinstance(expression, Mapping | list):
            _refuse(f"{whose} must give one SQL expression for '{column}', found: {expression}.")
    for column in REQUIRED:
        if not given.get(column):
            _refuse(
                f"{whose} lacks the required column '{column}'. Give a SQL expression over the source's columns for"
                f" each of: {', '.join(REQUIRED)}."
            )


def _check_identity(given: Mapping[str, Any], whose: str) -> None:
    """What makes two rows the same event, and which of them stays."""
    dedupe_on, keep = given.get("dedupe_on"), given.get("keep")
    is_list = isinstance(dedupe_on, list) and bool(dedupe_on)
    if dedupe_on not in (None, "none") and not is_list:
        _refuse(
            f"{whose}: dedupe_on must be a list of SQL expressions, or the word none; found: {dedupe_on}."
            " Leave it out where all columns together tell events apart."
        )
    if dedupe_on is not None and given.get("event_id") and dedupe_on != [given["event_id"]]:
        _refuse(
            f"{whose} gives an event_id and another dedupe_on, and both say which lines are the same event."
            " Leave one of them out."
        )
    if keep not in (None, "first", "last"):
        _refuse(
            f"{whose}: keep must be first or last, which version of an event is kept; found: {keep}."
        )
    if keep and (dedupe_on == "none" or not (given.get("event_id") or dedupe_on)):
        _refuse(
            f"{whose} says which version of an event to keep (keep), and not what makes two rows versions of the same"
            " event. Give dedupe_on, a list of SQL expressions."
        )


def _check_rows(given: Mapping[str, Any], whose: str) -> None:
    """The rows that the expressions see, and those that are left out."""
    left_out, rows, sources = given.get("leave_out"), given.get("rows"), given.get("sources")
    if left_out is not None and not (
        isinstance(left_out, Mapping) and all(isinstance(one, str) for one in left_out.values())
    ):
        _refuse(f"{whose}: leave_out must give a SQL condition for each name; found: {left_out}.")
    if rows is not None and not isinstance(rows, str):
        _refuse(f"{whose}: rows must be one SELECT over lines; found: {rows}.")
    for source, pattern in sources.items() if isinstance(sources, Mapping) else ():
        if is_of_dbt(str(pattern)) and not _OF_DBT.fullmatch(str(pattern).strip()):
            _refuse(
                f"{whose}: the source '{source}' must be ref('model'), ref('package', 'model') or source('name',"
                f" 'table'), or a pattern of files; found: {pattern}."
            )
    if sources and not rows:
        names = ", ".join(sources) if isinstance(sources, Mapping) else sources
        _refuse(
            f"{whose} has sources, and no rows that say how they are joined. Give rows: a SELECT over {names}."
        )
