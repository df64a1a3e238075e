"""Which of the project's mappings fits a source, by what its expressions need and what the files have."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likely_buyers.inspecting.lineage import Lineage, lineage_of
from likely_buyers.inspecting.sample import write_sample
from likely_buyers.inspecting.table import Planned, plan
from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.mapping.contract import REQUIRED
from likely_buyers.sources.reading import KEYS, Reading
from likely_buyers.sources.streams import chunks

_LINES = 200
_FILES = 5
# a mapping that names most of what it may read is meant for the file; generic names alone are in many files
_LEAST_SHARE = 0.5
_LEAST_SHARE_WITHOUT_ROWS = 0.75


@dataclass(frozen=True)
class Fit:
    """A mapping that reads the source."""

    name: str
    matched: int
    """Columns that it uses and the source has."""
    known: int
    """Columns that it may read."""
    without_files: bool = False
    """Whether it fits only where its `files` are left out: they are called otherwise."""

    @property
    def share(self) -> float:
        """Of the columns that it may read, those that are here."""
        return self.matched / max(self.known, 1)


def fitting_mappings(
    events_path: str, mappings: Mapping[str, Any], encoding: str | None, folder: Path
) -> list[Fit]:
    """The mappings that fit, the best first.

    encoding: of the files, where it is no UTF-8.
    folder: for the first lines of the files that a mapping reads.
    """
    fits = []
    planned: dict[str, Planned | None] = {}
    for name, mapping in mappings.items():
        lineage = lineage_of(mapping) if isinstance(mapping, dict) else None
        if lineage is None:
            continue
        for without_files in (False, True) if mapping.get("files") else (False,):
            given = {key: value for key, value in mapping.items() if key in KEYS}
            if without_files:
                given.pop("files")
            if encoding:
                given["encoding"] = encoding
            key = repr(sorted(given.items()))
            if key not in planned:
                planned[key] = _first_lines(events_path, given, folder / f"first_{len(planned)}")
            found = planned[key]
            fit = (
                _fit(name, mapping, lineage, found, without_files=without_files) if found else None
            )
            if fit:
                fits.append(fit)
                break
    # one column more does not outweigh names that fit all
    return sorted(fits, key=lambda fit: (fit.without_files, -fit.matched * fit.share))


def _first_lines(events_path: str, given: dict[str, Any], folder: Path) -> Planned | None:
    try:
        reading = Reading.of(given, "?")
        sample = write_sample(events_path, reading, folder / "files", lines=_LINES, files=_FILES)
        found = plan(sample, given, "?", folder / "staging")
    except SourceProblem:
        return None
    if not reading.header and not all(_has_its_width(file) for file in found.files):
        return None
    return found


def _has_its_width(file: Mapping[str, Any]) -> bool:
    """Whether the first line of a file without a header has as many fields as it has names."""
    first = b"".join(chunks(Path(file["read_path"]), file["compression"])).split(b"\n", 1)[0]
    return (
        len(file["columns"]) > 1
        and first.count(file["delimiter"].encode()) == len(file["columns"]) - 1
    )


def _fit(
    name: str, mapping: Mapping[str, Any], lineage: Lineage, found: Planned, *, without_files: bool
) -> Fit | None:
    if mapping.get("format") and found.formats != (mapping["format"],):
        return None
    available = frozenset(column.lower() for column in found.columns)
    if not all(lineage.can_give(column, available) for column in REQUIRED):
        return None
    matched = len(lineage.used & available)
    fit = Fit(name, matched, len(lineage.used), without_files)
    least = _LEAST_SHARE if mapping.get("rows") else _LEAST_SHARE_WITHOUT_ROWS
    # the event's own keys come and go in JSON
    if fit.share < least and not (found.formats == ("json",) and fit.share > least / 2):
        return None
    return fit
