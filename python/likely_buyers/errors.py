"""The base class of every error that says what to do, and the errors that belong to no room."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class LikelyBuyersError(Exception):
    """Base class of the errors of all rooms: the message says what was expected and found, and the remedy."""


class ProjectError(LikelyBuyersError):
    """dbt could not do what a command needs; the message is dbt's own."""


class MissingPackage(LikelyBuyersError):
    """A package that only some users need is not installed; the message has the line to type."""


def first_line(said: object) -> str:
    """The first line of what somebody else's code says; '' of nothing."""
    return str(said or "").strip().partition("\n")[0]


def own_words(said: str) -> str:
    """What this project says in a message, without what dbt or an engine says before it; all of one that is theirs."""
    return said.partition("likely_buyers: ")[2] or said


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or all of them."""
    names = list(known)
    alike = nearest(name, names, 0.6)
    return f"Did you mean '{alike}'?" if alike else f"Expected one of: {', '.join(names)}."


def nearest(name: str, known: Iterable[str], alike: float) -> str | None:
    """The known name most like another, if they are as much alike as that (0 to 1)."""
    found = get_close_matches(name, list(known), n=1, cutoff=alike)
    return found[0] if found else None


_SECRETS = (
    *("PGPASSWORD", "MYSQL_PWD"),
    "LIKELY_BUYERS_WEBHOOK",
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID"),
)
# a password may hold a slash or an @, and be an option; what begins with a slash is a path
_USER_IN_URL = re.compile(r"(?<=://)(?!/)\S*@")
_OPTIONS_OF_URL = re.compile(r"(://[^\s?]*)\?\S*")


def without_passwords(text: str) -> str:
    """Text without the user and password, and without the options, of a URL in it."""
    return _OPTIONS_OF_URL.sub(r"\1", _USER_IN_URL.sub("", text))


def without_secrets(text: str) -> str:
    """Text that may be printed or logged: no credential of the environment, no user, password and options in a URL."""
    for name in _SECRETS:
        secret = os.environ.get(name)
        if secret:
            text = text.replace(secret, f"<{name}>")
    return without_passwords(text)


def said_by(error: Exception) -> str:
    """An engine's message on one line, in which no password of the environment stands."""
    return " ".join(without_secrets(str(error)).split())


# what each extra of pyproject.toml brings that is imported here
_MODULES_OF_EXTRAS = {
    "publish": ("deltalake", "obstore"),
    "postgres": ("psycopg",),
    "s3": ("obstore",),
    "report": ("altair", "vl_convert"),
    "serve": ("fastapi", "pydantic", "pydantic_core", "starlette", "uvicorn"),
    "watch": ("datadog",),
}


@contextmanager
def from_extra(extra: str, what: str) -> Iterator[None]:
    """Around imports of what an extra brings: `what` needs it.

    Raises:
        MissingPackage: the extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _MODULES_OF_EXTRAS[extra]:
            raise
        raise MissingPackage(
            f"{what} needs the package {package.replace('_', '-')}, which is not installed. Install it:"
            f" pip install 'likely_buyers[{extra}]'"
        ) from error
