"""A judge's scores corrected by people's: unbiased whatever the judge, never worse than people alone."""

import math

import numpy as np
import pytest

from evaluation.stats import ppi


def judged(seed, bias=1.0, noise=0.5, rated=60, rest=600):
    """Ratings of people on some items, and of a biased judge on those and on the rest; the true mean is 3."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(3, 1, rated + rest)
    judge = quality + bias + rng.normal(0, noise, rated + rest)
    return quality[:rated], judge[:rated], judge[rated:]


def test_the_bias_of_the_judge_cancels_and_the_interval_covers():
    results = [ppi.mean(*judged(seed)) for seed in range(400)]
    assert np.mean([r.estimate for r in results]) == pytest.approx(3, abs=0.02)
    covered = np.mean([r.ci_low <= 3 <= r.ci_high for r in results])
    assert covered >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 400) - 0.01  # normal quantile at 60 items


def test_a_good_judge_narrows_the_interval_and_a_useless_one_does_no_harm():
    good, useless = judged(1, noise=0.3), judged(1, noise=30)
    alone = ppi.mean(*good, weight=0)
    assert ppi.mean(*good).se < 0.6 * alone.se
    assert ppi.mean(*good).effective_n > 2 * 60
    assert ppi.mean(*useless).se <= alone.se * 1.01
    assert ppi.mean(*useless, weight=1).se > 3 * alone.se


def test_weight_nought_is_the_people_alone():
    human, same, rest = judged(2)
    alone = ppi.mean(human, same, rest, weight=0)
    assert alone.estimate == pytest.approx(human.mean())
    assert alone.se == pytest.approx(human.std() / math.sqrt(60))
    assert alone.method == "people alone"


def test_a_judge_who_always_says_the_same_gets_no_weight():
    human, same, rest = judged(3)
    result = ppi.mean(human, np.full_like(same, 4), np.full_like(rest, 4))
    assert result.weight == 0 and result.estimate == pytest.approx(human.mean())


def test_what_cannot_be_had_is_nan_with_the_reason():
    for human, same in (([], []), ([3], [4]), ([3, math.nan], [4, 4])):
        result = ppi.mean(human, same, [4, 5])
        assert math.isnan(result.se) and math.isnan(result.ci_low) and "two items" in result.reason
    assert ppi.mean([3], [4], [4]).estimate == 3
    without_rest = ppi.mean([1, 2, 3], [1, 2, 2], [])
    assert without_rest.estimate == 2 and "people alone" in without_rest.reason
    constant = ppi.mean([3, 3], [3, 3], [3, 3])
    assert constant.estimate == 3 and "not certainty" in constant.reason


def test_few_human_ratings_are_pointed_out():
    assert "too narrow below 30" in ppi.mean([1, 2, 3], [1, 2, 2], [1, 2]).reason
    assert ppi.mean(*judged(4)).reason == ""


def test_wrong_input_is_refused_by_name():
    with pytest.raises(ValueError, match="same items: 2 against 1"):
        ppi.mean([1, 2], [1], [1])
    with pytest.raises(ValueError, match="weight must"):
        ppi.mean([1, 2], [1, 2], [1], weight=2)


class TestRoganGladen:
    def test_a_perfect_judge_is_taken_at_his_word(self):
        assert ppi.rogan_gladen(30, 100, 50, 50, 50, 50).estimate == pytest.approx(0.3)

    def test_the_interval_covers_when_calibration_is_small(self):
        rng = np.random.default_rng(0)
        truth, sensitivity, specificity, covered = 0.25, 0.85, 0.9, 0
        rate = truth * sensitivity + (1 - truth) * (1 - specificity)
        for _ in range(1000):
            low, high = ppi.rogan_gladen(
                rng.binomial(400, rate), 400, rng.binomial(60, sensitivity), 60, rng.binomial(80, specificity), 80
            )
            covered += low <= truth <= high
        assert covered / 1000 == pytest.approx(0.95, abs=0.025)

    def test_a_judge_no_better_than_chance_has_no_answer(self):
        assert "no better than chance" in ppi.rogan_gladen(30, 100, 5, 10, 5, 10).reason
        assert "calibration items" in ppi.rogan_gladen(30, 100, 0, 0, 5, 10).reason


@pytest.mark.parametrize(
    "counts", [(15, 10, 8, 10, 9, 10), (-1, 10, 8, 10, 9, 10), (5, 10, 11, 10, 9, 10), (5, 10, 8, 10, 9, 8)]
)
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(ValueError, match="between 0 and its number of items"):
        ppi.rogan_gladen(*counts)
