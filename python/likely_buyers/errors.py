"""The base class of every error that says what to do, and the errors that belong to no room."""

from collections.abc import Iterator
from contextlib import contextmanager


class LikelyBuyersError(Exception):
    """Base class of the errors of all rooms: the message says what was expected and found, and the remedy."""


class ProjectError(LikelyBuyersError):
    """dbt could not do what a command needs; the message is dbt's own."""


class MissingPackage(LikelyBuyersError):
    """A package that only some users need is not installed; the message has the line to type."""


# what each extra of pyproject.toml brings that is imported here
_MODULES_OF_EXTRAS = {
    "publish": ("deltalake", "obstore"),
    "postgres": ("psycopg",),
    "report": ("altair", "vl_convert"),
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
