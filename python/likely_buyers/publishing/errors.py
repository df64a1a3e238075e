"""Why gold cannot be published."""

import os
import re
from typing import Any

from likely_buyers.errors import LikelyBuyersError

_SECRETS = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
_PASSWORD_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")


class PublishingError(LikelyBuyersError):
    """Nothing was published: the build, a setting or the environment does not allow it."""


class DestinationFailed(PublishingError):
    """A destination could not be written; what stood there stands."""


def unfit(setting: str, found: Any, expected: str) -> PublishingError:
    """The error of a setting of `vars.publish` that cannot be meant."""
    return PublishingError(
        without_secrets(f"vars.publish.{setting} must be {expected}, found: {found!r}")
    )


def without_secrets(text: str) -> str:
    """Text that may be printed or logged: no credential of the environment, no user and password in a URL."""
    for name in _SECRETS:
        value = os.environ.get(name)
        if value:
            text = text.replace(value, f"<{name}>")
    return _PASSWORD_IN_URL.sub("", text)
