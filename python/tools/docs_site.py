"""A hook of mkdocs: pages that follow from the code are made when the site is built, so none is committed.

It adds the reference of commands (from the command line), of variables (from dbt_project.yml and its comments) and of
tables (from the YAML of models and seeds), and takes CONTRIBUTING.md and CHANGELOG.md of the root in. Each page
forbids the browser to load anything from elsewhere.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.models import ArgumentInfo, ParameterInfo

PROJECT = Path(__file__).resolve().parents[2]
LAYERS = {
    "bronze": "Every line as it came, and what became of it.",
    "silver": "Valid, distinct events, and what they tell about each user.",
    "training": "Examples, trained versions, promotions and backtests.",
    "gold": "The list, the scores, the campaigns, and what came true.",
}
# given once at the end of the page instead of with each command
SHARED_OPTIONS = ("--project-dir", "--profiles-dir", "--target", "--vars")
# nothing from elsewhere, whatever a theme or a plugin may add one day; `file:` is for pages opened from a disk
POLICY = "default-src 'self' file: data: blob: 'unsafe-inline'"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, text in generated_pages(PROJECT).items():
        files.append(File.generated(config, path, content=text))
    return files


def on_post_page(output: str, **_: Any) -> str:
    """Forbid each page to load anything from elsewhere."""
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return output.replace("<head>", f"<head>{policy}", 1)


def on_post_template(output_content: str, template_name: str, **_: Any) -> str:
    """The same for pages that are no Markdown, such as 404.html."""
    return on_post_page(output_content) if template_name.endswith(".html") else output_content


def generated_pages(project: Path) -> dict[str, str]:
    """The generated pages as Markdown, by path within docs/."""
    pages = {
        "reference/commands.md": commands_page(),
        "reference/variables.md": variables_page((project / "dbt_project.yml").read_text()),
        "contribute.md": root_page((project / "CONTRIBUTING.md").read_text()),
        "changelog.md": root_page((project / "CHANGELOG.md").read_text()),
        "reference/tables/seeds.md": tables_page(
            "Seeds",
            "Small tables that you edit, as CSV files in `seeds/`.",
            project / "seeds",
            "seeds",
        ),
    }
    for layer, purpose in LAYERS.items():
        pages[f"reference/tables/{layer}.md"] = tables_page(
            f"Tables of {layer}", purpose, project / "models" / layer, "models"
        )
    return pages


# --- commands ---------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """An argument or an option of a command, as the reference shows it."""

    names: tuple[str, ...]
    choices: tuple[str, ...]
    default: str
    meaning: str


def commands_page() -> str:
    """The page of all commands, each with its arguments and options."""
    parts = [
        "# Commands",
        "Every command answers to `--help`. Those that work on a warehouse also take dbt's own options, listed"
        " [at the end](#options-of-dbt).",
    ]
    shared: dict[str, Parameter] = {}
    for name, command in every_command():
        own = []
        for parameter in parameters(command.callback):
            if parameter.names[0] in SHARED_OPTIONS:
                shared[parameter.names[0]] = parameter
            else:
                own.append(parameter)
        help_text = command.help or inspect.getdoc(command.callback) or ""
        parts += [f"## {name}", *(_unwrapped(text) for text in help_text.split("\n\n"))]
        parts += [_parameter_table("argument or option", own)] if own else []
    parts += ["## Options of dbt", _parameter_table("option", list(shared.values()))]
    return "\n\n".join(parts) + "\n"


def every_command() -> list[tuple[str, Any]]:
    """Each command of the command line with its full name, `likely-buyers train` say, in order of name."""
    from likely_buyers.cli import app

    return sorted(_within("likely-buyers", app), key=lambda named: named[0])


def _within(prefix: str, app: Any) -> Iterator[tuple[str, Any]]:
    for command in app.registered_commands:
        if not command.hidden:
            yield f"{prefix} {command.name or command.callback.__name__.replace('_', '-')}", command
    for group in app.registered_groups:
        yield from _within(f"{prefix} {group.name or ''}".rstrip(), group.typer_instance)


def parameters(callback: Any) -> Iterator[Parameter]:
    """The arguments and options of a command, as typer reads them from its function."""
    for parameter in inspect.signature(callback, eval_str=True).parameters.values():
        annotations = getattr(parameter.annotation, "__metadata__", ())
        info = next((found for found in annotations if isinstance(found, ParameterInfo)), None)
        if info is None or getattr(info, "hidden", False):
            continue
        # within Annotated typer takes the first of the names for a default
        names = [
            name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)
        ]
        spelt = [name for pair in names for name in pair.split("/")]
        if isinstance(info, ArgumentInfo):
            spelt = [parameter.name.upper()]
        yield Parameter(
            names=tuple(spelt) or ("--" + parameter.name.replace("_", "-"),),
            choices=tuple(_choices(parameter.annotation)),
            default=_as_typed(parameter.default),
            meaning=_unwrapped(info.help or ""),
        )


def _choices(annotation: Any) -> Iterator[str]:
    """The values that a type allows, of `Annotated[Literal["csv", "json"] | None, ...]` say."""
    if get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    elif get_origin(annotation) is Annotated:
        yield from _choices(get_args(annotation)[0])
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (str(member.value) for member in annotation)
    else:
        for inner in get_args(annotation):
            yield from _choices(inner)


def _as_typed(default: Any) -> str:
    if default is inspect.Parameter.empty:
        return "required"
    if default is None or default is False:
        return ""
    return "on" if default is True else f"`{getattr(default, 'value', default)}`"


def _parameter_table(heading: str, parameters: Sequence[Parameter]) -> str:
    rows = []
    for parameter in parameters:
        name = ", ".join(f"`{name}`" for name in parameter.names)
        choices = ", ".join(f"`{choice}`" for choice in parameter.choices)
        rows.append(
            [f"{name}: {choices}" if choices else name, parameter.default, parameter.meaning]
        )
    return _table([heading, "default", "meaning"], rows)


# --- variables --------------------------------------------------------------


@dataclass
class VariableGroup:
    """Variables that one comment of dbt_project.yml describes."""

    comment: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


def variables_page(project_yaml: str) -> str:
    """The page of dbt's variables: name, default, and the comment above it."""
    rows = []
    for group in variable_groups(project_yaml):
        meaning = _unwrapped(" ".join(group.comment))
        for position, (name, value) in enumerate(group.values.items()):
            shown = f"{len(value)} mappings" if name == "event_mappings" else _as_default(value)
            rows.append([f"`{name}`", shown, meaning if position == 0 else "as above"])
    return "\n\n".join(
        [
            "# Variables",
            "Write a variable into `vars:` of `dbt_project.yml`, or give it to a single command:"
            " `dbt build --vars '{as_of: 2020-02-01}'`. A `likely-buyers` command takes the same `--vars`.",
            _table(["variable", "default", "meaning"], rows),
            "The shipped event mappings are described in [Map events](../map_events.md#shipped-mappings).",
        ]
    )


def variable_groups(project_yaml: str) -> list[VariableGroup]:
    """The variables of dbt_project.yml in their order, with the comment above each group."""
    values: dict[str, Any] = yaml.safe_load(project_yaml)["vars"]
    groups = [VariableGroup()]
    for line in project_yaml.split("\nvars:\n", 1)[1].splitlines():
        if line and not line.startswith(" "):
            break
        found = re.match(r"  (?:# (?P<comment>.*)|(?P<name>\w+):)", line)
        if not found:
            # a comment within a variable describes one of its keys, which its default shows
            continue
        if groups[-1].values and found["comment"] is not None:
            groups.append(VariableGroup())
        if found["comment"] is not None:
            groups[-1].comment.append(found["comment"])
        else:
            groups[-1].values[found["name"]] = values[found["name"]]
    return groups


def _as_default(value: Any) -> str:
    if isinstance(value, dict):
        return "<br>".join(f"`{name}`: {_as_default(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(f"`{inner}`" for inner in value)
    return "none" if value is None else f"`{value}`"


# --- tables -----------------------------------------------------------------


def tables_page(title: str, purpose: str, folder: Path, kind: str) -> str:
    """The page of one folder's tables: what a row is, and each column."""
    parts, exposures = [f"# {title}", purpose], []
    for path in sorted(folder.glob("*.yml")):
        found = yaml.safe_load(path.read_text())
        tables = list(found.get(kind, []))
        for source in found.get("sources", []):
            tables += source.get("tables", [])
        for table in tables:
            parts += _described(table, folder)
        exposures += found.get("exposures", [])
    if exposures:
        parts += [
            "## Who reads them",
            _table(["reader", "tables", "what for"], map(_exposure, exposures)),
        ]
    return "\n\n".join(parts) + "\n"


def _described(table: dict[str, Any], folder: Path) -> list[str]:
    name = table["name"]
    versions = table.get("versions", [])
    alias = _alias_in(folder / f"{name}.sql") or name
    heading = [f"## {alias}", _unwrapped(table.get("description", ""))]
    if alias != name:
        heading.append(f"The dbt model is `{name}`.")
    if versions:
        heading.append(
            f"A versioned model: this is version {table.get('latest_version', versions[-1]['v'])}."
            " A change that breaks its readers comes as another version beside it."
        )
    columns = [
        [
            f"`{column['name']}`",
            column.get("data_type", ""),
            _unwrapped(column.get("description", "")),
        ]
        for column in table.get("columns", [])
    ]
    return [*heading, _table(["column", "type", "meaning"], columns)] if columns else heading


def _alias_in(model: Path) -> str | None:
    """The name that a model gives its table where that differs from its own."""
    found = re.search(r'config\(.*alias="(\w+)"', model.read_text()) if model.exists() else None
    return found[1] if found else None


def _exposure(exposure: dict[str, Any]) -> list[str]:
    tables = re.findall(r"ref\('(\w+)'\)", " ".join(exposure["depends_on"]))
    return [
        exposure["label"],
        ", ".join(f"`{name}`" for name in tables),
        _unwrapped(exposure["description"]),
    ]


# --- pages of the root, and text --------------------------------------------


def root_page(text: str) -> str:
    """A page of the project's root as one of the site: its links into docs/ lose the folder."""
    return text.replace("](docs/", "](")


def _unwrapped(text: str) -> str:
    """Text of YAML or of a docstring on one line, as Markdown: what is no code means its letters."""
    pieces = " ".join(text.split()).split("`")
    pieces[::2] = [re.sub(r"([*_])", r"\\\1", piece).replace("<", "&lt;") for piece in pieces[::2]]
    return "`".join(pieces)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
