"""Looking at a source, and what is said of it."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import typer
import yaml

from likely_buyers.cli.tables import Column as TableColumn
from likely_buyers.cli.tables import paragraph, print_table
from likely_buyers.dbt.project import Project
from likely_buyers.inspecting import Inspection, inspect_source
from likely_buyers.inspecting.profile import Column
from likely_buyers.inspecting.table import short
from likely_buyers.inspecting.trial import Trial

_FORMATS = {"csv": "CSV", "json": "JSON", "parquet": "Parquet"}
_REASONS = {
    "invalid_event_time": "the time cannot be read",
    "implausible_event_time": "the time is before 1990",
    "future_event_time": "the time is after the file's own",
    "unknown_event_type": "the type is none of the five",
    "missing_user_id": "there is no user",
    "placeholder_user_id": "the user stands for nobody",
    "invalid_price": "the price is no number",
    "negative_price": "the price is below zero",
    "invalid_quantity": "the quantity is no number",
    "non_positive_quantity": "the quantity is zero or less",
    "footer": "a line of words at the end",
}


def inspect(project: Project, path: str) -> bool:
    """Say what lies at `path` and what a mapping makes of it; whether something sensible was recognised.

    Raises:
        InspectionImpossible: it cannot be read.
    """
    with TemporaryDirectory(prefix="likely_buyers_inspect_") as folder:
        found = inspect_source(project, path, Path(folder).resolve())
        _say_what(found)
        _print_columns(found.columns)
        _say_mapping(found)
        if found.trial:
            _print_trial(found, found.trial)
        for note in found.notes:
            _say(f"\n{note}")
        if found.questions:
            _say("\nQuestions that only you can answer:", style="bold")
            for number, question in enumerate(found.questions, start=1):
                print(paragraph(question, f"{number:3}. "))
        return _say_next(found)


def _say(text: str, style: Literal["plain", "bold"] = "plain") -> None:
    typer.echo(typer.style(paragraph(text), bold=True) if style == "bold" else paragraph(text))


def _exactly(text: str) -> None:
    """What is to be copied: no line is broken."""
    print(text)


def _say_what(found: Inspection) -> None:
    sample, planned = found.sample, found.planned
    lines = found.trial.lines if found.trial else planned.lines
    read = f"{lines:,} lines" if sample.is_whole else f"the first {lines:,} lines"
    files = sample.read
    if sample.file_count > files:
        read += f" of {files} of {sample.file_count:,} files"
    elif files > 1:
        read += f" of {files:,} files"
    said = [" and ".join(_FORMATS[kind] for kind in planned.formats)]
    text = next(
        (file for file in planned.files if file["format"] == "csv" and file["delimiter"]), None
    )
    if text:
        named = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
        said.append(f"fields apart by {named.get(text['delimiter'], text['delimiter'])}")
    json = next((file for file in planned.files if file["json_kind"]), None)
    if json:
        said.append(
            {"lines": "an object a line", "array": "one array"}.get(
                json["json_kind"], "objects over several lines"
            )
        )
    if found.encoding:
        said.append(f"no UTF-8: it may be {found.encoding}")
    _exactly(f"{found.path}")
    _say(f"{', '.join(said)}; {read} were read; {len(found.columns)} columns")
    if sample.left_alone:
        shown = [short(path.removeprefix(f"{sample.base}/"), 30) for path in sample.left_alone[:3]]
        _say(
            f"Not read, {len(sample.left_alone):,} files of other kinds or names: {', '.join(shown)}"
        )


def _print_columns(columns: Sequence[Column]) -> None:
    rows = [
        [
            column.name,
            column.kind,
            _share(column.filled),
            f"{column.distinct:,}",
            " | ".join(short(value or "", 24) for value in column.first),
        ]
        for column in columns
        if column.kind != "empty"
    ]
    headings = [
        *(TableColumn("column", "left"), TableColumn("holds", "left")),
        *(TableColumn("filled"), TableColumn("values"), TableColumn("first lines", "words")),
    ]
    print()
    print_table(headings, rows, "Columns and first lines")
    print()
    if empty := [column.name for column in columns if column.kind == "empty"]:
        _say(f"Empty: {_some(empty)}")


def _some(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _share(share: float) -> str:
    return "100 %" if share == 1 else f"{min(share * 100, 99.9):.{0 if share < 0.99 else 1}f} %"


def _say_mapping(found: Inspection) -> None:
    if found.fit:
        _say(
            f"The mapping {found.mapping_name} fits: {found.fit.matched} of the {found.fit.known} columns that it knows"
            " are here."
            + (f" {', '.join(found.also_fit)} would read it, too." if found.also_fit else ""),
            style="bold",
        )
    elif found.is_given:
        _say(f"Read with the mapping {found.mapping_name}.", style="bold")
    elif found.lacks and found.is_draft and "event_time" not in found.mapping:
        _say("None of the project's mappings fits, and no draft can be made.", style="bold")
    else:
        _say(
            "None of the project's mappings fits. A draft, with guesses to be looked through:\n",
            style="bold",
        )
        _exactly(_as_yaml(found))
    if found.unused and not found.is_draft:
        _say(f"The mapping makes no use of: {_some(found.unused)}")


class _Dumper(yaml.SafeDumper):
    """Writes a SQL text as people do: "'purchase'" rather than '''purchase'''."""


def _sql_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if text.startswith("'") and not set('"\\') & set(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _sql_text)


def _as_yaml(found: Inspection) -> str:
    """The draft as it stands in dbt_project.yml."""
    text = yaml.dump(
        {found.mapping_name: found.mapping},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=10_000,
    )
    return "".join(f"    {line}\n" for line in text.splitlines())


def _print_trial(found: Inspection, trial: Trial) -> None:
    read = "them" if found.sample.is_whole else f"the first {trial.lines:,} lines"
    whose = "the draft" if found.is_draft else found.mapping_name
    told = [("events", f"{trial.events:,}")]
    for kind, events, users in trial.event_types:
        told.append((f"  {kind}", f"{events:,} of {users:,} users"))
    told.append(
        (
            "users",
            f"{trial.users:,}, of whom {trial.buyers:,} bought, {trial.buyers_of_two_days:,} on two days or more",
        )
    )
    if trial.events:
        told += [("from", trial.first_event_time), ("to", trial.last_event_time)]
    for currency, revenue in trial.revenue.items():
        told.append(("revenue", f"{float(revenue):,.2f} {currency or '(no currency told)'}"))
    if trial.duplicates:
        told.append(("told again", f"{trial.duplicates:,} lines of the same events"))
    for name, lines in trial.left_out.items():
        told.append(("left out", f"{lines:,} as {name}"))
    told.append(
        (
            "no events",
            f"{trial.lost:,} of the lines, told below"
            if trial.lost
            else "none: each line is an event, or left out by a name",
        )
    )
    _say(f"\nWhat {whose} makes of {read}", style="bold")
    widest = max(len(name) for name, _ in told)
    for name, words in told:
        print(paragraph(words, f"  {name.ljust(widest)}  "))
    print()
    if trial.faults:
        rows = []
        for fault in trial.faults:
            why = _REASONS.get(fault.name, "the line cannot be read")
            shown = " | ".join(short(one, 60) for one in fault.samples)
            rows.append([fault.name, f"{fault.lines:,}", f"{why}: {short(shown, 130)}"])
        headings = [
            TableColumn("name", "left"),
            TableColumn("lines"),
            TableColumn("such as", "words"),
        ]
        print_table(headings, rows, "Faults")
        print()
    for warning in trial.warnings:
        # its numbers stand above
        if "are no events, and nothing in the event mapping says why" not in warning:
            _say(f"Note: {warning.replace(str(found.sample.folder), found.sample.base)}")


def _say_next(found: Inspection) -> bool:
    if found.lacks:
        typer.echo(f"\nError: {' '.join(found.lacks)}", err=True)
        return False
    if not (found.trial and found.trial.events):
        typer.echo(
            "\nError: no line became an event. The faults above say why; mend the mapping, or name another one:"
            " --vars '{event_mapping: NAME}'",
            err=True,
        )
        return False
    variables = f"{{event_mapping: {found.mapping_name}, events_path: {_as_variable(found.path)}}}"
    if found.is_draft:
        _say(
            "\nNext: put the draft under vars.event_mappings in dbt_project.yml and answer the questions. Look"
            " again, then train a model and build:",
            style="bold",
        )
        look = shlex.quote(f"{{event_mapping: {found.mapping_name}}}")
        _exactly(f"  likely-buyers inspect {shlex.quote(found.path)} --vars {look}")
    elif found.differs:
        changed = " and ".join(
            f"with {key}: {value}" if value else f"without its {key}"
            for key, value in found.differs.items()
        )
        _say(
            f"\nNext: copy the mapping {found.mapping_name} in dbt_project.yml under a name of your own,"
            f" {changed}, and"
            " its lines in seeds/event_types.csv, if it has some. Then, with that name:",
            style="bold",
        )
        variables = f"{{event_mapping: NAME, events_path: {_as_variable(found.path)}}}"
    else:
        _say("\nNext:", style="bold")
    _exactly(f"  likely-buyers train --promote --vars {shlex.quote(variables)}")
    _exactly(f"  dbt build --vars {shlex.quote(variables)}")
    return True


def _as_variable(path: str) -> str:
    """A path inside YAML in braces."""
    plain = all(char.isalnum() or char in "/._-" for char in path)
    return path if plain else yaml.safe_dump(path, default_style='"', width=10_000).strip()
