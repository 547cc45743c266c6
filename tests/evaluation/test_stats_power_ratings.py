"""Sample sizes of rated designs, against simulations and against each other."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.stats import power, ppi
from evaluation.stats.agreement_detail import icc_interval
from evaluation.stats.power_ratings import human_ratings_with_judge, items_for_crossed_raters, units_for_icc


def test_one_rater_without_noise_of_his_own_is_the_paired_design():
    crossed = items_for_crossed_raters(0.25, item_sd=1, rater_sd=0, noise_sd=0, raters=1)
    assert crossed == power.sample_size("paired", 0.25) == 126


@given(st.floats(0.2, 2), st.floats(0.2, 2), st.floats(0.0, 0.3), st.integers(5, 20))
@settings(deadline=None)
def test_the_standard_error_that_it_promises_is_the_one_that_finds_the_difference(item_sd, noise_sd, rater_sd, raters):
    n = items_for_crossed_raters(0.3, item_sd=item_sd, rater_sd=rater_sd, noise_sd=noise_sd, raters=raters)
    if math.isnan(n):
        assert "more than" in n.reason and (2.801585 * rater_sd / 0.3) ** 2 >= raters
        return

    def se(items):
        return math.sqrt((item_sd**2 + noise_sd**2 / raters) / items + rater_sd**2 / raters)

    assert 2.801585 * se(n) <= 0.3 + 1e-6
    assert n == 1 or 2.801585 * se(n - 1) > 0.3 - 1e-6


def test_raters_who_differ_too_much_cannot_be_outnumbered():
    figure = items_for_crossed_raters(0.1, item_sd=1, rater_sd=0.5, noise_sd=1, raters=8)
    assert math.isnan(figure) and "more than 196 raters" in figure.reason
    enough = items_for_crossed_raters(0.1, item_sd=1, rater_sd=0.5, noise_sd=1, raters=198)
    assert enough > 1000


def test_fewer_raters_an_item_take_more_items():
    of_all = items_for_crossed_raters(0.2, item_sd=0.5, rater_sd=0, noise_sd=1, raters=10)
    of_two = items_for_crossed_raters(0.2, item_sd=0.5, rater_sd=0, noise_sd=1, raters=10, raters_an_item=2)
    assert of_two > 2 * of_all


@pytest.mark.parametrize(("icc", "width", "raters"), [(0.7, 0.2, 3), (0.8, 0.2, 2), (0.5, 0.3, 5)])
def test_the_interval_of_an_icc_has_the_wanted_width(icc, width, raters):
    n = int(units_for_icc(icc, width, raters))
    rng = np.random.default_rng(0)
    widths = []
    for _ in range(60):
        units = rng.normal(0, math.sqrt(icc), n)
        found = icc_interval(units + rng.normal(0, math.sqrt(1 - icc), (raters, n)), "3,1")
        widths.append(found.ci_high - found.ci_low)
    assert np.mean(widths) == pytest.approx(width, rel=0.08)


def test_a_judge_spares_ratings_as_prediction_powered_inference_says():
    # Its own variance: (1 - r²·N/(n + N)) / n at the best weight.
    for alone, r, judged in ((200, 0.8, 1000), (100, 0.5, 300), (400, 0.95, 10_000)):
        n = human_ratings_with_judge(alone, r, judged)
        assert (1 - r**2 * judged / (n + judged)) / n <= 1 / alone
        assert (1 - r**2 * judged / (n - 1 + judged)) / (n - 1) > 1 / alone
    n, rng = int(human_ratings_with_judge(400, 0.9, 4000)), np.random.default_rng(1)
    effective = []
    for _ in range(40):
        truth = rng.normal(size=n + 4000)
        judge = 0.9 * truth + math.sqrt(1 - 0.81) * rng.normal(size=n + 4000)
        effective.append(ppi.mean(truth[:n], judge[:n], judge[n:]).effective_n)
    assert np.mean(effective) == pytest.approx(400, rel=0.08)


def test_a_judge_without_signal_spares_none():
    assert human_ratings_with_judge(100, 0.0, 1000) == human_ratings_with_judge(100, -0.5, 1000) == 100
    assert human_ratings_with_judge(100, 0.9, 0) == 100


def test_what_no_number_shows_and_wrong_input():
    for figure in (
        items_for_crossed_raters(0, item_sd=1, rater_sd=0, noise_sd=1, raters=3),
        items_for_crossed_raters(math.nan, item_sd=1, rater_sd=0, noise_sd=1, raters=3),
        items_for_crossed_raters(0.1, item_sd=0, rater_sd=0, noise_sd=0, raters=3),
        units_for_icc(0.5, 0.2, 1),
        human_ratings_with_judge(0, 0.5, 10),
    ):
        assert math.isnan(figure) and figure.reason
    for call in (
        lambda: items_for_crossed_raters(0.1, item_sd=-1, rater_sd=0, noise_sd=1, raters=3),
        lambda: items_for_crossed_raters(0.1, item_sd=1, rater_sd=0, noise_sd=1, raters=3, raters_an_item=4),
        lambda: units_for_icc(1.5, 0.2, 3),
        lambda: units_for_icc(0.5, 0, 3),
        lambda: human_ratings_with_judge(10, 2, 3),
    ):
        with pytest.raises(ValueError):
            call()
