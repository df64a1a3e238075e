"""Who was champion when: an append-only log.

MLflow forgets where an alias pointed before (mlflow #2169), so this is kept here, as tags of the registered model: they
are backed up, moved and locked with the registry, work on a server as in a file, and come with the alias in one read.

MLflow has no call that writes a tag and an alias at once, so a promotion is three writes: the entry, the alias, the
mark that the entry is in effect. The alias alone decides who scores. Whatever is interrupted, the log tells the truth:
an entry that is not marked counts only if it is the last one and the alias points to its version; else the promotion
did not happen, and promoting again works. If another tool moves the alias, the next promotion or rollback first records
what it found. Two promotions at the same moment get distinct keys, which end in a digest of the entry.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import pairwise

from likely_buyers.registry.errors import RegistryError
from likely_buyers.registry.records import Promotion, StoredModel

_PREFIX = "promotion."
_IN_EFFECT = ".in_effect"
# MLflow's databases keep such a tag in a VARCHAR(5000); JSON may spell a character in six.
LONGEST_REASON = 500
FOUND = "MLflow's alias was moved here by another tool, at a time that nobody noted"


def entry(promotion: Promotion) -> tuple[str, str]:
    """The tag that holds a promotion: its key, `promotion.000007.1f0c9a4e`, and its value, JSON."""
    fields = asdict(promotion) | {"at": promotion.at.astimezone(UTC).isoformat()}
    del fields["number"], fields["until"]
    value = json.dumps(fields, sort_keys=True)
    digest = hashlib.sha256(value.encode()).hexdigest()[:8]
    return f"{_PREFIX}{promotion.number:06d}.{digest}", value


def mark(promotion: Promotion) -> str:
    """The key of the tag that says that a promotion is in effect."""
    return entry(promotion)[0] + _IN_EFFECT


def read(model: StoredModel) -> tuple[list[Promotion], list[Promotion]]:
    """What took effect, each with its `until`, and all entries, oldest first; RegistryError if the log is damaged."""
    keys = {key.removesuffix(_IN_EFFECT) for key in model.tags if key.startswith(_PREFIX)}
    entries = sorted(
        (_read_entry(key, model.tags[key]) for key in keys & model.tags.keys()),
        key=lambda each: (each.number, each.at, each.version),
    )
    numbers = {each.number for each in entries}
    missing = set(range(1, len(numbers) + 1)) - numbers or keys - model.tags.keys()
    if missing:
        raise RegistryError(
            f"The promotion log misses entries {sorted(missing)}: tags named '{_PREFIX}…' of the registered model were"
            " deleted. Restore them from a backup of the registry."
        )
    effective = [
        each
        for each in entries
        if mark(each) in model.tags or (each is entries[-1] and each.version == model.champion)
    ]
    ended = [replace(each, until=following.at) for each, following in pairwise(effective)]
    return ended + effective[-1:], entries


def champion_before(promotions: Sequence[Promotion], champion: int) -> int | None:
    """The version to roll back to from the champion, or None.

    The log is replayed as a stack: a promotion puts its version on top, a rollback takes off what it rolled back. So
    promote 1, promote 2, rollback (to 1), promote 3, rollback gives 1.
    """
    stack: list[int] = []
    # the last move is there already, unless another tool made it
    for kind, version in [*((p.kind, p.version) for p in promotions), ("found", champion)]:
        if kind != "promote" and version in stack:
            while stack[-1] != version:
                stack.pop()
        else:
            stack.append(version)
    return stack[-2] if len(stack) > 1 else None


def _read_entry(key: str, value: str) -> Promotion:
    try:
        fields = json.loads(value)
        fields["at"] = datetime.fromisoformat(fields["at"])
        promotion = Promotion(number=int(key.split(".")[1]), **fields)
        if entry(promotion) != (key, value):
            raise ValueError("the entry was changed after it was written")
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(
            f"The entry {key!r} of the promotion log cannot be read: {error!r}, found {value[:200]!r}. Restore the tags"
            " of the registered model from a backup of the registry."
        ) from error
    return promotion
