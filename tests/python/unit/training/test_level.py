"""How many will buy: the interval holds the number as often as it says, and is as wide as the past was uncertain."""

import json

import numpy as np
import pytest
from scipy.special import expit

from likely_buyers.training import fit
from likely_buyers.training.calibration import ScoredCutoff
from likely_buyers.training.level import Level, expected_buyers, learned_level
from support.examples import SETTINGS, a_shop

FIRST = np.datetime64("2024-01-01")


def past(
    rng: np.random.Generator, shifts: list[float], users: int = 1500, days: int = 30
) -> list[ScoredCutoff]:
    """Cutoffs so many days apart at which everybody's log-odds were off by the shift."""
    scored = []
    for number, shift in enumerate(shifts):
        raw = rng.normal(-1.5, 1.0, users)
        labels = (rng.random(users) < expit(raw + shift)).astype(np.int8)
        scored.append(ScoredCutoff(FIRST + np.timedelta64(days * number, "D"), raw, labels))
    return scored


def learned(scored: list[ScoredCutoff], horizon_days: int = 30) -> Level:
    return learned_level(scored, [expit(one.raw) for one in scored], horizon_days)


def interval(one: ScoredCutoff, level: Level) -> tuple[float, float]:
    p = expit(one.raw)
    found = expected_buyers(p.sum(), p @ (1 - p), level)
    assert found.low < found.expected < found.high
    return found.low, found.high


@pytest.mark.parametrize("spread", [0.0, 0.15, 0.3])
def test_four_intervals_of_five_hold_the_number(spread: float) -> None:
    rng = np.random.default_rng(8)
    held = 0
    for _ in range(300):
        *before, now = past(rng, list(rng.normal(0, spread, 9)))
        low, high = interval(now, learned(before))
        held += low <= now.labels.sum() <= high
    # a steady shop is believed so only slowly
    assert 0.7 < held / 300 < (0.99 if spread == 0 else 0.9)


def test_a_shop_whose_level_moved_has_the_wider_interval() -> None:
    rng = np.random.default_rng(1)
    steady, moving = past(rng, [0.0] * 9), past(rng, [0.5, -0.5] * 4 + [0.0])
    now = steady.pop()
    steady_low, steady_high = interval(now, learned(steady))
    low, high = interval(now, learned(moving[:-1]))
    assert low < steady_low
    assert high > steady_high


def test_without_a_past_the_interval_is_wider_than_a_steady_past_makes_it() -> None:
    *steady, now = past(np.random.default_rng(2), [0.0] * 9)
    low, high = interval(now, learned(steady))
    low_without, high_without = interval(now, Level())
    assert low_without < low
    assert high_without > high
    assert learned([]) == Level()


def test_overlapping_horizons_are_no_further_evidence() -> None:
    rng = np.random.default_rng(3)
    apart = learned(past(rng, [0.0] * 8, days=30))
    overlapping = learned(past(rng, [0.0] * 8, days=15))
    assert overlapping.degrees_of_freedom < apart.degrees_of_freedom
    assert overlapping.spread > apart.spread


def test_of_few_buyers_chance_alone_widens_the_interval() -> None:
    many = expected_buyers(1000.0, 900.0, Level())
    few = expected_buyers(2.0, 1.8, Level())
    assert few.high / few.low > 3 * many.high / many.low
    assert expected_buyers(0.0, 0.0, Level()) == (0.0, 0.0, 0.0)


def test_training_records_the_level_as_json() -> None:
    model = fit(a_shop(), SETTINGS)
    assert len(model.level.errors) == len(model.windows.evaluate)
    for error, cutoff in zip(model.level.errors, model.windows.evaluate, strict=True):
        ratio = model.metrics_by_cutoff[cutoff]["expected_over_observed"]
        assert error == pytest.approx(-np.log(ratio))
    recorded = json.loads(json.dumps(model.notes["level"]))
    assert Level.of_json(recorded) == model.level


def test_a_level_that_no_later_cutoff_could_show_is_the_prior() -> None:
    only = a_shop(cutoffs=[np.datetime64("2024-06-01").item()])
    assert fit(only, SETTINGS).level == Level()
