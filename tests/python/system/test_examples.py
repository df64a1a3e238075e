"""The examples of the docs run on what the commands leave."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.installation import PROJECT, Installation
from support.trained_shop import TrainedShop


@pytest.fixture(scope="module")
def shop(shop_with_champion: TrainedShop, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    installation = shop_with_champion.copied(tmp_path_factory.mktemp("examples") / "state")
    # a day on which a campaign of the seed has begun
    installation.built(variables=shop_with_champion.variables | {"as_of": "2020-02-28"})
    published = installation.run("likely-buyers", "publish")
    assert published.succeeded, published.output
    return installation


def printed(example: str, *arguments: str) -> str:
    script = PROJECT / "docs" / "examples" / example
    finished = subprocess.run(
        [sys.executable, str(script), *arguments],
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_a_query_of_a_bi_tool(shop: Installation) -> None:
    gold = shop.state / "published" / "gold.duckdb"
    assert "expected_revenue" in printed("bi_query.py", str(gold))


def test_an_audience_for_a_mailing_tool(shop: Installation, tmp_path: Path) -> None:
    ((campaign, contacted),) = shop.query(
        "select campaign, count(*) from gold.audiences where arm = 'treated' group by all order by all limit 1"
    )
    file = tmp_path / "audience.csv"
    told = printed(
        "audience_export.py", campaign, str(file), str(shop.state / "published" / "gold.duckdb")
    )
    assert f"{campaign}: {contacted:,} users to contact" in told
    assert len(file.read_text().splitlines()) == 1 + contacted


def test_own_features(shop: Installation) -> None:
    told = printed("own_features.py", str(shop.state))
    assert "examples to fit" in told
    assert told.count("AUC 0.") == 2
