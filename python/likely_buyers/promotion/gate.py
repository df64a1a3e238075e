"""The gate: a version becomes champion unless it is worse than the champion beyond noise, out of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.registry import ModelVersion

RANKING_METRICS = ("roc_auc", "average_precision")
"""What is told beside what decides; means over the held-out cutoffs."""

_WORDS = {"roc_auc": "AUC", "average_precision": "average precision"}
_RULE_WORDS = {"recency": "recency", "frequency": "frequency", "bg_nbd": "BG/NBD"}


class NotEarned(LikelyBuyersError):
    """A version that is worse than the champion."""


@dataclass(frozen=True)
class Verdict:
    """Whether a version may be promoted, and a line for each comparison."""

    passed: bool
    lines: tuple[str, ...]


def judge(
    version: ModelVersion, champion: ModelVersion | None, cannot_score: str | None = None
) -> Verdict:
    """Hold a version against the present champion, and say how it does beside the simple rules.

    `cannot_score` says why the champion cannot score what the version can. Such a champion is no bar to a version that
    was not compared with it, for training again would not compare them either.

    Training compares the rules, too, and takes the best of all, so that no rule needs to be beaten here. What was
    measured when the version was trained is in `version.parameters`: nothing is fitted or scored here.
    """
    lines = [
        f"scores by {version.parameters.get('chosen', 'an unknown model')}: {version.parameters.get('why', '')}"
    ]
    rules: Mapping[str, Mapping[str, float]] = version.parameters.get("rules", {})
    for metric in RANKING_METRICS if rules else ():
        best = max(rules, key=lambda rule: rules[rule][metric])
        margin = version.metrics[metric] - rules[best][metric]
        lines.append(
            f"{_WORDS[metric]} {version.metrics[metric]:.4f}, best simple rule"
            f" ({_RULE_WORDS.get(best, best)}) {rules[best][metric]:.4f}: {margin:+.4f}"
        )
    if champion is None:
        return Verdict(True, tuple(lines))
    passed, line = _against_champion(version, champion, cannot_score)
    return Verdict(passed, (*lines, line))


def _against_champion(
    version: ModelVersion, champion: ModelVersion, cannot_score: str | None
) -> tuple[bool, str]:
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
        if cannot_score:
            return True, (
                f"not compared with the champion, version {champion.version}, which cannot score what this version"
                f" scores: {cannot_score}"
            )
        compared = "no champion" if against is None else f"version {against['version']}"
        return False, (
            f"when it was trained it was compared with {compared}, NOT with the present champion,"
            f" version {champion.version}: train again"
        )
    difference = against.get("difference")
    if difference is None:
        return False, (
            f"it was trained before differences to the champion, version {champion.version}, were measured: train again"
        )
    how = (
        "both scoring the same unseen cutoffs"
        if against["kind"] == "scored"
        else "its family and settings fitted anew at the same cutoffs"
    )
    found = ", ".join(
        f"{_WORDS[metric]} {against['challenger'][metric]:.4f} for {against['champion'][metric]:.4f}"
        for metric in RANKING_METRICS
    )
    told = [one.parameters.get("tells_buyers_apart", True) for one in (champion, version)]
    if told == [True, False]:
        return False, (
            f"it does not tell buyers from others, and the champion, version {champion.version}, does: look at what was"
            " loaded last, and train again"
        )
    # as it is told: the same model fitted twice may differ by how sums are rounded
    mean, low, high = (round(difference[name], 5) + 0.0 for name in ("mean", "low", "high"))
    # as good as the champion is enough: it knows newer data
    is_worse = low > 0
    found_words = (
        "WORSE beyond noise"
        if is_worse
        else "better beyond noise"
        if high < 0
        else "equal within noise"
    )
    return not is_worse, (
        f"against the champion, version {champion.version}, {how}: {found}; log loss {mean:+.5f}"
        f" ({low:+.5f} to {high:+.5f}), {found_words}"
    )
