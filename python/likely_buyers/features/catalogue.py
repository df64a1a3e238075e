"""Reading and checking `catalogue.yml`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from likely_buyers.features.errors import InvalidCatalogue

TYPES = ("double", "bigint", "integer")
"""The types that a feature may have; the model reads all of them as 64-bit floating point."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
# columns that stand beside the features in silver.user_features and training.examples
_TAKEN_NAMES = ("user_id", "as_of_date", "cutoff_date", "label")
_PLACEHOLDER = re.compile(r"(?<!\{)\{(\w*)\}(?!\})")
_WINDOW = "{window}"
_WINDOW_ENDING = "_{window}d"
_MOST_DECIMALS = 2
_LABELS = ("label", "label_if_zero", "label_if_missing")


@dataclass(frozen=True)
class Feature:
    """A column of silver.user_features.

    Args:
        name: of the column.
        sql: expression over the CTEs of `macros/features/user_features.sql`; macros may be called in it.
        unit: what the value counts.
        description: what the column holds and when it is null.
        group: what it speaks of; of one group a user gets at most one reason.
        decimals: places with which a reason shows the value, 0 to 2.
        label: the reason; {value} stands for the value, {s} for an s unless the value is shown as 1.
        label_if_zero: the reason when the value is 0; without it `label` will do.
        label_if_missing: the reason when the value is null; without it the next feature gives one.
        type: one of `TYPES`.
        window: days that it looks back, in a block of windows.
    """

    name: str
    sql: str
    unit: str
    description: str
    group: str
    decimals: int
    label: str
    label_if_zero: str | None = None
    label_if_missing: str | None = None
    type: str = "double"
    window: int | None = None

    @property
    def counted(self) -> str:
        """The name without the window: `views` of `views_7d`."""
        return self.name.removesuffix(f"_{self.window}d")


_KEYS = {field.name: field for field in fields(Feature) if field.name != "window"}
_REQUIRED = [name for name, field in _KEYS.items() if field.default is MISSING]


def read_catalogue(path: Path) -> tuple[Feature, ...]:
    """The features in the order of their columns, those of a block of windows for each window in turn.

    Raises:
        InvalidCatalogue: the file cannot be read, or an entry is not a feature, by name.
    """
    try:
        return _features(yaml.safe_load(path.read_text("utf-8")))
    except OSError as error:
        raise InvalidCatalogue(
            f"there is no feature catalogue {path} ({error.strerror}). Run this in the project's"
            " folder, or name it with --project-dir."
        ) from error
    except yaml.YAMLError as error:
        raise InvalidCatalogue(
            f"{path} is not YAML: {error}. Put a text in double quotes if it starts with {{ or has"
            " a colon in it."
        ) from error
    except InvalidCatalogue as error:
        raise InvalidCatalogue(f"{path}: {error}") from None


def _features(catalogue: Any) -> tuple[Feature, ...]:
    if not isinstance(catalogue, Mapping) or not isinstance(catalogue.get("features"), list):
        raise InvalidCatalogue("expected `features:` and a list below it.")
    features = tuple(
        feature for entry in catalogue["features"] for feature in _features_of_entry(entry)
    )
    if not features:
        raise InvalidCatalogue("the list of features is empty, and a model needs at least one.")
    names = [feature.name for feature in features]
    for name in names:
        if names.count(name) > 1:
            raise InvalidCatalogue(
                f"feature {name} is there {names.count(name)} times. Rename or remove the others."
            )
    return features


def _features_of_entry(entry: Any) -> Iterator[Feature]:
    if not isinstance(entry, Mapping):
        raise InvalidCatalogue(f"expected a feature with its name, found {entry!r}.")
    if "windows" not in entry:
        yield _feature(entry, None)
        return
    windows, entries = entry["windows"], entry.get("features")
    unknown = [key for key in entry if key not in ("windows", "features")]
    if unknown or not isinstance(entries, list) or not isinstance(windows, list):
        raise InvalidCatalogue(
            f"the block of windows {windows!r} needs exactly two keys: windows, a list of days,"
            f" and features, a list; found {', '.join(map(str, entry))}."
        )
    for window in windows:
        if type(window) is not int or window < 1:
            raise InvalidCatalogue(
                f"a window is a number of days, 1 or more; found {window!r} in {windows!r}."
            )
        for one in entries:
            yield _feature(one, window)


def _feature(entry: Any, window: int | None) -> Feature:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise InvalidCatalogue(f"expected a feature with its name, found {entry!r}.")
    name: str = entry["name"]
    if (window is not None) != name.endswith(_WINDOW_ENDING):
        raise InvalidCatalogue(
            f"feature {name}: a name ends in {_WINDOW_ENDING} if it stands in a block of windows,"
            " and only then."
        )
    _check_keys(name, entry)
    values: dict[str, Any] = {
        key: value.replace(_WINDOW, str(window)) if window and isinstance(value, str) else value
        for key, value in entry.items()
    }
    feature = Feature(**values, window=window)
    _check_values(feature)
    return feature


def _check_keys(name: str, entry: Mapping[str, Any]) -> None:
    for key in entry:
        if key not in _KEYS:
            near = get_close_matches(str(key), _KEYS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise InvalidCatalogue(
                f"feature {name} has a key {key}; expected are {', '.join(_KEYS)}.{hint}"
            )
    missing = [key for key in _REQUIRED if key not in entry]
    if missing:
        raise InvalidCatalogue(f"feature {name} has no {' and no '.join(missing)}. Add it.")
    for key, value in entry.items():
        if key != "decimals" and not (isinstance(value, str) and value.strip()):
            raise InvalidCatalogue(
                f"feature {name}: {key} is {value!r}, expected a text. Quote it, or leave out a"
                " label that is not needed."
            )


def _check_values(feature: Feature) -> None:
    if not _NAME.fullmatch(feature.name) or feature.name in _TAKEN_NAMES:
        raise InvalidCatalogue(
            f"feature {feature.name}: expected a name of small letters, digits and _, and none of"
            f" {', '.join(_TAKEN_NAMES)}, which are columns beside the features. Rename it."
        )
    if feature.type not in TYPES:
        raise InvalidCatalogue(
            f"feature {feature.name} has the type {feature.type}, expected {', '.join(TYPES)}."
        )
    if type(feature.decimals) is not int or not 0 <= feature.decimals <= _MOST_DECIMALS:
        raise InvalidCatalogue(
            f"feature {feature.name} has {feature.decimals!r} decimals, expected 0, 1 or 2."
        )
    for key in ("sql", "unit", "description", "group"):
        if _WINDOW in getattr(feature, key):
            raise InvalidCatalogue(
                f"feature {feature.name}: {key} has {_WINDOW} in it, which is for features in a block"
                " of windows. Write the number of days, or put the feature in a block."
            )
    for key in _LABELS:
        for found in _PLACEHOLDER.findall(getattr(feature, key) or ""):
            if found not in ("value", "s"):
                raise InvalidCatalogue(
                    f"feature {feature.name}: {key} has {{{found}}} in it, expected {{value}} or"
                    " {s}; {window} is for features in a block of windows."
                )
