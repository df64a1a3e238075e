"""Who was champion when: an append-only ledger.

MLflow forgets where an alias pointed before (mlflow #2169, open since 2019), so this is kept here.

Where it is kept: as tags of the registered model, one per promotion. Tags live in the registry
itself, so they are backed up, moved and locked with it, work on a server as in a file, come with
the alias in one read, and need no other call than the ones every MLflow server has. (A run per
promotion would live in the tracking store, which may be another server; a file beside would be lost
with the next machine.)

MLflow has no call that writes a tag and an alias at once, so a promotion is three writes: the
entry, the alias, the mark that the entry is in effect. The alias alone decides who scores. Whatever
is interrupted, the ledger tells the truth: an entry that is not marked counts only if it is the
last one and the alias points to its version; else the promotion did not happen, the champion before
goes on scoring, and promoting again works. If another tool moves the alias, the next promotion or
rollback first records what it found.

Two promotions at the same moment get distinct tags (the key ends in a digest of the entry), so
neither is overwritten.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from likely_buyers.registry.errors import LedgerDamaged
from likely_buyers.registry.records import Promotion

_PREFIX = "promotion."
_IN_EFFECT = ".in_effect"
# MLflow's databases keep such a tag in a VARCHAR(5000); JSON may spell a character in six.
LONGEST_REASON = 500


def entry_key(promotion: Promotion) -> str:
    """The tag that holds a promotion: `promotion.000007.1f0c9a4e`."""
    digest = hashlib.sha256(entry_value(promotion).encode()).hexdigest()[:8]
    return f"{_PREFIX}{promotion.number:06d}.{digest}"


def entry_value(promotion: Promotion) -> str:
    """The value of that tag, JSON."""
    return json.dumps(
        {
            "version": promotion.version,
            "replaces": promotion.replaces,
            "kind": promotion.kind,
            "reason": promotion.reason,
            "by": promotion.by,
            "at": promotion.at.astimezone(UTC).isoformat(),
        },
        sort_keys=True,
    )


def mark_key(promotion: Promotion) -> str:
    """The tag that says that a promotion is in effect."""
    return entry_key(promotion) + _IN_EFFECT


def read_ledger(
    tags: Mapping[str, str], champion: int | None
) -> tuple[list[Promotion], list[Promotion]]:
    """The promotions that took effect, each with its `until`; and all entries. Oldest first.

    `champion` is the version the alias points to.

    Raises:
        LedgerDamaged: an entry cannot be read, does not fit its key, or is missing.
    """
    entries = sorted(
        (
            _entry(key, value)
            for key, value in tags.items()
            if key.startswith(_PREFIX) and not key.endswith(_IN_EFFECT)
        ),
        key=lambda entry: (entry.number, entry.at, entry.version),
    )
    missing = set(range(1, len({e.number for e in entries}) + 1)) - {e.number for e in entries}
    orphans = [
        key
        for key in tags
        if key.startswith(_PREFIX)
        and key.endswith(_IN_EFFECT)
        and key[: -len(_IN_EFFECT)] not in tags
    ]
    if missing or orphans:
        raise LedgerDamaged(
            f"The promotion ledger misses entries {sorted(missing) or orphans}: tags named "
            f"'{_PREFIX}…' of the registered model were deleted. Restore them from a backup of "
            "the registry."
        )
    last = entries[-1] if entries else None
    effective = [
        entry
        for entry in entries
        if mark_key(entry) in tags or (entry is last and entry.version == champion)
    ]
    until = [entry.at for entry in effective[1:]]
    return [
        dataclasses.replace(entry, until=end)
        for entry, end in zip(effective, [*until, None], strict=False)
    ], entries


def champion_before(promotions: Sequence[Promotion]) -> int | None:
    """The version to roll back to, or None.

    The ledger is replayed as a stack: a promotion puts its version on top, a rollback takes off
    what it rolled back. So two rollbacks in a row walk further back, and a version that was rolled
    back is not returned to by a later one: promote 1, promote 2, rollback (to 1), promote 3,
    rollback gives 1.
    """
    stack: list[int] = []
    for promotion in promotions:
        if promotion.kind != "promote" and promotion.version in stack:
            while stack[-1] != promotion.version:
                stack.pop()
        else:
            stack.append(promotion.version)
    return stack[-2] if len(stack) > 1 else None


def _entry(key: str, value: str) -> Promotion:
    try:
        fields = json.loads(value)
        entry = Promotion(
            number=int(key.split(".")[1]),
            version=int(fields["version"]),
            replaces=None if fields["replaces"] is None else int(fields["replaces"]),
            kind=fields["kind"],
            reason=str(fields["reason"]),
            by=str(fields["by"]),
            at=datetime.fromisoformat(fields["at"]),
        )
        if entry_key(entry) != key:
            raise ValueError("the entry was changed after it was written")
        return entry
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerDamaged(
            f"The promotion ledger's entry {key!r} cannot be read: {error!r}, found "
            f"{value[:200]!r}. Restore the tags of the registered model from a backup of the "
            "registry."
        ) from error
