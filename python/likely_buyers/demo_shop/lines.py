"""Event lines in compact columns, before they become text or Parquet."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from likely_buyers.demo_shop.arrays import Bytes, Ints, Longs, Selection, Words

VALID_TYPES = ("view", "cart", "remove_from_cart", "purchase")
UNKNOWN_TYPES = ("wishlist", "hover", "share")
EVENT_TYPES = VALID_TYPES + UNKNOWN_TYPES
VIEW, CART, REMOVE, PURCHASE = range(len(VALID_TYPES))

WHOLE, TOO_SHORT, TOO_LONG = range(3)
NO_USER = np.int64(-1)


@dataclass(frozen=True)
class Lines:
    """One entry per line in every array."""

    seconds: Longs
    """Event time, seconds since 1970 UTC."""
    event_type: Bytes
    """Position in EVENT_TYPES."""
    product: Ints
    """Position in the catalogue."""
    cents: Ints
    user_id: Longs
    """The id as written, or NO_USER."""
    session: Words
    """Two words per line: the 128 bits of the session's UUID."""
    damage: Bytes
    """WHOLE, TOO_SHORT or TOO_LONG."""

    def __len__(self) -> int:
        """The number of lines."""
        return len(self.seconds)

    def take(self, which: Selection | slice) -> "Lines":
        """The chosen lines, by mask, positions or slice."""
        return Lines(*(getattr(self, field.name)[which] for field in fields(self)))


def concatenate(parts: Sequence[Lines]) -> Lines:
    """All lines of at least one part, in order."""
    return Lines(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Lines))
    )
