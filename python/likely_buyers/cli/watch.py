"""What is wrong, printed and told to a chat; the metrics, printed, written or sent."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import duckdb

from likely_buyers.cli.tables import paragraph, print_rows
from likely_buyers.dbt.project import Project
from likely_buyers.errors import LikelyBuyersError, said_by
from likely_buyers.lake import opened
from likely_buyers.settings import DOGSTATSD, WEBHOOK
from likely_buyers.watching import (
    BuildRecord,
    Finding,
    Limits,
    State,
    WatchingError,
    findings,
    last_record,
    read_state,
)
from likely_buyers.watching.metrics import as_text, send, write_file
from likely_buyers.watching.webhook import Form, message, post

FINE, WRONG, UNKNOWN = 0, 1, 2
_COLUMNS = ("name", "outcome", "told", "remedy")


def checked(project: Project, notify: Form | None, form: Literal["table", "csv", "json"]) -> int:
    """Print what is wrong, tell it to a chat if asked to, and give the exit status."""
    try:
        address = project.settings().webhook
        if notify and not address:
            raise WatchingError(
                f"--notify needs {WEBHOOK}, the address of the chat's webhook, in the environment."
            )
        state, record = _seen(project)
        found = findings(state, record, Limits.of(project.var), datetime.now(UTC))
        _print(found, state, form)
        if notify and address and found:
            post(address, message(found, project.settings().state.name, notify))
    except (LikelyBuyersError, OSError, duckdb.Error) as error:
        print(f"Error: {said_by(error)}", file=sys.stderr)
        return UNKNOWN
    return WRONG if found else FINE


def tell_metrics(project: Project, out: Path | None, is_sent: bool) -> None:
    """Print the metrics; or write them to a file, or send them, or both.

    Raises:
        WatchingError: the lake cannot be read, or they cannot be written or sent.
    """
    address = project.settings().dogstatsd
    if is_sent and not address:
        raise WatchingError(f"--send needs {DOGSTATSD}, host:port of an agent, in the environment.")
    state, record = _seen(project)
    if out:
        write_file(out, state, record)
    if is_sent and address:
        print(f"Sent {send(address, state, record)} metrics to {address}.")
    if not out and not is_sent:
        print(as_text(state, record), end="")


def _seen(project: Project) -> tuple[State, BuildRecord | None]:
    lake = project.lake("what is watched is read", WatchingError)
    record = last_record(project.settings().state)
    with opened(lake, WatchingError, read_only=True) as connection:
        return read_state(connection, beside_builds=lake.file is None), record


def _print(found: list[Finding], state: State, form: Literal["table", "csv", "json"]) -> None:
    if form != "table":
        rows = [[getattr(one, column) for column in _COLUMNS] for one in found]
        print_rows(_COLUMNS, rows, form)
        return
    for one in found:
        of = f" ({one.outcome})" if one.outcome else ""
        print(paragraph(f"{one.name}{of}: {one.told}."))
        print(paragraph(f"Remedy: {one.remedy}", "    "))
    if not found:
        print(f"Nothing is wrong: {_in_words(state)}.")


def _in_words(state: State) -> str:
    """Scores of each outcome, and when the last build that passed ended."""
    scores = ", ".join(
        f"{one['users']:,} users scored for {one['outcome']} as of {one['as_of_date']}"
        for one in state.outcomes
    )
    return f"{scores}; the last build passed at {state.passed_at:%Y-%m-%d %H:%M} UTC"
