"""Several outcomes: one training and one build give each a model, scores and a list of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likely_buyers.registry import Registry
from likely_buyers.training import Level, expected_buyers
from support.installation import Installation
from support.lakes import open_lake
from support.small_shop import FIRST, Line, delivered, product, views

USERS, DAYS = 300, 150
SOME_PRODUCTS = (1, 2, 3)
SOME = f"price > 5 and cast(product_id as integer) in {SOME_PRODUCTS}"
OUTCOMES: dict[str, Any] = {
    "purchase_7d": {"event": "purchase", "horizon_days": 7},
    "purchase_30d": {"event": "purchase", "horizon_days": 30},
    "purchase_60d": {"event": "purchase", "horizon_days": 60, "population": "purchase_days > 1"},
    "some_30d": {"event": "purchase", "where": SOME, "at_least": 2, "horizon_days": 30},
    "unicorn_7d": {"event": "purchase", "where": "product_id = 'unicorn'", "horizon_days": 7},
    "nobody_7d": {"event": "cart", "horizon_days": 7, "population": "purchase_days > 1000"},
    "far_300d": {"event": "purchase", "horizon_days": 300},
}
TRAINED = ["purchase_30d", "purchase_60d", "purchase_7d", "some_30d"]


def lines() -> list[Line]:
    """A third of the users buys often, a third now and then, a third never."""
    rng = np.random.default_rng(8)
    found = views(rng, users=USERS, days=DAYS)
    for user in range(1, USERS + 1):
        gap = {0: 9, 1: 45, 2: 10_000}[user % 3]
        found += [(day, "purchase", user) for day in range(DAYS) if rng.random() < 1 / gap]
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return delivered(tmp_path_factory.mktemp("shop") / "events", lines())


@pytest.fixture(scope="module")
def variables(shop: Path) -> dict[str, Any]:
    return {"events_path": str(shop), "training_cutoffs": 3, "outcomes": OUTCOMES}


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, variables: dict[str, Any]
) -> tuple[Installation, str]:
    installation = Installation(tmp_path_factory.mktemp("state"))
    finished = installation.run("likely-buyers", "train", "--promote", variables=variables)
    assert finished.succeeded, finished.output
    built = installation.dbt("build", variables=variables)
    assert built.succeeded, built.output
    return installation, " ".join((finished.output + built.output).split())


def met(outcome: str, first: int) -> set[str]:
    """Who met an outcome in its horizon from a day on, by counting lines in Python."""
    told = OUTCOMES[outcome]
    times: dict[int, int] = {}
    for day, kind, user in lines():
        is_meant = "where" not in told or product(user) in SOME_PRODUCTS
        if kind == "purchase" and is_meant and first <= day < first + told["horizon_days"]:
            times[user] = times.get(user, 0) + 1
    return {str(user) for user, count in times.items() if count >= told.get("at_least", 1)}


def test_each_outcome_has_a_champion_scores_and_a_list(trained: tuple[Installation, str]) -> None:
    installation, _ = trained
    assert installation.query(
        "select outcome, count(distinct model_version) from gold.predictions group by 1 order by 1"
    ) == [(name, 1) for name in TRAINED]
    listed = dict(installation.query("select outcome, max(rank) from gold.top_buyers group by 1"))
    scored = dict(installation.query("select outcome, count(*) from gold.predictions group by 1"))
    assert listed == {name: -(-scored[name] // 10) for name in TRAINED}
    loyal = "select count(*) from silver.user_features where purchase_days > 1"
    assert [(scored["purchase_60d"],)] == installation.query(loyal)
    assert scored["purchase_7d"] == USERS
    reasons = "select count(distinct outcome) from gold.top_buyer_reasons where reason_rank = 1"
    assert installation.query(reasons) == [(len(TRAINED),)]


def test_labels_are_what_came_true(trained: tuple[Installation, str]) -> None:
    installation, _ = trained
    for name in ("purchase_7d", "purchase_30d", "some_30d"):
        labels = installation.query(
            f"select cutoff_date, list(user_id) filter (label_{name}) from training.examples"
            f" where label_{name} is not null group by 1"
        )
        assert len(labels) == 3
        for cutoff, users in labels:
            assert set(users or []) == met(name, (cutoff - FIRST).days)


def test_who_is_in_a_population_is_judged_as_of_each_cutoff(
    trained: tuple[Installation, str],
) -> None:
    installation, _ = trained
    labelled = dict(
        installation.query(
            "select cutoff_date, list(user_id) from training.examples"
            " where label_purchase_60d is not null group by 1"
        )
    )
    assert len(labelled) > 1
    for cutoff, users in labelled.items():
        days: dict[str, set[int]] = {}
        for day, kind, user in lines():
            if kind == "purchase" and day < (cutoff - FIRST).days:
                days.setdefault(str(user), set()).add(day)
        assert set(users) == {user for user, bought in days.items() if len(bought) > 1}


def test_the_buyers_to_expect_are_those_of_the_outcome_and_its_level(
    trained: tuple[Installation, str],
) -> None:
    installation, _ = trained
    found = installation.query(
        "select expected.outcome, expected_buyers, expected_buyers_low, expected_buyers_high, p, p_not_p"
        " from gold.expected_buyers as expected inner join ("
        "   select outcome, sum(probability) as p, sum(probability * (1 - probability)) as p_not_p"
        "   from gold.predictions group by 1) as sums using (outcome) order by 1"
    )
    assert [row[0] for row in found] == TRAINED
    for name, *told, p, p_not_p in found:
        registry = Registry(installation.state, model_name=f"likely_buyers.{name}")
        level = Level.of_json(registry.version(1).parameters["level"])
        assert told == pytest.approx(expected_buyers(p, p_not_p, level), rel=1e-6)
        assert told[1] < told[0] < told[2]


def test_probabilities_of_longer_horizons_are_not_lower(trained: tuple[Installation, str]) -> None:
    installation, _ = trained
    scores = installation.query(
        "select p_purchase_7d, p_purchase_30d, p_purchase_60d from gold.user_scores"
    )
    assert len(scores) == USERS
    for week, month, two_months in scores:
        assert week <= month
        assert two_months is None or month <= two_months
    assert any(two_months is not None for *_, two_months in scores)


def test_what_cannot_be_trained_is_told_and_the_others_go_on(
    trained: tuple[Installation, str],
) -> None:
    _, told = trained
    for words in (
        "left out: outcome 'unicorn_7d': training needs buyers and non-buyers",
        "left out: outcome 'nobody_7d': no cutoff has its horizon of 7 days over by as_of and somebody of whom",
        "left out: outcome 'far_300d': no cutoff has its horizon of 300 days over by as_of",
        "the outcome 'unicorn_7d' has no champion yet, so nobody is scored for it",
    ):
        assert words in told
    assert "no report of what changes" not in told


def test_scores_of_nested_outcomes_are_replayed_with_their_company(
    trained: tuple[Installation, str], variables: dict[str, Any]
) -> None:
    installation, _ = trained
    [(as_of, company)] = installation.query(
        "select distinct as_of_date, scored_with from gold.prediction_history where outcome = 'purchase_30d'"
    )
    assert company == "likely_buyers.purchase_7d 1, likely_buyers.purchase_60d 1"
    command = ("replay", "--as-of", str(as_of), "--version", "1", "--outcome", "purchase_30d")
    finished = installation.run("likely-buyers", *command, variables=variables)
    assert finished.succeeded, finished.output
    assert f"identical: {USERS} users" in finished.output
    unnamed = installation.run("likely-buyers", *command[:-2], variables=variables)
    assert not unnamed.succeeded
    assert "of which outcome?" in " ".join(unnamed.output.split())


def test_an_outcome_added_by_a_line_asks_for_its_training_and_keeps_the_others(
    trained: tuple[Installation, str], variables: dict[str, Any]
) -> None:
    """Runs last in this file: purchase_7d goes, and views come."""
    installation, _ = trained
    before = installation.query(
        "select user_id, probability from gold.predictions where outcome = 'some_30d' order by 1"
    )
    outcomes = {
        "some_30d": OUTCOMES["some_30d"],
        "view_14d": {"event": "view", "horizon_days": 14},
    }
    changed = variables | {"outcomes": outcomes}
    built = installation.dbt("build", variables=changed)
    assert built.succeeded, built.output
    told = " ".join(built.output.split())
    assert "train --promote --outcome view_14d" in told
    gone = [f"the outcome '{name}' is no longer in vars.outcomes" for name in TRAINED[:-1]]
    assert all(words in told for words in gone)
    assert "'some_30d' is no longer" not in told
    scores = "select user_id, probability from gold.predictions order by 1"
    assert installation.query(scores) == before
    history = "select distinct outcome from gold.prediction_history order by 1"
    assert installation.query(history) == [(name,) for name in TRAINED]
    versions = installation.run("likely-buyers", "models", variables=changed)
    assert all(words in " ".join(versions.output.split()) for words in gone)

    trained_alone = installation.run(
        "likely-buyers", "train", "--promote", "--outcome", "view_14d", variables=changed
    )
    assert trained_alone.succeeded, trained_alone.output
    installation.built(variables=changed)
    found = installation.query("select distinct outcome from gold.top_buyers order by 1")
    assert found == [("some_30d",), ("view_14d",)]

    redefined = {"some_30d": OUTCOMES["some_30d"] | {"where": "price > 6"}}
    refused = installation.dbt("build", variables=variables | {"outcomes": redefined})
    assert not refused.succeeded
    assert f"where is price > 6, and it was trained for {SOME}" in " ".join(refused.output.split())


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ({"where": "brnd = 'x'"}, "reads 'brnd', which is no column of silver.events"),
        ({"population": "label_purchase_7d"}, "reads 'label_purchase_7d', which is no column"),
        ({"event": "buy"}, "has the event 'buy'"),
    ],
)
def test_an_outcome_that_cannot_be_meant_stops_before_anything_is_written(
    tmp_path: Path, shop: Path, outcome: dict[str, str], told: str
) -> None:
    installation = Installation(tmp_path / "state")
    outcomes = {"week": {"horizon_days": 7} | outcome}
    finished = installation.dbt("build", variables={"events_path": str(shop), "outcomes": outcomes})
    assert not finished.succeeded
    assert told in " ".join(finished.output.split())
    if (installation.state / "catalog.ducklake").exists():
        with open_lake(installation.state, read_only=True) as lake:
            tables = "select count(*) from duckdb_tables() where database_name = 'likely_buyers'"
            assert lake.execute(tables).fetchall() == [(0,)]


TWICE = "{week: {horizon_days: 7}, month: {horizon_days: 30}, week: {event: view, horizon_days: 7}}"


@pytest.mark.parametrize(
    "command", [("dbt", "build"), ("likely-buyers", "train"), ("likely-buyers", "models")]
)
def test_two_outcomes_of_one_name_are_refused_wherever_they_stand(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """YAML itself would keep the last of them without a word."""
    installation = Installation.with_own_seeds(tmp_path)
    given = installation.run(*command, "--vars", f"outcomes: {TWICE}")
    project = tmp_path / "project" / "dbt_project.yml"
    text = project.read_text()
    project.unlink()
    shipped = "\n    purchase_30d: {event: purchase, horizon_days: 30}\n"
    assert shipped in text
    project.write_text(text.replace(f"outcomes:{shipped}", f"outcomes: {TWICE}\n"))
    for where, refused in (("--vars", given), ("dbt_project.yml", installation.run(*command))):
        assert not refused.succeeded
        told = f"{where} has 'week' twice in vars.outcomes, and the last alone would count"
        assert told in " ".join(refused.output.split())
    assert not (installation.state / "catalog.ducklake").exists()
