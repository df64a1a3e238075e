"""What came true of the scores: SQL and `evaluate` agree, and only what changed is computed anew."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from likely_buyers.evaluation import evaluate, reliability_table
from support.installation import Installation
from support.lakes import open_lake

HORIZON = 30
LAST_DAY = date(2020, 6, 30)
# by (as_of, version): users, and digits the probabilities are rounded to (few make ties)
SETS = {
    (date(2020, 3, 1), 1): (997, 2),
    (date(2020, 3, 1), 2): (1_000, 1),
    (date(2020, 3, 8), 2): (1_003, 15),
    (date(2020, 3, 15), 2): (7, 1),
}
NOBODY = (date(2020, 4, 15), 2)
EVERYBODY = (date(2020, 5, 20), 2)
UNFINISHED = (LAST_DAY - timedelta(days=HORIZON - 2), 2)
FIGURES = (
    "* exclude (outcome, as_of_date, horizon_days, model_name, model_version, purchase_digest)"
)


def users_of(count: int) -> list[str]:
    return [f"u{number}" for number in range(count)]


def scores_of(key: tuple[date, int], users: int, digits: int) -> pa.Table:
    """History of one set, with the certain probabilities 0 and 1 in it, and ties where digits are few."""
    rng = np.random.default_rng(key[1] * 1_000 + key[0].toordinal())
    probability = np.round(rng.beta(0.6, 2.0, users), digits)
    probability[:4] = (0.0, 1.0, 1.0, 0.0)
    return pa.table(
        {
            "user_id": users_of(users),
            "outcome": ["purchase_30d"] * users,
            "as_of_date": [key[0]] * users,
            "horizon_days": pa.array([HORIZON] * users, pa.int32()),
            "probability": probability,
            "model_name": ["likely_buyers"] * users,
            "model_version": pa.array([key[1]] * users, pa.int32()),
        }
    )


def purchase_days() -> list[tuple[str, date, int]]:
    rng = np.random.default_rng(5)
    # the likelier a user of the first set, the more purchase days, on both edges of the horizons as well
    probability = scores_of((date(2020, 3, 1), 1), 997, 2)["probability"].to_numpy()
    days = {
        (f"u{number}", date(2020, 2, 29) + timedelta(days=int(day)))
        for number, chance in enumerate(probability)
        if rng.random() < 0.1 + 0.6 * chance
        for day in rng.integers(0, 42, 2)
    }
    everybody = {(user, EVERYBODY[0]) for user in users_of(20)}
    rows = [(user, day, 1) for user, day in sorted(days | everybody)]
    return [*rows, ("u0", LAST_DAY, 0), ("u1", NOBODY[0], 0)]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A history of scores beside what was bought, and one run on them."""
    installation = Installation(tmp_path_factory.mktemp("scored"))
    sets = {**SETS, NOBODY: (30, 2), EVERYBODY: (20, 2), UNFINISHED: (30, 2)}
    history = pa.concat_tables(scores_of(key, *made) for key, made in sets.items())  # noqa: F841
    with warehouse(installation) as connection:
        connection.execute("create schema silver; create schema gold")
        connection.execute(
            "create table silver.user_days (user_id varchar, event_date date, purchases bigint)"
        )
        connection.executemany("insert into silver.user_days values (?, ?, ?)", purchase_days())
        connection.execute("create table gold.prediction_history as select * from history")
    computed(installation)
    return installation


def warehouse(installation: Installation) -> duckdb.DuckDBPyConnection:
    Path(installation.state).mkdir(exist_ok=True)
    return open_lake(installation.state)


def computed(installation: Installation) -> None:
    finished = installation.dbt("run", "--select", "model_performance", "model_performance_deciles")
    assert finished.succeeded, finished.output


def outcome(installation: Installation, key: tuple[date, int]) -> tuple[np.ndarray, np.ndarray]:
    """(label, probability) of a set, found another way than by the SQL under test."""
    scores = dict(
        installation.query(
            "select user_id, probability from gold.prediction_history"
            f" where as_of_date = '{key[0]}' and model_version = {key[1]} order by user_id"
        )
    )
    bought = {
        user
        for user, day, purchases in installation.query("select * from silver.user_days")
        if purchases and key[0] <= day < key[0] + timedelta(days=HORIZON)
    }
    return np.array([user in bought for user in scores]), np.array(list(scores.values()))


def figures(installation: Installation, key: tuple[date, int]) -> dict[str, float | None]:
    with open_lake(installation.state, read_only=True) as connection:
        found = connection.sql(
            f"select {FIGURES} from gold.model_performance"
            f" where as_of_date = '{key[0]}' and model_version = {key[1]}"
        )
        (row,) = found.fetchall()
        return dict(zip(found.columns, row, strict=True))


@pytest.mark.parametrize("key", SETS)
def test_sql_and_python_give_the_same_figures(scored: Installation, key: tuple[date, int]) -> None:
    label, probability = outcome(scored, key)
    assert 0 < label.sum() < label.size
    if key[1] == 2 and key[0] == date(2020, 3, 1):
        assert np.unique(probability).size <= 11
    assert figures(scored, key) == pytest.approx(evaluate(label, probability), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("key", SETS)
def test_sql_and_python_give_the_same_deciles(scored: Installation, key: tuple[date, int]) -> None:
    names = "decile, users, mean_probability, predicted_buyers, actual_buyers"
    found = scored.query(
        f"select {names} from gold.model_performance_deciles"
        f" where as_of_date = '{key[0]}' and model_version = {key[1]} order by decile"
    )
    expected = [
        tuple(getattr(row, name) for name in names.split(", "))
        for row in reliability_table(*outcome(scored, key))
    ]
    assert len(found) == len(expected) == min(10, SETS[key][0])
    assert np.array(found) == pytest.approx(np.array(expected), rel=1e-9, abs=1e-9)
    assert not scored.query(
        "select * from gold.model_performance_deciles where abs(actual_rate - actual_buyers / users) > 1e-9"
    )


def test_what_is_not_defined_is_null(scored: Installation) -> None:
    nobody, everybody = figures(scored, NOBODY), figures(scored, EVERYBODY)
    assert (nobody["buyers"], everybody["buyers"]) == (0, 20)
    undefined = {name for name, value in nobody.items() if value is None}
    assert undefined == {
        "roc_auc",
        "average_precision",
        "expected_over_observed",
        *(f"{figure}_{top}pct" for figure in ("lift", "recall") for top in (1, 5, 10, 20)),
    }
    assert [name for name, value in everybody.items() if value is None] == ["roc_auc"]
    assert everybody["average_precision"] == everybody["lift_10pct"] == 1.0


def test_only_finished_horizons_have_figures(scored: Installation) -> None:
    keys = set(scored.query("select as_of_date, model_version from gold.model_performance"))
    assert keys == {*SETS, NOBODY, EVERYBODY}
    assert UNFINISHED not in keys


def test_only_what_changed_is_computed_anew(scored: Installation) -> None:
    """Stored figures are marked; the mark stays where nothing changed."""
    tables = ("model_performance", "model_performance_deciles")

    with warehouse(scored) as connection:
        connection.execute("update gold.model_performance set base_rate = -1")
        connection.execute("update gold.model_performance_deciles set actual_rate = -1")
    computed(scored)
    for table, column in zip(tables, ("base_rate", "actual_rate"), strict=True):
        assert scored.query(f"select count(*) from gold.{table} where {column} <> -1") == [(0,)]

    # a late purchase within two sets' horizons (those of 1 March are over by then), and a new score
    with warehouse(scored) as connection:
        connection.execute("insert into silver.user_days values ('u3', date '2020-04-06', 1)")
        connection.execute(
            "insert into gold.prediction_history select 'late', columns(* exclude user_id)"
            " from gold.prediction_history where as_of_date = ? and user_id = 'u0'",
            [EVERYBODY[0]],
        )
    computed(scored)
    anew = {(date(2020, 3, 8), 2), (date(2020, 3, 15), 2), EVERYBODY}
    for table, column in zip(tables, ("base_rate", "actual_rate"), strict=True):
        found = scored.query(
            f"select distinct as_of_date, model_version from gold.{table} where {column} <> -1"
        )
        assert set(found) == anew
    for key in anew:
        expected = evaluate(*outcome(scored, key))
        assert figures(scored, key) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert scored.query("select count(*) from gold.model_performance") == [(len(SETS) + 2,)]


def test_each_outcome_is_judged_by_its_own_events_and_horizon(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "state")
    shown = date(2020, 5, 1)
    outcomes = {
        "purchase_30d": {"horizon_days": 30},
        "view_7d": {"event": "view", "horizon_days": 7},
        "keen_7d": {"event": "view", "horizon_days": 7, "at_least": 3},
    }
    with warehouse(installation) as connection:
        connection.execute(
            f"""
            create schema silver; create schema gold;
            create table silver.user_days (user_id varchar, event_date date, purchases bigint, views bigint);
            insert into silver.user_days values
                ('u0', '{shown}', 0, 2), ('u0', '{shown + timedelta(6)}', 0, 1), ('u1', '{shown + timedelta(6)}', 0, 1),
                ('u2', '{shown + timedelta(7)}', 1, 9), ('u3', '{shown + timedelta(29)}', 1, 0),
                ('u3', '{shown + timedelta(30)}', 1, 1), ('u4', '{shown - timedelta(1)}', 1, 9),
                ('u9', '{LAST_DAY}', 0, 1);
            create table gold.prediction_history as
            select 'u' || n as user_id, outcome, date '{shown}' as as_of_date, horizon_days, 0.5 as probability,
                'm.' || outcome as model_name, 1 as model_version
            from range(5) as users (n)
            cross join (values ('purchase_30d', 30::integer), ('view_7d', 7), ('keen_7d', 7))
                as outcomes (outcome, horizon_days)
            """
        )
    finished = installation.dbt(
        *("run", "--select", "model_performance", "model_performance_deciles"),
        variables={"outcomes": outcomes},
    )
    assert finished.succeeded, finished.output
    assert installation.query(
        "select outcome, users, buyers from gold.model_performance order by 1"
    ) == [("keen_7d", 5, 1), ("purchase_30d", 5, 2), ("view_7d", 5, 2)]
