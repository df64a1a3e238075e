"""What the environment must say of S3, wherever this project speaks to it."""

import os
from collections.abc import Sequence

ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
)
"""Each says how to sign requests; the last names an instance's own role, which is asked for over the network."""


def endpoint() -> str:
    """The address of another server that speaks S3; '' is Amazon's own."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def check_bucket(
    url: str, names_it: str, refusal: type[Exception], roles: Sequence[str] = ()
) -> None:
    """Check s3://bucket/prefix and the credentials for it.

    Args:
        url: the address.
        names_it: which setting names it, for the message.
        refusal: the error to raise.
        roles: of ROLES, what its reader understands instead of a key.

    Raises:
        refusal: it names no bucket, or the environment does not say how to reach one.
    """
    given = os.environ.get
    bucket = url.removeprefix("s3://").partition("/")[0]
    if not bucket or "@" in url:
        raise refusal(
            f"{names_it} that is no s3://bucket/prefix. Credentials do not belong there: set AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY."
        )
    if not any(map(given, ("AWS_ACCESS_KEY_ID", *roles))):
        nor = f" (nor one of {', '.join(roles)})" if roles else ""
        raise refusal(
            f"no credentials for {url}: the environment variable AWS_ACCESS_KEY_ID is not set{nor}. Set it, with"
            " AWS_SECRET_ACCESS_KEY and AWS_REGION."
        )
    if given("AWS_ACCESS_KEY_ID") and not given("AWS_SECRET_ACCESS_KEY"):
        raise refusal(
            f"no credentials for {url}: AWS_ACCESS_KEY_ID is set and the environment variable"
            " AWS_SECRET_ACCESS_KEY is not. Set it."
        )
    is_allowed = given("AWS_ALLOW_HTTP", "").lower() in ("true", "1")
    if endpoint().startswith("http://") and not is_allowed:
        raise refusal(
            f"AWS_ENDPOINT_URL is {endpoint()}, without TLS: scores and keys would travel in the open. Use https://,"
            " or set AWS_ALLOW_HTTP=true if that is meant."
        )
