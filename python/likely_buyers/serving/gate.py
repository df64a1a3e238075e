"""What a request must pass before it is read: room, a token, a rate, a size. ASGI, so that no body waits in memory."""

import hashlib
import hmac
import os
import stat
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from pydantic_core import to_json
from starlette.exceptions import HTTPException

from likely_buyers.serving.errors import Refused, ServingError, unavailable

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# who asks whether it lives need not say who they are
OPEN_PATHS = frozenset(
    {"/ping", "/health", "/version", "/openapi.json", "/v2/health/live", "/v2/health/ready"}
)
# where all places are taken, or a rate is used up, is where this has something to say
METRICS_PATH = "/metrics"
_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Token:
    """Whose it is, its SHA-256, and the last day on which it holds."""

    name: str
    digest: bytes
    until: date | None

    @property
    def is_over(self) -> bool:
        """Whether its last day has passed."""
        return self.until is not None and self.until < datetime.now(UTC).date()


def read_tokens(file: Path) -> list[Token]:
    """Tokens of a file: on each line a name, a token, and the last day on which it holds, which may be left out.

    Raises:
        ServingError: the file cannot be read, others than its owner may read it (of root's the group may), or a line
            is no token.
    """
    try:
        found_file = file.stat()
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ServingError(f"the file of tokens {file} cannot be read: {error}.") from error
    # PostgreSQL's rule for keys: a secret that root mounted for us is ours by its group
    mounted = found_file.st_uid == 0 and os.geteuid() != 0
    if stat.S_IMODE(found_file.st_mode) & (0o037 if mounted else 0o077):
        raise ServingError(
            f"others may read the file of tokens {file}. Keep it to its owner: chmod 600 {file}"
        )
    found = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            name, token, *rest = words
            until = date.fromisoformat(" ".join(rest)) if rest else None
        except ValueError:
            name = token = ""
            until = None
        if len(token) < _SHORTEST_TOKEN:
            # not the line: it holds a secret
            raise ServingError(
                f"line {number} of {file} is no token. Expected: NAME TOKEN, with at least {_SHORTEST_TOKEN} characters"
                " in the token, and a last day as YYYY-MM-DD behind it where it is to end."
            )
        found.append(Token(name, _digest(token), until))
    if not found:
        raise ServingError(f"the file {file} has no token. Add a line: NAME TOKEN")
    return found


@dataclass(frozen=True)
class Limits:
    """What is let in: `requests` at once, bytes of a body, requests a second of one caller (None: any)."""

    requests: int = 256
    body_bytes: int = 8_000_000
    per_second: float | None = None


class Gate:
    """The app behind it is asked only by who may."""

    def __init__(
        self, app: App, limits: Limits, tokens: Callable[[], Sequence[Token]] | None
    ) -> None:
        """tokens: those that hold now; None: nobody is asked for one."""
        self._app = app
        self._limits = limits
        self._tokens = tokens
        self._inside = 0
        self._buckets: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have it answered."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"]}
        if scope["path"] == METRICS_PATH:
            try:
                self._caller(scope, headers)
            except Refused as refused:
                await refuse(refused, send)
                return
            await self._app(scope, receive, send)
            return
        try:
            if self._inside >= self._limits.requests:
                raise unavailable(
                    f"{self._limits.requests} requests are being answered, and no more may. Try again in a second."
                )
            caller = self._caller(scope, headers)
            self._count(caller)
            length = headers.get(b"content-length", b"0")
            if length.isdigit() and int(length) > self._limits.body_bytes:
                raise self._too_large()
        except Refused as refused:
            await refuse(refused, send)
            return
        self._inside += 1
        try:
            await self._app(scope, self._measured(receive), send)
        finally:
            self._inside -= 1

    def _caller(self, scope: Scope, headers: dict[bytes, bytes]) -> str:
        if self._tokens is None:
            return str((scope.get("client") or ("", 0))[0])
        kind, _, given = headers.get(b"authorization", b"").partition(b" ")
        # every one is compared, so that the time tells nothing
        digest = hashlib.sha256(given.strip()).digest()
        found = [one for one in self._tokens() if hmac.compare_digest(one.digest, digest)]
        if kind.lower() != b"bearer" or not found:
            raise Refused(
                401,
                "UNAUTHENTICATED",
                "no token that holds here. Send the header 'Authorization: Bearer TOKEN' with one of the server's file"
                " of tokens.",
            )
        token = found[0]
        if token.is_over:
            raise Refused(
                401,
                "UNAUTHENTICATED",
                f"the token of {token.name} held until {token.until}. Ask who keeps the file of tokens for another.",
            )
        return token.name

    def _count(self, caller: str) -> None:
        """A bucket for each caller, which fills by the second and holds a second's worth."""
        rate = self._limits.per_second
        if rate is None:
            return
        now = monotonic()
        most = max(rate, 1.0)
        left, then = self._buckets.get(caller, (most, now))
        left = min(most, left + (now - then) * rate)
        if left < 1.0:
            raise Refused(
                429,
                "REQUEST_LIMIT_EXCEEDED",
                f"more than {rate:g} requests a second. Try again in a second, or send several rows in one request.",
            )
        if len(self._buckets) > 10_000:
            # full again are those that have not asked for a while
            self._buckets = {
                name: (had, at)
                for name, (had, at) in self._buckets.items()
                if had + (now - at) * rate < most
            }
        self._buckets[caller] = (left - 1.0, now)

    def _measured(self, receive: Receive) -> Receive:
        read = 0

        async def measured() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limits.body_bytes:
                # the one kind of error that FastAPI passes on while it reads a body
                raise HTTPException(413, str(self._too_large()))
            return message

        return measured

    def _too_large(self) -> Refused:
        return Refused(
            413,
            "REQUEST_TOO_LARGE",
            f"the body is larger than {self._limits.body_bytes:,} bytes. Send fewer rows at once.",
        )


def as_problem(refused: Refused) -> bytes:
    """The body of an answer that is none."""
    return to_json({"error_code": refused.code, "message": str(refused), "error": str(refused)})


def extra_headers(refused: Refused) -> dict[str, str]:
    """What HTTP wants beside a status."""
    if refused.status == 401:
        return {"WWW-Authenticate": "Bearer"}
    return {"Retry-After": "1"} if refused.status in (429, 503) else {}


async def refuse(refused: Refused, send: Send) -> None:
    """Answer with why not."""
    body = as_problem(refused)
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    headers |= extra_headers(refused)
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
