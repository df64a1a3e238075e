"""Why gold cannot be published."""

from __future__ import annotations

import os
import re

from likely_buyers.errors import LikelyBuyersError

_SECRETS = (
    "PGPASSWORD",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ACCESS_KEY_ID",
)
_PASSWORD_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")


class PublishingError(LikelyBuyersError):
    """Gold cannot be published; the message says why and what to do."""


class NotPublishable(PublishingError):
    """The last build did not pass, was none of gold, or is not what the database holds."""


class PublishingMisconfigured(PublishingError):
    """`vars.publish` names a place that cannot be."""


class MissingCredentials(PublishingError):
    """An environment variable that a place needs is not set."""


class PlaceFailed(PublishingError):
    """A place could not be written; what stood there stands."""


def without_secrets(text: str) -> str:
    """Text that may be printed or logged: no credential of the environment, no user and password in a URL."""
    for name in _SECRETS:
        value = os.environ.get(name)
        if value:
            text = text.replace(value, f"<{name}>")
    return _PASSWORD_IN_URL.sub("", text)
