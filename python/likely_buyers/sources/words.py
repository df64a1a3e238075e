"""What became of a load, in words for who runs the build."""

from collections.abc import Mapping
from typing import Any

_FATES = (
    ("duplicates", "duplicates", None),
    ("left_out", "left out on purpose", "left_out_by_name"),
    ("quarantined", "quarantined", "quarantined_by_reason"),
    ("rejected", "rejected", "rejected_by_reason"),
    ("footers", "footer lines", None),
)


def load_in_words(told: Mapping[str, Any]) -> str:
    """One line about a row of bronze.loads."""
    files = "1 file" if told["files"] == 1 else f"{told['files']} files"
    what = f"{told['lines']:,} lines of {files}: {told['events']:,} new events of {told['users']:,} users"
    if told["first_event_time"]:
        what += f", {told['first_event_time']} to {told['last_event_time']}"
    for column, name, reasons in _FATES:
        if told[column]:
            what += f"; {told[column]:,} {name}"
            what += f" ({_listed(told[reasons])})" if reasons else ""
    if revenue := _listed(told["revenue_by_currency"]):
        what += f"; revenue {revenue}"
    return f"load {told['load_id']}: {what}"


def left_over_in_words(told: Mapping[str, Any]) -> str:
    """Of the new "lines" so many "lost" ones are no events: [[reason, count, a sample]], by the "mapping"."""
    reasons = "; ".join(
        f"{count:,} {reason} (such as: {sample[:160]})" for reason, count, sample in told["reasons"]
    )
    lines, lost = told["lines"], told["lost"]
    return (
        f"{lost:,} of {lines:,} new lines ({100 * lost / lines:.0f} %) are no events, and nothing in the event mapping"
        f" says why: {reasons}. Is the mapping '{told['mapping']}' the right one? What is no event on purpose gets a"
        " name in leave_out."
    )


def _listed(counts: str) -> str:
    """Of a JSON object its members, without the signs of JSON and without an empty name."""
    return counts.strip("{}").replace('"": ', "").replace('"', "")
