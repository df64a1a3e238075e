"""Campaigns: who is contacted, who is held back, and what is said about it afterwards."""

import hashlib
import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import norm

from support.installation import Finished, Installation
from support.lakes import open_lake

AS_OF = date(2020, 3, 1)
HORIZON = 30
USERS = 6_000
MODELS = ("audiences", "listed_campaigns", "campaign_results")
TABLES = ("gold.audiences", "gold.campaigns", "gold.campaign_results")
DAYS = ("user_id", "event_date", "purchases", "revenue")
# campaigns without an effect, on the same users: only the salt differs
IDLE = 400
TERMS = (
    *("campaign", "start_date", "top_fraction", "size", "min_probability"),
    *("margin", "cost_per_contact", "control_share"),
)


def campaigns() -> list[tuple[Any, ...]]:
    idle = [(f"idle {n}", AS_OF, None, 800, None, 10, 1, 0.3) for n in range(IDLE)]
    return [
        *idle,
        ("effective", AS_OF - timedelta(days=9), 0.5, None, None, 12.5, 0.35, 0.25),
        ("money", AS_OF, None, None, None, 10, 2, 0.5),
        ("money above a half", AS_OF, None, None, 0.5, 10, 2, 0.5),
        # 0.07 of 6,000 users are 420, and in floating point 420.00000000000006
        ("seven percent", AS_OF, 0.07, None, None, 10, 1, 0.1),
        ("without control", AS_OF, None, 50, None, 10, 1, 0),
        ("one user", AS_OF, None, 1, None, 10, 1, 0.5),
        ("nobody is worth it", AS_OF, None, None, None, 0, 1, 0.1),
        ("later", AS_OF + timedelta(days=1), 0.1, None, None, 10, 1, 0.1),
    ]


def predictions(users: int, as_of: date, seed: int) -> pa.Table:
    """Scores of users u0, u1, … in a shuffled order; few digits make ties."""
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "user_id": rng.permutation([f"u{number}" for number in range(users)]),
            "outcome": ["purchase_30d"] * users,
            "as_of_date": [as_of] * users,
            "horizon_days": pa.array([HORIZON] * users, pa.int32()),
            "probability": np.round(rng.beta(1.0, 4.0, users), 3),
            "model_name": ["likely_buyers"] * users,
            "model_version": pa.array([1] * users, pa.int32()),
        }
    )


def warehouse(installation: Installation) -> duckdb.DuckDBPyConnection:
    installation.state.mkdir(exist_ok=True)
    return open_lake(installation.state)


def scored(connection: duckdb.DuckDBPyConnection, scores: pa.Table) -> None:
    connection.execute("create or replace table gold.predictions as select * from scores")


def built(installation: Installation, *arguments: str) -> None:
    finished = installation.dbt("run", "--select", *MODELS, *arguments)
    assert finished.succeeded, finished.output


def rows(installation: Installation, query: str) -> list[dict[str, Any]]:
    with open_lake(installation.state, read_only=True) as connection:
        found = connection.sql(query)
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def contents(installation: Installation) -> dict[str, list[tuple[Any, ...]]]:
    return {table: installation.query(f"select * from {table} order by all") for table in TABLES}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Lists made as of AS_OF, then a horizon in which one campaign worked, then the results."""
    installation = Installation(tmp_path_factory.mktemp("campaigns"))
    with warehouse(installation) as connection:
        connection.execute("create schema bronze; create schema silver; create schema gold")
        connection.execute(
            "create table bronze.campaigns (campaign varchar, start_date date, top_fraction double,"
            " size bigint, min_probability double, margin decimal(18, 4),"
            " cost_per_contact decimal(18, 4), control_share double, outcome varchar)"
        )
        seed = pa.table(dict(zip(TERMS, zip(*campaigns(), strict=True), strict=True)))  # noqa: F841
        connection.execute("insert into bronze.campaigns by name from seed")
        connection.execute(
            "create table silver.user_days (user_id varchar, event_date date, purchases bigint,"
            " revenue decimal(18, 4))"
        )
        connection.execute(
            "insert into silver.user_days values ('u0', ?, 0, 0)", [AS_OF - timedelta(days=1)]
        )
        scored(connection, predictions(USERS, AS_OF, seed=1))
        connection.execute("create table gold.prediction_history as from gold.predictions")
    built(installation)
    assert installation.query("select count(*) from gold.campaign_results") == [(0,)]

    with warehouse(installation) as connection:
        chances = connection.sql(
            "select user_id, probability, coalesce(arm = 'treated', false) as treated"
            " from gold.predictions left join (from gold.audiences where campaign = 'effective')"
            " using (user_id, probability) order by user_id"
        ).fetchall()
        rng = np.random.default_rng(2)
        bought = [
            (user, AS_OF + timedelta(days=int(day)), 1, round(float(spent), 2))
            for user, chance, treated in chances
            if rng.random() < chance + 0.1 * treated
            for day, spent in zip(
                rng.choice(HORIZON, size=2, replace=False), rng.gamma(2.0, 30.0, 2), strict=True
            )
        ]
        outside = [
            ("u1", AS_OF - timedelta(days=1), 1, 500),
            ("u2", AS_OF + timedelta(days=HORIZON), 1, 500),
        ]
        days = pa.table(dict(zip(DAYS, zip(*bought, *outside, strict=True), strict=True)))  # noqa: F841
        connection.execute("insert into silver.user_days from days")
    built(installation)
    return installation


@pytest.fixture
def copied(finished: Installation, tmp_path: Path) -> Installation:
    shutil.copytree(finished.state, tmp_path / "state")
    return Installation(tmp_path / "state")


def listed(installation: Installation, campaign: str) -> dict[str, str]:
    """{user: arm}, the likeliest first."""
    return dict(
        installation.query(
            f"select user_id, arm from gold.audiences where campaign = '{campaign}' order by rank"
        )
    )


def ranking(installation: Installation) -> list[tuple[str, float]]:
    return installation.query(
        "select user_id, probability from gold.predictions order by probability desc, user_id"
    )


# --- the lists ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("campaign", "places"), [("effective", 3_000), ("seven percent", 420), ("idle 0", 800)]
)
def test_a_list_of_a_share_or_a_size_holds_the_likeliest(
    finished: Installation, campaign: str, places: int
) -> None:
    assert list(listed(finished, campaign)) == [user for user, _ in ranking(finished)[:places]]


def test_a_list_left_to_the_money_ends_where_a_contact_pays_no_more(finished: Installation) -> None:
    worth_it = [user for user, probability in ranking(finished) if probability * 10 > 2]
    assert any(probability == 0.2 for _, probability in ranking(finished)), "the edge is tried"
    assert list(listed(finished, "money")) == worth_it
    likely = [user for user, probability in ranking(finished) if probability >= 0.5]
    assert list(listed(finished, "money above a half")) == likely
    assert len(likely) < len(worth_it)
    profits = finished.query(
        "select min(expected_profit), max(abs(expected_profit - (probability * 10 - 2)))"
        " from gold.audiences where campaign = 'money'"
    )
    assert profits[0][0] > 0
    assert profits[0][1] < 1e-12


def test_only_due_campaigns_have_a_list(finished: Installation) -> None:
    assert listed(finished, "later") == listed(finished, "nobody is worth it") == {}
    names = {row[0] for row in finished.query("select campaign from gold.campaigns")}
    assert names == {row[0] for row in campaigns()} - {"later", "nobody is worth it"}


def test_arms_are_the_hash_of_campaign_and_user_alone(finished: Installation) -> None:
    """Computed here by hashlib: any engine that has MD5 comes to the same groups."""

    def arm(campaign: str, user: str, control_share: float) -> str:
        salt = hashlib.md5(campaign.encode(), usedforsecurity=False).hexdigest()
        digest = hashlib.md5((salt + user).encode(), usedforsecurity=False).hexdigest()
        return "control" if int(digest[:13], 16) / 16**13 < control_share else "treated"

    for campaign, share in (("effective", 0.25), ("money", 0.5), ("without control", 0.0)):
        found = listed(finished, campaign)
        assert found == {user: arm(campaign, user, share) for user in found}


def test_control_groups_are_unbiased_and_independent_between_campaigns(
    finished: Installation,
) -> None:
    arms = np.array(
        [
            [listed_arms[user] == "control" for user in sorted(listed_arms)]
            for listed_arms in (listed(finished, f"idle {n}") for n in range(60))
        ],
        dtype=float,
    )
    drawn = arms.size
    assert abs(arms.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / drawn)
    # as many of the likeliest half as of the other
    half = finished.query(
        "select count(*) filter (where rank <= 400) / count(*) from gold.audiences"
        " where campaign like 'idle%' and arm = 'control'"
    )[0][0]
    assert abs(half - 0.5) < 4 * 0.5 / np.sqrt(IDLE * 800 * 0.3)
    # correlations of independent arms have mean 0 and standard deviation 1 / sqrt(users)
    correlations = np.corrcoef(arms)[np.triu_indices(len(arms), 1)] * np.sqrt(arms.shape[1])
    assert abs(correlations.mean()) < 4 / np.sqrt(correlations.size)
    assert 0.9 < correlations.std() < 1.1


def test_nobody_changes_sides_when_lists_are_made_anew(copied: Installation) -> None:
    """Another day, other scores, twice the users in another order, and the lists lost."""
    kept = ("effective", "money", "idle 0", "seven percent")
    before = {campaign: listed(copied, campaign) for campaign in kept}
    with warehouse(copied) as connection:
        connection.execute("drop table gold.audiences; drop table gold.campaigns")
        scored(connection, predictions(2 * USERS, AS_OF + timedelta(days=9), seed=7))
    built(copied)
    again = 0
    for campaign in kept:
        after = listed(copied, campaign)
        common = before[campaign].keys() & after.keys()
        again += len(common)
        assert {user: after[user] for user in common} == {
            user: before[campaign][user] for user in common
        }
    assert again > 1_000


def test_a_list_that_was_made_stays(copied: Installation) -> None:
    """New scores, changed terms, a row taken out of the seed, --full-refresh: nothing moves."""
    before = contents(copied)
    with warehouse(copied) as connection:
        scored(connection, predictions(2 * USERS, AS_OF + timedelta(days=9), seed=7))
        connection.execute("update bronze.campaigns set margin = 11 where campaign = 'money'")
        connection.execute("delete from bronze.campaigns where campaign = 'effective'")
    built(copied, "--full-refresh")
    after = contents(copied)
    for table in TABLES:
        assert [row for row in after[table] if row[0] != "later"] == before[table]
    assert {row[7] for row in after["gold.audiences"] if row[0] == "later"} == {
        AS_OF + timedelta(days=9)
    }

    tested = copied.dbt("test", "--select", "audiences", "listed_campaigns", "campaign_results")
    assert tested.succeeded, tested.output
    assert "WARN 1 assert_lists_were_made_on_the_terms_of_the_seed" in tested.output
    assert "WARN 1 assert_every_due_campaign_has_its_list" in tested.output
    assert "ERROR=0" in tested.output


def test_later_events_of_its_day_make_no_list_wrong(copied: Installation) -> None:
    """A second build as of the day of the lists: some users have other scores by then, and one is gone."""
    of_lists = ("test", "--select", "assert_campaign_lists_are_the_likeliest")
    with warehouse(copied) as connection:
        connection.execute(
            "update gold.predictions set probability = 1 - probability where user_id like 'u1%'"
        )
        connection.execute("delete from gold.predictions where user_id = 'u22'")
    tested = copied.dbt(*of_lists)
    assert tested.succeeded, tested.output
    with warehouse(copied) as connection:
        connection.execute(
            "update gold.audiences set rank = 801 - rank where campaign = 'idle 7' and rank in (1, 800)"
        )
    tested = copied.dbt(*of_lists)
    assert not tested.succeeded
    assert "idle 7" not in tested.output
    assert "Got 2 results" in tested.output


def test_a_listed_user_with_another_score_is_found(copied: Installation) -> None:
    with warehouse(copied) as connection:
        connection.execute(
            "update gold.audiences set probability = probability / 3 where campaign = 'seven percent' and rank = 420"
        )
    tested = copied.dbt("test", "--select", "assert_campaign_lists_are_the_likeliest")
    assert "Got 1 result" in tested.output


# --- the figures ----------------------------------------------------------------


def wilson(buyers: int, users: int) -> tuple[float, float]:
    z, rate = norm.ppf(0.975), buyers / users
    middle = (rate + z**2 / (2 * users)) / (1 + z**2 / users)
    reach = z / (1 + z**2 / users) * np.sqrt(rate * (1 - rate) / users + (z / users) ** 2 / 4)
    return middle - reach, middle + reach


def newcombe(treated: tuple[int, int], control: tuple[int, int]) -> tuple[float, float]:
    """95 % interval of the difference of two rates, each (buyers, users)."""
    (rate, low, high), (other_rate, other_low, other_high) = (
        (arm[0] / arm[1], *wilson(*arm)) for arm in (treated, control)
    )
    difference = rate - other_rate
    return (
        difference - np.hypot(rate - low, other_high - other_rate),
        difference + np.hypot(high - rate, other_rate - other_low),
    )


@pytest.mark.parametrize(
    ("treated", "control", "published"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
    ],
)
def test_the_interval_is_that_of_the_paper(
    treated: tuple[int, int], control: tuple[int, int], published: tuple[float, float]
) -> None:
    """Newcombe 1998, table II, method 10; the SQL is compared with this function below."""
    assert newcombe(treated, control) == pytest.approx(published, abs=5e-5)


def expected_results(installation: Installation, campaign: str) -> dict[str, float | None]:
    """The figures of a campaign, found another way than by the SQL under test."""
    spent: dict[str, float] = {}
    for user, day, purchases, revenue in installation.query("select * from silver.user_days"):
        if purchases and AS_OF <= day < AS_OF + timedelta(days=HORIZON):
            spent[user] = spent.get(user, 0.0) + float(revenue)
    arms = listed(installation, campaign)
    revenue = {
        arm: np.array([spent.get(user, 0.0) for user in arms if arms[user] == arm])
        for arm in ("treated", "control")
    }
    treated, control = (
        (sum(user in spent for user in arms if arms[user] == arm), revenue[arm].size)
        for arm in ("treated", "control")
    )
    terms = dict(zip(TERMS, next(row for row in campaigns() if row[0] == campaign), strict=True))
    cost = treated[1] * float(terms["cost_per_contact"])
    figures: dict[str, float | None] = {
        "treated_users": treated[1],
        "control_users": control[1],
        "treated_buyers": treated[0],
        "control_buyers": control[0],
        "treated_rate": treated[0] / treated[1] if treated[1] else None,
        "control_rate": control[0] / control[1] if control[1] else None,
        "revenue_per_treated_user": revenue["treated"].mean() if treated[1] else None,
        "revenue_per_control_user": revenue["control"].mean() if control[1] else None,
        "contact_cost": cost,
    }
    if not (treated[1] and control[1]):
        return figures
    difference = treated[0] / treated[1] - control[0] / control[1]
    more = revenue["treated"].mean() - revenue["control"].mean()
    reach = norm.ppf(0.975) * np.sqrt(
        sum(spent.var(ddof=1) / spent.size for spent in revenue.values())
    )
    ends = ("", "_low", "_high")
    for end, rate, gain in zip(
        ends,
        (difference, *newcombe(treated, control)),
        (more, more - reach, more + reach),
        strict=True,
    ):
        figures[f"rate_difference{end}"] = rate
        figures[f"incremental_buyers{end}"] = rate * treated[1]
        figures[f"incremental_revenue{end}"] = gain * treated[1]
        figures[f"incremental_margin{end}"] = rate * treated[1] * float(str(terms["margin"])) - cost
    figures["relative_lift"] = difference * control[1] / control[0] if control[0] else None
    return figures


@pytest.mark.parametrize(
    "campaign", ["effective", "money", "seven percent", "idle 0", "without control", "one user"]
)
def test_sql_and_numpy_give_the_same_results(finished: Installation, campaign: str) -> None:
    (found,) = rows(finished, f"from gold.campaign_results where campaign = '{campaign}'")
    expected = expected_results(finished, campaign)
    for column, value in found.items():
        if column in ("campaign", "outcome", "as_of_date", "horizon_days", "purchase_digest"):
            continue
        if expected.get(column) is None:
            assert value is None, column
        else:
            assert float(value) == pytest.approx(expected[column], rel=1e-9, abs=1e-9), column


def test_every_list_has_results_once_the_horizon_is_over(finished: Installation) -> None:
    assert finished.query("select count(*) from gold.campaign_results") == finished.query(
        "select count(*) from gold.campaigns"
    )


def test_without_an_effect_nineteen_in_twenty_intervals_hold_zero(finished: Installation) -> None:
    """The same users and purchases under 400 salts: groups drawn at random, with nothing between them."""
    for figure in ("rate_difference", "incremental_revenue"):
        ((covered, mean, spread),) = finished.query(
            f"select avg(cast({figure}_low <= 0 and {figure}_high >= 0 as integer)),"
            f" avg({figure}), stddev({figure})"
            " from gold.campaign_results where campaign like 'idle%'"
        )
        # three standard deviations of a share of 400
        assert abs(covered - 0.95) < 3 * np.sqrt(0.95 * 0.05 / IDLE), figure
        assert abs(mean) < 4 * spread / np.sqrt(IDLE), figure


def test_a_planted_effect_is_found(finished: Installation) -> None:
    (found,) = rows(finished, "from gold.campaign_results where campaign = 'effective'")
    assert 0 < found["rate_difference_low"] < 0.1 < found["rate_difference_high"]
    assert found["incremental_margin_low"] > 0
    # each buyer of the simulation spends 120 on average
    assert (
        found["incremental_revenue_low"]
        < 0.1 * found["treated_users"] * 120
        < found["incremental_revenue_high"]
    )


def test_expectations_are_those_of_the_scores(finished: Installation) -> None:
    probability = dict(ranking(finished))
    for campaign in ("effective", "money", "without control"):
        (found,) = rows(finished, f"from gold.campaigns where campaign = '{campaign}'")
        arms = listed(finished, campaign)
        treated = np.array([probability[user] for user in arms if arms[user] == "treated"])
        cost = float(found["cost_per_contact"]) * treated.size
        expected = {
            "users": len(arms),
            "treated_users": treated.size,
            "control_users": len(arms) - treated.size,
            "expected_base_rate": np.mean([probability[user] for user in arms]),
            "expected_buyers": treated.sum(),
            "contact_cost": cost,
            "expected_profit": treated.sum() * float(found["margin"]) - cost,
        }
        assert {name: float(found[name]) for name in expected} == pytest.approx(expected, rel=1e-9)


def test_the_detectable_difference_is_found_four_times_in_five(finished: Installation) -> None:
    """By simulation, and as the root of its equation, with arms of unequal size."""
    rng = np.random.default_rng(3)
    for campaign in ("effective", "money", "seven percent", "idle 0"):
        (found,) = rows(finished, f"from gold.campaigns where campaign = '{campaign}'")
        treated, control = found["treated_users"], found["control_users"]
        rate, difference = found["expected_base_rate"], found["detectable_difference"]
        raised = rate + difference
        error = np.sqrt(rate * (1 - rate) / control + raised * (1 - raised) / treated)
        assert difference / error == pytest.approx(norm.ppf(0.975) + norm.ppf(0.8), rel=1e-9)
        assert found["detectable_relative_lift"] == pytest.approx(difference / rate, rel=1e-9)

        rates = rng.binomial(treated, raised, 20_000) / treated
        other_rates = rng.binomial(control, rate, 20_000) / control
        errors = np.sqrt(rates * (1 - rates) / treated + other_rates * (1 - other_rates) / control)
        shown = np.mean(np.abs(rates - other_rates) > norm.ppf(0.975) * errors)
        assert shown == pytest.approx(0.8, abs=0.03), campaign
    for campaign in ("without control", "one user"):
        (found,) = rows(finished, f"from gold.campaigns where campaign = '{campaign}'")
        assert found["detectable_difference"] is None, campaign


def test_results_are_computed_anew_only_when_a_purchase_changes(copied: Installation) -> None:
    """Stored results are marked; the mark stays until a price in the horizon changes."""
    with warehouse(copied) as connection:
        connection.execute("update gold.campaign_results set contact_cost = -1")
    before = contents(copied)
    built(copied)
    assert contents(copied) == before

    with warehouse(copied) as connection:
        connection.execute(
            "update silver.user_days set revenue = revenue + 1000 where event_date = ?",
            [AS_OF + timedelta(days=HORIZON - 1)],
        )
    built(copied)
    (found,) = rows(copied, "from gold.campaign_results where campaign = 'effective'")
    expected = expected_results(copied, "effective")
    assert {name: float(found[name]) for name in expected} == pytest.approx(expected, rel=1e-9)


# --- the seed -------------------------------------------------------------------


def test_files_and_tables_of_before_there_were_several_outcomes_are_read(tmp_path: Path) -> None:
    installation = Installation.with_own_seeds(tmp_path)
    before = [",".join(TERMS), "good,2020-03-01,0.25,,,10,1,0.1"]
    since = [",".join((*TERMS, "outcome")), "new,2020-03-02,,5,,10,1,0.1,purchase_30d"]
    read = "select campaign, top_fraction, size, control_share, outcome from bronze.campaigns"
    good, new = ("good", 0.25, None, 0.1, None), ("new", None, 5, 0.1, "purchase_30d")

    def table_of_before() -> None:
        with open_lake(installation.state) as connection:
            connection.execute("alter table bronze.campaigns drop column outcome")

    for file, row in ((before, good), (since, new), (before, good)):
        assert installation.seed("campaigns", *file).succeeded
        assert installation.query(read) == [row]
    for file, row in ((since, new), (before, good)):
        table_of_before()
        assert installation.seed("campaigns", *file).succeeded
        assert installation.query(read) == [row]


def test_a_campaign_that_cannot_be_listed_stops_the_build(tmp_path: Path) -> None:
    installation = Installation.with_own_seeds(tmp_path)

    def seeded(*lines: str) -> Finished:
        return installation.seed(
            "campaigns", ",".join((*TERMS, "outcome")), *(f"{line}," for line in lines)
        )

    assert seeded("good,2020-03-01,,,,10,1,0.1").succeeded
    refused = seeded(
        "both,2020-03-01,0.1,100,,10,1,0.1",
        "no start,,0.1,,,10,1,0.1",
        "too many,2020-03-01,1.1,,,10,1,0.1",
        "none,2020-03-01,,0,,10,1,0.1",
        "sure,2020-03-01,,,1.5,10,1,0.1",
        "loss,2020-03-01,,,,-10,1,0.1",
        "paid,2020-03-01,,,,10,-1,0.1",
        "all held back,2020-03-01,,,,10,1,1",
        "unsaid,2020-03-01,,,,10,1,",
        "twin,2020-03-01,,,,10,1,0",
        "twin,2020-03-01,,,,10,1,0",
    )
    assert not refused.succeeded
    for problem in (
        "'both' gives both top_fraction and size",
        "'no start' has no start_date",
        "'too many' needs a top_fraction",
        "'none' needs a size",
        "'sure' needs a min_probability",
        "'loss' needs a margin",
        "'paid' needs a cost_per_contact",
        "'all held back' needs a control_share",
        "'unsaid' needs a control_share",
        "'twin' stands 2 times",
        "Mend the file",
    ):
        assert problem in refused.output, refused.output
    assert "'good'" not in refused.output
    assert installation.query("select campaign from bronze.campaigns") == [("good",)]

    assert seeded().succeeded, "a shop without campaigns"
    assert installation.query("select count(*) from bronze.campaigns") == [(0,)]


def test_late_events_of_any_outcome_correct_the_results(copied: Installation) -> None:
    """Who puts something into the cart is no purchase, and was what this campaign asks for."""
    outcomes = {
        "purchase_30d": {"event": "purchase", "horizon_days": 30},
        "cart_30d": {"event": "cart", "horizon_days": 30},
    }
    variables = ("--vars", json.dumps({"outcomes": outcomes}))
    with warehouse(copied) as connection:
        connection.execute("alter table silver.user_days add column carts bigint default 0")
        connection.execute(
            "insert into gold.predictions select * replace ('cart_30d' as outcome) from gold.predictions"
        )
        connection.execute(
            "insert into bronze.campaigns values ('carts', ?, null, 10, null, 10, 1, 0.5, 'cart_30d')",
            [AS_OF],
        )
    buyers = (
        "select treated_buyers + control_buyers from gold.campaign_results where campaign = 'carts'"
    )
    built(copied, *variables)
    assert copied.query(buyers) == [(0,)]
    others = copied.query("from gold.campaign_results where campaign <> 'carts' order by all")
    with warehouse(copied) as connection:
        connection.execute(
            "insert into silver.user_days select user_id, ?, 0, 0, 1 from gold.audiences"
            " where campaign = 'carts' and rank <= 3",
            [AS_OF + timedelta(days=3)],
        )
    built(copied, *variables)
    assert copied.query(buyers) == [(3,)]
    assert (
        copied.query("from gold.campaign_results where campaign <> 'carts' order by all") == others
    )


def test_money_that_cannot_be_added_up_is_unknown_and_not_nothing(copied: Installation) -> None:
    """As where events have amounts of several currencies, and one has no rate."""
    with warehouse(copied) as connection:
        connection.execute("update silver.user_days set revenue = null")
        connection.execute("delete from gold.campaign_results")
    built(copied)
    (found,) = rows(copied, "from gold.campaign_results where campaign = 'effective'")
    assert found["treated_buyers"] > 0
    money = [name for name in found if "revenue" in name]
    assert len(money) == 5
    assert {found[name] for name in money} == {None}
