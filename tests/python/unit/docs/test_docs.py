"""The docs: they build strictly, load nothing from elsewhere, and name only what exists."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest
import yaml

from support.installation import PROJECT

ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
MOST_LINES_OF_README = 130
# attributes by which a page loads something while it is shown; of <link> those with another `rel` are only named
LOADING = {"src", "srcset", "poster", "data", "background", "xlink:href"}
NAMING_LINKS = {"canonical", "prev", "next", "author", "edit", "alternate"}
ELSEWHERE = re.compile(r"^\s*(https?:)?//", re.IGNORECASE)
LOADED_BY_CSS = re.compile(
    r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)", re.IGNORECASE
)


def written_pages() -> list[Path]:
    """The pages that people write: those of the root, and docs/."""
    return [*(PROJECT / name for name in ROOT_PAGES), *sorted((PROJECT / "docs").rglob("*.md"))]


def module_of_the_site() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "docs_site", PROJECT / "python/tools/docs_site.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_site"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    # --quiet would hide warnings from --strict, too
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=PROJECT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


class Loads(HTMLParser):
    """What a page loads from elsewhere, and the policy it has."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        loading = {name: value for name, value in values.items() if name in LOADING}
        if tag == "link" and values.get("rel") not in NAMING_LINKS:
            loading["href"] = values.get("href", "")
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values.get("content", "")
        self.found += [
            f"<{tag} {name}={value}>" for name, value in loading.items() if ELSEWHERE.match(value)
        ]
        self.found += LOADED_BY_CSS.findall(values.get("style", ""))


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    found = []
    pages = sorted(site.rglob("*.html"))
    for page in pages:
        text = page.read_text()
        loads = Loads()
        loads.feed(text)
        styles = re.findall(r"<style[^>]*>(.*?)</style>", text, re.DOTALL)
        found += [f"{page.name}: {what}" for what in loads.found]
        found += [
            f"{page.name}: {what}" for style in styles for what in LOADED_BY_CSS.findall(style)
        ]
        # the theme's script fetches a library for such a drawing
        assert 'class="mermaid"' not in text, (
            f"{page.name} has a drawing that needs a library from elsewhere"
        )
        assert loads.policy.startswith("default-src 'self'"), f"{page.name} has no policy"
        assert "http" not in loads.policy
    for style in sorted(site.rglob("*.css")):
        found += [f"{style.name}: {what}" for what in LOADED_BY_CSS.findall(style.read_text())]
    assert len(pages) > 50
    assert not found, "\n".join(found)


def test_the_reference_has_every_command_variable_and_table(site: Path) -> None:
    commands = (site / "reference/commands.html").read_text()
    for name, _ in module_of_the_site().every_command():
        assert f'id="{name.replace(" ", "-")}"' in commands, f"{name} is not in the reference"
    assert "<code>--from</code>" in commands
    variables = (site / "reference/variables.html").read_text()
    for name in yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]:
        assert f"<code>{name}</code>" in variables, f"the variable {name} is not in the reference"
    for path in sorted((PROJECT / "models").rglob("*.yml")):
        page = (site / f"reference/tables/{path.parent.name}.html").read_text()
        for model in yaml.safe_load(path.read_text()).get("models", []):
            assert f">{model['name']}<" in page, f"{model['name']} is not in the reference"


def test_the_readme_is_short() -> None:
    lines = len((PROJECT / "README.md").read_text().splitlines())
    assert lines <= MOST_LINES_OF_README, f"README.md has {lines} lines: move something into docs/"


def test_the_changelog_begins_with_the_version_of_the_project() -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+?),? ", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None and newest[1] == version
    assert yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["version"] == version


@pytest.mark.parametrize("name", ROOT_PAGES)
def test_links_of_the_root_pages_resolve(name: str) -> None:
    broken = []
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(#[^)\s]+)?\)", (PROJECT / name).read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        page = PROJECT / unquote(target) if target else PROJECT / name
        if not page.exists() or (anchor and anchor[1:] not in anchors_of(page)):
            broken.append(target + anchor)
    assert not broken, f"{name} links to what is not there: {broken}"


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", text).strip().lower().replace(" ", "-") for text in headings}


def test_every_command_that_is_named_exists() -> None:
    site = module_of_the_site()
    known = {
        name: {
            option for parameter in site.parameters(command.callback) for option in parameter.names
        }
        for name, command in site.every_command()
    }
    wrong = []
    for page in written_pages():
        for name, options in commands_named_in(page.read_text()):
            if name not in known:
                wrong.append(f"{page.name}: {name}")
            else:
                wrong += [
                    f"{page.name}: {name} {option}"
                    for option in options
                    if option not in known[name]
                ]
    assert not wrong, "\n".join(["commands or options that do not exist:", *wrong])


def commands_named_in(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each `likely-buyers …` with the options on the same line."""
    for command, rest in re.findall(
        r"\blikely-buyers ([a-z][a-z-]*)((?:(?!likely-buyers)[^`\n&|])*)", text
    ):
        # quoted values, of --vars say, are no options
        options = re.findall(r"(?<=\s)--[a-z][a-z-]*", re.sub(r"'[^']*'|\"[^\"]*\"|#.*", "", rest))
        yield f"likely-buyers {command}", [option for option in options if option != "--help"]


def test_every_environment_variable_of_the_code_is_described() -> None:
    described = (PROJECT / "docs/reference/environment.md").read_text()
    code = [PROJECT / "profiles.yml", PROJECT / "dbt_project.yml"]
    for folder in ("python", "macros", "models", "tests/python"):
        code += [
            path for path in (PROJECT / folder).rglob("*") if path.suffix in {".py", ".sql", ".yml"}
        ]
    used: set[str] = set()
    for path in code:
        used |= set(re.findall(r"\bLIKELY_BUYERS_[A-Z_]*[A-Z]\b", path.read_text()))
    assert "LIKELY_BUYERS_STATE" in used
    assert not {name for name in used if f"`{name}`" not in described}


def test_every_shipped_mapping_is_described() -> None:
    page = (PROJECT / "docs/map_events.md").read_text()
    mappings = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]["event_mappings"]
    assert not [name for name in mappings if f"\n| `{name}` |" not in page]


def test_every_decision_is_whole_and_in_the_index() -> None:
    folder = PROJECT / "docs/decisions"
    index = (folder / "index.md").read_text()
    for page in sorted(folder.glob("*.md")):
        if page.name != "index.md":
            assert f"]({page.name})" in index, f"the index of decisions has no link to {page.name}"
            headings = re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE)
            assert headings == ["Question", "Measured", "Chosen", "What would change it"], page.name
