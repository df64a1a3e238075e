"""A score of the history can be made again, and what keeps it from being the same is said."""

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from likely_buyers.demo_shop import SimulationSettings, simulate_shop
from likely_buyers.features import read_catalogue
from likely_buyers.features.generate import CATALOGUE
from likely_buyers.outcomes import Outcome
from likely_buyers.registry import Registry
from likely_buyers.scoring import PastDays, ReplayImpossible, Scorer, replay_scores
from likely_buyers.settings import Lake
from support.champions import make_champion
from support.installation import PROJECT, Finished, Installation
from support.lakes import open_lake

SHOP = SimulationSettings(users=300, days=60, seed=4, dirt=False)
AS_OF = SHOP.end
NO_TESTS = ("--exclude-resource-type", "test", "unit_test")
HEADER = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A shop scored once, by a model that takes its features and was fitted on something else."""
    installation = Installation(tmp_path_factory.mktemp("scored"))
    simulate_shop(SHOP, installation.state / "demo_shop", "csv")
    names = [feature.name for feature in read_catalogue(PROJECT / CATALOGUE)]
    matrix = np.random.default_rng(0).exponential(3.0, (400, len(names)))
    estimator = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(
        matrix, matrix[:, 0] + matrix[:, names.index("views")] > 5
    )
    make_champion(installation.state, estimator, names, date(2020, 1, 1))
    installation.built("--select", "+prediction_history", *NO_TESTS)
    return installation


def warehouse(installation: Installation) -> duckdb.DuckDBPyConnection:
    return open_lake(installation.state)


def replayed(installation: Installation, as_of: object = AS_OF, version: object = 1) -> Finished:
    """The command and its output as one line."""
    finished = installation.run(
        "likely-buyers", "replay", "--as-of", str(as_of), "--version", str(version)
    )
    assert "Traceback" not in finished.output
    return Finished(finished.succeeded, " ".join(finished.output.split()))


def contents(installation: Installation) -> dict[str, str]:
    """The lake's files, the catalog among them, by what is in them."""
    files = [installation.state / "catalog.ducklake", *(installation.state / "data").rglob("*")]
    return {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()
    }


def test_what_was_scored_is_scored_the_same_again(scored: Installation) -> None:
    before = contents(scored)
    # a reader, such as a BI tool, does not stand in the way
    with open_lake(scored.state, read_only=True):
        finished = replayed(scored)
    assert finished.succeeded, finished.output
    assert (
        f"identical: 300 users, as of {AS_OF}, version 1 of likely_buyers.purchase_30d"
        in finished.output
    )
    assert contents(scored) == before


def test_what_cannot_be_replayed_is_said(scored: Installation, tmp_path: Path) -> None:
    unknown = replayed(scored, version=7)
    assert not unknown.succeeded
    assert "No version '7'" in unknown.output
    assert "likely-buyers models" in unknown.output

    with warehouse(scored):
        locked = replayed(scored)
    assert not locked.succeeded
    assert "is in use by another process" in locked.output
    assert "Wait for it to end" in locked.output

    scorer = Scorer(Outcome("purchase_30d", 30), Registry(scored.state).load(1))

    def load(name: str, version: int) -> Scorer:
        raise AssertionError(f"{name} {version} did not score along")

    source = PastDays(
        lake=Lake.in_folder(scored.state),
        prediction_history="gold.prediction_history",
        loaded_files="bronze.loaded_files",
        user_days="silver.user_days",
        features_as_of=lambda _: "select * from silver.user_features",
    )
    with pytest.raises(
        ReplayImpossible,
        match=f"no score of version 1 .* as of 2019-01-01.*Days it scored: {AS_OF}",
    ):
        replay_scores(source, scorer, date(2019, 1, 1), load)
    with pytest.raises(ReplayImpossible, match="it is not the registry they came from"):
        replay_scores(
            source,
            replace(scorer, model=replace(scorer.model, model_digest="another")),
            AS_OF,
            load,
        )
    without_views = "select * exclude (views) from silver.user_features"
    fewer = replace(source, features_as_of=lambda _: without_views)
    with pytest.raises(ReplayImpossible, match=r"cannot be replayed with the features.*views"):
        replay_scores(fewer, scorer, AS_OF, load)
    never = replace(source, prediction_history="gold.nothing")
    with pytest.raises(ReplayImpossible, match="nothing was ever scored"):
        replay_scores(never, scorer, AS_OF, load)
    nowhere = Lake.in_folder(tmp_path / "nowhere")
    with pytest.raises(ReplayImpossible, match="there is no database"):
        replay_scores(replace(source, lake=nowhere), scorer, AS_OF, load)
    assert not nowhere.state.exists()


def test_scores_that_changed_are_named_with_what_may_be_the_reason(scored: Installation) -> None:
    """Runs last in this file: it changes the history and brings late events."""
    with warehouse(scored) as connection:
        connection.execute(
            "insert into gold.prediction_history select 'a ghost', columns(* exclude user_id)"
            " from gold.prediction_history limit 1"
        )
    missing = replayed(scored)
    assert not missing.succeeded
    assert "of 301 users in the history 0 have another score now, 1 have none" in missing.output
    assert "a ghost" in missing.output
    assert "No event file was loaded after these scores were given" in missing.output

    with warehouse(scored) as connection:
        connection.execute("delete from gold.prediction_history where user_id = 'a ghost'")
    ((user, score),) = scored.query(
        "select user_id, probability from gold.prediction_history"
        " order by probability, user_id limit 1"
    )
    bought = f"{AS_OF.replace(day=1)} 10:00:00 UTC,purchase,p1,c1,,,5.00"
    late = scored.state / "demo_shop" / "late.csv"
    late.write_text(f"{HEADER}\n{bought},{user},s1\n{bought},late user,s2\n")
    scored.built("--select", "+user_days", *NO_TESTS)

    changed = replayed(scored)
    assert not changed.succeeded
    assert "of 300 users in the history 1 have another score now, 0 have none" in changed.output
    assert "1 users are new" in changed.output
    assert repr(score) in changed.output
    assert user in changed.output
    assert "late user" in changed.output
    assert "1 event files were loaded after these scores were given" in changed.output
    assert "the differences are legitimate" in changed.output
