"""Findings as a message to a chat: Slack's JSON or Teams', to an address that the environment names."""

import http.client
import ipaddress
import json
from collections.abc import Sequence
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from likely_buyers.settings import WEBHOOK
from likely_buyers.watching.errors import WatchingError
from likely_buyers.watching.findings import Finding

Form = Literal["slack", "teams"]

SECONDS = 10.0
_MOST_FINDINGS = 20
# of an answer that says why it refused
_ANSWER_BYTES = 200


class _NoRedirects(HTTPRedirectHandler):
    """The address is a secret, and is not taken elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def message(found: Sequence[Finding], where: str, form: Form) -> dict[str, Any]:
    """The JSON of a message. What dbt says of a failure is left out: it may quote a line of a file.

    Args:
        found: what is wrong.
        where: names the installation.
        form: whose JSON.
    """
    title = f"likely_buyers, {where}: {len(found)} {'thing is' if len(found) == 1 else 'things are'} wrong"
    lines = [_line(one) for one in found[:_MOST_FINDINGS]]
    if found[_MOST_FINDINGS:]:
        lines.append(f"and {len(found) - _MOST_FINDINGS} more: likely-buyers check")
    if form == "slack":
        # Slack's own escapes: else a text could make links and call people
        escaped = [_escaped(f"\N{BULLET} {line}") for line in lines]
        return {"text": "\n".join([f"*{_escaped(title)}*", *escaped])}
    blocks = [{"type": "TextBlock", "text": title, "weight": "bolder", "wrap": True}]
    blocks += [{"type": "TextBlock", "text": line, "wrap": True} for line in lines]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def post(address: str, body: dict[str, Any], seconds: float = SECONDS) -> None:
    """Send it, once. No redirect is followed, and no message of an error has the address, which is a secret.

    Raises:
        WatchingError: it is no https address (or http of this machine), or the other side does not take it in time.
    """
    _check(address)
    request = Request(  # noqa: S310
        address,
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "User-Agent": "likely-buyers"},
        method="POST",
    )
    try:
        with build_opener(_NoRedirects).open(request, timeout=seconds) as answer:
            answer.read(_ANSWER_BYTES)
    except HTTPError as error:
        with error:
            said = error.read(_ANSWER_BYTES).decode(errors="replace").strip()
        raise WatchingError(
            f"the webhook of {WEBHOOK} refused the message: {error.code} {said}. Is it still there, and is --notify"
            " the right form?"
        ) from None
    except (URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise WatchingError(
            f"the webhook of {WEBHOOK} did not take the message within {seconds:g} s: {type(reason).__name__}. Is its"
            " host reachable from here?"
        ) from None


def _check(address: str) -> None:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return
    if parts.scheme == "http" and (host == "localhost" or _is_loopback(host)):
        return
    raise WatchingError(
        f"{WEBHOOK} must be an https address, or an http one of this machine; found one that begins with"
        f" '{parts.scheme}:'. Copy it from Slack (Incoming Webhooks) or Teams (Workflows)."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _line(found: Finding) -> str:
    of = f"{found.outcome}: " if found.outcome else ""
    return f"{of}{found.told.partition(' dbt says of the first:')[0]} ({found.name})"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
