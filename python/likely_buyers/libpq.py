"""What this project adds to libpq's own environment variables, wherever it speaks to PostgreSQL."""

import re
from collections.abc import Mapping

_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|::1|/.*|@.*)?")
REQUIRED = ("PGHOST", "PGUSER", "PGDATABASE")


def connection_options(
    environment: Mapping[str, str],
    application: str,
    names_it: str,
    refusal: type[Exception],
    outcome: str = "",
) -> dict[str, str]:
    """What is added to libpq's own variables: who asks, how long it is waited for, and TLS.

    Args:
        environment: what libpq reads.
        application: who asks.
        names_it: which setting names PostgreSQL, and `outcome` what came of it: the words around the error.
        refusal: the error to raise.

    Raises:
        refusal: a variable without which nobody knows which server is meant is not set, nor is PGSERVICE.
    """
    absent = next((name for name in REQUIRED if not environment.get(name)), None)
    if absent and not environment.get("PGSERVICE"):
        raise refusal(
            f"{names_it}, and the environment variable {absent} is not set. Set PGHOST, PGUSER, PGDATABASE and"
            f" PGPASSWORD (or PGPASSFILE), as for psql.{outcome}"
        )
    options = {"application_name": application, "connect_timeout": "10"}
    return options | tls_options(environment)


def tls_options(environment: Mapping[str, str]) -> dict[str, str]:
    """TLS with a checked certificate, unless told otherwise; a server of this machine is asked as libpq does."""
    hosts = environment.get("PGHOSTADDR") or environment.get("PGHOST", "")
    if (
        environment.get("PGSERVICE")
        or environment.get("PGSSLMODE")
        or all(_LOOPBACK.fullmatch(host.strip()) for host in hosts.split(","))
    ):
        return {}
    if environment.get("PGSSLROOTCERT"):
        return {"sslmode": "verify-full"}
    return {"sslmode": "verify-full", "sslrootcert": "system"}
