"""training.promotions: which version scored on a day is a query, whatever was promoted since."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from likely_buyers.registry import Registry
from support.installation import Finished, Installation
from support.lakes import open_lake

LISTED = "number, model_version, replaces, kind, reason, promoted_by, until is null"


@pytest.fixture
def two_versions(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path / "state")
    matrix = np.arange(20.0).reshape(-1, 1)
    for spread in (1.0, 2.0):
        Registry(installation.state).register(
            LogisticRegression(C=spread).fit(matrix, matrix[:, 0] > 9),
            feature_names=["purchase_days"],
            feature_types=["double"],
            metrics={"roc_auc": 0.8, "average_precision": 0.5},
            as_of=date(2020, 1, 1),
            horizon_days=30,
            at=datetime(2020, 1, 1, tzinfo=UTC),
            parameters={
                "rules": {"recency": {"roc_auc": 0.7, "average_precision": 0.4}},
                "against_champion": {
                    "version": 1,
                    "kind": "scored",
                    "champion": {"roc_auc": 0.8, "average_precision": 0.5},
                    "challenger": {"roc_auc": 0.8, "average_precision": 0.5},
                    "difference": {"mean": 0.0, "low": -0.001, "high": 0.001},
                },
            },
        )
    return installation


def moved(installation: Installation, *command: str) -> Finished:
    finished = installation.run("likely-buyers", *command)
    assert finished.succeeded, finished.output
    return finished


def test_the_table_follows_the_promotion_log(
    two_versions: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKELY_BUYERS_USER", "ana")
    # nothing is made for a promotion where there is no database yet; a build makes the table, empty or not
    early = moved(two_versions, "promote", "1", "--reason", "the first")
    assert "there is no database" in early.output
    assert "Version 1 of likely_buyers.purchase_30d is champion" in early.output
    assert not (two_versions.state / "catalog.ducklake").exists()

    # the default selector: a plain build has what is copied from the registry, and nothing that trains
    listed = two_versions.dbt("--quiet", "ls", "--resource-type", "model").output.split()
    in_training = {name for name in listed if ".training." in name}
    copied = ("champion_distributions", "promotions")
    assert in_training == {f"likely_buyers.training.{name}" for name in copied}
    two_versions.built("--select", "promotions")
    first = (1, 1, None, "promote", "the first", "ana")
    assert two_versions.query(f"select {LISTED} from training.promotions") == [(*first, True)]

    assert "Warning" not in moved(two_versions, "promote", "2", "--reason", "it's better").output
    second = (2, 2, 1, "promote", "it's better", "ana")
    query = f"select {LISTED} from training.promotions order by number"
    assert two_versions.query(query) == [(*first, False), (*second, True)]

    # a database in use is a warning: the promotion log has it, and the next build shows it
    with open_lake(two_versions.state):
        locked = moved(two_versions, "rollback")
    assert "is in use by another process" in locked.output
    assert "the next dbt build will" in locked.output
    assert len(two_versions.query(query)) == 2
    two_versions.built("--select", "promotions")
    third = (3, 1, 2, "rollback", "rolled back", "ana")
    assert two_versions.query(query) == [(*first, False), (*second, False), (*third, True)]
    # the spans are seamless: one champion at any moment
    assert (
        two_versions.query(
            "select number from training.promotions as earlier where until is not null and not exists"
            " (select 1 from training.promotions as later where later.promoted_at = earlier.until"
            " and later.replaces = earlier.model_version)"
        )
        == []
    )


def test_an_empty_promotion_log_is_an_empty_table(installation: Installation) -> None:
    installation.built("--select", "promotions")
    assert installation.query("select count(*) from training.promotions") == [(0,)]
    assert installation.query(
        "select data_type from information_schema.columns"
        " where table_name = 'promotions' and column_name in ('number', 'until') order by 1"
    ) == [("INTEGER",), ("TIMESTAMP",)]
