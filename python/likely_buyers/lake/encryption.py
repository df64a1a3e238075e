"""The key of an encrypted lake: it lies in a file that its owner alone can read."""

from base64 import b64decode
from pathlib import Path

from likely_buyers.lake.errors import LakeProblem
from likely_buyers.settings import KEY_FILE

_BYTES = 32


class BadKey(LakeProblem):
    """The key file cannot be read, holds no key, or others may read it."""


def read_key(file: Path) -> str:
    """The key in a file: 32 bytes in base64.

    Raises:
        BadKey: without a word of what the file holds.
    """
    named = f"the key file {file} ({KEY_FILE})"
    try:
        mode, key = file.stat().st_mode & 0o777, file.read_bytes().strip()
    except OSError as error:
        raise BadKey(
            f"{named} cannot be read: {error.strerror}. Put the key there; for a new lake make one: (umask 077; openssl"
            f" rand -base64 {_BYTES} > {file})"
        ) from error
    try:
        length = len(b64decode(key, validate=True))
    except ValueError:
        length = 0
    if length != _BYTES:
        raise BadKey(
            f"{named} holds no key: expected {_BYTES} bytes in base64, as openssl rand -base64 {_BYTES} writes them,"
            f" and found {f'{length} bytes' if length else 'something else'}."
        )
    if mode & 0o077:
        raise BadKey(
            f"{named} can be read by others than its owner (mode {mode:04o}). Run: chmod 600 {file}"
        )
    return key.decode()
