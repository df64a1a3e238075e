"""The level: a lasting bias and a season go into the probabilities, and the interval holds the number of buyers."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from likely_buyers.training import TrainedModel, fit
from likely_buyers.training.calibration import ScoredCutoff
from likely_buyers.training.level import BaseRates, Level, expected_buyers, learned_level
from support.examples import CUTOFFS, SETTINGS, a_shop

FIRST = np.datetime64("2024-01-01")


def past(
    shifts: list[float], seed: int = 7, users: int = 6000, days: int = 30
) -> list[ScoredCutoff]:
    """Cutoffs so many days apart at which everybody's log-odds were off by the shift."""
    rng = np.random.default_rng(seed)
    scored = []
    for number, shift in enumerate(shifts):
        raw = rng.normal(-1.0, 1.2, users)
        labels = (rng.random(users) < expit(raw + shift)).astype(np.int8)
        scored.append(ScoredCutoff(FIRST + np.timedelta64(days * number, "D"), raw, labels))
    return scored


def learned(scored: list[ScoredCutoff], horizon_days: int = 30) -> Level:
    """What is expected when the last horizon is over."""
    rates = BaseRates(
        np.array([one.cutoff for one in scored]),
        logit(np.array([one.labels.mean() for one in scored])),
    )
    return learned_level(scored, rates, horizon_days, scored[-1].cutoff + horizon_days)


def interval(one: ScoredCutoff, level: Level) -> tuple[float, float]:
    p = expit(one.raw + level.offset)
    found = expected_buyers(float(p.sum()), float(p @ (1 - p)), level)
    assert found.low < found.expected < found.high
    return found.low, found.high


def test_a_lasting_bias_is_calibrated_away() -> None:
    assert learned(past([-0.6] * 8)).offset == pytest.approx(-0.6, abs=0.1)


def test_one_cutoff_is_weaker_evidence_than_eight() -> None:
    assert -0.45 < learned(past([-0.6])).offset < -0.15


def test_a_level_that_swings_is_hardly_followed() -> None:
    """Its last window points the wrong way."""
    assert abs(learned(past([0.4, -0.4] * 4)).offset) < 0.2


def test_honest_scores_are_left_alone() -> None:
    assert learned(past([0.0] * 8)).offset == pytest.approx(0.0, abs=0.06)


def test_a_season_that_the_shop_has_shown_comes_back() -> None:
    """Every fourth quarter a fifth buy more, and models that know the quarter before do not see it coming."""
    days = [FIRST + np.timedelta64(91 * number, "D") for number in range(12)]
    rates = BaseRates(np.array(days), np.array([-1.4, -1.4, -1.4, -0.4] * 3)[:12])
    quarters = past([0.0, 0.0, 0.0, 1.0] * 2 + [-0.3, 0.0, 0.0], days=91)
    level = learned_level(quarters, rates, 90, FIRST + np.timedelta64(91 * 11, "D"))
    assert level.offset > 0.5
    # a shop whose rate was the same all year has shown no season
    flat = BaseRates(rates.cutoffs, np.full(12, -1.4))
    assert learned_level(quarters, flat, 90, FIRST + np.timedelta64(91 * 11, "D")).offset < 0.3


@pytest.mark.parametrize(("spread", "most"), [(0.0, 1.0), (0.35, 0.9)])
def test_about_four_intervals_of_five_hold_the_number(spread: float, most: float) -> None:
    held, shops = 0, 200
    rng = np.random.default_rng(1)
    for seed in range(shops):
        shifts = rng.normal(0, 0.2) + rng.normal(0, spread, 9)
        *before, now = past(list(shifts), seed=seed, users=1500)
        low, high = interval(now, learned(before))
        held += int(low <= now.labels.sum() <= high)
    # a steadier shop than others is believed only slowly
    assert 0.7 < held / shops <= most


def test_a_shop_whose_level_moved_has_the_wider_interval() -> None:
    steady, moved = learned(past([0.0] * 8)), learned(past([0.5, -0.5] * 4))
    assert moved.spread > 1.3 * steady.spread
    now = past([0.0])[0]
    low, high = interval(now, steady)
    moved_low, moved_high = interval(now, moved)
    assert moved_high / moved_low > 1.2 * high / low


def test_without_a_past_the_interval_is_wider_than_a_steady_past_makes_it() -> None:
    *steady, now = past([0.0] * 9)
    low, high = interval(now, learned(steady))
    low_without, high_without = interval(now, Level())
    assert low_without < low
    assert high_without > high
    nothing = BaseRates(np.array([FIRST]), np.array([0.0]))
    assert learned_level([], nothing, 30, FIRST) == Level()


def test_of_few_buyers_chance_alone_widens_the_interval() -> None:
    many, few = expected_buyers(1000.0, 900.0, Level()), expected_buyers(2.0, 1.8, Level())
    assert few.high / few.low > 3 * many.high / many.low
    assert expected_buyers(0.0, 0.0, Level()) == (0.0, 0.0, 0.0)


def test_training_puts_the_level_into_the_probabilities_and_records_it_as_json() -> None:
    model: TrainedModel = fit(a_shop(), SETTINGS)
    assert model.estimator.offset_ == model.level.offset != 0.0
    assert model.estimator.slope_ == 1.0
    assert len(model.level.errors) == len(model.windows.evaluate)
    recorded = json.loads(json.dumps(model.notes["level"]))
    assert Level.of_json(recorded) == model.level


def test_a_level_that_no_later_cutoff_could_show_is_the_prior() -> None:
    only = a_shop(cutoffs=CUTOFFS[:1])
    model = fit(only, SETTINGS)
    assert model.level == Level()
    assert model.calibration.method == "none"
    assert model.estimator.offset_ == 0.0
