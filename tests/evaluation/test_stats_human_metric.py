"""Judge, metric and people: alternative annotator, correlation, Elo, agreement in detail, studentised intervals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.stats.agreement_detail import by_category, cohen_interval, fleiss_interval, icc_interval
from evaluation.stats.alternative_annotator import alternative_annotator_test, benjamini_yekutieli
from evaluation.stats.correlation import (
    item_correlation,
    pairwise_accuracy,
    system_correlation,
    within_item_correlation,
)
from evaluation.stats.elo import elo
from evaluation.stats.studentised import studentised

nan = math.nan


class TestAlternativeAnnotator:
    def annotators(self, seed: int, slips: float, judge_slips: float) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 4, 80)

        def of(share: float) -> np.ndarray:
            return np.where(rng.random(80) < share, rng.integers(0, 4, 80), truth)

        return of(judge_slips), np.array([of(slips) for _ in range(4)])

    def test_a_judge_as_good_as_people_passes_and_one_that_guesses_does_not(self):
        good = alternative_annotator_test(*self.annotators(0, 0.25, 0.1))
        assert good.passes and good.winning_rate == 1 and good.advantage > 0.8
        bad = alternative_annotator_test(*self.annotators(1, 0.1, 1.0))
        assert bad.passes is False and bad.winning_rate == 0

    def test_labels_of_any_kind_and_missing_ones(self):
        judge, humans = self.annotators(2, 0.2, 0.1)
        words = np.array(["roads", "water", "waste", "other"], dtype=object)
        labelled = words[humans]
        labelled[0, :10] = None
        numbers = humans.astype(float)
        numbers[0, :10] = nan
        found, same = alternative_annotator_test(words[judge], labelled), alternative_annotator_test(judge, numbers)
        assert found.p_values == pytest.approx(same.p_values)
        assert found.items.tolist() == [70, 80, 80, 80]

    def test_a_higher_bonus_never_makes_it_harder(self):
        judge, humans = self.annotators(3, 0.3, 0.35)
        rates = [alternative_annotator_test(judge, humans, epsilon=e).winning_rate for e in (0, 0.1, 0.2, 0.4)]
        assert rates == sorted(rates)

    def test_numbers_by_their_distance(self):
        rng = np.random.default_rng(4)
        truth = rng.uniform(1, 5, 60)
        humans = truth + rng.normal(0, 0.7, (3, 60))
        assert alternative_annotator_test(truth, humans, "rmse").passes
        assert alternative_annotator_test(truth[::-1], humans, "rmse").passes is False

    def test_too_little_is_said(self):
        judge, humans = self.annotators(5, 0.2, 0.2)
        assert "30 items" in alternative_annotator_test(judge[:9], humans[:, :9]).reason
        assert "three are advised" in alternative_annotator_test(judge, humans[:2]).reason
        assert alternative_annotator_test(judge, humans[:1]).passes is None
        with pytest.raises(ValueError, match="raters × items"):
            alternative_annotator_test(judge, humans[:, :5])
        with pytest.raises(ValueError, match="epsilon"):
            alternative_annotator_test(judge, humans, epsilon=20)

    def test_yekutieli_is_hochberg_with_the_harmonic_factor(self):
        from evaluation.stats.multiplicity import benjamini_hochberg

        p = [0.001, 0.2, 0.012, 0.03]
        assert benjamini_yekutieli(p) == pytest.approx(
            np.minimum(benjamini_hochberg(p) * (1 + 1 / 2 + 1 / 3 + 1 / 4), 1)
        )


class TestCorrelation:
    def test_perfect_and_reversed(self):
        x = np.arange(8.0)
        for kind in ("pearson", "spearman", "kendall"):
            assert item_correlation(x, 2 * x, kind, resamples=50).estimate == pytest.approx(1)
            assert item_correlation(x, -x, kind, resamples=50).estimate == pytest.approx(-1)

    def test_clusters_widen_the_interval(self):
        rng = np.random.default_rng(0)
        ticket = np.repeat(np.arange(15), 8)
        shared = rng.normal(0, 1, (2, 15))[:, ticket]
        x, y = shared[0] + rng.normal(0, 0.2, 120), shared[1] + rng.normal(0, 0.2, 120)
        plain, clustered = item_correlation(x, y), item_correlation(x, y, clusters=ticket)
        assert clustered.ci_high - clustered.ci_low > 1.5 * (plain.ci_high - plain.ci_low)

    def test_a_metric_that_only_knows_systems_knows_nothing_within_an_item(self):
        rng = np.random.default_rng(1)
        quality = np.repeat([[0.0], [2.0], [4.0], [6.0]], 100, axis=1)
        human = quality[[1, 0, 3, 2]] + rng.normal(0, 1, (4, 100))
        assert system_correlation(human.mean(axis=1, keepdims=True) + 0 * quality, human).estimate == pytest.approx(1)
        constant = within_item_correlation(np.zeros((4, 100)), human)
        assert math.isnan(constant.estimate) and constant.reason

    def test_systems_are_ordered_pair_by_pair(self):
        metric = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
        assert pairwise_accuracy(metric, metric).estimate == 1
        assert pairwise_accuracy(metric, metric[[0, 2, 1]]).estimate == pytest.approx(2 / 3)
        assert pairwise_accuracy(0 * metric, metric).estimate == 0.5

    def test_people_may_have_rated_only_some_items(self):
        rng = np.random.default_rng(2)
        metric = rng.normal(size=(4, 60)) + np.arange(4)[:, None]
        human = np.where(rng.random((4, 60)) < 0.4, metric + rng.normal(size=(4, 60)), nan)
        found = system_correlation(metric, human)
        assert 0.8 < found.estimate <= 1 and found.ci_low <= found.estimate and found.n == 4

    def test_what_cannot_be_had_is_nan_with_the_reason(self):
        assert "three are needed" in item_correlation([1, 2], [1, 2]).reason
        assert "the metric is the same" in item_correlation([1, 1, 1], [1, 2, 3]).reason
        assert "the human score is the same" in item_correlation([1, 2, 3], [1, 1, 1]).reason
        assert item_correlation([], []).reason and item_correlation([nan] * 4, [1, 2, 3, 4]).reason
        assert "3 are needed" in system_correlation(np.ones((2, 5)), np.ones((2, 5))).reason
        assert "same score" in system_correlation(np.ones((3, 5)), np.ones((3, 5))).reason
        assert pairwise_accuracy(np.ones((3, 5)), np.ones((3, 5))).reason
        assert within_item_correlation(np.full((3, 2), nan), np.full((3, 2), nan)).reason
        assert system_correlation(np.empty((0, 0)), np.empty((0, 0))).reason
        with pytest.raises(ValueError, match="kind must be"):
            item_correlation([1], [1], "tau")  # type: ignore[arg-type]

    @pytest.mark.slow
    def test_its_intervals_cover(self):
        rng, runs, inside = np.random.default_rng(3), 300, 0
        for seed in range(runs):
            x, y = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 100).T
            found = item_correlation(x, y, "pearson", resamples=300, seed=seed)
            inside += found.ci_low <= 0.5 <= found.ci_high
        assert inside / runs == pytest.approx(
            0.945, abs=0.04
        )  # three standard errors; percentile limits are a little short


class TestElo:
    def test_one_battle_moves_half_of_k(self):
        found = elo([("a", "b", "left")], k=32, orders=0)
        assert found.ratings == pytest.approx([1016, 984]) and np.isnan(found.low).all()

    def test_ten_to_one_at_the_scale(self):
        rng = np.random.default_rng(0)
        battles = [("a", "b", "left" if rng.random() < 10 / 11 else "right") for _ in range(6000)]
        found = elo(battles, k=2, orders=20)
        assert found.ratings[0] - found.ratings[1] == pytest.approx(400, abs=60)
        assert (found.low <= found.mean).all() and (found.mean <= found.high).all()
        assert found.ratings.sum() == pytest.approx(2000)

    def test_the_order_of_the_same_votes_changes_it(self):
        votes = [("a", "b", "left")] * 10 + [("a", "b", "right")] * 10
        assert elo(votes).ratings[0] < 1000 < elo(votes[::-1]).ratings[0]

    def test_nothing_and_wrong_battles(self):
        assert elo([]).names == () and elo([]).ratings.shape == (0,)
        with pytest.raises(ValueError, match="battle 0: the outcome"):
            elo([("a", "b", "both")])
        with pytest.raises(ValueError, match="against itself"):
            elo([("a", "a", "left")])


class TestAgreementInDetail:
    def test_each_category_against_the_rest(self):
        matrix = np.array([["x", "x", "y", "z", None], ["x", "y", "y", "z", "z"]], dtype=object)
        rows = {row.category: row for row in by_category(matrix)}
        assert rows["z"].kappa == rows["z"].alpha == rows["z"].specific == 1
        assert rows["x"].share == 3 / 8 and rows["x"].specific == pytest.approx(2 / 3)
        unused = by_category(matrix, ["x", "y", "z", "w"])[-1]
        assert math.isnan(unused.kappa) and unused.kappa.reason and unused.specific.reason

    def test_fleiss_kappa_is_the_weighted_mean_of_its_categories(self):
        # Fleiss 1971, eq. 22: weights p(1 - p).
        rng = np.random.default_rng(0)
        matrix = rng.integers(0, 3, (5, 40))
        matrix[1:, :25] = matrix[0, :25]
        counts = np.array([(matrix == k).sum(axis=0) for k in range(3)]).T
        rows = by_category(matrix, [0, 1, 2])
        weights = [row.share * (1 - row.share) for row in rows]
        from evaluation.stats.agreement import fleiss_kappa

        assert fleiss_kappa(counts) == pytest.approx(np.average([row.kappa for row in rows], weights=weights))

    def test_kappas_intervals_hold_the_kappas(self):
        from evaluation.stats.agreement import cohen_kappa, fleiss_kappa

        rng = np.random.default_rng(1)
        a = rng.integers(1, 6, 80)
        b = np.where(rng.random(80) < 0.5, a, rng.integers(1, 6, 80))
        for weights in (None, "linear", "quadratic"):
            found = cohen_interval(a, b, weights, resamples=400)
            assert found.estimate == pytest.approx(cohen_kappa(a, b, weights))
            assert found.ci_low < found.estimate < found.ci_high
        counts = rng.multinomial(4, [0.6, 0.3, 0.1], 50)
        found = fleiss_interval(counts, resamples=400, clusters=np.arange(50) // 2)
        assert found.estimate == pytest.approx(fleiss_kappa(counts)) and "25 clusters" in found.method

    def test_undefined_stays_undefined(self):
        assert math.isnan(cohen_interval([1, 1], [1, 1]).estimate) and cohen_interval([], []).reason
        assert fleiss_interval([[3, 0], [3, 0]]).reason and fleiss_interval(np.zeros((0, 2))).reason
        assert icc_interval(np.ones((3, 4))).reason
        perfect = cohen_interval([0, 1] * 5, [0, 1] * 5)
        assert perfect.estimate == 1 and perfect.ci_low < 1  # the rule of three: ten units show no certainty

    def test_missing_ratings_leave_kind_1_without_limits(self):
        found = icc_interval([[1, 2, 3], [1, 2, nan], [2, 2, 3]], "1,1")
        assert found.estimate == found.estimate and math.isnan(found.ci_low) and "missing" in found.reason

    @pytest.mark.parametrize("kind", ["1,1", "2,1", "3,1"])
    def test_icc_intervals_cover(self, kind):
        rng, inside = np.random.default_rng(2), 0
        severity = 0.5 if kind != "1,1" else 0.0
        truth = 1 / (1 + 0.25 + severity**2) if kind == "2,1" else 1 / 1.25
        for _ in range(600):
            x = rng.normal(0, 1, 25) + rng.normal(0, severity, (4, 1)) + rng.normal(0, 0.5, (4, 25))
            found = icc_interval(x, kind)
            inside += found.ci_low <= truth <= found.ci_high
        assert inside / 600 == pytest.approx(0.95, abs=0.03)


class TestStudentised:
    def test_skewed_values_get_a_skewed_interval(self):
        found = studentised(np.random.default_rng(0).exponential(1, 25))
        assert found.ci_high - found.estimate > 1.2 * (found.estimate - found.ci_low)

    @given(st.lists(st.integers(1, 5), max_size=12), st.booleans())
    @settings(deadline=None, max_examples=60)
    def test_limits_hold_or_there_is_a_reason(self, values, grouped):
        clusters = [value % 3 for value in values] if grouped else None
        found = studentised(values, clusters, resamples=200, limits=(1.0, 5.0))
        if math.isnan(found.ci_low):
            assert found.reason
        else:
            assert 1 <= found.ci_low <= found.ci_high <= 5

    def test_it_is_a_method_of_the_bootstrap_of_a_mean(self):
        from evaluation.stats.intervals import bootstrap

        values = [1.0, 2, 2, 5, 4, 3]
        assert bootstrap(values, method="studentised", seed=3) == studentised(values, seed=3)
        with pytest.raises(ValueError, match="for the mean"):
            bootstrap(values, np.median, method="studentised")

    def test_nothing_one_and_constant(self):
        assert studentised([]).reason == "no values" and "one value" in studentised([3.0]).reason
        assert "does not vary" in studentised([2.0] * 9).reason
        assert studentised([2.0] * 9, limits=(1, 5)).ci_high > 2

    def test_it_covers_where_the_percentile_interval_is_too_short(self):
        from evaluation.stats.intervals import bootstrap

        rng, runs, inside = np.random.default_rng(1), 1000, np.zeros(2)
        for seed in range(runs):
            sample = rng.exponential(1, 15)
            for at, interval in enumerate((studentised, bootstrap)):
                low, high = interval(sample, resamples=500, seed=seed)
                inside[at] += low <= 1 <= high
        # Three standard errors are 0.021; Efron & Tibshirani's point is the gap between the two.
        assert inside[0] / runs == pytest.approx(0.95, abs=0.025)
        assert inside[1] / runs < 0.92

    def test_clusters_of_unequal_size_are_covered(self):
        rng, runs, inside = np.random.default_rng(2), 600, 0
        for seed in range(runs):
            sizes = rng.integers(2, 8, 20)
            cluster = np.repeat(np.arange(20), sizes)
            sample = rng.normal(0, 1, 20)[cluster] + rng.normal(0, 1, len(cluster))
            low, high = studentised(sample, cluster, resamples=500, seed=seed)
            inside += low <= 0 <= high
        assert inside / runs == pytest.approx(0.95, abs=0.03)
