"""What this project adds to libpq's own environment variables, wherever it speaks to PostgreSQL."""

import re
from collections.abc import Mapping

_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|::1|/.*|@.*)?")
REQUIRED = ("PGHOST", "PGUSER", "PGDATABASE")


def absent_variable(environment: Mapping[str, str]) -> str | None:
    """The first variable without which nobody knows which server is meant; None if all are set, or PGSERVICE is."""
    if environment.get("PGSERVICE"):
        return None
    return next((name for name in REQUIRED if not environment.get(name)), None)


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
