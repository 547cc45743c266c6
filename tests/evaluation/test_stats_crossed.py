"""The bootstrap over items and raters at once."""

import math

import numpy as np
import pytest

from evaluation.stats.clustered import VarianceComponents, crossed_variance, paired_mean
from evaluation.stats.crossed import bootstrap_crossed, bootstrap_crossed_statistics
from evaluation.stats.grouping import encode
from evaluation.stats.intervals import bootstrap


def ratings(items=30, raters=8, item_sd=0.8, rater_sd=0.4, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    item, rater = np.repeat(np.arange(items), raters), np.tile(np.arange(raters), items)
    values = rng.normal(0, item_sd, items)[item] + rng.normal(0, rater_sd, raters)[rater]
    return values + rng.normal(0, noise, items * raters), item, rater


def test_its_replicates_are_those_of_a_plain_loop_and_its_size_the_two_way_variance():
    values, item, rater = ratings(12, 6)
    found = bootstrap_crossed(values, item, rater, resamples=4000, seed=3)
    table = values.reshape(12, 6)
    rng = np.random.default_rng(3)
    means = [table[np.ix_(rng.integers(0, 12, 12), rng.integers(0, 6, 6))].mean() for _ in range(4000)]
    by_t = paired_mean(values, item, rater)
    # The loop's spread is too large by the noise of the cells; scaled to the two-way standard error it gives the limits.
    deviations = (np.array(means) - values.mean()) * by_t.se / np.std(means)
    from scipy import stats

    level = stats.norm.cdf(stats.t.ppf(0.025, by_t.df))
    expected = values.mean() + np.quantile(deviations, [level, 1 - level])
    width = found.ci_high - found.ci_low
    assert tuple(found) == pytest.approx(tuple(expected), abs=0.06 * width)
    assert f"12 items × 6 raters, {by_t.df:.1f} df" in found.method


def test_a_skewed_sample_has_a_skewed_interval():
    values, item, rater = ratings(40, 6, rater_sd=0.1, seed=1)
    skewed = np.exp(1.5 * values)
    found = bootstrap_crossed(skewed, item, rater, seed=1)
    assert found.ci_high - found.estimate > 1.1 * (found.estimate - found.ci_low)


def test_a_mean_is_a_figure_of_sums():
    values, item, rater = ratings()
    values[:5] = math.nan
    sums = np.column_stack([values, np.ones(len(values))])
    one = bootstrap_crossed(values, item, rater, resamples=300, seed=2)
    assert one == bootstrap_crossed_statistics(
        sums, lambda s: s[..., 0] / s[..., 1], item, rater, resamples=300, seed=2
    )
    assert one.n == len(values) - 5


def test_the_plain_bootstrap_leads_to_it():
    values, item, rater = ratings(12, 6)
    assert bootstrap(values, clusters=item, crossed=rater, seed=1) == bootstrap_crossed(values, item, rater, seed=1)
    with pytest.raises(ValueError, match="needs clusters"):
        bootstrap(values, crossed=rater)
    with pytest.raises(ValueError, match="takes means"):
        bootstrap(values, np.median, clusters=item, crossed=rater)


def test_a_ratio_of_sums_has_an_interval_too():
    rng = np.random.default_rng(4)
    item, rater = np.repeat(np.arange(50), 6), np.tile(np.arange(6), 50)
    hit = (rng.random(300) < rng.beta(4, 2, 50)[item]).astype(float)
    rows = np.column_stack([2 * hit, hit + 1])  # F1 of a class that is always true
    found = bootstrap_crossed_statistics(rows, lambda s: s[..., 0] / s[..., 1], item, rater, limits=(0, 1))
    assert 0 < found.ci_low < found.estimate < found.ci_high < 1


def test_few_raters_stay_as_they_are_and_the_small_print_says_so():
    values, item, rater = ratings(30, 4)
    found = bootstrap_crossed(values, item, rater)
    assert "4 raters fixed" in found.method and "30 clusters" in found.method


def test_raters_who_differ_widen_it_and_items_by_themselves_do_not_tell():
    calm, unruly = ratings(rater_sd=0.0, seed=5), ratings(rater_sd=1.0, seed=5)
    width = [found.ci_high - found.ci_low for found in (bootstrap_crossed(*calm), bootstrap_crossed(*unruly))]
    assert width[1] > 1.5 * width[0]


def test_values_that_are_all_equal_have_the_rule_of_threes_interval_or_none():
    item, rater = np.repeat(np.arange(10), 6), np.tile(np.arange(6), 10)
    equal = bootstrap_crossed([4.0] * 60, item, rater, limits=(1, 5))
    assert equal.ci_low < 4 < equal.ci_high and "rule of three" in equal.reason
    nothing = bootstrap_crossed([4.0] * 60, item, rater)
    assert nothing.estimate == 4 and math.isnan(nothing.ci_low) and nothing.reason


def test_degrees_of_freedom_follow_the_source_that_varies():
    values, item, rater = ratings(60, 8, rater_sd=0.0, seed=6)
    calm = paired_mean(values, item, rater)
    unruly = paired_mean(*ratings(60, 8, rater_sd=2.0, seed=6))
    assert unruly.df == pytest.approx(7, abs=1) and calm.df > 30


def test_where_all_rated_all_only_the_noise_is_taken_out():
    """The two-way analysis of variance: (MS_items + MS_raters - MS_noise) / n is the variance of the grand mean."""
    values, item, rater = ratings(20, 6, seed=7)
    table = values.reshape(20, 6)
    grand, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    of_items = 6 * np.sum((rows - grand) ** 2) / 19
    of_raters = 20 * np.sum((columns - grand) ** 2) / 5
    noise = np.sum((table - rows[:, None] - columns + grand) ** 2) / (19 * 5)
    found = paired_mean(values, item, rater)
    assert found.se**2 == pytest.approx((of_items + of_raters - noise) / 120, rel=0.03)


def test_the_variance_is_never_below_either_source():
    groups = encode(list(range(9)), 9), encode([0, 1, 2] * 3, 9)
    for parts in ((0.2, 0.1, 0.4), (0.0, 0.0, 0.0), (0.1, 0.3, 0.1)):
        assert crossed_variance(VarianceComponents(*parts), *groups)[0] >= max(parts[:2])
