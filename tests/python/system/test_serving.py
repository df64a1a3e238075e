"""A served stage as its clients see it: stored scores, scores just in time, and the protocols of others."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import mlflow
import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.types import InferenceRequest, RequestInput, TensorData

from likely_buyers.registry import Registry
from likely_buyers.serving.allocator import KEPT, SETTING
from support.commands import Running
from support.installation import Installation
from support.published_gold import postgres_server, speak_to
from support.trained_shop import AS_OF, TrainedShop

MODEL = "likely_buyers.purchase_30d"


@dataclass
class Endpoint:
    """A server of an installation, and how it is asked."""

    url: str
    running: Running
    installation: Installation

    def get(self, path: str, **given: Any) -> httpx.Response:
        return httpx.get(self.url + path, timeout=60, **given)

    def post(self, path: str, body: Any, **given: Any) -> httpx.Response:
        return httpx.post(self.url + path, json=body, timeout=60, **given)

    def until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, self.running.output_file.read_text()
            time.sleep(0.05)


@contextmanager
def serving(
    installation: Installation, variables: dict[str, Any], *options: str
) -> Iterator[Endpoint]:
    command = ("likely-buyers", "serve", "--port", "0", "--refresh-seconds", "0.1", *options)
    running = installation.started(*command, variables=variables)
    try:
        found = None
        ends = time.monotonic() + 120
        while not found:
            said = running.output_file.read_text()
            found = re.search(r"listening on (https?://\S+)", said)
            assert time.monotonic() < ends and "Error" not in said, said
            time.sleep(0.05)
        yield Endpoint(found[1], running, installation)
    finally:
        os.kill(running.pid, signal.SIGINT)
        running.wait(60)


@pytest.fixture(scope="module")
def shop(
    shop_with_champion: TrainedShop, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Installation, dict[str, Any]]:
    state = tmp_path_factory.mktemp("serving") / "state"
    return shop_with_champion.copied(state), shop_with_champion.variables


@pytest.fixture(scope="module")
def endpoint(shop: tuple[Installation, dict[str, Any]]) -> Iterator[Endpoint]:
    with serving(*shop) as found:
        yield found


@pytest.mark.parametrize("given", [None, "dirty_decay_ms:500"])
def test_the_server_keeps_the_memory_of_duckdb_unless_told_otherwise(
    tmp_path: Path, given: str | None
) -> None:
    environment = Installation(tmp_path).environment()
    del environment[SETTING]
    environment |= {SETTING: given} if given else {}
    script = Path(sys.executable).with_name("likely-buyers")
    process = subprocess.Popen(
        [script, "serve", "--port", "0"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        while "listening" not in (line := process.stderr.readline()):
            assert line, "it ended"
        # of the same process, which began anew
        found = Path(f"/proc/{process.pid}/environ").read_text().split("\0")
        assert f"{SETTING}={given or KEPT}" in found
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_stored_scores_are_those_of_gold(endpoint: Endpoint) -> None:
    query = endpoint.installation.query
    listed = query(
        "select user_id, probability, rank, lift from gold.top_buyers order by rank limit 20"
    )
    for user, probability, rank, lift in listed:
        answer = endpoint.get(f"/v1/users/{user}")
        (score,) = answer.json()["scores"]
        assert (score["probability"], score["listed"]["rank"], score["listed"]["lift"]) == (
            probability,
            rank,
            lift,
        )
        reasons = query(
            f"select reason from gold.top_buyer_reasons where user_id = '{user}' order by reason_rank"
        )
        assert [(one["reason"],) for one in score["reasons"]] == reasons
        assert (score["model"], score["version"], score["as_of"]) == (MODEL, 1, str(AS_OF))
    campaigns = query("select user_id, campaign, arm from gold.audiences limit 5")
    for user, campaign, arm in campaigns:
        told = endpoint.get(f"/v1/users/{user}").json()["campaigns"]
        assert (campaign, arm) in [(one["campaign"], one["arm"]) for one in told]


@pytest.mark.parametrize("days", [1, 3])
def test_scores_just_in_time_have_the_bits_of_the_build_of_that_day(
    endpoint: Endpoint, shop: tuple[Installation, dict[str, Any]], days: int
) -> None:
    installation, variables = shop
    day = AS_OF + timedelta(days=days)
    command = ("likely-buyers", "backfill", "--from", str(day), "--to", str(day))
    finished = installation.run(*command, variables=variables)
    assert finished.succeeded, finished.output
    batch = dict(
        installation.query(
            f"select user_id, probability from gold.prediction_history where as_of_date = date '{day}'"
        )
    )
    events: dict[str, list[dict[str, Any]]] = {}
    columns = ("event_time", "event_type", "session_id", "product_id", "category", "brand", "price")
    for user, *values in installation.query(
        f"select user_id, {', '.join(columns)} from silver.events"
        f" where event_date >= date '{AS_OF}' and event_date < date '{day}' order by random()"
    ):
        told = dict(
            zip(columns, (None if one is None else str(one) for one in values), strict=True)
        )
        events.setdefault(user, []).append(told)
    assert len(events) > 30
    asked = [*events, *[user for user in batch if user not in events][:50]]
    known = {user for (user,) in installation.query("select user_id from gold.predictions")}
    assert [user for user in events if user not in known], "somebody is new on these days"

    def ask(client: httpx.Client, user: str) -> float:
        # what is sent twice is one event
        body = {"as_of": str(day), "events": [*events.get(user, []), *events.get(user, [])[:1]]}
        answer = client.post(f"{endpoint.url}/v1/users/{user}/score", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["as_of"] == str(day)
        return float(answer.json()["scores"][0]["probability"])

    with httpx.Client(timeout=60) as client:
        found = {user: ask(client, user) for user in asked}
    assert found == {user: batch[user] for user in asked}


def features_of(installation: Installation, rows: int) -> pd.DataFrame:
    known = installation.query(f"select * from silver.user_features order by user_id limit {rows}")
    names = [
        name
        for (name, *_) in installation.query(
            "select column_name from (describe silver.user_features)"
        )
    ]
    return pd.DataFrame(known, columns=names).drop(columns=["user_id", "as_of_date"]).astype(float)


def test_mlflow_s_client_gets_what_the_registered_model_says(endpoint: Endpoint) -> None:
    host, port = endpoint.url.removeprefix("http://").split(":")
    client = ScoringServerClient(host, int(port))
    client.wait_server_ready(timeout=10)
    client.ping()
    assert client.get_version() == mlflow.__version__
    frame = features_of(endpoint.installation, 40)
    mlflow.set_tracking_uri(f"sqlite:///{endpoint.installation.state}/registry.db")
    model = mlflow.pyfunc.load_model(f"models:/{MODEL}@champion")
    # of the process, in which other tests have registries of their own
    mlflow.set_tracking_uri(None)
    expected = model.predict(frame)
    assert client.invoke(frame).get_predictions().equals(expected)
    assert client.invoke(frame.to_numpy()).get_predictions().equals(expected)
    shuffled = frame[frame.columns[::-1]]
    assert client.invoke(shuffled).get_predictions().equals(expected)
    with pytest.raises(Exception, match="features are missing: purchase_days"):
        client.invoke(frame.drop(columns=["purchase_days"]))


def test_a_client_of_open_inference_gets_the_same(endpoint: Endpoint) -> None:
    client = OpenInferenceClient(base_url=endpoint.url)
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness(MODEL)
    client.check_model_version_readiness(MODEL, "1")
    assert client.read_server_metadata().name == "likely_buyers"
    frame = features_of(endpoint.installation, 8).fillna(0.0)
    told = client.read_model_metadata(MODEL)
    assert [one.name for one in told.inputs] == list(frame.columns)
    request = InferenceRequest(
        id="x",
        inputs=[
            RequestInput(
                name="features",
                shape=list(frame.shape),
                datatype="FP64",
                data=TensorData(__root__=frame.to_numpy().ravel().tolist()),
            )
        ],
    )
    answer = client.model_infer(MODEL, request=request)
    by_mlflow = endpoint.post("/invocations", {"inputs": frame.to_numpy().tolist()}).json()
    assert answer.model_version == "1"
    assert list(answer.outputs[0].data.__root__) == [
        one["probability"] for one in by_mlflow["predictions"]
    ]


def test_twenty_promotions_under_load_fail_no_request(
    shop_with_champion: TrainedShop, tmp_path: Path
) -> None:
    installation = shop_with_champion.copied(tmp_path / "state")
    registry = Registry(installation.state, model_name=MODEL)
    first = registry.load(1)
    known = registry.version(1)
    registry.register(
        first.estimator.calibrate(1.0, 0.5),
        feature_names=first.feature_names,
        feature_types=first.feature_types,
        metrics={},
        as_of=first.as_of,
        horizon_days=30,
        at=datetime.now(UTC),
        parameters=dict(known.parameters),
    )
    row = features_of(installation, 1)
    user = installation.query("select min(user_id) from gold.predictions")[0][0]
    body = json.loads(json.dumps({"dataframe_split": row.fillna(0.0).to_dict(orient="split")}))
    by_version: dict[int, set[float]] = {1: set(), 2: set()}
    seen: list[int] = []
    failed: list[str] = []
    stop = threading.Event()

    def load(url: str, place: int) -> None:
        with httpx.Client(timeout=60) as client:
            while not stop.is_set():
                if place % 3 == 2:
                    answer = client.post(f"{url}/v1/users/{user}/score", json={})
                elif place % 3 == 1:
                    answer = client.get(f"{url}/v2/health/ready")
                else:
                    answer = client.post(f"{url}/invocations", json=body)
                if answer.status_code != 200:
                    failed.append(answer.text)
                elif place % 3 == 0:
                    told = answer.json()
                    by_version[told["version"]].add(told["predictions"][0]["probability"])
                    seen.append(told["version"])

    with serving(installation, shop_with_champion.variables) as endpoint:
        workers = [threading.Thread(target=load, args=(endpoint.url, place)) for place in range(6)]
        for worker in workers:
            worker.start()
        for promotion in range(20):
            number = 2 - promotion % 2
            registry.promote(number, reason="test", by="test", at=datetime.now(UTC))
            endpoint.until(lambda number=number: seen[-1:] == [number])
        stop.set()
        for worker in workers:
            worker.join()
    assert failed == []
    # each version has an answer of its own, and no other was given under its name
    assert [len(found) for found in by_version.values()] == [1, 1]
    assert by_version[1] != by_version[2]


def test_a_build_is_not_kept_from_the_lake_and_its_copy_is_taken_over(
    endpoint: Endpoint, shop: tuple[Installation, dict[str, Any]]
) -> None:
    installation, variables = shop
    before = endpoint.get("/health").json()["build_id"]
    later = variables | {"as_of": str(AS_OF + timedelta(days=1))}
    installation.built(variables=later)
    assert endpoint.get("/health").json()["build_id"] == before
    written = installation.run("likely-buyers", "serving-copy", variables=later)
    assert written.succeeded, written.output
    endpoint.until(lambda: endpoint.get("/health").json()["build_id"] != before)
    assert endpoint.get("/health").json()["as_of"] == later["as_of"]


def test_with_a_catalog_on_a_server_later_builds_are_taken_over(
    shop_with_champion: TrainedShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_server() as server:
        speak_to(server, monkeypatch)
        monkeypatch.setenv("LIKELY_BUYERS_CATALOG", "postgres:")
        installation = shop_with_champion.with_its_champion(tmp_path / "state")
        installation.settings["LIKELY_BUYERS_DATA"] = str(tmp_path / "data")
        installation.built(variables=shop_with_champion.variables)
        with serving(installation, shop_with_champion.variables) as endpoint:
            before = endpoint.get("/health").json()
            assert (before["as_of"], before["problems"]) == (str(AS_OF), {})
            later = shop_with_champion.variables | {"as_of": str(AS_OF + timedelta(days=1))}
            installation.built(variables=later)
            endpoint.until(lambda: endpoint.get("/health").json()["as_of"] == later["as_of"])
            assert endpoint.get("/health").json()["problems"] == {}


def test_tls_and_tokens(shop: tuple[Installation, dict[str, Any]], tmp_path: Path) -> None:
    import subprocess

    certificate, key, tokens = (tmp_path / name for name in ("cert.pem", "key.pem", "tokens"))
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, *files, *name], check=True, capture_output=True)
    tokens.write_text("shop 0123456789abcdef 2020-12-31\n")
    tokens.chmod(0o600)
    options = (
        "--tls-certificate",
        str(certificate),
        "--tls-key",
        str(key),
        "--tokens",
        str(tokens),
    )
    with serving(*shop, *options) as endpoint:
        assert endpoint.url.startswith("https://")
        import ssl

        trusted = ssl.create_default_context(cafile=str(certificate))
        assert endpoint.get("/ping", verify=trusted).status_code == 200
        assert endpoint.get("/v2", verify=trusted).status_code == 401
        bearer = {"authorization": "Bearer 0123456789abcdef"}
        assert endpoint.get("/v2", verify=trusted, headers=bearer).status_code == 401
        told = endpoint.running.output_file.read_text()
        assert "that of shop held until 2020-12-31. No other is there, so nobody may ask" in told
        assert "0123456789abcdef" not in told
        # a token that is added holds from then on
        tokens.write_text("shop 0123456789abcdef 2020-12-31\nother fedcba9876543210\n")
        other = {"authorization": "Bearer fedcba9876543210"}
        assert endpoint.get("/v2", verify=trusted, headers=other).status_code == 200
        told = endpoint.running.output_file.read_text()
        assert told.count("that of shop held until 2020-12-31") == 2
        assert told.count("nobody may ask") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0"), "--tokens FILE"),  # noqa: S104
        (("--tls-key", "k.pem"), "belong together"),
        (("--tokens", "/nowhere/tokens"), "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(
    shop: tuple[Installation, dict[str, Any]], options: tuple[str, ...], words: str
) -> None:
    installation, variables = shop
    refused = installation.run("likely-buyers", "serve", *options, variables=variables)
    assert not refused.succeeded
    assert words in refused.output


def test_a_port_that_is_taken_is_told(
    endpoint: Endpoint, shop: tuple[Installation, dict[str, Any]]
) -> None:
    installation, variables = shop
    port = endpoint.url.rpartition(":")[2]
    refused = installation.run("likely-buyers", "serve", "--port", port, variables=variables)
    assert not refused.succeeded
    assert f"port {port} of 127.0.0.1 cannot be listened on" in refused.output
