"""Rater effects: severity in points and in logits, drift, straight lines, speed, mixed effects."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.stats.cumulative_logit import ordinal_severity
from evaluation.stats.cusum import cusum
from evaluation.stats.mixed import mixed_effects
from evaluation.stats.rater_habits import rater_speed, straight_lining
from evaluation.stats.severity import rater_severity


def crossed(items: int, raters: int) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(items), raters), np.tile(np.arange(raters), items)


class TestSeverity:
    def test_an_exact_additive_table_is_recovered(self):
        # Worked out by hand: raw means differ by .75, severities by 1.
        found = rater_severity([3.5, 2.5, 4.5, 3.5, 3.5, 2.5, 1.5, 3.5], [1, 2, 3, 4, 3, 4, 5, 6], list("AAAABBBB"))
        assert found.raters == ("A", "B") and found.shifts == pytest.approx([0.5, -0.5])
        assert found.items == (1, 2, 3, 4, 5, 6) and found.item_means == pytest.approx([3, 2, 4, 3, 2, 4])

    def test_missing_ratings_are_left_out(self):
        item, rater = crossed(8, 3)
        ratings = np.random.default_rng(0).integers(1, 6, 24).astype(float)
        ratings[[3, 7]] = np.nan
        kept = ~np.isnan(ratings)
        assert rater_severity(ratings, item, rater).shifts == pytest.approx(
            rater_severity(ratings[kept], item[kept], rater[kept]).shifts
        )

    @given(st.integers(0, 1000), st.permutations(range(12)))
    @settings(deadline=None, max_examples=30)
    def test_order_does_not_matter_and_shifts_add_up_to_0(self, seed, order):
        item, rater = crossed(4, 3)
        ratings = np.random.default_rng(seed).integers(1, 6, 12).astype(float)
        found = rater_severity(ratings, item, rater)
        again = rater_severity(ratings[list(order)], item[list(order)], rater[list(order)])
        assert found.shifts.sum() == pytest.approx(0, abs=1e-9)
        assert again.shifts == pytest.approx(found.shifts, abs=1e-9)

    def test_raters_without_a_common_item_do_not_compare(self):
        found = rater_severity([1, 2, 3, 4], [1, 2, 3, 4], ["A", "A", "B", "B"])
        assert "2 groups that share no item" in found.reason and np.isnan(found.shifts).all()

    def test_too_little_is_said(self):
        assert "one rater" in rater_severity([1, 2], [1, 2], ["A", "A"]).reason
        assert rater_severity([], [], []).reason == "no ratings"
        bare = rater_severity([3, 2], [1, 1], ["A", "B"])
        assert bare.shifts == pytest.approx([0.5, -0.5]) and np.isnan(bare.se).all() and "no noise" in bare.reason
        with pytest.raises(ValueError, match="lacks its label"):
            rater_severity([1, 2], [1, None], ["A", "B"])

    def test_its_intervals_cover(self):
        rng, item, rater = np.random.default_rng(1), *crossed(15, 4)
        truth, inside = np.array([-0.6, -0.1, 0.2, 0.5]), 0
        for _ in range(500):
            kept = rng.random(60) < 0.7
            ratings = (rng.normal(0, 1, 15)[item] + truth[rater] + rng.normal(0, 0.8, 60))[kept]
            found = rater_severity(ratings, item[kept], rater[kept])
            inside += (found.ci_low <= truth) & (truth <= found.ci_high)
        assert (np.abs(inside / 500 - 0.95) < 0.03).all()  # three standard errors are 0.029


class TestOrdinalSeverity:
    def test_planted_severities_are_found(self):
        rng, item, rater = np.random.default_rng(2), *crossed(200, 4)
        truth = np.array([-1.0, -0.2, 0.2, 1.0])
        logits = rng.normal(0, 1, 200)[item] + truth[rater] + rng.logistic(size=800)
        found = ordinal_severity(np.digitize(logits, [-2, -0.5, 0.5, 2]) + 1, item, rater)
        assert found.reason == "" and list(found.scale) == [1, 2, 3, 4, 5]
        assert (np.abs(found.shifts - truth) < 3 * found.se).all()
        assert found.thresholds == pytest.approx([-2, -0.5, 0.5, 2], abs=0.4)
        assert found.item_sd == pytest.approx(1, abs=0.3)
        assert (found.ci_low < found.shifts).all() and found.shifts.sum() == pytest.approx(0, abs=1e-12)

    def test_only_the_order_of_the_scale_counts_and_rows_may_come_in_any(self):
        rng, item, rater = np.random.default_rng(3), *crossed(30, 3)
        ratings = np.clip(np.round(3 + rng.normal(0, 1, 30)[item] + rng.normal(0, 1, 90)), 1, 5)
        found = ordinal_severity(ratings, item, rater)
        order = rng.permutation(90)
        again = ordinal_severity(np.exp(ratings)[order], item[order], rater[order])
        assert dict(zip(again.raters, again.shifts, strict=True)) == pytest.approx(
            dict(zip(found.raters, found.shifts, strict=True)), abs=1e-4
        )

    def test_what_has_no_finite_answer_is_said(self):
        item, rater = crossed(6, 2)
        lowest = np.where(rater == 0, 1, 1 + item % 4)
        assert "rater 0 gave one end" in ordinal_severity(lowest, item, rater).reason
        assert "same value" in ordinal_severity(np.ones(12), item, rater).reason
        assert "one rater" in ordinal_severity([1, 2], [1, 2], ["A", "A"]).reason
        assert ordinal_severity([], [], []).reason == "no ratings"
        assert "share no item" in ordinal_severity([1, 2, 3, 4], [1, 2, 3, 4], ["A", "A", "B", "B"]).reason

    @given(st.lists(st.integers(1, 4), min_size=12, max_size=12))
    @settings(deadline=None, max_examples=40)
    def test_any_small_table_has_figures_or_a_reason(self, values):
        found = ordinal_severity(values, *crossed(4, 3))
        assert found.reason or np.isfinite([*found.shifts, *found.se]).all()


class TestCusum:
    # NIST/SEMATECH e-Handbook, section 6.3.2.3.
    NIST = [
        324.925, 324.675, 324.725, 324.35, 325.35, 325.225, 324.125, 324.525, 325.225, 324.6,
        324.625, 325.15, 328.325, 327.25, 327.825, 328.5, 326.675, 327.775, 326.875, 328.35,
    ]  # fmt: skip

    def test_the_handbooks_series(self):
        found = cusum(self.NIST, 325, 0.3175, 4.1959)
        assert found.upper[12:] == pytest.approx([3.01, 4.94, 7.45, 10.63, 11.99, 14.44, 16.00, 19.04], abs=0.006)
        assert (found.alarm, found.direction, found.since) == (13, "up", 12)

    @given(st.lists(st.floats(-5, 5) | st.none(), max_size=40), st.floats(0, 2), st.floats(0.1, 8))
    def test_it_is_the_recursion(self, values, slack, threshold):
        found = cusum(np.array(values, dtype=float), 0.5, slack, threshold)
        up = down = 0.0
        alarm = None
        for at, value in enumerate(values):
            if value is None:
                assert math.isnan(found.upper[at])
                continue
            up, down = max(0.0, up + value - 0.5 - slack), max(0.0, down + 0.5 - value - slack)
            assert (found.upper[at], found.lower[at]) == pytest.approx((up, down), abs=1e-9)
            if alarm is None and max(up, down) > threshold + 1e-9:
                alarm = at
        assert alarm is None or (found.alarm is not None and found.alarm <= alarm)

    def test_turned_round_the_alarm_is_down(self):
        found = cusum(-np.array(self.NIST), -325, 0.3175, 4.1959)
        assert (found.alarm, found.direction) == (13, "down")

    def test_nothing_and_wrong_input(self):
        assert cusum([], 0, 0.5, 4).alarm is None
        with pytest.raises(ValueError, match="threshold above 0"):
            cusum([1], 0, 0.5, 0)


class TestHabits:
    def test_straight_lines_beyond_chance_are_found(self):
        rng = np.random.default_rng(4)
        careful = rng.integers(1, 6, (60, 4))
        lazy = np.where(rng.random((60, 1)) < 0.6, rng.integers(1, 6, (60, 1)), careful)
        assert straight_lining(careful).p_value > 0.05
        found = straight_lining(lazy)
        assert found.p_value < 1e-6 and found.share.estimate > 0.4 and found.expected < 0.05

    def test_expected_is_the_chance_of_equal_scores(self):
        forms = np.array([[1, 1], [1, 2], [2, 1], [2, 2]])
        assert straight_lining(forms).expected == pytest.approx(0.5)
        assert straight_lining(forms).longest_run == 3

    def test_one_score_throughout_and_nothing(self):
        same = straight_lining(np.full((5, 3), 4))
        assert same.share.estimate == 1 and same.longest_run == 15 and math.isnan(same.p_value) and same.reason
        assert straight_lining(np.full((3, 2), np.nan)).reason == "no form has two scores"
        assert straight_lining(np.empty((0, 3))).longest_run == 0
        with pytest.raises(ValueError, match="forms × dimensions"):
            straight_lining([1, 2])

    def test_speed_is_against_others_of_the_same_item(self):
        seconds = [10, 20, 40, 80, 100]
        found = rater_speed(seconds, ["i", "i", "j", "j", "k"], ["A", "B", "A", "B", "B"], words=[50, 50, 500, 50, 0])
        assert found["A"].relative == pytest.approx(0.5) and found["B"].relative == pytest.approx(2)
        assert found["A"].median_seconds == 25
        assert found["A"].too_fast.estimate == 0.5  # 500 words in 40 s is 750 per minute
        assert found["B"].too_fast.n == 2

    def test_times_that_are_none(self):
        found = rater_speed([0, math.nan, 5], [1, 1, 2], ["A", "A", "B"])
        assert found["A"].reason == "no time was taken" and math.isnan(found["A"].median_seconds)
        assert found["B"].reason == "nobody else rated these items" and math.isnan(found["B"].too_fast.estimate)
        assert rater_speed([], [], []) == {}


class TestMixedEffects:
    def test_balanced_data_have_the_variances_of_the_analysis_of_variance(self):
        # In a balanced crossed design with positive components REML is the method of moments.
        rng, item, rater = np.random.default_rng(5), *crossed(20, 6)
        y = 3 + rng.normal(0, 1, 20)[item] + rng.normal(0, 0.6, 6)[rater] + rng.normal(0, 0.5, 120)
        table = y.reshape(20, 6)
        grand, by_item, by_rater = table.mean(), table.mean(axis=1), table.mean(axis=0)
        between = 6 * np.sum((by_item - grand) ** 2) / 19
        severity = 20 * np.sum((by_rater - grand) ** 2) / 5
        error = np.sum((table - by_item[:, None] - by_rater + grand) ** 2) / 95
        found = mixed_effects(y, item, rater)
        components = found.item_variance, found.rater_variance, found.residual_variance
        assert components == pytest.approx(((between - error) / 6, (severity - error) / 20, error), rel=1e-4)
        assert found.estimates == pytest.approx([grand]) and found.df.tolist() == [5]
        assert found.icc == pytest.approx(found.item_variance / sum(components))

    def test_a_treatment_within_items_and_raters_is_the_paired_difference(self):
        rng = np.random.default_rng(6)
        item, rater = (np.concatenate([side, side]) for side in crossed(15, 4))
        model = np.repeat(["base", "tuned"], 60)
        y = (
            rng.normal(0, 1, 15)[item]
            + rng.normal(0, 0.3, 4)[rater]
            + 0.5 * (model == "tuned")
            + rng.normal(0, 0.4, 120)
        )
        found = mixed_effects(y, item, rater, model)
        assert found.terms == ("(intercept)", "tuned")
        assert found.estimates[1] == pytest.approx(y[60:].mean() - y[:60].mean())
        assert found.df[1] == 120 - 15 - 4 + 1 - 1

    def test_an_item_with_one_treatment_only_has_the_items_degrees_of_freedom(self):
        rng, item, rater = np.random.default_rng(7), *crossed(16, 5)
        found = mixed_effects(rng.normal(0, 1, 16)[item] + rng.normal(0, 1, 80), item, rater, item % 2)
        assert found.df.tolist() == [4, 14]

    def test_what_cannot_be_told_apart_is_said(self):
        assert "two raters" in mixed_effects([1, 2], [1, 2], ["A", "A"]).reason
        assert "rated twice" in mixed_effects([1, 2, 3], [1, 2, 3], ["A", "B", "A"]).reason
        assert "equal" in mixed_effects(np.ones(12), *crossed(4, 3)).reason
        assert "4 fixed terms" in mixed_effects([1, 2, 3, 5], *crossed(2, 2), list("abcd")).reason
        item, rater = crossed(5, 4)
        assert "without noise" in mixed_effects(1.0 * item + 0.5 * rater, item, rater).reason
        assert mixed_effects([], [], []).reason
        noise = mixed_effects(np.tile([1.0, 2.0, 3.0, 3.0, 1.0, 2.0, 2.0, 3.0, 1.0], 2), *crossed(6, 3))
        assert "no variation between items" in noise.reason and noise.item_variance == pytest.approx(0, abs=1e-6)
        with pytest.raises(ValueError, match="one label per rating"):
            mixed_effects([1, 2], [1], ["A", "B"])

    @given(st.lists(st.integers(1, 5), min_size=9, max_size=9), st.lists(st.sampled_from("ab"), min_size=9, max_size=9))
    @settings(deadline=None, max_examples=20)
    def test_any_small_table_has_figures_or_a_reason(self, values, models):
        found = mixed_effects(values, *crossed(3, 3), models)
        if np.isnan(found.estimates).any():
            assert found.reason
        else:
            assert np.isfinite([*found.se, *found.p_values, found.icc]).all()

    @pytest.mark.slow
    def test_its_intervals_cover(self):
        rng, runs, inside = np.random.default_rng(8), 150, 0
        item, rater = crossed(20, 5)
        for _ in range(runs):
            kept = rng.random(100) < 0.6
            model = rng.integers(0, 2, 100)
            y = rng.normal(0, 1, 20)[item] + rng.normal(0, 0.5, 5)[rater] + 0.3 * model + rng.normal(0, 0.7, 100)
            found = mixed_effects(y[kept], item[kept], rater[kept], model[kept])
            inside += found.ci_low[1] <= 0.3 <= found.ci_high[1]
        assert inside / runs == pytest.approx(0.95, abs=0.054)  # three standard errors


@pytest.mark.slow
def test_ordinal_intervals_cover():
    rng, runs, inside = np.random.default_rng(9), 100, np.zeros(3)
    item, rater = crossed(40, 3)
    truth = np.array([-0.7, 0.1, 0.6])
    for _ in range(runs):
        logits = rng.normal(0, 1, 40)[item] + truth[rater] + rng.logistic(size=120)
        found = ordinal_severity(np.digitize(logits, [-1.5, 0, 1.5]), item, rater)
        inside += (found.ci_low <= truth) & (truth <= found.ci_high)
    assert (np.abs(inside / runs - 0.95) < 0.066).all(), inside / runs  # three standard errors
