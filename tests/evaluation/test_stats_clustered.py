"""Means of ratings crossed by item and rater."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluation.stats.clustered import paired_mean, two_way_variance


def crossed(items, raters, item_sd, rater_sd, noise, seed):
    """Paired differences of every rater on every item, no true difference."""
    rng = np.random.default_rng(seed)
    item, rater = np.repeat(np.arange(items), raters), np.tile(np.arange(raters), items)
    values = rng.normal(0, item_sd, items)[item] + rng.normal(0, rater_sd, raters)[rater]
    return values + rng.normal(0, noise, items * raters), item, rater


def test_few_raters_are_fixed_and_the_small_print_says_so():
    few, many = paired_mean(*crossed(20, 4, 1, 1, 1, 0)), paired_mean(*crossed(20, 5, 1, 1, 1, 0))
    assert (few.df, few.raters) == (19, 4) and "4 raters fixed" in few.method
    assert many.raters == 5 and 4 <= many.df <= 4 + 19 and "two-way" in many.method


def test_the_estimate_is_the_mean_and_the_interval_holds_it():
    values, item, rater = crossed(30, 6, 1, 0.5, 1, 1)
    result = paired_mean(values, item, rater)
    assert result.estimate == pytest.approx(values.mean())
    assert result.ci_low < result.estimate < result.ci_high
    assert (result.n, result.items, result.raters) == (180, 30, 6)


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 5), st.integers(0, 6)), min_size=1, max_size=40))
@settings(deadline=None)
def test_the_variance_is_never_below_either_source_alone(rows):
    values, items, raters = (np.array(column, float) for column in zip(*rows, strict=True))
    parts = two_way_variance(values, items, raters)
    assert parts.total >= max(parts.item, parts.rater) >= 0
    result = paired_mean(values, items, raters, limits=(-4, 4))
    assert bool(result.reason) == (math.isnan(result.se) or result.se == 0)
    assert math.isnan(result.ci_low) == math.isnan(result.se)


def test_more_ratings_of_the_same_items_do_not_narrow_as_more_items_do():
    once = paired_mean(*crossed(20, 1, 1, 0, 0.5, 2))
    fourfold = paired_mean(*crossed(20, 4, 1, 0, 0.5, 2))
    more_items = paired_mean(*crossed(80, 1, 1, 0, 0.5, 2))
    assert fourfold.se > 0.75 * once.se
    assert more_items.se < 0.6 * once.se


@pytest.mark.parametrize(("raters", "rater_sd"), [(3, 0.0), (8, 0.0), (8, 0.6)])
def test_intervals_cover_where_naive_ones_do_not(raters, rater_sd):
    runs = 400
    results = [crossed(25, raters, 0.8, rater_sd, 0.5, seed) for seed in range(runs)]
    covered = np.mean([(r := paired_mean(*result)).ci_low <= 0 <= r.ci_high for result in results])
    assert covered <= 0.98
    naive = np.mean([abs(v.mean()) <= 1.96 * v.std(ddof=1) / math.sqrt(len(v)) for v, *_ in results])
    assert covered >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)
    assert naive < 0.9


def test_cannot_judge_is_left_out():
    result = paired_mean([1, math.nan, 0, 2], [1, 1, 2, 3], ["a", "b", "a", "a"])
    assert (result.n, result.items, result.raters) == (3, 3, 1)
    assert "the 1 rater fixed" in result.method


def test_what_cannot_be_had_is_nan_with_the_reason():
    for result, words in (
        (paired_mean([], [], []), "no ratings"),
        (paired_mean([math.nan], [1], [1]), "no ratings"),
        (paired_mean([1, 2], ["x", "x"], [1, 2]), "one item"),
    ):
        assert math.isnan(result.se) and math.isnan(result.ci_low) and math.isnan(result.p_value)
        assert words in result.reason
    assert paired_mean([1, 2], ["x", "x"], [1, 2]).estimate == 1.5


def test_a_few_ties_say_next_to_nothing_and_many_say_much():
    two = paired_mean([0, 0], [1, 2], [1, 1], limits=(-4, 4))
    many = paired_mean([0] * 60, range(60), [1] * 60, limits=(-4, 4))
    share = 1 - 0.025 ** (1 / 60)
    assert (two.estimate, two.p_value, many.p_value) == (0, 1, 1)
    assert two.ci_low < -3 and two.ci_high > 3
    assert (many.ci_low, many.ci_high) == pytest.approx((-4 * share, 4 * share))
    assert "ties" in two.reason and "rule of three" in two.reason


def test_unanimous_ratings_have_an_interval_and_an_exact_p():
    values = [1.0] * 12
    items, raters = list(range(6)) * 2, [1] * 6 + [2] * 6
    result = paired_mean(values, items, raters, limits=(-4, 4))
    share = 1 - 0.025 ** (1 / 6)
    assert (result.ci_low, result.ci_high) == pytest.approx((1 - 5 * share, 1 + 3 * share))
    assert result.p_value == pytest.approx(
        stats.permutation_test(([1.0] * 6,), np.mean, permutation_type="samples").pvalue
    )
    assert result.p_value == 2**-5


def test_items_whose_raters_cancel_out_are_ties_too():
    result = paired_mean([1, -1, 1, -1], [1, 1, 2, 2], ["a", "b", "a", "b"], limits=(-4, 4))
    assert (result.estimate, result.p_value) == (0, 1) and result.ci_low < -3


def test_without_limits_equal_ratings_have_no_interval():
    result = paired_mean([1, 1, 1], [1, 2, 3], [1, 1, 1])
    assert math.isnan(result.ci_low) and result.p_value == 0.25
    assert "no limits" in result.reason


def test_labels_need_one_a_rating():
    with pytest.raises(ValueError, match="raters needs one label per value"):
        paired_mean([1, 2], [1, 2], [1])
