"""The trained versions, printed."""

from collections.abc import Sequence
from typing import Literal

from likely_buyers.cli.tables import Column, print_json, print_rows, print_table
from likely_buyers.dbt.project import Project
from likely_buyers.outcomes import NO_LONGER_PREDICTED
from likely_buyers.registry import ModelVersion, Registry
from likely_buyers.terminal import say

_COLUMNS = (
    Column("outcome", "left"),
    Column("version"),
    Column("as of", "left"),
    Column("horizon"),
    Column("AUC"),
    Column("avg\nprecision"),
    Column("digest", "left"),
    Column("", "left"),
    Column("model", "words"),
)


def print_known_versions(
    project: Project, names: Sequence[str] | None, form: Literal["table", "csv", "json"]
) -> None:
    """Print the versions of outcomes, all where none is named; and say which outcomes are configured no longer."""
    predicted, settings = project.predicted(), project.settings()
    configured = {outcome.name for outcome in predicted.outcomes}
    versions = Registry.all_versions(settings, predicted.base)
    if names:
        wanted = {outcome.name for outcome in project.outcomes(names)}
        versions = [version for version in versions if version.outcome in wanted]
    print_versions(versions, form)
    for name in sorted({version.outcome for version in versions} - configured):
        say(f"the outcome '{name}' {NO_LONGER_PREDICTED}")


def print_versions(versions: Sequence[ModelVersion], form: Literal["table", "csv", "json"]) -> None:
    """Print versions, oldest first; csv has a column for each metric."""
    if form == "json":
        print_json([_as_dict(version) for version in versions])
    elif form == "csv":
        metrics = sorted({name for version in versions for name in version.metrics})
        names = [
            "outcome",
            "version",
            "as_of",
            "horizon_days",
            "created_at",
            "model_digest",
            "is_champion",
        ]
        print_rows(
            [*names, *metrics],
            [
                [_as_dict(one)[name] for name in names] + [one.metrics.get(m) for m in metrics]
                for one in versions
            ],
            "csv",
        )
    elif versions:
        print_table(
            _COLUMNS,
            [_cells(version) for version in versions],
            "Trained versions, metrics out of time",
        )
    else:
        print("No version yet; train one: likely-buyers train --promote")


def _cells(version: ModelVersion) -> list[str]:
    return [
        version.outcome,
        str(version.version),
        version.as_of.isoformat(),
        f"{version.horizon_days} days",
        _number(version.metrics.get("roc_auc")),
        _number(version.metrics.get("average_precision")),
        version.model_digest[:12],
        "champion" if version.is_champion else "",
        ": ".join(_words(version)),
    ]


def _words(version: ModelVersion) -> list[str]:
    """What scores, and why."""
    told = (version.parameters.get(name) for name in ("chosen", "why"))
    return [str(words) for words in told if words]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _as_dict(version: ModelVersion) -> dict[str, object]:
    return {
        "outcome": version.outcome,
        "version": version.version,
        "as_of": version.as_of.isoformat(),
        "horizon_days": version.horizon_days,
        "definition": version.parameters.get("outcome"),
        "created_at": version.created_at.isoformat(),
        "metrics": dict(version.metrics),
        "windows": dict(version.windows),
        "model_digest": version.model_digest,
        "is_champion": version.is_champion,
        "chosen": version.parameters.get("chosen"),
        "why": version.parameters.get("why"),
    }
