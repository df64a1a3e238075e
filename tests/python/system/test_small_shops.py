"""Small, young, silent shops and ones without a pattern get a list, and a sentence that says what it is worth."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likely_buyers.registry import Registry
from support.installation import Finished, Installation
from support.small_shop import delivered, views


def trained(
    installation: Installation, events: Path, typed: bool = False, **variables: Any
) -> tuple[Finished, dict[str, Any]]:
    """`train --promote` and `dbt build` as anybody runs them; what the registry says of the version."""
    variables["events_path"] = str(events)
    run = installation.typed if typed else installation.run
    finished = run("likely-buyers", "train", "--promote", variables=variables)
    assert finished.succeeded, finished.output
    installation.built(variables=variables)
    name = f"likely_buyers.purchase_{variables.get('horizon_days', 30)}d"
    registry = Registry(installation.state, model_name=name)
    return finished, dict(registry.version(1).parameters)


def ranked(installation: Installation) -> int:
    """Users on the list, whose ranks have no gap and whose probabilities are ones."""
    ((users, last, low, high),) = installation.query(
        "select count(*), max(rank), min(probability), max(probability) from gold.top_buyers"
    )
    assert users == last
    assert 0 <= low <= high <= 1
    return int(users)


def test_300_users_and_ten_purchases_get_a_list(installation: Installation, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines = views(rng, users=300, days=150)
    lines += [(int(day), "purchase", 10 + 7 * n) for n, day in enumerate(rng.integers(40, 150, 10))]
    finished, told = trained(installation, delivered(tmp_path / "shop", lines), typed=True)
    # what dbt had open for training is closed before dbt shows the promotion, in the same process
    assert "Warning" not in finished.output
    assert ranked(installation) == 30
    assert f"scores by {told['chosen']}" in finished.output
    assert " buyers among " in told["why"]
    # some ten in five months: nobody is near to certain, and all together they are few
    ((expected, highest),) = installation.query(
        "select sum(probability), max(probability) from gold.predictions"
    )
    assert 0 < expected < 10
    assert highest < 0.5


def test_nine_days_of_clicks_and_a_horizon_of_two_are_judged_on_users_held_out(
    installation: Installation, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    lines = views(rng, users=300, days=9)
    # who came on the day before buys on the next one
    lines += [(7, "purchase", user) for user in range(1, 301) if user % 3 == 0]
    lines += [(6, "cart", user) for user in range(1, 301) if user % 3 == 0]
    finished, told = trained(
        installation, delivered(tmp_path / "shop", lines), horizon_days=2, training_cutoffs=1
    )
    assert ranked(installation) == 30
    assert told["held_out"] == "other users"
    assert "users held out at the only cutoff" in finished.output
    assert told["tells_buyers_apart"]


def test_a_shop_that_nobody_bought_in_lately_still_has_a_list(
    installation: Installation, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    lines = views(rng, users=200, days=160)
    lines += [
        (int(day), "purchase", int(user))
        for day, user in zip(rng.integers(0, 120, 300), rng.integers(1, 201, 300), strict=True)
    ]
    trained(installation, delivered(tmp_path / "shop", lines))
    assert ranked(installation) == 20


def test_a_log_that_does_not_tell_who_buys_says_so_on_the_page(
    installation: Installation, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    # everybody comes every day, and who buys is drawn anew each day
    lines = [(day, "view", user) for user in range(1, 101) for day in range(0, 120, 3)]
    lines += [
        (int(day), "purchase", int(user))
        for day, user in zip(rng.integers(0, 120, 250), rng.integers(1, 101, 250), strict=True)
    ]
    finished, told = trained(installation, delivered(tmp_path / "shop", lines), horizon_days=10)
    assert not told["tells_buyers_apart"]
    assert "nothing beats the plain rate beyond noise" in finished.output
    assert ranked(installation) == 10
    page = tmp_path / "page.html"
    reported = installation.run(
        "likely-buyers", "report", "--out", str(page), variables={"horizon_days": 10}
    )
    assert reported.succeeded, reported.output
    assert "This log does not tell who buys next." in page.read_text()


def test_a_shop_without_a_purchase_is_told_in_a_sentence(
    installation: Installation, tmp_path: Path
) -> None:
    lines = views(np.random.default_rng(5), users=50, days=90)
    finished = installation.run(
        "likely-buyers",
        "train",
        "--promote",
        variables={"events_path": str(delivered(tmp_path / "shop", lines))},
    )
    assert not finished.succeeded
    assert "training needs buyers and non-buyers: 0 of" in finished.output
    assert "Traceback" not in finished.output


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "state")
