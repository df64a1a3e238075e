"""A chat is told what is wrong: by https or on this machine, in bounded time, and without what is nobody's business."""

import json
from typing import Any

import pytest

from likely_buyers.watching import Finding, WatchingError
from likely_buyers.watching.webhook import message, post
from support.listener import listener

FOUND = [
    Finding("stale_build", "", "the last build that passed ended 30 hours ago", "dbt build"),
    Finding(
        "build_failed",
        "",
        'did not pass: model x. dbt says of the first: "line of a file: jane@example.com"',
        "mend it",
    ),
    Finding("fewer_users", "purchase_30d", "<!channel> & 20% fewer", "look"),
]


def test_slack_is_sent_its_json() -> None:
    with listener() as (address, heard):
        post(address, message(FOUND, "shop", "slack"))
    ((kind, body),) = heard
    assert kind == "application/json"
    first, *lines = body["text"].split("\n")
    assert first == "*likely_buyers, shop: 3 things are wrong*"
    assert len(lines) == 3
    assert "30 hours" in lines[0]
    # nobody is called by what stands in a text
    assert "&lt;!channel&gt; &amp; 20% fewer" in lines[2]


def test_teams_is_sent_a_card() -> None:
    with listener() as (address, heard):
        post(address, message(FOUND, "shop", "teams"))
    (attachment,) = heard[0][1]["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["content"]["type"] == "AdaptiveCard"
    texts = [block["text"] for block in attachment["content"]["body"]]
    assert texts[0] == "likely_buyers, shop: 3 things are wrong"
    assert texts[1].endswith("(stale_build)")


@pytest.mark.parametrize("form", ["slack", "teams"])
def test_what_dbt_quotes_of_a_file_stays_here(form: Any) -> None:
    assert "jane@example.com" not in json.dumps(message(FOUND, "shop", form))


def test_many_findings_are_one_short_message() -> None:
    text = message(FOUND * 20, "shop", "slack")["text"]
    assert text.count("\n") == 21
    assert "and 40 more" in text


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/hook",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "hooks.slack.com/x",
        "https://",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(WatchingError, match="must be an https address"):
        post(address, {})


def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    too_late = pytest.raises(WatchingError, match=r"did not take the message within 0\.2 s")
    with listener(seconds=3) as (address, _), too_late:
        post(address, {}, seconds=0.2)


def test_a_refusal_is_told_without_the_address() -> None:
    with listener(status=404) as (address, _), pytest.raises(WatchingError) as refused:
        post(address, {})
    assert "404 no_service" in str(refused.value)
    assert "SECRET" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_no_redirect_is_followed() -> None:
    with (
        listener() as (elsewhere, heard),
        listener(status=307, to=elsewhere) as (address, _),
        pytest.raises(WatchingError, match="307"),
    ):
        post(address, {})
    assert heard == []


def test_nobody_there() -> None:
    with pytest.raises(WatchingError, match="Is its host reachable"):
        post("http://127.0.0.1:9/services/SECRET", {})
