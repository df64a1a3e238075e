"""The gate: a version becomes champion by beating the simple rules, and the champion, out of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.registry import ModelVersion

RANKING_METRICS = ("roc_auc", "average_precision")
"""What decides. Both must hold; means over the held-out cutoffs."""

_WORDS = {"roc_auc": "AUC", "average_precision": "average precision"}
_RULE_WORDS = {"recency": "recency", "frequency": "frequency", "bg_nbd": "BG/NBD"}

# A version as good as the champion passes: it knows newer data. Differences up to this are noise of the cutoffs.
CHAMPION_TOLERANCE = 0.002


class NotEarned(LikelyBuyersError):
    """A version that does not beat the simple rules or the champion."""


@dataclass(frozen=True)
class Verdict:
    """Whether a version may be promoted, and a line for each comparison."""

    passed: bool
    lines: tuple[str, ...]


def judge(version: ModelVersion, champion: ModelVersion | None) -> Verdict:
    """Hold a version against the best simple rule by each metric, and against the present champion.

    What was measured when it was trained is in `version.parameters`: nothing is fitted or scored here.
    """
    passed, lines = _against_rules(version)
    if champion is not None:
        holds, line = _against_champion(version, champion)
        passed, lines = passed and holds, [*lines, line]
    return Verdict(passed, tuple(lines))


def _against_rules(version: ModelVersion) -> tuple[bool, list[str]]:
    rules: Mapping[str, Mapping[str, float]] = version.parameters.get("rules", {})
    if not rules:
        return False, ["no simple rule was measured beside it: train a new version"]
    passed, lines = True, []
    for metric in RANKING_METRICS:
        best = max(rules, key=lambda rule: rules[rule][metric])
        margin = version.metrics[metric] - rules[best][metric]
        passed = passed and margin > 0
        lines.append(
            f"{_WORDS[metric]} {version.metrics[metric]:.4f}, best simple rule"
            f" ({_RULE_WORDS.get(best, best)}) {rules[best][metric]:.4f}: {margin:+.4f}"
            f" {'better' if margin > 0 else 'NOT better'}"
        )
    return passed, lines


def _against_champion(version: ModelVersion, champion: ModelVersion) -> tuple[bool, str]:
    against: Mapping[str, Any] | None = version.parameters.get("against_champion")
    if (version.feature_signature, version.scikit_learn_version, version.horizon_days) != (
        champion.feature_signature,
        champion.scikit_learn_version,
        champion.horizon_days,
    ):
        return True, (
            f"not compared with the champion, version {champion.version}: it was trained for other features,"
            " another horizon or another scikit-learn, and cannot score what this version scores"
        )
    if against is None or against["version"] != champion.version:
        compared = "no champion" if against is None else f"version {against['version']}"
        return False, (
            f"when it was trained it was compared with {compared}, NOT with the present champion,"
            f" version {champion.version}: train again"
        )
    margins = {
        metric: against["challenger"][metric] - against["champion"][metric]
        for metric in RANKING_METRICS
    }
    holds = min(margins.values()) >= -CHAMPION_TOLERANCE
    how = (
        "both scoring the same unseen cutoffs"
        if against["kind"] == "scored"
        else "its family and settings fitted anew at the same cutoffs"
    )
    found = ", ".join(
        f"{_WORDS[metric]} {against['challenger'][metric]:.4f} for {against['champion'][metric]:.4f}"
        f" ({margin:+.4f})"
        for metric, margin in margins.items()
    )
    return holds, (
        f"against the champion, version {champion.version}, {how}: {found}"
        f" {'not worse' if holds else 'WORSE'}"
    )
