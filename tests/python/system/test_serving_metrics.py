"""What a Prometheus gets of an endpoint that asks for tokens: its dashboard's queries, and the rules."""

import re
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from likely_buyers.serving.server import Address, serve
from support.installation import PROJECT
from support.prometheus import Prometheus, panels, prometheus_that_scrapes, promtool
from support.small_stage import small_stage

RULES = PROJECT / "ops" / "prometheus" / "likely_buyers_endpoint.rules.yml"
TOKEN = "0123456789abcdef"  # noqa: S105 (of this test)
RATE = "[30s]"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a small stage that is served in this process."""
    folder = tmp_path_factory.mktemp("served")
    tokens = folder / "tokens"
    tokens.write_text(f"prometheus {TOKEN}\n")
    tokens.chmod(0o600)
    servers: list[uvicorn.Server] = []
    arguments = (small_stage(folder), Address(port=0, tokens=tokens), 60.0, servers.append)
    thread = threading.Thread(target=serve, args=arguments)
    thread.start()
    ends = time.monotonic() + 60
    while not (servers and servers[0].started):
        assert thread.is_alive() and time.monotonic() < ends
        time.sleep(0.02)
    port = servers[0].servers[0].sockets[0].getsockname()[1]
    yield f"127.0.0.1:{port}"
    servers[0].should_exit = True
    thread.join(30)


@pytest.fixture(scope="module")
def prometheus(
    address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Prometheus, str]]:
    folder = tmp_path_factory.mktemp("prometheus")
    token = folder / "token"
    token.write_text(TOKEN)
    with httpx.Client(base_url=f"http://{address}", timeout=60) as client:
        assert client.get("/metrics").status_code == 401
        client.headers["authorization"] = f"Bearer {TOKEN}"
        for user in ("ann", "bob", "nobody"):
            client.get(f"/v1/users/{user}")
        metrics = client.get("/metrics").text
    job = {
        "job_name": "likely_buyers",
        "authorization": {"credentials_file": str(token)},
        "static_configs": [{"targets": [address]}],
    }
    awaited = f'rate(likely_buyers_requests_total{{route="/metrics", status="2xx"}}{RATE}) and on (job) ALERTS'
    with prometheus_that_scrapes(job, RULES, folder, awaited) as server:
        yield server, metrics


@pytest.mark.parametrize("expression", panels("likely_buyers_endpoint"))
def test_a_panel_shows_a_served_stage(prometheus: tuple[Prometheus, str], expression: str) -> None:
    asked = re.sub(r"\$instance", ".*", expression).replace("[$__rate_interval]", RATE)
    assert prometheus[0].query(asked), asked


def test_prometheus_evaluates_the_rules(prometheus: tuple[Prometheus, str]) -> None:
    (group,) = prometheus[0].api("rules")["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    states = {rule["name"]: rule["state"] for rule in group["rules"]}
    # its scores speak from 2020
    assert states.pop("LikelyBuyersEndpointStaleScores") == "pending"
    assert set(states.values()) == {"inactive"}


def test_names_and_units_are_as_prometheus_asks(prometheus: tuple[Prometheus, str]) -> None:
    assert promtool("check", "metrics", text=prometheus[1]) == ""


def test_the_alert_rules_fire_when_they_should() -> None:
    told = promtool("test", "rules", "likely_buyers_endpoint.rules.test.yml")
    assert "SUCCESS" in told


def test_limits_are_those_of_likely_buyers_check() -> None:
    hours = re.search(r"check_scores_hours: (\d+)", (PROJECT / "dbt_project.yml").read_text())
    assert hours
    assert f"> {hours[1]} * 3600" in RULES.read_text()
