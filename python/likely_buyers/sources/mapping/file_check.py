"""Which files of a delivery a mapping cannot be applied to, told before a line of them is loaded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from likely_buyers.errors import first_line
from likely_buyers.sources.columns import LOAD_COLUMNS, ROW_ID
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.mapping.contract import COLUMNS, NUMBERS
from likely_buyers.sources.mapping.definition import EventMapping
from likely_buyers.sources.mapping.dialect import Column, DuckDB, tried
from likely_buyers.sources.mapping.expressions import absent_column
from likely_buyers.sources.mapping.rows import absent_keys, null_row, rows_over, with_nulls
from likely_buyers.sources.reading import is_of_dbt

# each file must have what these are made of, or by which events are told apart; others may be absent
_IN_EVERY_FILE = ("event_time", "event_type", "event_id", "dedupe_on")


@dataclass(frozen=True)
class _Given:
    """An expression of the mapping, and what for."""

    use: str
    expression: str
    type: str


@dataclass
class Checked:
    """What is to be told of a delivery."""

    told: list[str] = field(default_factory=list)
    """Warnings."""
    refusal: str | None = None
    """Why nothing of it can be loaded."""


def check_files(
    mapping: EventMapping,
    files: Sequence[Mapping[str, Any]],
    raw: Mapping[str, Mapping[str, Any]],
    source_columns: Mapping[str, Sequence[str]],
    relations: Mapping[str, str],
    engine: DuckDB,
) -> Checked:
    """Whether the mapping can be applied to each file.

    A key of JSON may be absent from a file, as long as some file has it.

    files: of a delivery, as it is planned.
    raw: name in lower case -> {name, type} of the columns of raw_events once the files are in it.
    source_columns: as `columns_of_sources` gives them, with those of these files.
    relations: of each source that is a relation of dbt.
    """
    checked = Checked()
    check = _Check(mapping, raw, source_columns, relations, engine, checked.told)
    try:
        for file in files:
            check.file(file)
    except SourceProblem as problem:
        checked.refusal = str(problem)
    return checked


class _Check:
    def __init__(
        self,
        mapping: EventMapping,
        raw: Mapping[str, Mapping[str, Any]],
        source_columns: Mapping[str, Sequence[str]],
        relations: Mapping[str, str],
        engine: DuckDB,
        told: list[str],
    ) -> None:
        self._mapping, self._engine, self._told = mapping, engine, told
        self._whose = f"the event mapping '{mapping.name}'"
        self._types = {name: str(column["type"]) for name, column in raw.items()}
        self._everything = tuple(Column(str(c["name"]), str(c["type"])) for c in raw.values())
        self._columns_of = {
            source: tuple(
                Column(name, self._types[name.lower()])
                for name in names
                if name.lower() in self._types
            )
            for source, names in source_columns.items()
        }
        self._of_source = {
            name: f"select * from {relations[name]}"
            if is_of_dbt(pattern)
            else null_row(self._columns_of.get(name, ()))
            for name, pattern in mapping.sources.items()
        }
        self._expressions = tuple(_expressions(mapping))
        self._lacking: dict[Any, bool] = {}

    def file(self, file: Mapping[str, Any]) -> None:
        for name in file["columns"]:
            if name.lower() in (*LOAD_COLUMNS, ROW_ID):
                raise SourceProblem(
                    f"{_in_words(file)} has a column '{name}', a name that bronze.raw_events keeps for itself"
                    f" ({', '.join((*LOAD_COLUMNS, ROW_ID))}). Nothing was loaded. "
                    + (
                        "Give it another name in a view, and read that."
                        if file["format"] == "relation"
                        else "Deliver the file with another name for it."
                    )
                )
        is_json = file["format"] == "json"
        columns = tuple(Column(name, self._types[name.lower()]) for name in file["columns"])
        if is_json or not columns:
            columns = self._columns_of.get(file["source"], self._everything)
        # thousands of files alike are checked once, unless each of them lacks something
        alike = (columns, file["source"])
        was_seen = alike in self._lacking
        if was_seen and (is_json or not self._lacking[alike]):
            return
        lacks = self._lacks(file, self._row_columns(file, columns), was_evaluated=was_seen)
        self._lacking[alike] = lacks or self._lacking.get(alike, False)

    def _row_columns(
        self, file: Mapping[str, Any], columns: tuple[Column, ...]
    ) -> tuple[Column, ...]:
        """The columns of the rows that are made of the file's lines."""
        if self._mapping.rows:
            columns = self._columns_of_rows(file, columns)
        for column in columns:
            if column.name.lower() == ROW_ID:
                raise SourceProblem(
                    f"{self._whose} gives `rows` with the column '{column.name}', a name that the table of them keeps"
                    " for itself. Give it another name. Nothing was loaded."
                )
        names = [column.name.lower() for column in columns]
        for name in names:
            if names.count(name) > 1:
                raise SourceProblem(
                    f"{self._whose} gives `rows` with the column '{name}' twice, perhaps in other letters: SQL would"
                    " take either. Give one of them another name. Nothing was loaded."
                )
        return columns

    def _columns_of_rows(
        self, file: Mapping[str, Any], columns: tuple[Column, ...]
    ) -> tuple[Column, ...]:
        def over(lines: str) -> str:
            selects = {
                name: lines if name == file["source"] else select
                for name, select in self._of_source.items()
            }
            return rows_over(self._mapping, lines, selects)

        lines, engine = null_row(columns), self._engine
        absent = absent_keys(lines, over, engine) if file["format"] == "json" else []
        described = engine.describe(over(with_nulls(lines, absent)))
        if described.failure:
            said = first_line(described.failure).rstrip(".")
            raise SourceProblem(
                f"{self._whose} gives `rows` that cannot be evaluated over the columns of {_in_words(file)}:"
                f" {said}. Found: {', '.join(file['columns'])}. Nothing was loaded. Mend the file, or the"
                " mapping in dbt_project.yml or --vars."
            )
        return tuple(
            column for column in described.columns if column.name.lower() not in LOAD_COLUMNS
        )

    def _lacks(
        self, file: Mapping[str, Any], columns: tuple[Column, ...], *, was_evaluated: bool
    ) -> bool:
        """Whether the file lacks a column that the mapping can do without."""
        names = {column.name.lower() for column in columns}
        lacks, lost_users = False, 0
        for given in self._expressions:
            is_column = given.expression.lower() in names
            absent = (
                ""
                if is_column
                else absent_column(self._mapping, given.expression, columns, self._engine)
            )
            if not absent:
                if not was_evaluated:
                    self._evaluate(given, file, columns)
                continue
            lacks = True
            what = (
                f"{_in_words(file)} has no column '{absent}', which {self._whose} needs for '{given.use}'"
                f" ({given.expression.strip()}). Found: {', '.join(file['columns'])}."
            )
            lost_users += given.use == "user_id"
            no_user = given.use == "user_id" and lost_users == len(self._mapping.user_ids)
            if given.use in _IN_EVERY_FILE or no_user:
                raise SourceProblem(
                    f"{what} Nothing was loaded. Mend the file, or the mapping in dbt_project.yml."
                )
            if file["format"] != "json" or not was_evaluated:
                self._told.append(f"{what} It is null for this file's events.")
        return lacks

    def _evaluate(
        self, given: _Given, file: Mapping[str, Any], columns: tuple[Column, ...]
    ) -> None:
        typed = (
            f"try_cast({tried(f'({self._mapping.in_its_zone(given.expression)})')} as {given.type})"
        )
        # mapped_rows.* beside it: an expression over all rows together, as max() is, is refused
        failure = self._engine.describe(
            f"select {typed}, mapped_rows.* from ({null_row(columns)}) as mapped_rows"
        ).failure
        if failure:
            said = first_line(failure).rstrip(".")
            raise SourceProblem(
                f"{self._whose} gives for '{given.use}' an expression that cannot be evaluated:"
                f" {given.expression.strip()} (over the columns of {_in_words(file)}). {said}. Columns of CSV and"
                " JSON, and those whose type differs between files, are text: cast what is to be reckoned with, as in"
                " cast(price as double). Nothing was loaded. Mend the mapping in dbt_project.yml or --vars."
            )


def _expressions(mapping: EventMapping) -> Iterator[_Given]:
    for column in COLUMNS:
        single = (mapping.columns[column],) if column in mapping.columns else ()
        for expression in mapping.user_ids if column == "user_id" else single:
            yield _Given(column, expression, NUMBERS.get(column, "varchar"))
    for expression in mapping.dedupe_on:
        yield _Given("dedupe_on", expression, "varchar")
    for name, condition in mapping.leave_out.items():
        yield _Given(f"leave_out {name}", condition, "boolean")


def _in_words(file: Mapping[str, Any]) -> str:
    if file["format"] == "relation":
        return f"the relation '{file['relation']}'"
    return f"the file '{file['path']}'"
