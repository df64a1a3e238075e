"""Explaining: contributions are the score, whole; the reasons are the largest of them, in words."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from likely_buyers.demo_shop import SimulationSettings, simulate_shop
from likely_buyers.registry import LoadedModel, Registry
from likely_buyers.scoring import FeatureTableMismatch
from likely_buyers.scoring.explaining import (
    CONTRIBUTIONS_SCHEMA,
    ContributionsDoNotAddUp,
    Explainer,
    FeatureGroup,
    FeaturesWithoutLabels,
    UsersWithoutFeatures,
    explain_batches,
    raising_features,
)
from likely_buyers.training import PurchaseModel
from likely_buyers.training.bgnbd import BGNBD_FEATURES
from support.champions import make_champion
from support.installation import Installation

TREES = {"kind": "boosting", "trees": 40}
REGRESSION = {"kind": "linear"}
HABIT = {"kind": "bgnbd", "columns": (0, 1, 2)}
MODELS: dict[str, list[dict[str, Any]]] = {
    "all kinds": [
        {**TREES, "share": 0.4},
        {**REGRESSION, "share": 0.3},
        {**HABIT, "share": 0.2},
        {"kind": "rate", "share": 0.1},
    ],
    "boosting": [TREES],
    "boosting of some features, twice": [
        {**TREES, "share": 0.5, "columns": (0, 3, 4, 7)},
        {**TREES, "share": 0.5, "columns": (4, 5, 6), "leaves": 4},
    ],
    "boosting, trees of many leaves": [{**TREES, "leaves": 120, "examples_per_leaf": 2}],
    "regression": [REGRESSION],
    "habit and regression": [{**REGRESSION, "share": 0.4}, {**HABIT, "share": 0.6}],
}
ALL_KINDS = MODELS["all kinds"]


def shop(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, 8) and outcomes: the habit's three, four more with holes, and a constant one."""
    random = np.random.default_rng(seed)
    days = np.floor(random.exponential(2, rows))
    first = random.integers(30, 300, rows).astype(float)
    last = np.minimum(first, random.integers(1, 300, rows))
    others = np.floor(random.exponential(4, (rows, 4)))
    others[random.random((rows, 4)) < 0.2] = np.nan
    habit = np.column_stack([days, np.where(days > 0, first, np.nan), last])
    habit[days == 0, 2] = np.nan
    log_odds = 0.4 * days + 0.3 * np.nan_to_num(others[:, 0]) - 0.01 * np.nan_to_num(last) - 1
    outcomes = random.random(rows) < 1 / (1 + np.exp(-log_odds))
    return np.column_stack([habit, others, np.ones(rows)]), outcomes.astype(np.int8)


def fitted(members: Sequence[Mapping[str, Any]]) -> PurchaseModel:
    return PurchaseModel(members).fit(*shop(3_000))


@pytest.mark.parametrize("members", MODELS.values(), ids=MODELS)
def test_base_and_contributions_add_up_to_the_raw_score(
    members: Sequence[Mapping[str, Any]],
) -> None:
    model, users = fitted(members), shop(500, seed=1)[0]
    explainer = Explainer(model)
    contributions = explainer.contributions(users)
    assert contributions.shape == users.shape
    score = model.decision_function(users)
    assert score.std() > 0.1
    np.testing.assert_allclose(explainer.base + contributions.sum(axis=1), score, atol=1e-9, rtol=0)
    assert not contributions[:, 7].any(), "a constant feature tells nothing"


def test_trees_asked_once_per_way_through_them_say_what_they_say_user_by_user() -> None:
    from shap import TreeExplainer

    model, users = fitted([TREES]), shop(500, seed=1)[0]
    (part,) = model.parts()
    own = Explainer(model).contributions(users)[:, part.columns]
    whole = TreeExplainer(part.component.boosting_)
    np.testing.assert_allclose(own, whole.shap_values(users[:, part.columns]), atol=1e-12)


def test_trees_without_a_split_are_explained() -> None:
    model, users = fitted([{**TREES, "examples_per_leaf": 2_000}]), shop(20, seed=1)[0]
    assert np.ptp(model.decision_function(users)) == 0
    Explainer(model).contributions(users)


def test_contributions_that_are_not_the_score_are_refused() -> None:
    explainer = Explainer(fitted(ALL_KINDS))
    explainer.base += 0.001
    with pytest.raises(ContributionsDoNotAddUp, match="7 of 7 users do not add up"):
        explainer.contributions(shop(7)[0])


# --- which features -------------------------------------------------------------------------------


def group(name: str, has_missing_label: bool = False) -> FeatureGroup:
    return FeatureGroup(name, has_missing_label)


def test_where_the_list_has_no_usual_contribution_the_largest_are_the_reasons() -> None:
    contributions = np.array([[0.1, 0.4, -0.9, 0.3, 0.2]])
    groups = [group(name) for name in "abcde"]
    found = raising_features(contributions, np.ones((1, 5)), groups, np.zeros(5))
    assert found.tolist() == [[1, 3, 4]]


def test_what_raises_every_score_of_the_list_comes_last() -> None:
    contributions = np.array([[0.9, 0.3, 0.1, 0.0], [0.9, 0.1, 0.2, 0.0], [0.6, 0.05, 0.05, 0.01]])
    groups = [group(name) for name in "abcd"]
    found = raising_features(contributions, np.ones((3, 4)), groups, contributions.mean(axis=0))
    assert found.tolist() == [[1, 0, 2], [0, 2, 1], [3, 2, 1]]


def test_a_reason_does_not_count_for_more_than_it_adds() -> None:
    groups = [group(name) for name in "ab"]
    means = np.array([-5.0, 0.1])
    found = raising_features(np.array([[0.01, 0.3]]), np.ones((1, 2)), groups, means)
    assert found.tolist() == [[1, 0, -1]]


def test_a_group_is_spoken_of_once_and_nothing_that_lowers_the_score_is_a_reason() -> None:
    contributions = np.array([[0.4, 0.5, 0.3, 0.0, -0.2], [-0.1, -0.1, -0.1, -0.1, -0.1]])
    groups = [group(name) for name in "aabcd"]
    found = raising_features(contributions, np.ones((2, 5)), groups, np.zeros(5))
    assert found.tolist() == [[1, 2, -1], [-1, -1, -1]]


def test_a_missing_value_is_a_reason_only_where_there_is_a_label_for_it() -> None:
    users = np.array([[np.nan, np.nan, 1.0]])
    groups = [group("a"), group("b", has_missing_label=True), group("a")]
    found = raising_features(np.array([[0.9, 0.5, 0.3]]), users, groups, np.zeros(3))
    assert found.tolist() == [[1, 2, -1]]


@settings(max_examples=200, deadline=None)
@given(
    contributions=arrays(np.int8, (4, 6), elements=st.integers(-3, 5)),
    means=arrays(np.int8, 6, elements=st.integers(-2, 3)),
    missing=arrays(np.bool_, (4, 6)),
    names=st.lists(st.sampled_from("abcd"), min_size=6, max_size=6),
    labelled=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_reasons_are_those_of_a_walk_from_the_farthest_above_the_mean_down(
    contributions: np.ndarray,
    means: np.ndarray,
    missing: np.ndarray,
    names: list[str],
    labelled: list[bool],
) -> None:
    groups = [group(name, label) for name, label in zip(names, labelled, strict=True)]
    found = raising_features(
        contributions.astype(float), np.where(missing, np.nan, 1.0), groups, means.astype(float)
    )
    above = contributions - np.maximum(means, 0)
    for user in range(4):
        walked: list[int] = []
        for feature in sorted(range(6), key=lambda f: (-above[user, f], f)):
            known = not missing[user, feature] or labelled[feature]
            new = names[feature] not in [names[other] for other in walked]
            if contributions[user, feature] > 0 and known and new and len(walked) < 3:
                walked.append(feature)
        assert [feature for feature in found[user] if feature >= 0] == walked


# --- the stream -----------------------------------------------------------------------------------

NAMES = (*BGNBD_FEATURES, "views", "carts", "revenue", "refunded", "constant")
GROUPS = {name: group(name) for name in NAMES}


def loaded(model: PurchaseModel) -> LoadedModel:
    return LoadedModel(model, NAMES, ("double",) * 8, 30, date(2020, 1, 1), "m", 3, "d")


def feature_table(users: np.ndarray) -> pa.Table:
    keys = {
        "user_id": pa.array([f"u{n:04d}" for n in range(len(users))]),
        "as_of_date": pa.array([date(2020, 2, 1)] * len(users)),
    }
    features = {name: pa.array(users[:, n], from_pandas=True) for n, name in enumerate(NAMES)}
    return pa.table(keys | features)


def test_neither_batches_nor_the_order_of_users_matter() -> None:
    model, users = loaded(fitted(ALL_KINDS)), shop(400, seed=1)[0]
    table = feature_table(users)
    done: list[int] = []
    whole = explain_batches(
        table.to_reader(), model, GROUPS, outcome="o", users=400, sample=table, progress=done.append
    ).read_all()
    assert done == [400]
    assert whole.schema == CONTRIBUTIONS_SCHEMA
    assert 400 < whole.num_rows <= 1200
    shuffled = table.take(np.random.default_rng(0).permutation(400))
    for other in (table.to_reader(max_chunksize=7), shuffled.to_reader(max_chunksize=150)):
        again = explain_batches(
            other, model, GROUPS, outcome="o", users=400, sample=table
        ).read_all()
        keys = [("user_id", "ascending"), ("reason_rank", "ascending")]
        again, first = again.sort_by(keys), whole.sort_by(keys)
        computed = ["contribution", "mean_contribution"]
        assert again.drop_columns(computed).equals(first.drop_columns(computed))
        for column in computed:
            np.testing.assert_allclose(again[column], first[column], atol=1e-12)


def test_what_cannot_be_explained_says_why() -> None:
    model, table = loaded(fitted(ALL_KINDS)), feature_table(shop(5)[0])
    few = {name: GROUPS[name] for name in NAMES[1:]}
    with pytest.raises(FeaturesWithoutLabels, match=r"purchase_days\. Add each to .*catalogue"):
        explain_batches(table.to_reader(), model, few, outcome="o", users=5, sample=table)
    with pytest.raises(FeatureTableMismatch, match="missing: views"):
        explain_batches(
            table.drop_columns("views").to_reader(),
            model,
            GROUPS,
            outcome="o",
            users=5,
            sample=table,
        )
    with pytest.raises(UsersWithoutFeatures, match=r"6 users are to be explained, and .* gave 5"):
        explain_batches(
            table.to_reader(), model, GROUPS, outcome="o", users=6, sample=table
        ).read_all()


# --- the job --------------------------------------------------------------------------------------


# what is built on the way has its tests elsewhere
UNTESTED = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A small shop, scored by a model of all kinds."""
    installation = Installation(tmp_path_factory.mktemp("explained"))
    # where dbt looks by itself: without variables it parses the project once for all commands
    shop_folder = installation.state / "demo_shop"
    simulate_shop(SimulationSettings(users=1_500, days=90, seed=5), shop_folder, "csv")
    installation.built("--select", "+user_features", *UNTESTED)
    names, users = features_of(installation)
    registered(installation, names, users, ALL_KINDS)
    beside = ("feature_labels", "campaigns", "live_scores", "champion_distributions")
    installation.built("--select", "predictions+", *beside)
    return installation


def features_of(installation: Installation) -> tuple[list[str], np.ndarray]:
    names = [
        name
        for (name,) in installation.query(
            "select column_name from information_schema.columns"
            " where table_name = 'user_features' order by ordinal_position"
        )
    ]
    rows = installation.query("select * from silver.user_features order by user_id")
    return names[2:], np.array([row[2:] for row in rows], dtype=float)


def registered(
    installation: Installation,
    names: list[str],
    users: np.ndarray,
    members: Sequence[Mapping[str, Any]],
) -> None:
    """A champion that tells buyers of the last 30 days from others; one need not wait for training."""
    habit = tuple(names.index(name) for name in BGNBD_FEATURES)
    placed = [
        {**member, "columns": habit} if member["kind"] == "bgnbd" else member for member in members
    ]
    model = PurchaseModel(placed).fit(users, users[:, names.index("purchase_days_30d")] > 0)
    make_champion(installation.state, model, names, date(2020, 1, 1))


REASONS = "select * from gold.top_buyer_reasons order by user_id, reason_rank"


def test_every_listed_user_has_three_reasons_in_words(job: Installation) -> None:
    listed = job.query("select count(*) from gold.top_buyers")[0][0]
    users, rows = job.query("select count(distinct user_id), count(*) from gold.top_buyer_reasons")[
        0
    ]
    assert users == listed > 100
    assert rows > 2.9 * listed
    assert job.query("select count(*) from gold.top_buyer_reasons where reason like '%{%'") == [
        (0,)
    ]
    bought = job.query(
        "select distinct reason, feature_value from gold.top_buyer_reasons"
        " where feature = 'purchase_days_30d' and feature_value > 0"
    )
    assert bought
    assert {text for text, _ in bought} == {
        f"bought on {days:.0f} of the last 30 days" for _, days in bought
    }


def test_no_feature_is_the_first_reason_of_half_the_list(job: Installation) -> None:
    commonest, listed = job.query(
        "select max(users), sum(users) from (select feature, count(*) as users"
        " from gold.top_buyer_reasons where reason_rank = 1 group by feature)"
    )[0]
    assert commonest <= listed / 2


def test_the_contributions_are_those_of_the_version_that_scored(job: Installation) -> None:
    registry = Registry(job.state)
    names, users = features_of(job)
    ids = [user for (user,) in job.query("select user_id from silver.user_features order by 1")]
    contributions = Explainer(registry.load(1).estimator).contributions(users)
    where = {user: row for row, user in enumerate(ids)}
    listed = [where[user] for (user,) in job.query("select user_id from gold.top_buyers")]
    means = contributions[listed].mean(axis=0)
    for user, feature, contribution, mean in job.query(
        "select user_id, feature, contribution, mean_contribution from gold.top_buyer_reasons"
    ):
        position = names.index(feature)
        expected = contributions[where[user], position]
        assert contribution == pytest.approx(expected, abs=1e-9)
        assert mean == pytest.approx(means[position], abs=1e-9)


def test_a_later_champion_does_not_explain_what_it_did_not_score(job: Installation) -> None:
    before = job.query(REASONS)
    names, users = features_of(job)
    registered(job, names, users, [REGRESSION])
    job.built("--select", "top_buyer_contributions+", *UNTESTED)
    assert job.query(REASONS) == before
    assert {row[4] for row in before} == {1}


def test_top_prints_the_first_reason(job: Installation) -> None:
    shown = job.run("likely-buyers", "top", "--rows", "1")
    assert shown.succeeded, shown.output
    [(reason,)] = job.query(
        "select reason from gold.top_buyer_reasons join gold.top_buyers using (user_id)"
        " where reason_rank = 1 and rank = 1"
    )
    assert "first reason" in shown.output
    assert reason in shown.output


def test_an_empty_list_has_no_reasons(job: Installation) -> None:
    job.built("--select", "top_buyers+", variables={"min_probability": 0.99999999})
    assert job.query("select count(*) from gold.top_buyers") == [(0,)]
    assert job.query("select count(*) from gold.top_buyer_contributions") == [(0,)]
    assert job.query(REASONS) == []
