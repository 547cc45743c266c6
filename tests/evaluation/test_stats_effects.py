"""Effect sizes, margins, and the sample sizes of designs that are not paired."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.stats import margins, power_arms
from evaluation.stats.effects import cliffs_delta, cohens_h, hedges_g, odds_ratio, paired_effect, risk_difference

ratings = st.lists(st.integers(1, 5), min_size=2, max_size=25)


class TestEffects:
    @given(ratings, ratings)
    @settings(deadline=None)
    def test_turned_round_they_change_sign_only(self, a, b):
        for effect in (hedges_g, cliffs_delta):
            forth, back = effect(a, b), effect(b, a)
            if math.isnan(forth.estimate):
                assert forth.reason and math.isnan(back.estimate)
                continue
            assert forth.estimate == pytest.approx(-back.estimate, abs=1e-9)
            if not math.isnan(forth.ci_low):
                assert (forth.ci_low, forth.ci_high) == pytest.approx((-back.ci_high, -back.ci_low), abs=1e-6)
                assert forth.ci_low - 1e-9 <= forth.estimate <= forth.ci_high + 1e-9

    @given(ratings, st.floats(0.5, 20), st.floats(-5, 5))
    @settings(deadline=None)
    def test_the_unit_of_the_scale_does_not_matter(self, a, unit, zero):
        b = a[::-1]
        scaled = [unit * x + zero for x in a], [unit * x + zero for x in b]
        assert hedges_g(*scaled).estimate == pytest.approx(hedges_g(a, b).estimate, abs=1e-9, nan_ok=True)

    def test_cliffs_delta_counts_pairs(self):
        a, b = [1, 2], [2, 3, 1]
        counted = np.mean([np.sign(x - y) for x in a for y in b])
        assert cliffs_delta(a, b).estimate == pytest.approx(counted)

    def test_what_cannot_be_had_is_nan_with_the_reason(self):
        nan = math.nan
        assert "two pairs" in paired_effect([1, nan], [2, 3]).reason
        assert "do not vary" in paired_effect([1, 2, 3], [0, 1, 2]).reason
        assert "two values" in hedges_g([1], [1, 2]).reason
        assert "neither group" in hedges_g([1, 1], [1, 1]).reason
        wholly = cliffs_delta([3, 4], [1, 2])
        assert wholly.estimate == 1 and math.isnan(wholly.ci_low) and "wholly above" in wholly.reason
        assert risk_difference(0, 0, 1, 2).reason and odds_ratio(0, 0, 1, 2).reason
        both = odds_ratio(5, 5, 3, 3)
        assert math.isnan(both.estimate) and both.ci_low < 1 < both.ci_high and both.reason
        assert cohens_h(nan, 0.5).reason

    def test_wrong_input_is_refused(self):
        with pytest.raises(ValueError, match="same examples"):
            paired_effect([1], [1, 2])
        with pytest.raises(ValueError, match="0 ≤ k ≤ n"):
            odds_ratio(3, 2, 1, 2)
        with pytest.raises(ValueError, match="between 0 and 1"):
            cohens_h(1.2, 0.5)

    def test_their_intervals_cover(self):
        rng, runs, covered = np.random.default_rng(0), 600, np.zeros(3)
        for _ in range(runs):
            a, b = rng.normal(0.5, 1, 20), rng.normal(0, 1, 20)
            limits = hedges_g(a, b), paired_effect(a, b), cliffs_delta(a, b)
            truths = 0.5, 0.5 / math.sqrt(2), 0.27633  # the last: 2·Φ(0.5/√2) - 1
            covered += [found.ci_low <= truth <= found.ci_high for found, truth in zip(limits, truths, strict=True)]
        # Three standard errors of a share of 0.95 in 600 runs are 0.027.
        assert (np.abs(covered / runs - 0.95) < 0.027).all(), covered / runs


class TestMargins:
    def test_worse_by_less_than_the_margin_is_shown(self):
        rng = np.random.default_rng(1)
        b = rng.normal(4, 0.5, 60)
        a = b + rng.normal(0, 0.2, 60)
        shown = margins.noninferiority(a, b, 0.2)
        assert shown.shown and shown.ci_low > -0.2 and shown.ci_high == math.inf
        assert margins.equivalence(a, b, 0.2).shown
        assert not margins.equivalence(a + 0.5, b, 0.2).shown
        assert margins.noninferiority(a + 0.5, b, 0.2).shown
        assert not margins.noninferiority(a - 0.5, b, 0.2).shown

    @given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=30), st.floats(0.1, 2))
    @settings(deadline=None)
    def test_p_and_interval_say_the_same(self, pairs, margin):
        a, b = zip(*pairs, strict=True)
        found = margins.equivalence(a, b, margin)
        if found.shown is None:
            assert found.reason and math.isnan(found.p_value)
        elif abs(found.p_value - 0.05) > 1e-9:
            assert found.shown == (-margin < found.ci_low and found.ci_high < margin)

    def test_the_size_at_the_margin_is_five_per_cent(self):
        rng, runs = np.random.default_rng(2), 2000
        shown = sum(bool(margins.noninferiority(rng.normal(-0.3, 1, 25), np.zeros(25), 0.3).shown) for _ in range(runs))
        assert shown / runs == pytest.approx(0.05, abs=0.015)  # three standard errors

    def test_clusters_count_as_what_they_are(self):
        rng = np.random.default_rng(3)
        document = np.repeat(np.arange(12), 10)
        a = rng.normal(0, 1, 12)[document] + rng.normal(0, 0.1, 120)
        plain, clustered = (
            margins.noninferiority(a, np.zeros(120), 0.5),
            margins.noninferiority(a, np.zeros(120), 0.5, clusters=document),
        )
        assert clustered.units == 12 and clustered.ci_low < plain.ci_low

    def test_nothing_to_test_is_said(self):
        assert margins.noninferiority([], [], 0.1).shown is None
        assert "equal" in margins.equivalence([2, 3], [1, 2], 0.1).reason
        with pytest.raises(ValueError, match="margin"):
            margins.noninferiority([1], [1], 0)


class TestPowerOfArms:
    def test_the_promised_power_is_what_a_simulation_finds(self):
        from scipy import stats

        rng, runs = np.random.default_rng(4), 1500
        n = int(power_arms.arms_of_means(0.6, 1))
        found = np.mean(
            [stats.ttest_ind(rng.normal(0.6, 1, n), rng.normal(0, 1, n)).pvalue < 0.05 for _ in range(runs)]
        )
        assert found == pytest.approx(0.8, abs=0.035)
        n = int(power_arms.noninferiority_size(0.4, 1))
        shown = [margins.noninferiority(rng.normal(0, 1, n), np.zeros(n), 0.4).shown for _ in range(runs)]
        assert np.mean(np.array(shown, float)) == pytest.approx(0.8, abs=0.035)
        n = int(power_arms.noninferiority_size(0.5, 1, equivalence=True))
        shown = [margins.equivalence(rng.normal(0, 1, n), np.zeros(n), 0.5).shown for _ in range(runs)]
        assert np.mean(np.array(shown, float)) == pytest.approx(0.8, abs=0.04)
        n = int(power_arms.correlation_size(0.4))
        draws = (rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], n) for _ in range(runs))
        assert np.mean([stats.pearsonr(*d.T).pvalue < 0.05 for d in draws]) == pytest.approx(0.8, abs=0.035)

    @given(st.floats(0.02, 0.6), st.integers(60, 5000))
    @settings(deadline=None)
    def test_rates_turned_round(self, baseline, n):
        rate = power_arms.detectable_rate(baseline, n)
        if math.isnan(rate):
            assert rate.reason
        else:
            assert power_arms.arms_of_proportions(baseline, rate) in (n, n + 1)

    def test_a_larger_second_arm_spares_the_first(self):
        assert power_arms.arms_of_means(0.5, 1, ratio=3) < power_arms.arms_of_means(0.5, 1)
        assert power_arms.arms_of_means(0.5, 1, cluster_size=5, icc=0.2) == pytest.approx(1.8 * 63, abs=2)

    def test_what_no_number_shows(self):
        for figure in (
            power_arms.arms_of_means(0, 1),
            power_arms.arms_of_means(1, 0),
            power_arms.arms_of_means(math.nan, 1),
            power_arms.arms_of_proportions(0.3, 0.3),
            power_arms.noninferiority_size(0.2, 1, true_difference=-0.2),
            power_arms.correlation_size(0.3, null=0.3),
            power_arms.detectable_rate(1.0, 50),
            power_arms.detectable_rate(0.5, 0),
        ):
            assert math.isnan(figure) and figure.reason

    def test_wrong_input_is_refused(self):
        for call in (
            lambda: power_arms.arms_of_means(1, 1, ratio=0),
            lambda: power_arms.arms_of_proportions(1.2, 0.5),
            lambda: power_arms.noninferiority_size(0, 1),
            lambda: power_arms.correlation_size(1.0),
            lambda: power_arms.arms_of_means(1, 1, power=80),
        ):
            with pytest.raises(ValueError):
                call()
