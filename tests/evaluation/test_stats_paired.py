"""Paired comparison: what a reader of a scorecard may rely on."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.stats.paired import (
    benjamini_hochberg,
    compare,
    compare_pairs,
    compare_statistics,
    compare_systems,
    holm,
    mcnemar,
)

TESTS = ("permutation", "bootstrap", "wilcoxon", "t", "sign")
scores = st.lists(st.integers(0, 20).map(lambda tenths: tenths / 10), min_size=2, max_size=12)


def ratio(sums):
    """A corpus figure: hits over attempts."""
    return sums[..., 0] / sums[..., 1]


def macro_f1(sums):
    """Macro F1 of two classes from sums of (true positives, predicted, actual) each."""
    tp, predicted, actual = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    return np.mean(2 * tp / (predicted + actual), axis=-1)


def f1_statistics(predictions, references):
    """Sufficient statistics of `macro_f1`, (n, 6)."""
    columns = []
    for label in (0, 1):
        columns += [(predictions == label) & (references == label), predictions == label, references == label]
    return np.column_stack(columns).astype(float)


@pytest.mark.parametrize("test", [*TESTS, "mcnemar"])
def test_identical_systems_differ_by_nothing_with_certainty_of_nothing(test):
    a = np.array([0, 1, 1, 0, 1, 1, 0, 1.0])
    result = compare(a, a, test)
    assert result.delta == 0
    assert result.p_value == 1
    assert result.ci_low <= 0 <= result.ci_high


@pytest.mark.parametrize("test", TESTS)
def test_delta_is_a_minus_b_and_swapping_turns_everything_round(test):
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.5, 1, 40), rng.normal(0, 1, 40)
    forth, back = compare(a, b, test), compare(b, a, test)
    assert forth.delta == pytest.approx(np.mean(a) - np.mean(b))
    assert back.delta == pytest.approx(-forth.delta)
    assert back.p_value == pytest.approx(forth.p_value, abs=0.002)
    assert back.ci_low == pytest.approx(-forth.ci_high, abs=0.03)
    assert forth.ci_low < forth.delta < forth.ci_high


@pytest.mark.parametrize("test", TESTS)
def test_the_same_seed_gives_the_same_figures(test):
    a, b = np.random.default_rng(1).normal(size=(2, 60))
    assert compare(a, b, test, seed=3) == compare(a, b, test, seed=3)


@given(scores, st.data())
@settings(max_examples=60, deadline=None)
def test_a_permutation_p_is_a_probability_that_ignores_order_and_scale(a, data):
    b = data.draw(st.lists(st.sampled_from([0.0, 0.1, 0.3, 1.0]), min_size=len(a), max_size=len(a)))
    order = data.draw(st.permutations(range(len(a))))
    a, b = np.array(a), np.array(b)
    p = compare(a, b, resamples=100).p_value
    assert 0 < p <= 1
    assert compare(a[order], b[order], resamples=100).p_value == p
    assert compare(100 * a, 100 * b, resamples=100).p_value == p
    assert compare(b, a, resamples=100).p_value == p


def test_examples_on_which_both_agree_do_not_change_an_exact_p():
    a, b = np.array([1, 1, 1, 0.0]), np.array([0, 0, 0, 1.0])
    padded = np.full(300, 0.5)
    assert compare(np.r_[a, padded], np.r_[b, padded]).p_value == compare(a, b).p_value == 10 / 16


def test_a_drawn_p_is_never_zero():
    a = np.ones(200)
    assert compare(a, np.zeros(200), resamples=9_999).p_value == pytest.approx(1 / 10_000)


def test_missing_values_drop_the_pair_and_are_counted():
    a, b = [1, 2, math.nan, 4, 5], [1, 1, 1, math.nan, 3]
    result = compare(a, b)
    assert (result.n, result.dropped) == (3, 2)
    assert result.delta == 1


@pytest.mark.parametrize("test", [*TESTS, "mcnemar"])
def test_what_cannot_be_had_is_nan_with_the_reason(test):
    empty = compare([], [], test)
    assert math.isnan(empty.delta) and math.isnan(empty.p_value) and empty.reason
    assert math.isnan(compare([math.nan], [1], test).delta)
    single = compare([1], [0], test)
    assert single.delta == 1
    if test == "mcnemar":  # its interval and exact p are defined on one pair
        assert single.p_value == 1
    else:
        assert math.isnan(single.ci_low) and math.isnan(single.ci_high) and single.reason


def test_a_constant_difference_leaves_t_undefined_and_permutation_exact():
    a, b = np.full(6, 0.3), np.full(6, 0.1)
    t = compare(a, b, "t")
    assert math.isnan(t.p_value) and "no variance" in t.reason
    permutation = compare(a, b)
    assert permutation.p_value == 2 / 2**6
    assert "not certainty" in permutation.reason


def test_with_limits_a_constant_difference_has_the_rule_of_threes_interval():
    share = 1 - 0.025 ** (1 / 3)
    clear = compare([1, 1, 1], [0, 0, 0], limits=(-1, 1))
    assert (clear.delta, clear.p_value, clear.ci_high) == (1, 0.25, 1)
    assert clear.ci_low == pytest.approx(1 - 2 * share) and clear.ci_low < 0, "three tickets prove nothing"
    same = compare([1, 0, 1], [1, 0, 1], limits=(-1, 1))
    assert (same.ci_low, same.ci_high, same.p_value) == pytest.approx((-share, share, 1))
    in_clusters = compare([1] * 6, [0] * 6, clusters=[1, 1, 1, 2, 2, 3], limits=(-1, 1))
    assert in_clusters.ci_low == pytest.approx(clear.ci_low), "clusters count, not their values"
    endless = compare([1, 1], [0, 0], limits=(-math.inf, math.inf))
    assert math.isnan(endless.ci_low) and "no limits" in endless.reason
    rows = np.array([[1.0, 1.0]] * 3), np.array([[0.0, 1.0]] * 3)
    corpus = compare_statistics(*rows, lambda sums: sums[..., 0] / sums[..., 1], limits=(-1, 1))
    assert (corpus.delta, corpus.ci_low) == pytest.approx((1, clear.ci_low))


@pytest.mark.parametrize("test", TESTS)
def test_infinite_less_infinite_is_absent_with_the_reason(test):
    result = compare([1, math.inf, 3, 4], [2, math.inf, 1, 2], test)
    assert all(math.isnan(figure) for figure in (result.delta, result.ci_low, result.ci_high, result.p_value))
    assert (result.n, result.dropped) == (4, 0) and "1 of 4 examples have an infinite value" in result.reason


def test_one_infinite_value_has_a_sign_and_a_rank_but_no_mean():
    a, b = [1, math.inf, 3, 4, 5, 6], [2, 1, 1, 1, 1, 1]
    for test in ("permutation", "bootstrap", "t"):
        absent = compare(a, b, test)
        assert math.isnan(absent.delta) and math.isnan(absent.p_value) and "infinite" in absent.reason
    assert compare(a, b, "wilcoxon").p_value == 0.0625 and compare(a, b, "sign").p_value == pytest.approx(0.21875)


def test_clusters_are_flipped_as_wholes():
    # Ten questions of one document that all went the same way are one observation, not ten.
    a, b = np.ones(30), np.zeros(30)
    document = np.repeat(["x", "y", "z"], 10)
    assert compare(a, b).p_value < 0.001
    clustered = compare(a, b, clusters=document)
    assert clustered.p_value == 2 / 8
    assert clustered.units == 3


def test_ignoring_clusters_makes_intervals_too_narrow():
    rng = np.random.default_rng(2)
    document = np.repeat(np.arange(40), 8)
    a = rng.normal(0, 1, 40)[document] + rng.normal(0, 0.3, 320)
    plain, clustered = compare(a, np.zeros(320)), compare(a, np.zeros(320), clusters=document)
    by_t = compare(a, np.zeros(320), "t", clusters=document)
    width = clustered.ci_high - clustered.ci_low
    assert width > 2 * (plain.ci_high - plain.ci_low)
    assert width == pytest.approx(by_t.ci_high - by_t.ci_low, rel=0.1)


def test_an_example_without_a_document_stands_alone():
    a = np.arange(6.0)
    result = compare(a, np.zeros(6), clusters=["x", "x", None, None, "y", "y"])
    assert result.units == 4


@pytest.mark.parametrize("test", ["wilcoxon", "sign", "mcnemar"])
def test_tests_without_a_clustered_form_say_so(test):
    with pytest.raises(ValueError, match="permutation, bootstrap or t"):
        compare([1, 0], [0, 0], test, clusters=[1, 1])


def test_wrong_input_is_refused_by_name():
    with pytest.raises(ValueError, match="same examples: 2 against 3"):
        compare([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="unknown test 'z'"):
        compare([1], [1], "z")
    with pytest.raises(ValueError, match="0 and 1"):
        compare([0.5, 1], [1, 1], "mcnemar")
    with pytest.raises(ValueError, match="confidence"):
        compare([1, 2], [1, 2], confidence=95)
    with pytest.raises(ValueError, match="one label per value"):
        compare([1, 2], [1, 2], clusters=[1])


def test_mcnemar_has_a_width_even_when_nothing_is_discordant():
    result = compare(np.ones(25), np.ones(25), "mcnemar")
    assert result.p_value == 1 and result.ci_low < 0 < result.ci_high


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from(["exact", "mid-p", "chi2", "chi2-corrected"]))
@settings(deadline=None)
def test_mcnemar_is_a_symmetric_probability(b, c, kind):
    p = mcnemar(b, c, kind)
    assert 0 < p <= 1
    assert p == mcnemar(c, b, kind)


class TestStatistics:
    def test_a_mean_by_its_sums_is_the_comparison_of_means(self):
        a, b = np.random.default_rng(4).normal(0.2, 1, (2, 14))
        ones = np.ones(14)
        by_sums = compare_statistics(np.column_stack([a, ones]), np.column_stack([b, ones]), ratio)
        by_mean = compare(a, b)
        assert by_sums.delta == pytest.approx(by_mean.delta)
        assert by_sums.p_value == by_mean.p_value
        assert (by_sums.ci_low, by_sums.ci_high) == pytest.approx((by_mean.ci_low, by_mean.ci_high))

    def test_macro_f1_agrees_with_every_swap_done_by_hand(self):
        rng = np.random.default_rng(5)
        truth, a, b = rng.integers(0, 2, (3, 9))
        truth[:4] = a[:4] = [0, 1, 0, 1]
        first, second = f1_statistics(a, truth), f1_statistics(b, truth)
        observed = macro_f1(first.sum(0)) - macro_f1(second.sum(0))
        hits = 0
        for number in range(2**9):
            swap = np.array([number >> place & 1 for place in range(9)], bool)[:, None]
            one, other = np.where(swap, second, first), np.where(swap, first, second)
            hits += abs(macro_f1(one.sum(0)) - macro_f1(other.sum(0))) >= abs(observed) - 1e-12
        result = compare_statistics(first, second, macro_f1)
        assert result.delta == pytest.approx(observed)
        assert result.p_value == pytest.approx(hits / 2**9)

    def test_identical_systems_have_p_one(self):
        rows = np.random.default_rng(6).random((50, 6))
        result = compare_statistics(rows, rows, macro_f1)
        assert (result.delta, result.p_value, result.ci_low, result.ci_high) == (0, 1, 0, 0)

    def test_clusters_change_places_as_wholes(self):
        a = np.column_stack([np.ones(30), np.ones(30)])
        b = np.column_stack([np.zeros(30), np.ones(30)])
        result = compare_statistics(a, b, ratio, clusters=np.repeat([0, 1, 2], 10))
        assert (result.p_value, result.units) == (2 / 8, 3)

    def test_an_undefined_figure_is_nan_with_the_reason(self):
        rows = np.zeros((5, 2))
        result = compare_statistics(rows, rows, ratio)
        assert math.isnan(result.delta) and math.isnan(result.p_value) and "undefined" in result.reason
        assert math.isnan(compare_statistics(np.zeros((0, 2)), np.zeros((0, 2)), ratio).delta)

    def test_rows_with_nan_are_dropped(self):
        a = np.array([[1, 1], [np.nan, 1], [0, 1], [1, 1.0]])
        result = compare_statistics(a, np.ones((4, 2)), ratio)
        assert (result.n, result.dropped) == (3, 1)


class TestManySystems:
    def test_each_system_has_the_figures_of_its_own_comparison(self):
        rng = np.random.default_rng(7)
        systems, baseline = rng.normal(0.1, 1, (4, 60)), rng.normal(0, 1, 60)
        for system, together in zip(systems, compare_systems(systems, baseline, seed=2), strict=True):
            alone = compare(system, baseline, seed=2)
            assert together.p_value == alone.p_value
            assert (together.delta, together.ci_low, together.ci_high) == pytest.approx(
                (alone.delta, alone.ci_low, alone.ci_high)
            )

    def test_few_examples_are_enumerated(self):
        systems, baseline = np.array([[1, 1, 1, 0.0], [0, 0, 0, 1]]), np.array([0, 0, 0, 1.0])
        first, second = compare_systems(systems, baseline)
        assert first.p_value == compare(systems[0], baseline).p_value
        assert second.p_value == 1

    def test_every_pair_has_the_figures_of_its_own_comparison(self):
        systems = np.random.default_rng(8).normal(0.1, 1, (4, 60))
        systems[3] = systems[1]
        clusters = np.repeat(np.arange(20), 3)
        found = compare_pairs(systems, clusters=clusters, seed=2)
        assert list(found) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
        for (one, other), together in found.items():
            alone = compare(systems[one], systems[other], clusters=clusters, seed=2)
            assert together.p_value == pytest.approx(alone.p_value, abs=2e-4)
            assert (together.delta, together.ci_low, together.ci_high) == pytest.approx(
                (alone.delta, alone.ci_low, alone.ci_high)
            )
        assert found[1, 3].p_value == 1 and found[1, 3].delta == 0, "two identical systems"

    def test_one_system_has_nobody_to_be_compared_with(self):
        assert compare_pairs(np.ones((1, 5))) == {}

    def test_an_infinite_value_takes_away_the_figures_of_its_own_system_only(self):
        systems = np.random.default_rng(8).normal(0.1, 1, (3, 20))
        baseline = np.zeros(20)
        before = compare_systems(systems, baseline)[1], compare_pairs(systems)[1, 2]
        systems[0, 5] = np.inf
        first, second, _ = compare_systems(systems, baseline)
        pairs = compare_pairs(systems)
        for absent in (first, pairs[0, 1], pairs[0, 2]):
            assert math.isnan(absent.delta) and math.isnan(absent.p_value) and "1 of 20 examples" in absent.reason
        assert second == before[0]
        assert pairs[1, 2].delta == pytest.approx(before[1].delta) and pairs[1, 2].p_value == before[1].p_value

    def test_without_examples_every_figure_is_nan(self):
        (result,) = compare_systems(np.full((1, 3), np.nan), np.ones(3))
        assert math.isnan(result.delta) and result.reason


def test_type_one_error_is_kept_and_intervals_cover():
    # 400 comparisons of equals by 20 items each: rejections and misses stay near one in twenty.
    rng = np.random.default_rng(8)
    results = [compare(*rng.normal(size=(2, 20)), resamples=600, seed=seed) for seed in range(400)]
    rejected = np.mean([result.p_value <= 0.05 for result in results])
    covered = np.mean([result.ci_low <= 0 <= result.ci_high for result in results])
    assert rejected <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert covered >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 400)


class TestFamilies:
    @given(st.lists(st.floats(0, 1), max_size=20))
    @settings(deadline=None)
    def test_adjusting_keeps_the_order_and_never_lowers_a_p(self, p):
        for adjust in (holm, benjamini_hochberg):
            adjusted = adjust(p)
            assert len(adjusted) == len(p)
            assert all(low <= high for low, high in zip(p, adjusted, strict=True))
            assert all(adjusted <= 1)
            assert list(np.argsort(adjusted[np.argsort(p, kind="stable")], kind="stable")) == list(range(len(p)))
        assert all(benjamini_hochberg(p) <= holm(p))

    def test_a_test_that_was_not_made_does_not_count(self):
        adjusted = holm([0.01, math.nan, 0.04])
        assert math.isnan(adjusted[1])
        assert [adjusted[0], adjusted[2]] == pytest.approx([0.02, 0.04])
        with pytest.raises(ValueError, match="between 0 and 1"):
            holm([1.5])


def test_the_signed_rank_test_counts_all_signs_where_ranks_are_tied():
    differences = np.array([1.0] * 7 + [-1, 2, 2, -1, 1, 1, 1, 1, -2])
    ranks = np.where(np.abs(differences) == 1, 6.5, 14.5)  # twelve of the first, four of the second
    observed = abs(ranks @ np.sign(differences))
    signs = 2 * ((np.arange(1 << 16)[:, None] >> np.arange(16)) & 1) - 1
    found = compare(differences, np.zeros(16), "wilcoxon")
    assert found.p_value == np.mean(np.abs(signs @ ranks) >= observed) and found.p_value > 0.04
    assert found.method.startswith("exact Wilcoxon signed-rank test;")
    many = compare(np.tile(differences, 20), np.zeros(320), "wilcoxon")
    assert many.method.startswith("Wilcoxon signed-rank test by the normal approximation;")
