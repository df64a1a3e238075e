"""Writes what dbt reads of the feature catalogue: `python -m likely_buyers.features.generate [--check]`.

Written are the select list and the windows (SQL), the contract of silver.user_features (YAML) and the labels (CSV).
With --check nothing is written, and a file that is not what the catalogue says is an error.
"""

import argparse
import csv
import io
import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import yaml

from likely_buyers.features.catalogue import Feature, read_catalogue
from likely_buyers.features.errors import CatalogueError, StaleFiles

CATALOGUE = "python/likely_buyers/features/catalogue.yml"
COLUMNS_FILE = "macros/features/feature_columns.sql"
CONTRACT_FILE = "models/silver/_user_features.yml"
LABELS_FILE = "seeds/feature_labels.csv"
COMMAND = "make generate"

_NOTICE = f"Written by `{COMMAND}` from {CATALOGUE}. Change that file, not this one."
_UNBROKEN = "\N{NO-BREAK SPACE}"
# `group` is a keyword of SQL
_LABEL_COLUMNS = {
    "feature": "name",
    "feature_group": "group",
    "unit": "unit",
    "decimals": "decimals",
    "label": "label",
    "label_if_zero": "label_if_zero",
    "label_if_missing": "label_if_missing",
}
_CONTRACT_HEAD = f"""\
# {_NOTICE}
version: 2

models:
  - name: user_features
    description: >-
      One row per user ever seen before as_of: what silver.user_days tells about the user by then. The columns after
      the keys are exactly the model's inputs, in this order.
    columns:
      - name: user_id
        data_type: string
        description: The user.
        constraints: [{{type: not_null, warn_unsupported: false}}]
        data_tests: [unique]
      - name: as_of_date
        data_type: date
        description: The moment the features speak from (UTC midnight); only earlier events are seen.
        constraints: [{{type: not_null, warn_unsupported: false}}]
"""


def generated_files(features: Sequence[Feature]) -> dict[str, str]:
    """The text of each file that follows from the catalogue, by its path in the project."""
    return {
        COLUMNS_FILE: _columns(features),
        CONTRACT_FILE: _contract(features),
        LABELS_FILE: _labels(features),
    }


def write_files(project_dir: Path) -> list[str]:
    """Write the files that are not what the catalogue says, and return their paths in the project.

    Raises:
        InvalidCatalogue: the catalogue cannot be read; nothing is written.
    """
    stale = _stale(project_dir)
    for path, text in stale.items():
        (project_dir / path).write_text(text, "utf-8", newline="\n")
    return list(stale)


def check_files(project_dir: Path) -> None:
    """Compare the files with the catalogue.

    Raises:
        InvalidCatalogue: the catalogue cannot be read.
        StaleFiles: a file is not what it says.
    """
    stale = _stale(project_dir)
    if stale:
        differences = [
            f"{path} is stale: {_first_difference(_text(project_dir / path), text)}"
            for path, text in stale.items()
        ]
        raise StaleFiles(
            "\n".join(differences)
            + f"\nThese files follow from {CATALOGUE}: change that, run `{COMMAND}`, and commit both."
        )


def _stale(project_dir: Path) -> Mapping[str, str]:
    expected = generated_files(read_catalogue(project_dir / CATALOGUE))
    return {path: text for path, text in expected.items() if _text(project_dir / path) != text}


def _text(path: Path) -> str | None:
    # as bytes: other line ends are another file
    return path.read_bytes().decode("utf-8", "replace") if path.exists() else None


def _first_difference(found: str | None, expected: str) -> str:
    if found is None:
        return "it is not there."
    lines = zip_longest(found.split("\n"), expected.split("\n"), fillvalue="the end of the file")
    number, (is_there, wanted) = next(
        (number, pair) for number, pair in enumerate(lines, 1) if pair[0] != pair[1]
    )
    return f"line {number} is {is_there.strip()!r}, expected {wanted.strip()!r}."


# --- the three files ------------------------------------------------------------------------------


def _columns(features: Sequence[Feature]) -> str:
    columns = ",\n".join(
        f"    cast({feature.sql} as {feature.type}) as {feature.name}" for feature in features
    )
    windows: dict[str, set[int]] = {}
    for feature in features:
        if feature.window is not None:
            windows.setdefault(feature.counted, set()).add(feature.window)
    # an entry stays on its line: lines break at its end only
    entries = (f"'{name}': {sorted(windows[name])}" for name in sorted(windows))
    by_name = textwrap.indent(
        textwrap.fill(", ".join(entry.replace(" ", _UNBROKEN) for entry in entries), width=112),
        " " * 8,
    ).replace(_UNBROKEN, " ")
    return f"""\
{{#- {_NOTICE} -#}}

{{#- Select list of the features, over the CTEs of user_features. -#}}
{{% macro feature_columns() %}}
{columns}
{{%- endmacro %}}

{{#- The windows, in days, over which the catalogue has features of a name: 'views' stands for views_7d, views_14d. -#}}
{{% macro feature_windows(name) %}}
    {{% do return({{
{by_name}
    }}.get(name, [])) %}}
{{% endmacro %}}
"""


def _contract(features: Sequence[Feature]) -> str:
    return _CONTRACT_HEAD + "".join(
        f"      - name: {feature.name}\n"
        f"        data_type: {feature.type}\n"
        f"        description: {_yaml_text(feature.description)}\n"
        f"        config: {{meta: {{unit: {json.dumps(feature.unit, ensure_ascii=False)},"
        f" group: {json.dumps(feature.group, ensure_ascii=False)}}}}}\n"
        for feature in features
    )


def _yaml_text(text: str) -> str:
    """A text of one line as YAML, in quotes only where it needs them."""
    try:
        plain = "\n" not in text and yaml.safe_load(f"text: {text}") == {"text": text}
    except yaml.YAMLError:
        plain = False
    return text if plain else json.dumps(text, ensure_ascii=False)


def _labels(features: Sequence[Feature]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_LABEL_COLUMNS)
    writer.writerows(
        [getattr(feature, name) for name in _LABEL_COLUMNS.values()] for feature in features
    )
    return out.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 if all is well."""
    parser = argparse.ArgumentParser(
        prog="python -m likely_buyers.features.generate",
        description=f"Write what dbt reads of {CATALOGUE}.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    parser.add_argument("--project-dir", type=Path, default=Path(), help="folder of the project")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            check_files(options.project_dir)
            return 0
        written = write_files(options.project_dir)
    except CatalogueError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(f"wrote {path}" for path in written) or "nothing to write")
    return 0


if __name__ == "__main__":
    sys.exit(main())
