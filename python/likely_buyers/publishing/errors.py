"""Why gold cannot be published."""

from typing import Any

from likely_buyers.errors import LikelyBuyersError, without_secrets


class PublishingError(LikelyBuyersError):
    """The build, a setting or the environment does not allow it, or a destination could not be written."""


def unfit(setting: str, found: Any, expected: str) -> PublishingError:
    """The error of a setting of `vars.publish` that cannot be meant."""
    told = f"vars.publish.{setting} must be {expected}, found: {found!r}"
    return PublishingError(without_secrets(told))
