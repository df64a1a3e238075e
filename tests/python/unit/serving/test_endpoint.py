"""The endpoint's answers and refusals, without a network and without a warehouse."""

import asyncio
import json
import os
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from likely_buyers.registry import RegistryError
from likely_buyers.scoring import Scoring, score_batches
from likely_buyers.serving.app import application
from likely_buyers.serving.errors import ServingError
from likely_buyers.serving.events import Event, EventRules, accepted
from likely_buyers.serving.gate import App, Limits, read_tokens
from likely_buyers.serving.server import TokenFile
from likely_buyers.serving.state import Serving
from support.small_stage import (
    AS_OF,
    FEATURES,
    OUTCOMES,
    registries,
    small_stage,
    train,
    write_small_copy,
)

ROW = [3.0, 2.0, 19.5]
VIEW = {"event_time": "2020-03-01T10:00:00Z", "event_type": "view"}
BUY = VIEW | {"event_type": "purchase", "price": 5, "product_id": "p"}


class Client:
    """Asks an application in this process."""

    def __init__(self, app: App, **headers: str) -> None:
        self._app = app
        self._headers = headers

    def __call__(self, method: str, path: str, **given: Any) -> httpx.Response:
        return asyncio.run(self.ask(method, path, **given))

    async def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=self._headers
        ) as client:
            return await client.request(method, path, **given)

    def together(self, *asks: tuple[str, str, Any]) -> list[httpx.Response]:
        async def all_of_them() -> list[httpx.Response]:
            return await asyncio.gather(*(self.ask(m, path, json=body) for m, path, body in asks))

        return asyncio.run(all_of_them())


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    return small_stage(tmp_path_factory.mktemp("stage"))


@pytest.fixture(scope="module")
def ask(serving: Serving) -> Client:
    return Client(application(serving, Limits(body_bytes=20_000), None))


def said(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["error"] == body["message"]
    return str(body["message"])


def test_a_user_s_stored_score(ask: Client) -> None:
    answer = ask("GET", "/v1/users/ann")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["user_id"], body["as_of"], body["build_id"]) == ("ann", "2020-03-01", "b1")
    assert body["scores"][0]["probability"] == 0.25
    assert answer.headers["x-model"] == "shop.purchase_7d"
    assert answer.headers["x-version"] == "1"
    assert answer.headers["x-as-of"] == "2020-03-01"


def test_an_unknown_user_is_told_what_can_be_done(ask: Client) -> None:
    assert "send the events since to POST" in said(ask("GET", "/v1/users/nobody"), 404)
    assert "nobody" in said(ask("POST", "/v1/users/nobody/score", json={}), 404)
    left = said(
        ask("POST", "/v1/users/nobody/score", json={"events": [VIEW | {"user_id": "ann"}]}), 404
    )
    assert "of_another_user" in left


def expected(serving: Serving, row: list[float]) -> list[float]:
    assert serving.now.champions
    p = serving.now.champions.probabilities(np.array([row]), [[True], [True]])
    return [float(one) for one in p[:, 0]]


def test_events_since_the_build_count(ask: Client, serving: Serving) -> None:
    before = ask("POST", "/v1/users/ann/score", json={"events": []}).json()
    assert before["as_of"] == "2020-03-01"
    assert [one["probability"] for one in before["scores"]] == expected(serving, [3, 2, 19.5])
    events = [BUY, VIEW | {"event_time": "2020-03-02T00:30:00+02:00"}, BUY | {"quantity": 3}]
    after = ask("POST", "/v1/users/ann/score", json={"events": events})
    body = after.json()
    # the second is of the first of March, in UTC
    assert body["as_of"] == "2020-03-02"
    assert [one["probability"] for one in body["scores"]] == expected(serving, [4, 4, 39.5])
    assert body["left_out"] == []
    assert after.headers["x-as-of"] == "2020-03-02"
    new = ask("POST", "/v1/users/new/score", json={"events": [BUY]}).json()
    # not in the population of the second outcome, who was active on one day only
    assert new["scores"][0]["probability"] is not None
    assert new["scores"][1]["probability"] is None


@pytest.mark.parametrize("user", ["a/b", "ann?x=1", "ü ñ", "a'; drop table days; --", "%2e%2e"])
def test_any_text_may_be_a_user_s_id(ask: Client, user: str) -> None:
    path = f"/v1/users/{quote(user, safe='')}"
    answer = ask("POST", f"{path}/score", json={"events": [VIEW]})
    assert answer.json()["user_id"] == user
    assert repr(user) in said(ask("GET", path), 404)


def test_nested_outcomes_agree_as_in_the_batch(tmp_path: Path) -> None:
    serving = small_stage(tmp_path)
    # a shorter horizon whose model says more than the longer one's
    train(tmp_path, seed=9, outcomes=OUTCOMES[:1])
    serving.refresh()
    champions = serving.now.champions
    assert champions
    table = pa.table(
        {"user_id": ["ann"], "as_of_date": [AS_OF]}
        | {name: [value] for name, value in zip(FEATURES, ROW, strict=True)}
        | {"in_population_of_purchase_30d": [True]}
    )
    scoring = Scoring([one.scorer for one in champions.served], datetime(2020, 3, 1), "r")
    batch = score_batches(table.to_reader(), scoring).read_all()["probability"].to_pylist()
    alone = [one.rows.probabilities(np.array([ROW]))[0] for one in champions.served]
    assert alone[0] > alone[1]
    client = Client(application(serving, Limits(), None))
    scores = client("POST", "/v1/users/ann/score", json={}).json()["scores"]
    assert [one["probability"] for one in scores] == batch
    assert batch[0] <= batch[1]


def test_a_score_may_speak_from_a_later_day(ask: Client, serving: Serving) -> None:
    body = ask("POST", "/v1/users/ann/score", json={"as_of": "2020-03-05"}).json()
    assert body["as_of"] == "2020-03-05"
    told = said(ask("POST", "/v1/users/ann/score", json={"as_of": "2020-02-05"}), 422)
    assert "2020-03-01" in told


def left_out(ask: Client, *events: dict[str, Any], **more: Any) -> list[str]:
    body = ask("POST", "/v1/users/ann/score", json={"events": list(events), **more}).json()
    return [f"{one['event']} {one['reason']}" for one in body["left_out"]]


def test_events_that_silver_would_leave_out_are_left_out_and_told(ask: Client) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    assert left_out(
        ask,
        VIEW,
        VIEW | {"event_type": "wink"},
        VIEW | {"event_time": "1970-01-01T00:00:00Z"},
        VIEW | {"event_time": tomorrow},
        VIEW | {"event_time": "2020-02-29T23:59:59Z"},
        BUY | {"price": -1},
        BUY | {"quantity": 0},
        BUY | {"price": "1e20"},
        VIEW | {"user_id": "bob"},
        BUY | {"currency": "USD"},
        VIEW,
    ) == [
        "1 unknown_event_type",
        "2 implausible_event_time",
        "3 future_event_time",
        "4 in_the_build_already",
        "5 negative_price",
        "6 non_positive_quantity",
        "7 invalid_price",
        "8 of_another_user",
        "9 unknown_currency",
        "10 duplicate",
    ]
    assert left_out(ask, VIEW | {"event_type": "add"}, BUY | {"currency": " eur "}) == []
    assert left_out(ask, VIEW, as_of="2020-03-01") == ["0 not_before_as_of"]
    twice = [BUY | {"event_id": "1", "event_time": f"2020-03-01T1{hour}:00:00Z"} for hour in (1, 0)]
    assert left_out(ask, *twice) == ["0 duplicate"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "no JSON"),
        (b"", 422, "required"),
        (b"[1]", 422, "dictionary"),
        (b'{"events": [{"event_type": "view"}]}', 422, "events.0.event_time: Field required"),
        (b'{"event": []}', 422, "Extra inputs are not permitted"),
        (b'{"events": [{"event_time": "soon", "event_type": "view"}]}', 422, "events.0.event_time"),
        (
            b'{"events": [{"event_time": "2020-03-01", "event_type": "view", "price": NaN}]}',
            422,
            "events.0.price: Input should be a finite number",
        ),
        (b'{"events": "' + b"x" * 20_001 + b'"}', 413, "larger than 20,000 bytes"),
    ],
)
def test_a_body_that_cannot_be_meant_is_told(
    ask: Client, body: bytes, status: int, words: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = ask("POST", "/v1/users/ann/score", content=body, headers=headers)
    assert words in said(answer, status)
    # and the next one is answered
    assert ask("POST", "/v1/users/ann/score", json={}).status_code == 200


def test_a_body_without_a_length_is_measured_while_it_comes(ask: Client) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000

    answer = ask(
        "POST",
        "/v1/users/ann/score",
        content=chunks(),
        headers={"content-type": "application/json"},
    )
    assert "larger than" in said(answer, 413)


INVOCATIONS: list[dict[str, Any]] = [
    {"dataframe_split": {"columns": list(FEATURES), "data": [ROW]}},
    {
        "dataframe_split": {
            "columns": [*FEATURES[::-1], "more"],
            "data": [[*ROW[::-1], 1]],
            "index": [7],
        }
    },
    {"dataframe_records": [dict(zip(FEATURES, ROW, strict=True))]},
    {"inputs": {name: [value] for name, value in zip(FEATURES, ROW, strict=True)}},
    {"inputs": [ROW]},
    {"inputs": [dict(zip(FEATURES, ROW, strict=True))]},
]


@pytest.mark.parametrize("body", INVOCATIONS)
def test_every_form_of_mlflow_means_the_same(
    ask: Client, serving: Serving, body: dict[str, Any]
) -> None:
    assert serving.now.champions
    for one in serving.now.champions.served:
        outcome = one.scorer.outcome.name
        answer = ask("POST", "/invocations", json=body | {"params": {"outcome": outcome}})
        p = one.scorer.model.estimator.predict_proba(np.array([ROW]))[0, 1]
        assert answer.json() == {
            "predictions": [{"probability": p}],
            "model": f"shop.{outcome}",
            "version": 1,
            "as_of": AS_OF.isoformat(),
        }


def test_missing_values_are_null_or_as_mlflow_writes_them(ask: Client) -> None:
    given = [
        ask("POST", "/invocations", content=text, headers={"content-type": "application/json"})
        for text in (b'{"inputs": [[3, null, 1]]}', b'{"inputs": [[3, NaN, 1]]}')
    ]
    assert given[0].status_code == 200
    assert given[0].json() == given[1].json()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "exactly one of dataframe_split, dataframe_records and inputs"),
        ({"inputs": [ROW], "dataframe_records": []}, 422, "exactly one of"),
        (
            {"dataframe_split": {"columns": ["purchases"], "data": [[1]]}},
            400,
            "missing: active_days, revenue",
        ),
        ({"dataframe_records": [{"purchases": 1}]}, 400, "missing: active_days, revenue"),
        ({"inputs": [[1, 2]]}, 400, "row 0 has 2 values, and there are 3 columns"),
        ({"inputs": [[1, 2, "3"]]}, 422, "valid number"),
        ({"inputs": [[1, 2, True]]}, 422, "valid number"),
        (
            {"inputs": {"active_days": [1, 2], "purchases": [1], "revenue": [1]}},
            400,
            "different lengths",
        ),
        ({"inputs": [ROW], "params": {"outcome": "love"}}, 404, "Those that are: shop.purchase_7d"),
        ({"inputs": [ROW], "params": {"seed": "1"}}, 400, "params may have 'outcome'"),
    ],
)
def test_features_that_do_not_fit_are_told(
    ask: Client, body: dict[str, Any], status: int, words: str
) -> None:
    assert words in said(ask("POST", "/invocations", json=body), status)


def test_an_infinite_feature_is_told(ask: Client) -> None:
    headers = {"content-type": "application/json"}
    answer = ask("POST", "/invocations", content=b'{"inputs": [[1, Infinity, 1]]}', headers=headers)
    assert "infinite" in said(answer, 400)


def test_many_rows_have_the_bits_of_one(ask: Client) -> None:
    rows = [[float(n % 9), float(n % 4), n / 7] for n in range(300)]
    together = ask("POST", "/invocations", json={"inputs": rows}).json()["predictions"]
    alone = ask("POST", "/invocations", json={"inputs": rows[123:124]}).json()["predictions"]
    assert together[123] == alone[0]


def test_open_inference(ask: Client, serving: Serving) -> None:
    assert ask("GET", "/v2/health/live").json() == {"live": True}
    assert ask("GET", "/v2/health/ready").json() == {"ready": True}
    told = ask("GET", "/v2/models/purchase_30d").json()
    assert told["name"] == "shop.purchase_30d"
    assert [one["name"] for one in told["inputs"]] == list(FEATURES)
    assert ask("GET", "/v2/models/shop.purchase_30d/versions/1/ready").json()["ready"]
    assert "version '7'" in said(ask("GET", "/v2/models/purchase_30d/versions/7"), 404)
    assert "no model 'x'" in said(ask("GET", "/v2/models/x"), 404)
    whole = {"name": "features", "shape": [2, 3], "datatype": "FP64", "data": [*ROW, 1, None, 2]}
    columns = [
        {"name": name, "shape": [2, 1], "datatype": "FP64", "data": [value, other]}
        for name, value, other in zip(FEATURES, ROW, (1, None, 2), strict=True)
    ]
    answers = [
        ask("POST", "/v2/models/purchase_30d/infer", json={"id": "a", "inputs": inputs}).json()
        for inputs in ([whole], columns)
    ]
    assert answers[0] == answers[1]
    assert answers[0]["id"] == "a"
    assert (answers[0]["model_name"], answers[0]["model_version"]) == ("shop.purchase_30d", "1")
    (output,) = answers[0]["outputs"]
    assert output["shape"] == [2, 1]
    assert serving.now.champions
    of = serving.now.champions.of("purchase_30d")
    assert of
    p = of.scorer.model.estimator.predict_proba(np.array([ROW, [1, np.nan, 2]]))[:, 1]
    assert output["data"] == p.tolist()
    short = whole | {"data": [1, 2]}
    told = said(ask("POST", "/v2/models/purchase_30d/infer", json={"inputs": [short]}), 400)
    assert "2 values, and shape [2, 3] means 6" in told


@pytest.mark.parametrize(
    ("method", "path", "body", "as_of"),
    [
        ("GET", "/v1/users/ann", None, "2020-03-01"),
        ("POST", "/v1/users/ann/score", {"events": [BUY]}, "2020-03-02"),
        ("POST", "/invocations", {"inputs": [ROW]}, "2020-03-01"),
        (
            "POST",
            "/v2/models/purchase_7d/infer",
            {"inputs": [{"name": "all", "shape": [1, 3], "datatype": "FP64", "data": ROW}]},
            "2020-03-01",
        ),
    ],
)
def test_every_score_names_model_version_and_day(
    ask: Client, method: str, path: str, body: Any, as_of: str
) -> None:
    answer = ask(method, path, json=body)
    assert answer.status_code == 200
    named = [answer.headers[f"x-{name}"] for name in ("model", "version", "as-of")]
    assert named[0].split(", ")[0] == "shop.purchase_7d"
    assert named[1:] == ["1", as_of]


def test_who_waits_together_gets_what_each_asked_for(ask: Client, serving: Serving) -> None:
    asks = []
    for n in range(60):
        events = [BUY | {"product_id": f"p{m}"} for m in range(n % 5)]
        asks.append(("POST", f"/v1/users/{('ann', 'bob')[n % 2]}/score", {"events": events}))
    for (_, path, body), answer in zip(asks, ask.together(*asks), strict=True):
        bought = len(body["events"])
        days, purchases, revenue = (3, 2, 19.5) if "ann" in path else (1, 0, 0.0)
        row = [float(days + bool(bought)), float(purchases + bought), revenue + 5 * bought]
        first = answer.json()["scores"][0]["probability"]
        if "bob" in path and not bought:
            assert serving.now.champions
            alone = serving.now.champions.served[0].rows.probabilities(np.array([row]))
            assert first == alone[0]
        else:
            assert first == expected(serving, row)[0]


def test_amounts_that_cannot_be_added_up_keep_nobody_else_from_a_score(ask: Client) -> None:
    huge = BUY | {"price": "9" * 14, "quantity": "9" * 14}
    asks = [("POST", "/v1/users/ann/score", {"events": [event]}) for event in (BUY, huge, BUY)]
    first, refused, last = ask.together(*asks)
    assert "Look at their prices" in said(refused, 422)
    assert first.status_code == 200
    assert first.json()["scores"] == last.json()["scores"]


def test_an_exponent_is_not_written_as_the_digits_it_asks_for(ask: Client) -> None:
    for exponent in (40, 400):
        amounts = [
            {"price": f"1e{exponent}"},
            {"quantity": f"1e{exponent}"},
            {"price": f"-1e{exponent}"},
            {"quantity": f"-1e{exponent}"},
        ]
        assert left_out(ask, *(BUY | amount for amount in amounts)) == [
            "0 invalid_price",
            "1 invalid_quantity",
            "2 negative_price",
            "3 non_positive_quantity",
        ]
    events = [
        Event.model_validate(BUY | {"event_id": sign, "price": f"{sign}1{e}"})
        for sign in "+-"
        for e in ("e10000000", "e-10000000")
    ]
    rules = EventRules(AS_OF, "UTC", {}, None, keep_last=False, equal_are_separate=True)
    tracemalloc.start()
    found = accepted(events, "ann", None, rules, datetime(2020, 3, 2))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000
    assert [row[5] for row in found.rows] == ["0"]
    assert [one.reason for one in found.left_out] == [
        "invalid_price",
        "negative_price",
        "negative_price",
    ]


def test_past_a_limit_a_request_is_told_at_once(serving: Serving) -> None:
    limited = Client(application(serving, Limits(requests=3), None))
    started = time.monotonic()
    answers = limited.together(*[("POST", "/v1/users/ann/score", {"events": [BUY]})] * 12)
    assert time.monotonic() - started < 30
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert "no more may" in said(refused, 503)
    assert refused.headers["retry-after"] == "1"
    assert limited("GET", "/v1/users/ann").status_code == 200


def test_a_caller_s_rate_is_limited(serving: Serving) -> None:
    limited = Client(application(serving, Limits(per_second=2), None))
    answers = limited.together(*[("GET", "/v1/users/ann", None)] * 5)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429, 429]
    # who asks whether it lives is not counted
    assert limited("GET", "/health").status_code == 200


def tokens_file(folder: Path, *lines: str) -> Path:
    file = folder / "tokens"
    file.write_text("\n".join(["# who may ask", "", *lines]))
    file.chmod(0o600)
    return file


def test_only_who_has_a_token_is_answered(serving: Serving, tmp_path: Path) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    file = tokens_file(
        tmp_path,
        "shop 0123456789abcdef",
        f"old fedcba9876543210 {yesterday}",
        "next aaaaaaaaaaaaaaaa 2999-01-01",
    )
    app = application(serving, Limits(), lambda: read_tokens(file))
    for token in ("0123456789abcdef", "aaaaaaaaaaaaaaaa"):
        assert (
            Client(app, authorization=f"Bearer {token}")("GET", "/v1/users/ann").status_code == 200
        )
    for headers in (
        {},
        {"authorization": "Bearer 0123456789abcde"},
        {"authorization": "Basic 0123456789abcdef"},
    ):
        answer = Client(app, **headers)("GET", "/v1/users/ann")
        assert "no token that holds here" in said(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
    expired = Client(app, authorization="Bearer fedcba9876543210")("POST", "/invocations", json={})
    assert f"the token of old held until {yesterday}" in said(expired, 401)
    assert Client(app)("GET", "/ping").status_code == 200
    assert Client(app)("GET", "/v2/health/ready").status_code == 200
    assert Client(app)("GET", "/v2/models/purchase_7d").status_code == 401


@pytest.mark.parametrize("line", ["shop short", "alone", "shop 0123456789abcdef someday"])
def test_a_line_that_is_no_token_is_told_without_it(tmp_path: Path, line: str) -> None:
    with pytest.raises(ServingError, match=r"line 3 of .* is no token") as told:
        read_tokens(tokens_file(tmp_path, line))
    assert line not in str(told.value)


def test_a_file_of_tokens_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tokens_file(tmp_path, "shop 0123456789abcdef")
    file.chmod(0o644)
    with pytest.raises(ServingError, match="chmod 600"):
        read_tokens(file)


def test_a_refused_file_of_tokens_is_told_once_and_read_once_it_is_mended(
    serving: Serving, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tokens_file(tmp_path, "shop 0123456789abcdef")
    app = application(serving, Limits(), TokenFile(file))
    revoked = Client(app, authorization="Bearer 0123456789abcdef")
    assert revoked("GET", "/v1/users/ann").status_code == 200
    newer = tmp_path / "newer"
    newer.write_text("shop fedcba9876543210\n")
    newer.chmod(0o644)
    newer.replace(file)
    for _ in range(3):
        assert revoked("GET", "/v1/users/ann").status_code == 200
    told = capsys.readouterr().err
    assert told.count(f"tokens as they were: others may read the file of tokens {file}") == 1
    file.chmod(0o600)
    assert revoked("GET", "/v1/users/ann").status_code == 401
    held = Client(app, authorization="Bearer fedcba9876543210")
    assert held("GET", "/v1/users/ann").status_code == 200
    # one that is gone for a while changes nothing
    file.rename(newer)
    assert held("GET", "/v1/users/ann").status_code == 200
    assert held("GET", "/v1/users/ann").status_code == 200
    assert capsys.readouterr().err.count("tokens as they were") == 1
    newer.rename(file)
    assert held("GET", "/v1/users/ann").status_code == 200
    assert "tokens as they were" not in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of root")
def test_a_secret_that_root_mounted_may_be_read_by_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Kubernetes mounts them: of root, and of the pod's group."""
    file = tokens_file(tmp_path, "shop 0123456789abcdef")
    file.chmod(0o440)
    with pytest.raises(ServingError, match="chmod 600"):
        read_tokens(file)
    monkeypatch.setattr(os, "geteuid", lambda: 10_001)
    assert [token.name for token in read_tokens(file)] == ["shop"]
    for mode in (0o444, 0o460):
        file.chmod(mode)
        with pytest.raises(ServingError, match="chmod 600"):
            read_tokens(file)


def test_a_stage_without_a_champion_is_not_ready_and_takes_one_over(tmp_path: Path) -> None:
    write_small_copy(tmp_path / "serving" / "copy.sqlite")
    serving = Serving("production", registries(tmp_path), tmp_path / "serving" / "copy.sqlite")
    serving.refresh()
    client = Client(application(serving, Limits(), None))
    assert client("GET", "/ping").status_code == 503
    assert "likely-buyers train --promote" in said(client("GET", "/v2/health/ready"), 503)
    assert client("POST", "/invocations", json={"inputs": [ROW]}).status_code == 503
    # what the build stored is there
    assert client("GET", "/v1/users/ann").status_code == 200
    train(tmp_path)
    serving.refresh()
    assert client("GET", "/ping").json()["models"] == {
        "shop.purchase_7d": 1,
        "shop.purchase_30d": 1,
    }
    assert client("POST", "/v1/users/ann/score", json={}).status_code == 200


def test_another_stage_is_an_alias_or_a_number(tmp_path: Path) -> None:
    serving = small_stage(tmp_path)
    train(tmp_path, seed=1)
    serving.refresh()
    assert serving.now.champions
    assert [one.scorer.model.version for one in serving.now.champions.served] == [2, 2]
    for _, registry in registries(tmp_path):
        assert registry.assign(1, "canary").version == 1
        with pytest.raises(RegistryError, match="'latest'"):
            registry.assign(1, "latest")
        champion = registry.champion()
        assert champion and champion.version == 2
    for stage in ("canary", "1"):
        beside = Serving(stage, registries(tmp_path), tmp_path / "serving" / "copy.sqlite")
        beside.refresh()
        assert beside.now.champions
        assert [one.scorer.model.version for one in beside.now.champions.served] == [1, 1]
    nowhere = Serving("shadow", registries(tmp_path), tmp_path / "none.sqlite")
    nowhere.refresh()
    assert nowhere.now.champions is None
    assert "'shadow'" in nowhere.now.problems["outcome purchase_7d"]
    assert "likely-buyers serving-copy" in nowhere.now.problems["copy"]


@contextmanager
def damaged(file: Path) -> Iterator[None]:
    content = file.read_bytes()
    file.write_bytes(b"no database" * 1_000)
    yield
    file.write_bytes(content)


def test_a_registry_that_goes_away_is_told_and_the_champions_go_on(tmp_path: Path) -> None:
    serving = small_stage(tmp_path)
    client = Client(application(serving, Limits(), None))
    before = client("POST", "/invocations", json={"inputs": [ROW]}).json()
    with damaged(tmp_path / "registry.db"):
        serving.refresh()
        told = client("GET", "/health")
        assert told.status_code == 200
        assert "registry" in told.json()["problems"]
        assert client("POST", "/invocations", json={"inputs": [ROW]}).json() == before
    (tmp_path / "registry.db").rename(tmp_path / "away.db")
    serving.refresh()
    assert "outcome purchase_7d" in client("GET", "/health").json()["problems"]
    assert client("POST", "/invocations", json={"inputs": [ROW]}).json() == before
    (tmp_path / "away.db").rename(tmp_path / "registry.db")
    serving.refresh()
    assert client("GET", "/health").json()["problems"] == {}


def test_a_model_file_that_was_changed_is_not_taken_over(tmp_path: Path) -> None:
    serving = small_stage(tmp_path)
    before = serving.now.champions
    train(tmp_path, seed=1)
    for file in (tmp_path / "artifacts").rglob("model.skops"):
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    # who starts with it is not ready
    started = Serving("production", registries(tmp_path), tmp_path / "serving" / "copy.sqlite")
    started.refresh()
    ready = Client(application(started, Limits(), None))("GET", "/v2/health/ready")
    assert "is not the file that was registered" in said(ready, 503)
    serving.refresh()
    assert "is not the file that was registered" in serving.now.problems["outcome purchase_7d"]
    assert serving.now.champions and before
    assert [one.scorer.model.version for one in serving.now.champions.served] == [1, 1]


@pytest.mark.parametrize("first", range(2))
def test_models_of_other_features_wait_until_all_outcomes_have_them(
    tmp_path: Path, first: int
) -> None:
    serving = small_stage(tmp_path)
    client = Client(application(serving, Limits(), None))

    def answers() -> list[tuple[int, str]]:
        bodies = [{"inputs": [ROW], "params": {"outcome": one.name}} for one in OUTCOMES]
        found = [client("POST", "/invocations", json=body) for body in bodies]
        return [(answer.status_code, answer.text) for answer in found]

    before = answers()
    assert [status for status, _ in before] == [200, 200]
    early, late = OUTCOMES[first], OUTCOMES[1 - first]
    train(tmp_path, outcomes=[early], features=FEATURES[:2])
    for _ in range(2):
        serving.refresh()
        assert answers() == before
        problems = client("GET", "/health").json()["problems"]
        assert problems.keys() == {f"outcome {early.name}"}
        assert "takes other features than version 1 of" in problems[f"outcome {early.name}"]
    # one that fits those that go on is taken over
    train(tmp_path, seed=1, outcomes=[late])
    serving.refresh()
    versions = {f"shop.{early.name}": 1, f"shop.{late.name}": 2}
    assert client("GET", "/ping").json()["models"] == versions
    # who starts now serves what there is
    started = Serving("production", registries(tmp_path), tmp_path / "serving" / "copy.sqlite")
    started.refresh()
    assert started.now.champions and started.now.champions.outcomes == [OUTCOMES[0]]
    train(tmp_path, outcomes=[late], features=FEATURES[:2])
    for one in (serving, started):
        one.refresh()
        assert one.now.champions and one.now.champions.features == FEATURES[:2]
        assert one.now.champions.outcomes == list(OUTCOMES)


def test_a_newer_copy_is_taken_over_and_a_broken_one_is_told(tmp_path: Path) -> None:
    serving = small_stage(tmp_path)
    client = Client(application(serving, Limits(), None))
    file = tmp_path / "serving" / "copy.sqlite"
    write_small_copy(file, build_id="b2")
    serving.refresh()
    assert client("GET", "/v1/users/ann").json()["build_id"] == "b2"
    part = file.with_suffix(".broken")
    part.write_bytes(b"no copy" * 1_000)
    part.replace(file)
    serving.refresh()
    assert "serving-copy" in client("GET", "/health").json()["problems"]["copy"]
    assert client("POST", "/v1/users/ann/score", json={}).json()["build_id"] == "b2"
    write_small_copy(file, build_id="b3", layout=99)
    serving.refresh()
    assert "layout 99" in serving.now.problems["copy"]
    write_small_copy(file, build_id="b4")
    serving.refresh()
    assert (serving.now.problems, client("GET", "/v1/users/bob").json()["build_id"]) == ({}, "b4")


def test_models_of_other_features_than_the_copy_s_score_no_events(tmp_path: Path) -> None:
    serving = small_stage(tmp_path)
    client = Client(application(serving, Limits(), None))
    query = "select user_id, date '2020-03-01' as as_of_date, 1.0::double as views from all_days"
    write_small_copy(tmp_path / "serving" / "copy.sqlite", build_id="b2", features_query=query)
    serving.refresh()
    told = said(client("POST", "/v1/users/ann/score", json={}), 503)
    assert "active_days, purchases, revenue, views" in told
    assert client("GET", "/v1/users/ann").status_code == 200
    assert client("POST", "/invocations", json={"inputs": [ROW]}).status_code == 200


def test_a_full_disk_keeps_the_copy_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(copy: object) -> None:
        raise OSError(28, "No space left on device", "copy.sqlite")

    train(tmp_path)
    file = tmp_path / "serving" / "copy.sqlite"
    write_small_copy(file)
    serving = Serving("production", registries(tmp_path), file)
    serving.refresh()
    monkeypatch.setattr(serving, "_renew_copy", full)
    serving.refresh()
    client = Client(application(serving, Limits(), None))
    assert "No space left" in client("GET", "/health").json()["problems"]["copy"]
    assert client("POST", "/v1/users/ann/score", json={}).status_code == 200


@pytest.mark.parametrize("path", ["/nowhere", "/v1/user/ann", "/docs", "/redoc"])
def test_what_is_not_there_is_told(ask: Client, path: str) -> None:
    assert "/openapi.json" in said(ask("GET", path), 404)


def test_the_description_loads_nothing_and_names_every_route(ask: Client) -> None:
    text = ask("GET", "/openapi.json").text
    described = json.loads(text)
    assert {"/invocations", "/ping", "/health", "/version", "/v2/models/{name}/infer"} <= set(
        described["paths"]
    )
    assert "cdn" not in text


@pytest.mark.parametrize(
    ("body", "path", "status"),
    [
        ("Today", "/v1/users/ann/score", 200),
        # its features are not those of the model here
        ("Invocation", "/invocations", 400),
        ("Inference", "/v2/models/purchase_30d/infer", 400),
    ],
)
def test_examples_of_the_description_are_understood(
    ask: Client, body: str, path: str, status: int
) -> None:
    examples = ask("GET", "/openapi.json").json()["components"]["schemas"][body]["examples"]
    answers = [ask("POST", path, json=example).status_code for example in examples]
    assert set(answers) == {status}


def test_days_of_the_shop_s_time_zone(tmp_path: Path) -> None:
    serving = small_stage(tmp_path)
    client = Client(application(serving, Limits(), None))
    write_small_copy(tmp_path / "serving" / "copy.sqlite", "b2", time_zone="Asia/Tokyo")
    serving.refresh()
    # in Tokyo it is the first of March already
    early = VIEW | {"event_time": "2020-02-29T15:30:00Z"}
    body: Callable[[], Any] = client("POST", "/v1/users/ann/score", json={"events": [early]}).json
    assert (body()["left_out"], body()["as_of"]) == ([], str(date(2020, 3, 2)))


def test_times_at_the_ends_of_the_calendar_are_left_out(tmp_path: Path) -> None:
    serving = small_stage(tmp_path)
    client = Client(application(serving, Limits(), None))
    ends = [
        f"{day}{offset}"
        for day in ("0001-01-01T00:00:00", "9999-12-31T23:59:59")
        for offset in ("Z", "+01:00", "-01:00")
    ]
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        write_small_copy(tmp_path / "serving" / "copy.sqlite", zone, time_zone=zone)
        serving.refresh()
        assert left_out(client, *(VIEW | {"event_time": end} for end in ends)) == [
            *(f"{place} implausible_event_time" for place in range(3)),
            *(f"{place} future_event_time" for place in range(3, 6)),
        ]


def counted(answer: httpx.Response) -> dict[tuple[str, str, str], float]:
    """Requests by route, method and status."""
    assert answer.status_code == 200
    return {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "likely_buyers_requests_total"
    }


def test_requests_are_counted_by_what_they_asked_for_and_nobody_is_named(serving: Serving) -> None:
    client = Client(application(serving, Limits(), None))
    for user in ("ann", "bob", "nobody-knows"):
        client("GET", f"/v1/users/{user}")
    client("POST", "/v1/users/ann/score", json={"events": []})
    client("GET", "/nobody-knows")
    client("NOBODY-KNOWS", "/ping")
    answer = client("GET", "/metrics")
    assert counted(answer) == {
        ("/v1/users/{user_id}", "GET", "2xx"): 2,
        ("/v1/users/{user_id}", "GET", "4xx"): 1,
        ("/v1/users/{user_id}/score", "POST", "2xx"): 1,
        ("unknown", "GET", "4xx"): 1,
        ("/ping", "other", "4xx"): 1,
    }
    assert "nobody-knows" not in answer.text.lower()
    assert 'likely_buyers_request_duration_seconds_count{method="POST"' in answer.text
    assert (
        'likely_buyers_served_model_info{model="shop.purchase_7d",model_version="1",outcome="purchase_7d"'
        in answer.text
    )


def test_what_an_unforeseen_error_ends_is_counted(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    client = Client(application(serving, Limits(), None))
    assert serving.now.copy
    with monkeypatch.context() as patched:
        patched.setattr(type(serving.now.copy), "scores", broken)
        with pytest.raises(RuntimeError):
            client("GET", "/v1/users/ann")
    assert counted(client("GET", "/metrics")) == {("/v1/users/{user_id}", "GET", "5xx"): 1}


def test_metrics_are_told_when_no_more_may_ask_but_to_none_without_a_token(
    serving: Serving, tmp_path: Path
) -> None:
    full = Client(application(serving, Limits(requests=0, per_second=1), None))
    assert full("GET", "/v1/users/ann").status_code == 503
    full("GET", "/metrics")
    assert counted(full("GET", "/metrics")) == {
        ("refused", "GET", "5xx"): 1,
        ("/metrics", "GET", "2xx"): 1,
    }
    file = tokens_file(tmp_path, "prometheus 0123456789abcdef")
    app = application(serving, Limits(), lambda: read_tokens(file))
    assert "no token" in said(Client(app)("GET", "/metrics"), 401)
    assert Client(app, authorization="Bearer 0123456789abcdef")("GET", "/metrics").is_success


def test_a_stage_without_a_champion_says_so_in_its_metrics(tmp_path: Path) -> None:
    serving = Serving("production", registries(tmp_path), tmp_path / "copy.sqlite")
    serving.refresh()
    text = Client(application(serving, Limits(), None))("GET", "/metrics").text
    assert "likely_buyers_ready 0.0" in text
    problems = f"likely_buyers_serving_problems {len(serving.now.problems)}.0"
    assert serving.now.problems and problems in text
    assert "likely_buyers_served_as_of_timestamp_seconds{" not in text
