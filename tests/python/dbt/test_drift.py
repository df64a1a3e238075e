"""How far users are from what the champion was trained on: SQL and scipy agree, whichever method is right."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, kstwobign, wasserstein_distance

from likely_buyers.training import Examples, reference_of
from support.installation import PROJECT, Installation
from support.lakes import open_lake

AS_OF = date(2020, 6, 30)
# of the catalogue; what they stand for is of no matter here
QUANTITY, CATEGORY, ABSENT, STILL, CONSTANT = (
    *("revenue", "purchase_days_7d", "days_since_last_purchase", "views", "carts"),
)
FEATURES = (QUANTITY, CATEGORY, ABSENT, STILL, CONSTANT)
OUTCOMES = {
    "purchase_30d": {"horizon_days": 30},
    "frequent_30d": {"horizon_days": 30, "population": "purchase_days_7d >= 1"},
}


def drawn(users: int, moved: float, seed: int) -> dict[str, np.ndarray]:
    """Features of users; `moved` is how far they are from those of another draw."""
    rng = np.random.default_rng(seed)
    absent = rng.normal(size=users)
    absent[rng.random(users) < 0.3 + 0.3 * moved] = np.nan
    return {
        QUANTITY: np.round(rng.gamma(2 + moved, 20, users), 6),
        CATEGORY: rng.choice(3, users, p=[0.5 - 0.2 * moved, 0.3, 0.2 + 0.2 * moved]).astype(float),
        ABSENT: absent,
        STILL: rng.poisson(6, users).astype(float),
        CONSTANT: np.full(users, 4.0),
    }


def examples_of(features: dict[str, np.ndarray], cutoffs: int) -> Examples:
    """Each user at so many cutoffs."""
    count = features[STILL].size
    return Examples(
        features=np.column_stack([features[name] for name in FEATURES]),
        labels=np.zeros(count, dtype=np.int8),
        cutoffs=np.full(count, np.datetime64("2020-01-01")),
        users=np.arange(count, dtype=np.int64) // cutoffs,
        feature_names=FEATURES,
    )


class Compared:
    """A lake with users now and a champion's reference, and the drift between the two."""

    def __init__(
        self, installation: Installation, users: int, examples: int, gone: str = ""
    ) -> None:
        self.now, self.then = drawn(users, 1.0, 1), drawn(examples, 0.0, 2)
        if gone:
            self.now[gone] = np.full(users, np.nan)
        rng = np.random.default_rng(3)
        self.scores, self.scores_then = rng.beta(1, 6, users), rng.beta(1, 9, examples)
        self.reference_users = examples // 3
        importance = np.array([0.5, 0.25, 0.2, 0.05, 0.0])
        reference = reference_of(
            examples_of(self.then, 3), importance, self.scores_then, self.reference_users
        )
        tables = [
            reference.add_column(0, "model_version", pa.array([1] * len(reference), pa.int32()))
            .add_column(0, "model_name", pa.array([f"likely_buyers.{outcome}"] * len(reference)))
            .add_column(0, "outcome", pa.array([outcome] * len(reference)))
            for outcome in OUTCOMES
        ]
        champion_distributions = pa.concat_tables(tables)  # noqa: F841
        columns = yaml.safe_load((PROJECT / "models/silver/_user_features.yml").read_text())
        names = [one["name"] for one in columns["models"][0]["columns"]][2:]
        ids = [f"u{number}" for number in range(users)]
        user_features = pa.table(  # noqa: F841
            {"user_id": ids, "as_of_date": [AS_OF] * users}
            | {
                name: pa.array(self.now.get(name, np.zeros(users)), from_pandas=True)
                for name in names
            }
        )
        self.frequent = self.now[CATEGORY] >= 1
        predictions = pa.concat_tables(  # noqa: F841
            pa.table(
                {
                    "user_id": np.array(ids)[who],
                    "outcome": [outcome] * int(who.sum()),
                    "as_of_date": [AS_OF] * int(who.sum()),
                    "model_name": [f"likely_buyers.{outcome}"] * int(who.sum()),
                    "model_version": pa.array([1] * int(who.sum()), pa.int32()),
                    "probability": self.scores[who],
                }
            )
            for outcome, who in zip(
                OUTCOMES, (np.ones(users, dtype=bool), self.frequent), strict=True
            )
        )
        installation.state.mkdir()
        with open_lake(installation.state) as connection:
            connection.execute("create schema silver; create schema gold; create schema training")
            for name in (
                "silver.user_features",
                "gold.predictions",
                "training.champion_distributions",
            ):
                connection.execute(f"create table {name} as from {name.partition('.')[2]}")
        finished = installation.dbt(
            "run", "--select", "drift", variables={"outcomes": OUTCOMES, "horizon_days": None}
        )
        assert finished.succeeded, finished.output
        with open_lake(installation.state, read_only=True) as connection:
            rows = connection.sql("from gold.drift order by outcome, rank").to_arrow_table()
        self.rows: list[dict[str, Any]] = rows.to_pylist()

    def of(self, name: str, outcome: str = "purchase_30d") -> dict[str, Any]:
        (row,) = [r for r in self.rows if (r["name"], r["outcome"]) == (name, outcome)]
        return row


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    return Compared(Installation(tmp_path_factory.mktemp("many") / "state"), 2_500, 6_000)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    return Compared(Installation(tmp_path_factory.mktemp("few") / "state"), 400, 900)


def shares(values: np.ndarray, categories: np.ndarray) -> np.ndarray:
    return np.array([(values == one).mean() for one in categories])


def there(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


@pytest.mark.parametrize("name", [QUANTITY, ABSENT, STILL])
def test_a_quantity_moved_by_its_wasserstein_distance(many: Compared, name: str) -> None:
    row, then = many.of(name), there(many.then[name])
    expected = wasserstein_distance(there(many.now[name]), then) / then.std()
    assert row["method"] == "wasserstein"
    assert row["distance"] == pytest.approx(expected, rel=1e-12, abs=row["inexact_by"])
    assert row["is_drifted"] == (name != STILL)
    assert row["mean"] == pytest.approx(there(many.now[name]).mean(), rel=1e-9)
    assert row["reference_mean"] == pytest.approx(then.mean(), rel=1e-9)
    if name == STILL:
        assert row["inexact_by"] == 0
    else:
        # 6,000 values are kept as 1,000 groups, and the word on it holds
        assert 0 < row["inexact_by"] < 0.005


def test_effect_is_importance_times_distance(many: Compared) -> None:
    row = many.of(QUANTITY)
    assert row["effect"] == pytest.approx(0.5 * row["distance"], rel=1e-12)
    assert many.of(CONSTANT)["effect"] is None


def test_missing_values_are_compared_by_themselves(many: Compared) -> None:
    row, now, then = many.of(ABSENT), np.isnan(many.now[ABSENT]), np.isnan(many.then[ABSENT])
    expected = jensenshannon([now.mean(), 1 - now.mean()], [then.mean(), 1 - then.mean()], base=2)
    assert row["missing_distance"] == pytest.approx(expected, rel=1e-9)
    assert row["missing_share"] == pytest.approx(now.mean())
    assert row["reference_missing_share"] == pytest.approx(then.mean())
    # its values did not move: that it is absent more often did
    assert row["distance"] < 0.1 < row["missing_distance"]


def test_a_feature_that_nobody_has_any_longer_is_missing(tmp_path: Path) -> None:
    row = Compared(Installation(tmp_path / "state"), 1_100, 3_600, gone=ABSENT).of(ABSENT)
    assert (row["mean"], row["distance"], row["missing_share"]) == (None, None, 1)
    assert row["is_drifted"]


def test_a_few_values_are_categories(many: Compared) -> None:
    row, categories = many.of(CATEGORY), np.array([0.0, 1.0, 2.0])
    expected = jensenshannon(
        shares(many.now[CATEGORY], categories), shares(many.then[CATEGORY], categories), base=2
    )
    assert (row["method"], row["is_drifted"]) == ("jensen_shannon", True)
    assert row["distance"] == pytest.approx(expected, rel=1e-9)
    still = many.of(CONSTANT)
    assert (still["method"], still["distance"], still["is_drifted"]) == ("jensen_shannon", 0, False)


def test_the_score_moved_too(many: Compared) -> None:
    row = many.of("probability")
    expected = wasserstein_distance(many.scores, many.scores_then) / many.scores_then.std()
    assert (row["kind"], row["importance"], row["effect"]) == ("score", None, None)
    assert row["distance"] == pytest.approx(expected, rel=1e-12, abs=row["inexact_by"])


def test_an_outcome_is_compared_on_its_own_population(many: Compared) -> None:
    row, then = many.of(QUANTITY, "frequent_30d"), many.then[QUANTITY]
    expected = wasserstein_distance(many.now[QUANTITY][many.frequent], then) / then.std()
    assert row["users"] == many.frequent.sum() < many.of(QUANTITY)["users"] == 2_500
    assert row["distance"] == pytest.approx(expected, rel=1e-12, abs=row["inexact_by"])


def test_the_largest_comes_first(many: Compared) -> None:
    for outcome in OUTCOMES:
        rows = [row for row in many.rows if row["outcome"] == outcome]
        assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5, 6]
        distances = [row["distance"] for row in rows]
        assert distances == sorted(distances, reverse=True)


def test_few_users_are_tested(few: Compared) -> None:
    """Examples of a user at several cutoffs count as one user."""
    categories = np.array([0.0, 1.0, 2.0])
    now, then = few.now[CATEGORY], few.then[CATEGORY]
    counts = [
        shares(now, categories) * now.size,
        shares(then, categories) * few.reference_users,
    ]
    row = few.of(CATEGORY)
    assert row["method"] == "chi_squared"
    assert row["p_value"] == pytest.approx(
        chi2_contingency(counts, correction=False).pvalue, rel=1e-6
    )
    assert row["is_drifted"]


def test_few_users_quantities_are_tested_by_kolmogorov_and_smirnov(few: Compared) -> None:
    for name in (QUANTITY, STILL):
        now, then = few.now[name], few.then[name]
        at = np.union1d(now, then)
        expected = np.abs(
            np.searchsorted(np.sort(now), at, "right") / now.size
            - np.searchsorted(np.sort(then), at, "right") / then.size
        ).max()
        row = few.of(name)
        assert row["method"] == "kolmogorov_smirnov"
        assert row["distance"] == pytest.approx(expected, rel=1e-12)
        size = np.sqrt(now.size * few.reference_users / (now.size + few.reference_users))
        chance = kstwobign.sf((size + 0.12 + 0.11 / size) * expected)
        # twice, since whether it is missing is tested as well
        assert row["p_value"] == pytest.approx(min(1, 2 * chance), rel=1e-6, abs=1e-12)
        # of six rows, so a p of 0.05 would be nothing
        assert row["is_drifted"] == (row["p_value"] < 0.05 / 6)
    assert few.of(QUANTITY)["is_drifted"]
    assert not few.of(STILL)["is_drifted"]


def test_missing_values_of_few_users_are_tested(few: Compared) -> None:
    now, then = np.isnan(few.now[ABSENT]).mean(), np.isnan(few.then[ABSENT]).mean()
    counts = np.array(
        [
            [now * 400, 400 - now * 400],
            [then * few.reference_users, (1 - then) * few.reference_users],
        ]
    )
    chance = chi2_contingency(counts, correction=False).pvalue
    assert few.of(ABSENT)["p_value"] == pytest.approx(2 * chance, rel=1e-6)
