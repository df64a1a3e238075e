"""How often a property is tried."""

import os


def tries(number: int) -> int:
    """The number in `make test`; a fifth of it in `make check`, which is to take seconds."""
    return max(5, number // 5) if os.environ.get("LIKELY_BUYERS_TRIES") == "few" else number
