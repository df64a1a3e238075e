"""The feature catalogue: what dbt reads follows from it, and what cannot be a feature is refused by name."""

import csv
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from likely_buyers.features import Feature, InvalidCatalogue, StaleFiles, read_catalogue
from likely_buyers.features.generate import (
    CATALOGUE,
    COLUMNS_FILE,
    CONTRACT_FILE,
    LABELS_FILE,
    check_files,
    generated_files,
    main,
    write_files,
)
from likely_buyers.training.bgnbd import BGNBD_FEATURES
from support.installation import PROJECT

GENERATED = (COLUMNS_FILE, CONTRACT_FILE, LABELS_FILE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the catalogue and of the files made from it."""
    for path in (CATALOGUE, *GENERATED):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / path, tmp_path / path)
    return tmp_path


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def catalogue(tmp_path: Path) -> Callable[[str], tuple[Feature, ...]]:
    def read(text: str) -> tuple[Feature, ...]:
        path = tmp_path / "catalogue.yml"
        path.write_text(text)
        return read_catalogue(path)

    return read


def entry(**changes: str | None) -> str:
    """A feature as it stands in a catalogue, with some keys changed or, with None, left out."""
    keys: dict[str, str | None] = {
        "name": "views",
        "sql": "activity.views",
        "unit": "views",
        "description": "Views.",
        "group": "visits",
        "decimals": "0",
        "label": '"{value} view{s} so far"',
    }
    given = [f"{key}: {value}" for key, value in (keys | changes).items() if value is not None]
    return "  - " + "\n    ".join(given) + "\n"


# --- the files that are checked in ----------------------------------------------------------------


def test_the_files_checked_in_are_what_the_catalogue_says() -> None:
    check_files(PROJECT)


def test_columns_contract_and_labels_are_those_of_the_catalogue_in_its_order() -> None:
    names = [feature.name for feature in read_catalogue(PROJECT / CATALOGUE)]
    [model] = yaml.safe_load((PROJECT / CONTRACT_FILE).read_text())["models"]
    assert [column["name"] for column in model["columns"]] == ["user_id", "as_of_date", *names]
    with (PROJECT / LABELS_FILE).open() as labels:
        assert [line["feature"] for line in csv.DictReader(labels)] == names
    assert re.findall(r"\) as (\w+),?$", (PROJECT / COLUMNS_FILE).read_text(), re.M) == names


def test_the_bgnbd_component_finds_its_features() -> None:
    assert {feature.name for feature in read_catalogue(PROJECT / CATALOGUE)} >= set(BGNBD_FEATURES)


@pytest.mark.parametrize("path", GENERATED)
def test_a_stale_file_is_told_with_the_command_that_mends_it(project: Path, path: str) -> None:
    edited(project / path, "views_7d", "views_8d")
    others = [other for other in GENERATED if other != path]
    with pytest.raises(StaleFiles) as stale:
        check_files(project)
    message = str(stale.value)
    assert re.search(
        rf"{re.escape(path)} is stale: line \d+ is '.*views_8d.*', expected '.*views_7d", message
    )
    assert "make generate" in message
    assert CATALOGUE in message
    assert not any(other in message for other in others)
    assert write_files(project) == [path]
    check_files(project)


def test_a_file_that_is_gone_is_stale_and_is_written_again(project: Path) -> None:
    (project / LABELS_FILE).unlink()
    with pytest.raises(StaleFiles, match=f"{LABELS_FILE} is stale: it is not there"):
        check_files(project)
    assert write_files(project) == [LABELS_FILE]
    assert (project / LABELS_FILE).read_bytes() == (PROJECT / LABELS_FILE).read_bytes()


def test_the_check_fails_as_a_command_and_writes_nothing(project: Path) -> None:
    edited(
        project / CATALOGUE, "bought on {value} day{s} so far", "shopped on {value} day{s} so far"
    )
    before = (project / LABELS_FILE).read_bytes()
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "likely_buyers.features.generate"),
            *("--check", "--project-dir", str(project)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1
    assert f"{LABELS_FILE} is stale" in checked.stderr
    assert "Traceback" not in checked.stderr
    assert (project / LABELS_FILE).read_bytes() == before


# --- what follows from one edit -------------------------------------------------------------------


def test_a_new_entry_is_a_column_with_its_contract_and_its_label(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (project / CATALOGUE).open("a") as text:
        text.write(
            "\n"
            + entry(
                name="views_per_session",
                sql="\"{{ ratio('activity.views', 'activity.sessions') }}\"",
                description="'Views: per session.'",
                label='"{value} views, by visit"',
                decimals="1",
            )
        )
    assert main(["--project-dir", str(project)]) == 0
    assert capsys.readouterr().out.split() == [
        word for path in GENERATED for word in ("wrote", path)
    ]
    assert (
        "    cast({{ ratio('activity.views', 'activity.sessions') }} as double)"
        " as views_per_session\n{%- endmacro %}" in (project / COLUMNS_FILE).read_text()
    )
    [model] = yaml.safe_load((project / CONTRACT_FILE).read_text())["models"]
    assert model["columns"][-1] == {
        "name": "views_per_session",
        "data_type": "double",
        "description": "Views: per session.",
        "config": {"meta": {"unit": "views", "group": "visits"}},
    }
    with (project / LABELS_FILE).open() as labels:
        *_, last = csv.DictReader(labels)
    assert last == {
        "feature": "views_per_session",
        "feature_group": "visits",
        "unit": "views",
        "decimals": "1",
        "label": "{value} views, by visit",
        "label_if_zero": "",
        "label_if_missing": "",
    }


def test_a_window_is_one_number_more(project: Path) -> None:
    edited(project / CATALOGUE, "windows: [7, 30]", "windows: [7, 30, 60]")
    write_files(project)
    columns = (project / COLUMNS_FILE).read_text()
    assert "cast(activity.carts_not_bought_60d as" in columns
    # the CTE that counts takes its windows from here
    assert "'carts_not_bought': [7, 30, 60]" in columns
    assert (
        "carts_not_bought_60d,cart,additions to the cart,0,left {value} product{s} in the cart in the"
        " last 60 days,left nothing in the cart in the last 60 days,"
        in (project / LABELS_FILE).read_text()
    )


def test_features_of_a_block_stand_window_by_window(
    catalogue: Callable[[str], tuple[Feature, ...]],
) -> None:
    block = "  - windows: [3, 7]\n    features:\n" + "".join(
        "    " + line + "\n"
        for name in ("views_{window}d", "carts_{window}d")
        for line in entry(name=name, sql="activity." + name).splitlines()
    )
    features = catalogue("features:\n" + entry() + block)
    assert [(feature.name, feature.sql, feature.window) for feature in features] == [
        ("views", "activity.views", None),
        ("views_3d", "activity.views_3d", 3),
        ("carts_3d", "activity.carts_3d", 3),
        ("views_7d", "activity.views_7d", 7),
        ("carts_7d", "activity.carts_7d", 7),
    ]


def test_whole_numbers_have_a_type_of_their_own(
    catalogue: Callable[[str], tuple[Feature, ...]],
) -> None:
    files = generated_files(catalogue("features:\n" + entry(type="bigint")))
    assert "cast(activity.views as bigint) as views" in files[COLUMNS_FILE]
    assert "data_type: bigint" in files[CONTRACT_FILE]


# --- what is refused ------------------------------------------------------------------------------

BLOCK = "  - windows: {windows}\n    features:\n    " + entry(name="views_{window}d").replace(
    "\n", "\n    "
)

REFUSED = {
    "no label": (entry(label=None), "feature views has no label. Add it"),
    "no label and no unit": (entry(label=None, unit=None), "views has no unit and no label"),
    "an empty label": (entry(label='""'), "feature views: label is '', expected a text"),
    "a label that is no text": (entry(label="no"), "feature views: label is False"),
    "a name twice": (entry() + entry(), "feature views is there 2 times"),
    "a name twice by its window": (
        BLOCK.replace("{windows}", "[7]") + "\n" + BLOCK.replace("{windows}", "[3, 7]"),
        "feature views_7d is there 2 times",
    ),
    "a name of no column": (entry(name="Views-7"), "feature Views-7: expected a name of small"),
    "a key's name": (entry(name="as_of_date"), "feature as_of_date: expected a name"),
    "the outcome's name": (entry(name="label"), "feature label: expected a name"),
    "a misspelt key": (entry(lable="views"), "views has a key lable.* Did you mean label"),
    "an unknown type": (entry(type="float"), "views has the type float, expected double"),
    "three decimals": (entry(decimals="3"), "views has 3 decimals, expected 0, 1 or 2"),
    "another placeholder": (entry(label='"{count} views"'), r"views: label has \{count\}"),
    "a window outside a block": (
        entry(sql="activity.views_{window}d"),
        r"views: sql has \{window\} in it",
    ),
    "a block's name without its window": (
        BLOCK.replace("{windows}", "[7]").replace("views_{window}d", "views"),
        r"feature views: a name ends in _\{window\}d",
    ),
    "a window that is no number of days": (
        BLOCK.replace("{windows}", "[7, 0]"),
        r"1 or more; found 0 in \[7, 0\]",
    ),
    "an entry without a name": (entry(name=None), "expected a feature with its name, found"),
    "no features": ("  []\n", "empty, and a model needs at least one"),
    "no YAML": (entry(label="{value} views so far"), r"not YAML.* double quotes"),
}


@pytest.mark.parametrize(("entries", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_feature_is_refused_by_name(
    catalogue: Callable[[str], tuple[Feature, ...]], entries: str, message: str
) -> None:
    with pytest.raises(InvalidCatalogue, match=f"(?s)catalogue.yml.*{message}"):
        catalogue("features:\n" + entries)


def test_a_catalogue_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalogue, match=f"{CATALOGUE}.*--project-dir"):
        write_files(tmp_path)
