"""One look at a source: sample, mapping, trial."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import yaml

from likely_buyers.dbt.project import Project
from likely_buyers.inspecting.draft import Draft, draft_of
from likely_buyers.inspecting.errors import InspectionImpossible
from likely_buyers.inspecting.lineage import lineage_of
from likely_buyers.inspecting.profile import Column, profiled
from likely_buyers.inspecting.recognise import Fit, fitting_mappings
from likely_buyers.inspecting.sample import Sample, write_sample
from likely_buyers.inspecting.shape import reading_keys
from likely_buyers.inspecting.table import Planned, guessed_encoding, lines_table, plan
from likely_buyers.inspecting.times import times_of
from likely_buyers.inspecting.trial import Trial, run_trial
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.mapping import EventMapping
from likely_buyers.sources.mapping.definition import in_time_zone
from likely_buyers.sources.reading import Reading
from likely_buyers.sql_text import quoted

# a mapping that reads fewer of the times has the columns' names and not their values
_READABLE = 0.5
_FEW_BUYERS = 50


@dataclass
class Inspection:
    """What was found; `trial` is None where no mapping can be tried."""

    path: str
    sample: Sample
    planned: Planned
    columns: list[Column]
    encoding: str | None
    """Where it is no UTF-8, by guess."""
    mapping_name: str
    mapping: dict[str, Any]
    fit: Fit | None = None
    """The project's own mapping that fits."""
    is_draft: bool = False
    is_given: bool = False
    """Whether the user named the mapping."""
    also_fit: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    trial: Trial | None = None

    @property
    def differs(self) -> dict[str, Any]:
        """Keys that the project's mapping must have otherwise for this source."""
        if not self.fit:
            return {}
        changed: dict[str, Any] = {"encoding": self.encoding} if self.encoding else {}
        return changed | ({"files": None} if self.fit.without_files else {})


def inspect_source(project: Project, path: str, folder: Path) -> Inspection:
    """Look at a file, a folder or a glob, given as an absolute path.

    folder: for samples and a state; whoever made it throws it away.

    Raises:
        InspectionImpossible: it cannot be read.
    """
    if "://" in path:
        raise InspectionImpossible(
            f"inspect reads local files, and {path} is none. Copy some of its files here and inspect those."
        )
    try:
        found = _look(project, path, folder)
    except SourceProblem as problem:
        raise InspectionImpossible(_without_load(str(problem), folder, path)) from problem
    if found.lacks:
        return found
    try:
        found.trial = run_trial(
            project, found.sample.events_path, found.mapping, found.mapping_name, folder / "state"
        )
    except InspectionImpossible as problem:
        whose = "the draft" if found.is_draft else f"the mapping {found.mapping_name}"
        found.lacks.append(
            f"{whose} cannot be applied: {_without_load(str(problem), folder, path)}"
        )
        return found
    _ask_about_trial(found, found.trial)
    return found


def _look(project: Project, path: str, folder: Path) -> Inspection:
    mappings = project.var("event_mappings") or {}
    given = yaml.safe_load(project.vars_text) or {}
    name = given.get("event_mapping")
    if name is not None:
        if name not in mappings:
            raise InspectionImpossible(
                f"there is no event mapping {name!r}. vars.event_mappings has: {', '.join(sorted(mappings))}."
            )
        found = _read_by(path, name, mappings[name], None, folder / "given")
        return replace(found, is_given=True)
    sample = write_sample(path, Reading(), folder / "sample")
    encoding = guessed_encoding(sample, folder / "as_utf8")
    for fit in (fits := fitting_mappings(path, mappings, encoding, folder)):
        mapping = dict(mappings[fit.name])
        if encoding:
            mapping["encoding"] = encoding
        if fit.without_files:
            mapping.pop("files", None)
        found = _read_by(path, fit.name, mapping, encoding, folder / fit.name)
        if found.lacks:
            continue
        others = tuple(one.name for one in fits if one is not fit and not one.without_files)
        return replace(found, fit=fit, also_fit=others)
    found = _drafted(path, sample, encoding, folder, set(mappings))
    found.notes += [
        f"The mapping {fit.name} knows these columns' names, but cannot read their times."
        for fit in fits[:1]
    ]
    return found


def _read_by(
    path: str, name: str, mapping: dict[str, Any], encoding: str | None, folder: Path
) -> Inspection:
    """The source as a mapping reads it; `lacks` has something where it cannot read the times."""
    # what a build would refuse is refused before anything is read
    EventMapping.of(name, mapping)
    sample = write_sample(path, Reading.of(mapping, name), folder / "sample")
    planned = plan(sample, mapping, name, folder / "staging")
    lineage = lineage_of(mapping)
    found = Inspection(path, sample, planned, [], encoding, name, mapping)
    with lines_table(planned) as connection:
        found.columns = profiled(connection)
        if lineage is None:
            return found
        available = frozenset(column.name.lower() for column in found.columns)
        if not mapping.get("rows") and not _reads_times(mapping, connection):
            found.lacks.append("times")
        found.unused = tuple(
            c.name
            for c in found.columns
            if c.kind != "empty" and c.name.lower() not in lineage.used
        )
        if not mapping.get("time_zone"):
            by_name = {column.name.lower(): column.name for column in found.columns}
            for column in lineage.columns_of("event_time", available):
                times = times_of(by_name[column], connection, is_named_so=True, day_first=False)
                if times and times.silent:
                    found.questions.append(
                        f"Which time zone is {times.column} in? {times.silent} do not say (such as {times.example}),"
                        f" and {name} takes UTC. For another one copy the mapping with time_zone: Europe/Berlin, or"
                        " where the shop's clock is."
                    )
                    break
    return found


def _reads_times(mapping: Mapping[str, Any], connection: duckdb.DuckDBPyConnection) -> bool:
    expression = in_time_zone(str(mapping["event_time"]), "UTC")
    try:
        row = connection.execute(
            "select count(coalesce(try_cast(t as timestamp), cast(as_utc_in('UTC', cast(t as varchar)) as timestamp))),"
            f" count(*) from (select try({expression}) as t from lines)"
        ).fetchone()
    except duckdb.Error:
        # the trial says what is wrong
        return True
    return bool(row) and row[0] >= _READABLE * row[1]  # type: ignore[index]


def _drafted(
    path: str, sample: Sample, encoding: str | None, folder: Path, names: set[str]
) -> Inspection:
    """The source with a draft for it; of files with other columns the one that a draft can be made for."""
    keys: dict[str, Any] = {"encoding": encoding} if encoding else {}
    keys, questions = reading_keys(sample, keys, folder / "draft_staging")
    planned = plan(sample, keys, "draft", folder / "draft_staging")
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for file in planned.files:
        if file["columns"]:
            groups.setdefault(tuple(sorted(name.lower() for name in file["columns"])), []).append(
                file
            )
    best: tuple[Draft, list[Column], Planned] | None = None
    for files in sorted(groups.values(), key=lambda group: -sum(file["lines"] for file in group)):
        # keys of JSON come and go
        is_json = files[0]["format"] == "json"
        own = Planned(
            tuple(f for f in planned.files if f["format"] == "json") if is_json else tuple(files)
        )
        with lines_table(own) as connection:
            columns = profiled(connection)
            nulls = _without_null_words(columns, connection)
            given = {**keys, **({"nulls": nulls} if nulls else {})}
            draft = draft_of(profiled(connection) if nulls else columns, connection, reading=given)
        if best is None or (best[0].lacks and not draft.lacks):
            best = (draft, columns, own)
    if best is None:
        raise InspectionImpossible(f"there is no line in {path}: every file is empty.")
    draft, columns, own = best
    name = next(n for n in ("my_shop", *(f"my_shop_{k}" for k in range(2, 99))) if n not in names)
    found = Inspection(path, sample, own, columns, encoding, name, draft.mapping, is_draft=True)
    found.lacks += draft.lacks
    if draft.lacks and "columns" in keys:
        # nobody can tell what is lacking before the columns have names
        found.lacks, questions = questions, []
    found.questions += questions + draft.questions
    if not draft.lacks and "price" not in draft.mapping:
        found.notes.append(
            "No column tells a price: there will be no revenue, and none is expected of anybody."
        )
    if len(own.files) < len([file for file in planned.files if file["columns"]]):
        read = [sample.named(file["path"]) for file in own.files]
        draft.mapping["files"] = read[0] if len(read) == 1 else _pattern(read)
        found.mapping = {"files": draft.mapping.pop("files"), **draft.mapping}
        found.questions.append(
            f"Do the files belong together? They have different columns, and the draft reads {', '.join(read[:3])}"
            " only. To join others give the mapping sources and rows."
        )
    if encoding:
        found.questions.insert(
            0, f"Are names and places right above? The files are no UTF-8; {encoding} is a guess."
        )
    return found


def _pattern(names: Sequence[str]) -> str:
    # names that are sorted have in common what the first and the last have
    first, last = min(names), max(names)
    same = (at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1])
    prefix = first[: next(same, len(first))]
    return f"{prefix}*{Path(names[0]).suffix}"


def _without_null_words(
    columns: Sequence[Column], connection: duckdb.DuckDBPyConnection
) -> list[str]:
    """Texts that stand for nothing in this source; `lines` has nulls for them from now on."""
    found: set[str] = set()
    for name in (quoted(column.name) for column in columns if column.type == "VARCHAR"):
        null = f"{name} in ('\\N', 'NULL', 'null', 'NA', 'N/A', 'NaN', 'nan')"
        words = connection.execute(f"select distinct {name} from lines where {null}").fetchall()
        if words:
            found |= {word for (word,) in words}
            connection.execute(f"update lines set {name} = null where {null}")
    return sorted(found)


def _ask_about_trial(found: Inspection, trial: Trial) -> None:
    if trial.unknown_types and not found.is_draft:
        shown = ", ".join(f"'{value}'" for value in trial.unknown_types[:8])
        found.questions.append(
            f"What does {shown} mean? {found.mapping_name} does not know it. If it is one of view, cart,"
            " remove_from_cart, purchase, refund, add a line to seeds/event_types.csv:"
            f" {found.mapping_name},{trial.unknown_types[0]},purchase"
        )
    if trial.buyers >= _FEW_BUYERS and not trial.buyers_of_two_days:
        found.questions.append(
            f"Is the user one person's over all orders? None of {trial.buyers:,} buyers bought on two days. If it is"
            " new with each order, nobody who comes back can be told."
        )
    if len([code for code in trial.revenue if code]) > 1:
        found.notes.append("Prices are in several currencies, and are never added up across them.")


def _without_load(message: str, folder: Path, path: str) -> str:
    """A problem of a load, for who only looks."""
    message = message.replace(" Nothing was loaded.", "").replace(", then run dbt build.", ".")
    base = path if not Path(path).is_file() else str(Path(path).parent)
    return re.sub(
        re.escape(str(folder)) + r"/[a-z0-9_]+(/sample|/files)?(?=/|')", base.rstrip("/"), message
    )
