"""Statistics against published tables and independent packages (scipy, statsmodels, krippendorff).

Each published number names its source. Numbers read in a source and those recomputed by us are the same to the digits
printed there.
"""

import krippendorff
import numpy as np
import pytest
from scipy import stats
from statsmodels.stats import contingency_tables, inter_rater, multitest, power, proportion
from statsmodels.stats.sandwich_covariance import cov_cluster, cov_cluster_2groups

from evaluation.stats import clustered, intervals, paired, ppi, sequential
from evaluation.stats import power as our_power
from evaluation.stats.agreement import cohen_kappa, fleiss_kappa, gwet_ac1, icc, krippendorff_alpha, percent_agreement
from evaluation.stats.preference import bradley_terry

LEVELS = ("nominal", "ordinal", "interval", "ratio")
DARWIN = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], float)


def ratings(*rows: str) -> np.ndarray:
    return np.array([[np.nan if cell == "." else float(cell) for cell in row.split()] for row in rows])


KRIPPENDORFF_2011 = ratings(
    "1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."
)
SHROUT_FLEISS_1979 = ratings("9 6 8 7 10 6", "2 1 4 1 5 2", "5 3 6 2 6 4", "8 2 8 6 9 7")
FLEISS_WIKIPEDIA = np.array(
    [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]
)  # fmt: skip


def raters_of(table: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The two raters' labels behind a confusion table."""
    rows, columns = np.nonzero(np.array(table))
    times = np.array(table)[rows, columns]
    return np.repeat(rows, times), np.repeat(columns, times)


class TestAgreement:
    @pytest.mark.parametrize(
        ("level", "alpha"), [("nominal", 0.743421), ("ordinal", 0.815388), ("interval", 0.849107), ("ratio", 0.797403)]
    )
    def test_krippendorffs_four_observers(self, level, alpha):
        assert krippendorff_alpha(KRIPPENDORFF_2011, level) == pytest.approx(alpha, abs=5e-7)

    def test_wikipedias_three_coders(self):
        matrix = ratings(
            ". . . . . 3 4 1 2 1 1 3 3 . 3", "1 . 2 1 3 3 4 3 . . . . . . .", ". . 2 1 3 4 4 . 2 1 1 3 3 . 4"
        )
        assert krippendorff_alpha(matrix, "nominal") == pytest.approx(0.691358, abs=5e-7)
        assert krippendorff_alpha(matrix, "interval") == pytest.approx(0.810845, abs=5e-7)

    @pytest.mark.parametrize("level", LEVELS)
    @pytest.mark.parametrize("seed", range(12))
    def test_alpha_equals_the_krippendorff_package(self, level, seed):
        rng = np.random.default_rng(seed)
        raters, units = rng.integers(2, 7), rng.integers(3, 40)
        matrix = rng.integers(0, rng.integers(2, 9), (raters, units)).astype(float)
        if seed % 3 == 0:
            matrix *= 0.5  # values that are no whole numbers
        matrix[rng.random(matrix.shape) < 0.3] = np.nan
        usable = matrix[:, (~np.isnan(matrix)).sum(axis=0) >= 2]
        if len(np.unique(usable[~np.isnan(usable)])) < 2:
            pytest.skip("undefined here and in the package")
        expected = krippendorff.alpha(reliability_data=matrix, level_of_measurement=level)
        assert krippendorff_alpha(matrix, level) == pytest.approx(expected, abs=1e-10)

    def test_fleiss_table_of_wikipedia(self):
        assert fleiss_kappa(FLEISS_WIKIPEDIA) == pytest.approx(0.209931, abs=5e-7)

    @pytest.mark.parametrize("seed", range(5))
    def test_fleiss_and_cohen_equal_statsmodels(self, seed):
        rng = np.random.default_rng(seed)
        table = rng.multinomial(6, rng.dirichlet(np.ones(4)), size=30)
        assert fleiss_kappa(table) == pytest.approx(inter_rater.fleiss_kappa(table), abs=1e-12)
        a, b = rng.integers(0, 4, (2, 60))
        b[:30] = a[:30]
        confusion = np.zeros((4, 4))
        np.add.at(confusion, (a, b), 1)
        for ours, theirs in ((None, None), ("linear", "linear"), ("quadratic", "quadratic")):
            expected = inter_rater.cohens_kappa(confusion, wt=theirs, return_results=False)
            assert cohen_kappa(a, b, ours) == pytest.approx(expected, abs=1e-12)

    def test_irrcac_vignette_and_the_paradox_of_the_rare_flag(self):
        a, b = raters_of([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
        assert cohen_kappa(a, b) == pytest.approx(0.7964094, abs=5e-8)
        assert gwet_ac1(np.array([a, b])) == pytest.approx(0.8493305, abs=5e-8)
        a, b = raters_of([[118, 5], [2, 0]])
        assert percent_agreement(np.array([a, b])) == pytest.approx(0.944)
        assert cohen_kappa(a, b) == pytest.approx(-0.023392, abs=5e-7)
        assert gwet_ac1(np.array([a, b])) == pytest.approx(0.940776, abs=5e-7)
        assert cohen_kappa(*raters_of([[20, 5], [10, 15]])) == pytest.approx(0.4)

    def test_gwets_ac1_with_missing_ratings(self):
        # irrCAC's README: pa .8181818, AC1 .77544
        assert percent_agreement(KRIPPENDORFF_2011) == pytest.approx(0.8181818, abs=5e-8)
        assert gwet_ac1(KRIPPENDORFF_2011) == pytest.approx(0.77544, abs=5e-6)

    @pytest.mark.parametrize(
        ("kind", "value"),
        [("1,1", 0.1657), ("2,1", 0.2898), ("3,1", 0.7148), ("1,k", 0.4428), ("2,k", 0.6201), ("3,k", 0.9093)],
    )
    def test_icc_of_shrout_and_fleiss(self, kind, value):
        assert icc(SHROUT_FLEISS_1979, kind) == pytest.approx(value, abs=5e-5)


class TestPaired:
    def test_darwins_maize(self):
        nothing = np.zeros(15)
        assert paired.compare(DARWIN, nothing).p_value == 1726 / 32768
        assert paired.compare(DARWIN, nothing, "wilcoxon").p_value == pytest.approx(0.04126, abs=5e-6)
        t = paired.compare(DARWIN, nothing, "t")
        assert t.p_value == pytest.approx(0.0497, abs=5e-5)
        expected = stats.ttest_rel(DARWIN, nothing).confidence_interval(0.95)
        assert (t.ci_low, t.ci_high) == pytest.approx((expected.low, expected.high))

    @pytest.mark.parametrize("n", [1, 2, 5, 13, 14, 50, 51, 200])
    def test_the_exact_signed_rank_test_equals_scipys(self, n):
        differences = np.random.default_rng(n).normal(0.1, 1, n)
        expected = stats.wilcoxon(differences, method="exact").pvalue
        assert paired.compare(differences, np.zeros(n), "wilcoxon").p_value == pytest.approx(expected, rel=1e-9)

    def test_the_signed_rank_test_with_ties_equals_scipys_permutations(self):
        differences = np.random.default_rng(3).choice([-2.0, -1, 0, 1, 1, 2, 3], 12)
        kept = differences[differences != 0]
        every = stats.PermutationMethod(n_resamples=np.inf)
        expected = stats.wilcoxon(kept, method=every).pvalue
        assert paired.compare(differences, np.zeros(12), "wilcoxon").p_value == pytest.approx(expected)

    @pytest.mark.parametrize("n", [2, 3, 7, 12])
    def test_the_exact_permutation_equals_scipys(self, n):
        a, b = np.random.default_rng(n).integers(0, 4, (2, n)) / 10
        expected = stats.permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=np.inf)
        assert paired.compare(a, b).p_value == pytest.approx(min(expected.pvalue, 1.0))

    def test_the_drawn_permutation_is_near_scipys(self):
        rng = np.random.default_rng(5)
        a = rng.normal(0.12, 1, 150)
        expected = stats.permutation_test((a,), np.mean, permutation_type="samples", n_resamples=20_000, rng=rng)
        assert paired.compare(a, np.zeros(150)).p_value == pytest.approx(expected.pvalue, abs=0.015)

    def test_mcnemar(self):
        table = [[101, 121], [59, 33]]
        assert paired.mcnemar(121, 59, "chi2") == pytest.approx(stats.chi2.sf(21.35556, 1), rel=1e-5)
        assert paired.mcnemar(121, 59, "chi2-corrected") == pytest.approx(stats.chi2.sf(20.67222, 1), rel=1e-5)
        assert paired.mcnemar(121, 59) == pytest.approx(contingency_tables.mcnemar(table, exact=True).pvalue)
        assert paired.mcnemar(6, 16) == pytest.approx(0.0524788, abs=5e-8)
        assert paired.mcnemar(6, 16, "mid-p") == pytest.approx(0.0346897, abs=5e-8)
        assert paired.mcnemar(6, 16, "chi2") == pytest.approx(0.0330063, abs=5e-8)

    def test_holm_and_benjamini_hochberg(self):
        assert paired.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
        bh1995 = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1,
        ]  # fmt: skip
        assert (paired.holm(bh1995) <= 0.05).sum() == 3
        assert (paired.benjamini_hochberg(bh1995) <= 0.05).sum() == 4
        p = np.random.default_rng(0).random(40) ** 3
        assert paired.holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1])
        assert paired.benjamini_hochberg(p) == pytest.approx(multitest.multipletests(p, method="fdr_bh")[1])


class TestIntervals:
    @pytest.mark.parametrize("method", ["percentile", "bca"])
    @pytest.mark.parametrize("statistic", [np.mean, np.median, np.std])
    def test_the_bootstrap_equals_scipys_to_the_last_digit(self, method, statistic):
        sample = np.random.default_rng(1).gamma(2, size=83)
        expected = stats.bootstrap(
            (sample,), statistic, method=method, n_resamples=2000, rng=np.random.default_rng(7)
        ).confidence_interval
        ours = intervals.bootstrap(sample, statistic, method=method, resamples=2000, seed=7)
        assert tuple(ours) == pytest.approx((expected.low, expected.high), rel=1e-12)

    @pytest.mark.parametrize(
        ("k", "n", "low", "high"),
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_wilson_as_newcombe_1998_prints_it(self, k, n, low, high):
        assert tuple(intervals.wilson(k, n)) == pytest.approx((low, high), abs=5e-5)

    @pytest.mark.parametrize(("k", "n"), [(0, 12), (1, 12), (5, 12), (12, 12), (1, 300)])
    def test_proportions_equal_statsmodels(self, k, n):
        for ours, theirs in ((intervals.wilson, "wilson"), (intervals.clopper_pearson, "beta")):
            expected = proportion.proportion_confint(k, n, alpha=0.1, method=theirs)
            assert tuple(ours(k, n, confidence=0.9)) == pytest.approx(expected, abs=1e-12)

    def test_no_harm_seen(self):
        assert intervals.rule_of_three(30) == pytest.approx(0.095034, abs=5e-7)
        assert intervals.rule_of_three(300) == pytest.approx(0.009936, abs=5e-7)
        assert intervals.clopper_pearson(0, 100, sides=1).ci_high == pytest.approx(0.029513, abs=5e-7)
        assert intervals.clopper_pearson(1, 300, sides=1).ci_high == pytest.approx(0.015715, abs=5e-7)


class TestClustered:
    differences = np.array([2, 1, 1, 1, 0, 1, 0, -1, 0, -1, -1, 0], float)
    items, raters = np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4)

    def test_two_way_variance_as_statsmodels_gives_it(self):
        import statsmodels.api as sm

        fit = sm.OLS(self.differences, np.ones(12)).fit()
        both, by_item, by_rater = (
            float(v[0, 0]) for v in cov_cluster_2groups(fit, self.items, self.raters, use_correction=False)
        )
        ours = clustered.two_way_variance(self.differences, self.items, self.raters)
        assert (ours.two_way, ours.item, ours.rater) == pytest.approx((both, by_item, by_rater))
        assert (ours.two_way, ours.item, ours.rater, ours.cell) == pytest.approx(
            (0.128472, 0.157986, 0.041667, 0.071181), abs=5e-7
        )
        assert ours.total == ours.item  # the two-way sum falls below items alone here

    def test_the_clustered_t_test_has_statsmodels_standard_error(self):
        import statsmodels.api as sm

        fit = sm.OLS(self.differences, np.ones(12)).fit()
        # Their correction is G/(G-1) · (n-1)/(n-k), and k = 1 for a mean.
        se = float(np.sqrt(cov_cluster(fit, self.items, use_correction=True)[0, 0]))
        ours = paired.compare(self.differences, np.zeros(12), "t", clusters=self.items)
        assert ours.ci_high - ours.delta == pytest.approx(stats.t.ppf(0.975, 3) * se)
        assert clustered.paired_mean(self.differences, self.items, self.raters).se == pytest.approx(se)

    def test_equal_ratings_an_item_make_it_the_paired_t_test_of_item_means(self):
        means = self.differences.reshape(4, 3).mean(axis=1)
        expected = stats.ttest_1samp(means, 0)
        ours = clustered.paired_mean(self.differences, self.items, self.raters)
        assert ours.p_value == pytest.approx(expected.pvalue)
        assert (ours.ci_low, ours.ci_high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


class TestPower:
    @pytest.mark.parametrize(("share", "votes"), [(0.55, 785), (0.60, 197), (0.65, 88), (0.70, 50)])
    def test_noethers_sign_test(self, share, votes):
        assert our_power.sample_size("preference", share) == votes

    def test_paired_and_mcnemar_and_miller(self):
        assert our_power.sample_size("paired", 0.25) == 126
        assert our_power.sample_size("paired", 0.20) == 197
        assert our_power.sample_size("mcnemar", 0.1, discordant=0.3) == 234
        assert our_power.sample_size("paired", 0.03, sd=our_power.paired_sd(1 / 3)) == 969
        assert our_power.design_effect(5, 0.2) == pytest.approx(1.8)

    @pytest.mark.parametrize("effect", [0.1, 0.3, 0.5])
    def test_paired_equals_statsmodels(self, effect):
        expected = power.zt_ind_solve_power(effect_size=effect, alpha=0.05, power=0.9, ratio=0)
        assert our_power.sample_size("paired", effect, power=0.9) == np.ceil(expected)

    def test_items_without_harm(self):
        assert [our_power.clean_items_needed(r) for r in (0.05, 0.01, 0.005, 0.001)] == [59, 299, 598, 2995]


def battles(*rows: tuple) -> list[tuple[str, str, str]]:
    """Votes from rows (left, right, left wins, right wins, ties)."""
    return [
        (str(left), str(right), outcome)
        for left, right, *times in rows
        for outcome, count in zip(("left", "right", "tie"), times, strict=True)
        for _ in range(count)
    ]


PUDDING = battles(
    (1, 2, 19, 22, 16), (1, 3, 16, 19, 12), (2, 3, 19, 19, 10), (1, 4, 18, 23, 13), (2, 4, 23, 19, 9),
    (3, 4, 19, 20, 15), (1, 5, 13, 19, 18), (2, 5, 16, 20, 12), (3, 5, 16, 15, 17), (4, 5, 17, 14, 16),
    (1, 6, 18, 21, 12), (2, 6, 22, 20, 12), (3, 6, 13, 18, 10), (4, 6, 14, 19, 18), (5, 6, 11, 21, 12),
)  # fmt: skip


class TestPreference:
    def test_bradley_terry_of_wikipedia(self):
        fit = bradley_terry(battles(("A", "B", 2, 3, 0), ("A", "D", 1, 4, 0), ("B", "C", 5, 3, 0), ("C", "D", 1, 3, 0)))
        assert np.exp(fit.strengths) == pytest.approx([0.640, 1.043, 0.660, 2.270], abs=1e-3)

    def test_citations_of_statistics_journals(self):
        # BradleyTerry2: a citation is a win of the cited journal over the citing one.
        names = ("Biometrika", "CommStat", "JASA", "JRSSB")
        cited = [[0, 730, 498, 221], [33, 0, 68, 17], [320, 813, 0, 142], [284, 276, 325, 0]]
        fit = bradley_terry(
            battles(*((names[i], names[j], cited[i][j], cited[j][i], 0) for i in range(4) for j in range(i)))
        )
        assert fit.strengths - fit.strengths[0] == pytest.approx([0, -2.94907, -0.47957, 0.26895], abs=5e-6)
        v = fit.covariance
        se = np.sqrt(np.diag(v) + v[0, 0] - 2 * v[0])
        assert se[1:] == pytest.approx([0.10255, 0.06059, 0.07083], abs=5e-6)

    def test_davidsons_chocolate_pudding(self):
        # R's PlackettLuce vignette, which stops a little before convergence
        fit = bradley_terry(PUDDING)
        worths = np.exp(fit.strengths) / np.exp(fit.strengths).sum()
        vignette = [0.1388005, 0.1729985, 0.1617420, 0.1653930, 0.1586805, 0.2023855]
        assert worths == pytest.approx(vignette, abs=5e-5)
        assert fit.tie == pytest.approx(0.7468147, abs=5e-5)
        assert fit.log_likelihood == pytest.approx(-809.7095, abs=5e-5)

    def test_half_ties_are_the_logistic_regression_of_statsmodels(self):
        import statsmodels.api as sm

        x = np.zeros((len(PUDDING), 6))
        for row, (left, right, _) in enumerate(PUDDING):
            x[row, int(left) - 1], x[row, int(right) - 1] = 1, -1
        y = [{"left": 1.0, "tie": 0.5, "right": 0.0}[outcome] for *_, outcome in PUDDING]
        expected = sm.GLM(y, x[:, 1:], family=sm.families.Binomial()).fit().params
        fit = bradley_terry(PUDDING, "half")
        assert fit.strengths[1:] - fit.strengths[0] == pytest.approx(expected, abs=1e-6)

    def test_rao_kupper_is_the_ordered_logit_of_statsmodels(self):
        from statsmodels.miscmodels.ordinal_model import OrderedModel

        # Each battle from both sides makes the two cut points symmetric, as Rao and Kupper's are.
        x, y = [], []
        for left, right, outcome in PUDDING:
            row = np.zeros(6)
            row[int(left) - 1], row[int(right) - 1] = 1, -1
            level = {"right": 0, "tie": 1, "left": 2}[outcome]
            x += [row[1:], -row[1:]]
            y += [level, 2 - level]
        expected = OrderedModel(np.array(y), np.array(x), distr="logit").fit(method="bfgs", disp=False, gtol=1e-8)
        fit = bradley_terry(PUDDING, "rao_kupper")
        assert fit.strengths[1:] - fit.strengths[0] == pytest.approx(expected.params[:5], abs=1e-5)
        assert fit.tie == pytest.approx(np.exp(-expected.params[5]), abs=1e-5)


class TestSequentialAndJudge:
    def test_evidence(self):
        evidence = [sequential.preference_evidence(*votes) for votes in ((10, 0), (7, 0), (60, 40), (65, 35))]
        assert evidence == pytest.approx([93.0909, 16.0, 0.91305, 11.4614], rel=1e-5)
        assert sequential.mean_evidence(0.4, 100, sigma=1, tau=1) == pytest.approx(7.0686, rel=1e-5)
        assert sequential.mean_evidence(0.5, 100, sigma=1, tau=1) == pytest.approx(64.1702, rel=1e-5)
        assert sequential.half_width(100, variance=2, tau=1) == pytest.approx(0.449928, abs=5e-7)

    def test_sample_ratio_mismatch(self):
        assert sequential.srm([600, 400], [0.5, 0.5]) == pytest.approx(2.5396e-10, rel=1e-4)
        assert sequential.srm([502, 498], [1, 1]) == pytest.approx(0.899343, abs=5e-7)
        assert sequential.srm([821588, 815482], [1, 1]) == pytest.approx(1.8218e-6, rel=1e-4)

    def test_prediction_powered_mean(self):
        data = [5, 4, 3, 4, 2], [4, 4, 3, 5, 3], [4, 3, 5, 4, 4, 3, 5, 4, 2, 4]
        plain, tuned = ppi.mean(*data, weight=1), ppi.mean(*data)
        assert (plain.estimate, plain.se) == pytest.approx((3.6, 0.433590), abs=5e-7)
        assert (tuned.estimate, tuned.se, tuned.weight) == pytest.approx((3.6, 0.389712, 0.466667), abs=5e-7)
        assert ppi.rogan_gladen(70, 100, 80, 100, 90, 100).estimate == pytest.approx(0.857143, abs=5e-7)
