"""Bootstrap and proportion intervals, and the draws behind them."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.stats import resampling
from evaluation.stats.intervals import bootstrap, bootstrap_statistics, clopper_pearson, rule_of_three, wilson


def test_an_interval_unpacks_into_its_limits():
    low, high = wilson(7, 10)
    assert low < 0.7 < high


@pytest.mark.parametrize("method", ["percentile", "expanded", "bca"])
def test_the_interval_holds_the_estimate_and_is_the_same_each_time(method):
    sample = np.random.default_rng(0).exponential(size=50)
    one = bootstrap(sample, method=method, seed=4)
    assert one.ci_low < one.estimate < one.ci_high
    assert one.estimate == pytest.approx(sample.mean())
    assert one == bootstrap(sample, method=method, seed=4)


def test_expanded_is_as_wide_as_t_for_few_values():
    sample = np.random.default_rng(1).normal(size=15)
    percentile, expanded = bootstrap(sample, method="percentile"), bootstrap(sample)
    widening = (expanded.ci_high - expanded.ci_low) / (percentile.ci_high - percentile.ci_low)
    assert widening == pytest.approx(math.sqrt(15 / 14) * 2.1448 / 1.96, abs=0.06)


def test_bounds_of_chunks_do_not_change_the_draws(monkeypatch):
    sample = np.random.default_rng(2).normal(size=37)
    whole = [bootstrap(sample, seed=1), bootstrap(sample, np.median, seed=1)]
    monkeypatch.setattr(resampling, "CELLS", 1000)
    assert [bootstrap(sample, seed=1), bootstrap(sample, np.median, seed=1)] == whole


def test_every_swap_comes_once():
    swaps = np.concatenate(list(resampling.all_swaps(5)))
    assert swaps.shape == (32, 5)
    assert len(np.unique(swaps, axis=0)) == 32


def test_random_swaps_are_fair():
    swaps = np.concatenate(list(resampling.random_swaps(np.random.default_rng(0), 13, 20_000)))
    assert swaps.shape == (20_000, 13)
    assert swaps.mean(axis=0) == pytest.approx(np.full(13, 0.5), abs=0.02)
    assert np.corrcoef(swaps.T)[np.triu_indices(13, 1)] == pytest.approx(np.zeros(78), abs=0.04)


@pytest.mark.parametrize("statistic", [np.mean, np.median])
def test_clusters_are_resampled_as_wholes(statistic):
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(20), 10)
    values = rng.normal(size=20)[cluster] + rng.normal(0, 0.1, 200)
    plain = bootstrap(values, statistic, resamples=1000)
    clustered = bootstrap(values, statistic, clusters=cluster, resamples=1000)
    assert clustered.ci_high - clustered.ci_low > 2 * (plain.ci_high - plain.ci_low)
    assert "20 clusters" in clustered.method


def test_clusters_of_different_size_weigh_by_their_values():
    values, cluster = np.array([1, 1, 1, 0.0]), ["a", "a", "a", "b"]
    assert bootstrap(values, clusters=cluster).estimate == 0.75
    by_sums = bootstrap_statistics(
        np.column_stack([values, np.ones(4)]), lambda sums: sums[..., 0] / sums[..., 1], clusters=cluster
    )
    assert by_sums == bootstrap(values, clusters=cluster)


def test_bca_over_clusters_of_one_is_bca():
    sample = np.random.default_rng(4).gamma(1, size=30)
    own = np.arange(30)
    expected = bootstrap(sample, np.median, method="bca", resamples=500)
    assert tuple(bootstrap(sample, np.median, clusters=own, method="bca", resamples=500)) == tuple(expected)


@pytest.mark.parametrize("method", ["percentile", "expanded", "bca"])
def test_what_cannot_be_had_is_nan_with_the_reason(method):
    for values in ([], [math.nan]):
        nothing = bootstrap(values, method=method)
        assert math.isnan(nothing.estimate) and math.isnan(nothing.ci_low) and nothing.reason == "no values"
    single = bootstrap([0.4], method=method)
    assert single.estimate == 0.4 and math.isnan(single.ci_low) and single.reason
    constant = bootstrap([0.1] * 9, method=method)
    assert constant.estimate == pytest.approx(0.1) and constant.reason
    assert math.isnan(constant.ci_low) == (method == "bca")
    one_cluster = bootstrap([1, 2, 3], clusters=["a"] * 3, method=method)
    assert one_cluster.estimate == 2 and math.isnan(one_cluster.ci_low)


def test_a_statistic_undefined_in_many_resamples_has_no_interval():
    # one positive among thirty: more than a third of the resamples hold none
    rows = np.column_stack([np.eye(1, 30)[0], np.eye(1, 30)[0]])
    result = bootstrap_statistics(rows, lambda sums: sums[..., 0] / sums[..., 1])
    assert result.estimate == 1 and math.isnan(result.ci_low) and "undefined in" in result.reason


def test_missing_values_are_left_out():
    assert bootstrap([1, math.nan, 3]).n == 2


@given(st.integers(1, 400), st.data())
@settings(deadline=None)
def test_proportion_intervals_are_ordered_within_bounds_and_mirror(n, data):
    k = data.draw(st.integers(0, n))
    for interval in (wilson, clopper_pearson):
        low, high = interval(k, n)
        assert 0 <= low <= k / n <= high <= 1
        other_low, other_high = interval(n - k, n)
        assert (1 - other_high, 1 - other_low) == pytest.approx((low, high), abs=1e-9)


def test_the_rule_of_three_is_the_one_sided_exact_limit():
    for n in (1, 20, 59, 5000):
        assert rule_of_three(n) == pytest.approx(clopper_pearson(0, n, sides=1).ci_high)
    assert math.isnan(rule_of_three(0)) and rule_of_three(0).reason == "no trials"


def test_no_trials_have_no_proportion():
    for interval in (wilson, clopper_pearson):
        assert math.isnan(interval(0, 0).estimate) and interval(0, 0).reason == "no trials"
        with pytest.raises(ValueError, match="0 ≤ k ≤ n"):
            interval(3, 2)


def test_wrong_shapes_and_names_are_refused():
    with pytest.raises(ValueError, match="one-dimensional"):
        bootstrap([[1, 2]])
    with pytest.raises(ValueError, match="sufficient statistics"):
        bootstrap_statistics([1, 2], np.sum)
    with pytest.raises(ValueError, match="method must be"):
        bootstrap([1, 2], method="basic")
    with pytest.raises(ValueError, match="between 0 and 1"):
        wilson(1, 2, confidence=95)


def test_a_sample_without_variance_is_known_by_the_rule_of_three():
    for n in (2, 10, 60):
        equal = bootstrap([4.0] * n, limits=(1, 5))
        share = clopper_pearson(0, n).ci_high
        assert (equal.ci_low, equal.ci_high) == pytest.approx((4 - 3 * share, 4 + share))
        assert equal.estimate == 4 and equal.reason
    assert bootstrap([1.0] * 9, limits=(0, 1)).ci_low == pytest.approx(clopper_pearson(9, 9).ci_low)
    assert bootstrap([4.0] * 9).ci_low == 4, "without limits nothing is known of the others"


@pytest.mark.parametrize("clusters", [None, [1, 1, 2, 2, 3, 3, 4]])
@pytest.mark.parametrize(
    ("plain", "numpys"),
    [(statistics.median, np.median), (lambda values: values.max(), np.max), (max, np.max), (statistics.fmean, np.mean)],
)
def test_a_statistic_that_takes_no_axis_gives_what_numpys_gives(plain, numpys, clusters):
    values = [1, 2, 3, 4, 9, 3, float("nan")]
    for method in ("expanded", "bca"):
        one = bootstrap(values, plain, clusters, method=method, resamples=300)
        other = bootstrap(values, numpys, clusters, method=method, resamples=300)
        assert (one.estimate, *one) == pytest.approx((other.estimate, *other), nan_ok=True)
