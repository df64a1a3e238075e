"""A Prometheus and a node exporter on loopback, for a test."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from support.command_server import PROJECT
from support.published_gold import free_port

_SECONDS_TO_START = 60


def program(name: str) -> str:
    """A program of Debian's packages prometheus and prometheus-node-exporter, which `.ci/run` installs."""
    found = shutil.which(name)
    if not found:
        if os.environ.get("LIKELY_BUYERS_REQUIRE_PROMETHEUS"):
            pytest.fail(
                f"{name} is not installed: apt-get install prometheus prometheus-node-exporter"
            )
        pytest.skip(f"{name} is not installed: apt-get install prometheus prometheus-node-exporter")
    return found


def promtool(*arguments: str, text: str = "") -> str:
    """What promtool prints, which has to find nothing wrong; paths are below ops/prometheus."""
    finished = subprocess.run(
        [program("promtool"), *arguments],
        cwd=PROJECT / "ops" / "prometheus",
        input=text,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


def panels(dashboard: str) -> list[Any]:
    """The queries of one of Grafana's dashboards, each as a parameter of a test."""
    file = PROJECT / "ops" / "grafana" / "dashboards" / f"{dashboard}.json"
    return [
        pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
        for panel in json.loads(file.read_text())["panels"]
        for target in panel["targets"]
    ]


class Prometheus:
    """A server that listens at a port of loopback."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    def api(self, path: str, **parameters: str) -> Any:
        """What the HTTP API answers, without its envelope."""
        address = f"{self._base}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(address, timeout=10) as answer:  # noqa: S310
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[Any]:
        """The samples of an expression now."""
        return list(self.api("query", query=expression)["result"])


@contextmanager
def prometheus_of(textfiles: Path, rules: Path, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that has scraped a node exporter, which reads the folder `textfiles`, and evaluates the rules."""
    exporter = free_port()
    command = [
        program("prometheus-node-exporter"),
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={textfiles}",
        f"--web.listen-address=127.0.0.1:{exporter}",
    ]
    job = {"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}]}
    # once the rules have been evaluated over what was scraped
    awaited = 'ALERTS{alertname="LikelyBuyersStaleScores"}'
    with (
        _running(command, folder / "node_exporter.log"),
        prometheus_that_scrapes(job, rules, folder, awaited) as prometheus,
    ):
        yield prometheus


@contextmanager
def prometheus_that_scrapes(
    job: dict[str, Any], rules: Path, folder: Path, awaited: str
) -> Iterator[Prometheus]:
    """A Prometheus with one job of scraping, each second, for which the expression `awaited` has samples."""
    port = free_port()
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [job],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with _running(command, folder / "prometheus.log"):
        prometheus = Prometheus(port)
        _wait(prometheus, awaited, folder)
        yield prometheus


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield
        finally:
            _stop(process)


def _wait(prometheus: Prometheus, awaited: str, folder: Path) -> None:
    ends = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < ends:
        try:
            if prometheus.query(awaited):
                return
        except (URLError, OSError):
            pass
        time.sleep(0.2)
    logs = "\n".join(path.read_text() for path in sorted(folder.glob("*.log")))
    raise AssertionError(f"nothing was scraped within {_SECONDS_TO_START} s:\n{logs}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
