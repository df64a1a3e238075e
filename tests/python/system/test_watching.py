"""Operators know before users do: what a build leaves for Prometheus, and what `likely-buyers check` says of it."""

import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.installation import PROJECT, Installation
from support.listener import listener
from support.prometheus import Prometheus, panels, prometheus_of, promtool
from support.trained_shop import TrainedShop

RULES = PROJECT / "ops" / "prometheus" / "likely_buyers.rules.yml"
# the demo shop's days are long over, and it is young
STILL = {"check_scores_hours": None, "check_feature_drift": None, "check_score_drift": None}
LENIENT = {**STILL, "check_auc_loss": None, "check_level": None}


@pytest.fixture(scope="module")
def watched(
    shop_with_champion: TrainedShop, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """Built a second time, once the first scores' horizon was over, with a place for metrics."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "textfiles").mkdir()
    installation = replace(
        shop_with_champion.copied(folder / "state"),
        settings={"LIKELY_BUYERS_METRICS_FILE": str(folder / "textfiles" / "likely_buyers.prom")},
    )
    installation.built(variables=of_shop(shop_with_champion))
    return installation


def of_shop(shop: TrainedShop) -> dict[str, Any]:
    return {"events_path": str(shop.events)}


def metrics_file(installation: Installation) -> Path:
    return Path(installation.settings["LIKELY_BUYERS_METRICS_FILE"])


@pytest.fixture(scope="module")
def prometheus(
    watched: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    with prometheus_of(metrics_file(watched).parent, RULES, folder) as server:
        yield server


def test_names_and_units_are_as_prometheus_asks(watched: Installation) -> None:
    assert promtool("check", "metrics", text=metrics_file(watched).read_text()) == ""


def test_the_alert_rules_fire_when_they_should() -> None:
    promtool("check", "config", "prometheus.yml")
    assert "SUCCESS" in promtool("test", "rules", "likely_buyers.rules.test.yml")


@pytest.mark.parametrize("expression", panels("likely_buyers"))
def test_a_panel_shows_a_real_build(prometheus: Prometheus, expression: str) -> None:
    found = prometheus.query(re.sub(r"\$(outcome|instance)", ".*", expression))
    assert found, expression


def test_prometheus_evaluates_the_rules(prometheus: Prometheus) -> None:
    (group,) = prometheus.api("rules")["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    states = {rule["name"]: rule["state"] for rule in group["rules"]}
    # within ten minutes of being true
    assert states["LikelyBuyersStaleScores"] == "pending"
    assert states["LikelyBuyersUnaccountedLines"] == "inactive"


def test_figures_are_those_of_the_tables(watched: Installation, prometheus: Prometheus) -> None:
    ((users,),) = watched.query("select count(*) from gold.predictions")
    (sample,) = prometheus.query("likely_buyers_scores")
    assert float(sample["value"][1]) == users
    ((events,),) = watched.query("select sum(events) from silver.user_days")
    (sample,) = prometheus.query('likely_buyers_rows{fate="event"}')
    assert float(sample["value"][1]) == events


def test_other_commands_of_dbt_are_no_builds(watched: Installation) -> None:
    """dbt compile writes run_results.json anew; `dbt run` and `dbt test` are half a build each."""
    before = metrics_file(watched).read_text()
    for command in ("compile", "test"):
        assert watched.dbt(command, "--select", "drift").succeeded
    assert metrics_file(watched).read_text() == before
    told = watched.run("likely-buyers", "metrics")
    assert told.succeeded, told.output
    assert told.output == before


def test_nothing_is_wrong(watched: Installation) -> None:
    told = watched.started("likely-buyers", "check", variables=LENIENT)
    assert told.wait() == 0
    assert "Nothing is wrong" in told.output()


def test_what_is_wrong_is_told_to_a_chat(watched: Installation) -> None:
    with listener() as (address, heard):
        told = replace(watched, settings={"LIKELY_BUYERS_WEBHOOK": address})
        fine = told.started("likely-buyers", "check", "--notify", "slack", variables=LENIENT)
        assert fine.wait() == 0
        fine.output()
        assert heard == []
        wrong = told.started("likely-buyers", "check", "--notify", "slack")
        assert wrong.wait() == 1
        output = wrong.output()
    assert "stale_scores (purchase_30d): the scores speak from" in output
    assert "Remedy: are new events delivered?" in output
    ((_, body),) = heard
    assert "the scores speak from" in body["text"]


def test_other_programs_are_told_in_json(watched: Installation) -> None:
    told = watched.started("likely-buyers", "check", "--format", "json")
    assert told.wait() == 1
    names = {one["name"] for one in json.loads(told.output())}
    assert "stale_scores" in names


def test_what_cannot_be_checked_is_neither(tmp_path: Path) -> None:
    told = Installation(tmp_path / "state").started("likely-buyers", "check")
    assert told.wait() == 2
    assert "Make one: dbt build" in told.output()


def test_a_chat_without_an_address(watched: Installation) -> None:
    told = watched.started("likely-buyers", "check", "--notify", "teams")
    assert told.wait() == 2
    assert "LIKELY_BUYERS_WEBHOOK" in told.output()


def test_a_build_that_fails_says_so(
    watched: Installation, shop_with_champion: TrainedShop, tmp_path: Path
) -> None:
    """A champion that nobody can load: gold stays as it was, and the metrics say that it is old."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind(("127.0.0.1", 0))
        agent.settimeout(5)
        broken = replace(
            shop_with_champion.copied(tmp_path / "state"),
            settings={
                "LIKELY_BUYERS_METRICS_FILE": str(tmp_path / "likely_buyers.prom"),
                "LIKELY_BUYERS_DOGSTATSD": f"127.0.0.1:{agent.getsockname()[1]}",
            },
        )
        (model,) = (broken.state / "artifacts").rglob("model.skops")
        model.write_bytes(b"rubbish")
        assert not broken.dbt("build", variables=of_shop(shop_with_champion)).succeeded
        sent = ""
        while "likely_buyers.last_build_passed:0" not in sent:
            sent += agent.recv(65_536).decode()
    lines = (tmp_path / "likely_buyers.prom").read_text().splitlines()
    assert "likely_buyers_last_build_passed 0.0" in lines
    told = broken.started("likely-buyers", "check", variables=LENIENT)
    assert told.wait() == 1
    assert "build_failed: the last build" in (output := told.output())
    assert "model predictions" in output


_TOLD_ADDRESSES = """
import sys

def told(event, given):
    if event in ("socket.connect", "socket.sendto"):
        with open({file!r}, "a") as file:
            print(given[1], file=file)

sys.addaudithook(told)
"""


@pytest.mark.parametrize("dogstatsd", [None, "127.0.0.1:9"])
def test_a_build_speaks_to_nobody_who_is_not_configured(
    shop_with_champion: TrainedShop, tmp_path: Path, dogstatsd: str | None
) -> None:
    settings = {"LIKELY_BUYERS_DOGSTATSD": dogstatsd} if dogstatsd else {}
    alone = replace(shop_with_champion.copied(tmp_path / "state"), settings=settings)
    addresses = tmp_path / "addresses"
    first = _TOLD_ADDRESSES.format(file=str(addresses))
    built = alone.run("dbt", "build", variables=shop_with_champion.variables, first=first)
    assert built.succeeded, built.output
    spoken_to = set(addresses.read_text().splitlines()) if addresses.exists() else set()
    assert spoken_to == ({"('127.0.0.1', 9)"} if dogstatsd else set())


def test_metrics_that_cannot_be_written_fail_no_build(
    shop_with_champion: TrainedShop, tmp_path: Path
) -> None:
    nowhere = replace(
        shop_with_champion.copied(tmp_path / "state"),
        settings={"LIKELY_BUYERS_METRICS_FILE": str(tmp_path / "absent" / "likely_buyers.prom")},
    )
    built = nowhere.dbt("build", variables=shop_with_champion.variables)
    assert built.succeeded
    assert "the metrics of this build were not written" in built.output
    assert (nowhere.state / "last_build.json").exists()


def test_a_champion_of_before_has_no_drift(shop_with_champion: TrainedShop, tmp_path: Path) -> None:
    """One that was registered without what it was trained on: told, and the build goes on."""
    earlier = shop_with_champion.copied(tmp_path / "state")
    with closing(sqlite3.connect(earlier.state / "registry.db")) as registry, registry:
        registry.execute("delete from model_version_tags where key = 'reference_digest'")
    built = earlier.built("--full-refresh", variables=shop_with_champion.variables)
    assert "was registered without the distributions it was trained on" in built.output
    assert earlier.query("select count(*) from gold.drift") == [(0,)]
    told = earlier.started("likely-buyers", "check", variables=LENIENT)
    assert told.wait() == 0
    assert "Nothing is wrong" in told.output()


def test_a_changed_reference_is_refused(shop_with_champion: TrainedShop, tmp_path: Path) -> None:
    changed = shop_with_champion.copied(tmp_path / "state")
    (reference,) = (changed.state / "artifacts").rglob("reference.parquet")
    reference.write_bytes(reference.read_bytes() + b"x")
    built = changed.dbt("build", "--full-refresh", variables=shop_with_champion.variables)
    assert not built.succeeded
    assert "is not the file that was registered" in built.output
    # who lists buyers need not wait for it
    assert changed.query("select count(*) > 0 from gold.top_buyers") == [(True,)]
