"""Effects, agreement in detail, mixed models, severity and calibration against independent packages or published tables.

Peers: statsmodels (MixedLM, OrderedModel, TOST, two-sample proportions, power), scikit-learn, scipy, and plain slow code.
"""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.stats import power as peer_power
from statsmodels.stats.proportion import confint_proportions_2indep, samplesize_proportions_2indep_onetail
from statsmodels.stats.weightstats import ttost_paired

from evaluation.metrics import compute
from evaluation.stats import margins, power_arms
from evaluation.stats.agreement_detail import by_category, icc_interval
from evaluation.stats.alternative_annotator import alternative_annotator_test
from evaluation.stats.correlation import item_correlation, system_correlation, within_item_correlation
from evaluation.stats.cumulative_logit import ordinal_severity
from evaluation.stats.effects import cliffs_delta, cohens_h, hedges_g, odds_ratio, paired_effect, risk_difference
from evaluation.stats.mixed import mixed_effects
from evaluation.stats.severity import rater_severity

SHROUT_FLEISS_1979 = np.array([[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]], float)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("1,1", -0.133, 0.72), ("2,1", 0.019, 0.76), ("3,1", 0.342, 0.95),
        ("1,k", -0.884, 0.91), ("2,k", 0.071, 0.93), ("3,k", 0.676, 0.99),
    ],
)  # fmt: skip
def test_icc_limits_are_those_that_psych_prints(kind, low, high):
    # R's psych::ICC(sf), the table in its manual.
    found = icc_interval(SHROUT_FLEISS_1979, kind)
    assert found.ci_low == pytest.approx(low, abs=0.0006)
    assert found.ci_high == pytest.approx(high, abs=0.005)


@pytest.mark.parametrize("seed", range(6))
def test_fleiss_kappa_of_a_category_is_fleiss_formula(seed):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 3, (4, 30))
    for row in by_category(matrix, [0, 1, 2]):
        x = (matrix == row.category).sum(axis=0)
        p = x.sum() / (30 * 4)
        assert row.kappa == pytest.approx(1 - np.sum(x * (4 - x)) / (30 * 4 * 3 * p * (1 - p)))


class TestEffects:
    @pytest.mark.parametrize("cells", [(7, 34, 1, 34), (56, 70, 48, 80), (9, 10, 3, 10), (5, 56, 0, 29)])
    def test_proportions_equal_statsmodels(self, cells):
        assert tuple(risk_difference(*cells)) == pytest.approx(confint_proportions_2indep(*cells, method="newcomb"))
        expected = confint_proportions_2indep(*cells, method="logit-adjusted", compare="odds-ratio")
        assert tuple(odds_ratio(*cells)) == pytest.approx(expected)

    def test_newcombes_published_example(self):
        # Newcombe 1998, table II, method 10: 56/70 - 48/80 is 0.0524 to 0.3339; 9/10 - 3/10 is 0.1705 to 0.8090.
        assert tuple(risk_difference(56, 70, 48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)
        assert tuple(risk_difference(9, 10, 3, 10)) == pytest.approx((0.1705, 0.8090), abs=5e-5)

    @pytest.mark.parametrize("seed", range(6))
    def test_noncentral_limits_give_the_tails_back(self, seed):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(rng.normal(), 1, rng.integers(3, 40)), rng.normal(0, 1, rng.integers(3, 40))
        found, df = hedges_g(a, b), len(a) + len(b) - 2
        correction = math.gamma(df / 2) / math.sqrt(df / 2) / math.gamma((df - 1) / 2)
        scale = correction * math.sqrt(1 / len(a) + 1 / len(b))
        t = stats.ttest_ind(a, b).statistic
        assert found.estimate / scale == pytest.approx(t)
        assert stats.nct.sf(t, df, found.ci_low / scale) == pytest.approx(0.025, abs=1e-7)
        assert stats.nct.cdf(t, df, found.ci_high / scale) == pytest.approx(0.025, abs=1e-7)
        size = min(len(a), len(b))
        within = paired_effect(a[:size], b[:size])
        assert within.estimate * math.sqrt(size) == pytest.approx(stats.ttest_rel(a[:size], b[:size]).statistic)

    @pytest.mark.parametrize("seed", range(6))
    def test_cliffs_delta_is_mann_whitneys_u_with_the_variance_written_out(self, seed):
        rng = np.random.default_rng(seed)
        a, b = rng.integers(1, 6, 14), rng.integers(1, 5, 9)
        d = np.sign(a[:, None] - b[None, :])
        found = cliffs_delta(a, b)
        assert found.estimate == pytest.approx(2 * stats.mannwhitneyu(a, b).statistic / (14 * 9) - 1)
        # Feng & Cliff 2004 by whole matrices.
        n, m, delta = 14, 9, d.mean()
        rows, columns = np.sum((d.mean(axis=1) - delta) ** 2), np.sum((d.mean(axis=0) - delta) ** 2)
        variance = (m**2 * rows + n**2 * columns - np.sum((d - delta) ** 2)) / (n * m * (n - 1) * (m - 1))
        variance = max(variance, (1 - delta**2) / (n * m - 1))
        t = stats.t.ppf(0.975, n + m - 2)
        half = t * math.sqrt(variance) * math.sqrt((1 - delta**2) ** 2 + t**2 * variance)
        low = (delta - delta**3 - half) / (1 - delta**2 + t**2 * variance)
        assert found.ci_low == pytest.approx(max(low, -1))

    @pytest.mark.parametrize("seed", range(4))
    def test_equivalence_equals_statsmodels(self, seed):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(0.1, 1, (2, 25))
        p_value, low, _ = ttost_paired(a, b, -0.5, 0.5)
        assert margins.equivalence(a, b, 0.5).p_value == pytest.approx(p_value)
        assert margins.noninferiority(a, b, 0.5).p_value == pytest.approx(low[1])

    def test_sample_sizes_equal_statsmodels(self):
        expected = peer_power.NormalIndPower().solve_power(0.5, alpha=0.05, power=0.8, ratio=2.0)
        assert power_arms.arms_of_means(0.5, 1, ratio=2) == math.ceil(expected)
        expected = samplesize_proportions_2indep_onetail(0.05, 0.1, 0.8, alpha=0.05)
        assert power_arms.arms_of_proportions(0.15, 0.1) == pytest.approx(expected, abs=1)
        # R's help of power.prop.test: p1 = .50, p2 = .75, power = .90 gives n = 76.7.
        assert power_arms.arms_of_proportions(0.5, 0.75, power=0.9) == 77
        assert cohens_h(0.15, 0.1) == pytest.approx(0.1518977)  # statsmodels' proportion_effectsize
        # Hulley et al. 2013, appendix 6C: r = 0.3, two-sided 5 %, power 80 % takes 85.
        assert power_arms.correlation_size(0.3) == 85


@pytest.mark.parametrize("seed", range(3))
def test_mixed_effects_equal_statsmodels(seed):
    rng = np.random.default_rng(seed)
    item, rater = np.repeat(np.arange(20), 5), np.tile(np.arange(5), 20)
    kept = rng.random(100) < 0.7
    model = rng.integers(0, 3, 100)
    y = 3 + rng.normal(0, 1, 20)[item] + rng.normal(0, 0.6, 5)[rater] + 0.4 * model + rng.normal(0, 0.5, 100)
    y, item, rater, model = y[kept], item[kept], rater[kept], model[kept]
    table = pd.DataFrame({"y": y, "item": item, "rater": rater, "model": model, "all": 1})
    peer = MixedLM.from_formula(
        "y ~ C(model)",
        groups="all",
        re_formula="0",
        vc_formula={"item": "0 + C(item)", "rater": "0 + C(rater)"},
        data=table,
    ).fit()
    found = mixed_effects(y, item, rater, model)
    assert found.estimates == pytest.approx(peer.fe_params.to_numpy(), abs=1e-4)
    assert found.residual_variance == pytest.approx(peer.scale, rel=2e-3)
    assert (found.item_variance, found.rater_variance) == pytest.approx(tuple(peer.vcomp), rel=0.01, abs=1e-3)
    assert found.log_likelihood >= peer.llf - 1e-6  # both climb the same hill; neither stops short by much
    assert found.log_likelihood == pytest.approx(peer.llf, abs=1e-3)

    # Standard errors and restricted likelihood once more, by the dense covariance of all ratings written out.
    design = np.column_stack([np.ones(len(y)), model == 1, model == 2]).astype(float)
    same_item, same_rater = np.equal.outer(item, item), np.equal.outer(rater, rater)

    def restricted(of_item, of_rater, of_noise):
        inverse = np.linalg.inv(of_item * same_item + of_rater * same_rater + of_noise * np.eye(len(y)))
        information = design.T @ inverse @ design
        residual = y - design @ np.linalg.solve(information, design.T @ inverse @ y)
        logs = -np.linalg.slogdet(inverse)[1] + np.linalg.slogdet(information)[1] + residual @ inverse @ residual
        return -(logs + (len(y) - 3) * math.log(2 * math.pi)) / 2, np.sqrt(np.diag(np.linalg.inv(information)))

    parts = np.array([found.item_variance, found.rater_variance, found.residual_variance])
    log_likelihood, se = restricted(*parts)
    assert found.log_likelihood == pytest.approx(log_likelihood, abs=1e-6)
    assert found.se == pytest.approx(se, rel=1e-6)
    for at in range(3):
        for factor in (0.9, 1.1):
            assert restricted(*np.where(np.arange(3) == at, factor * parts, parts))[0] <= log_likelihood + 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_severity_equals_least_squares_with_dummies(seed):
    rng = np.random.default_rng(seed)
    item, rater = np.repeat(np.arange(10), 4), np.tile(np.arange(4), 10)
    kept = rng.random(40) < 0.7
    y, item, rater = rng.integers(1, 6, 40)[kept].astype(float), item[kept], rater[kept]
    effects = np.vstack([np.eye(3), -np.ones(3)])[rater]  # sum-to-zero coding
    design = np.column_stack([np.eye(10)[item], effects])
    design = design[:, np.abs(design).sum(axis=0) > 0]
    solution, residual, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    found = rater_severity(y, item, rater)
    assert found.shifts[:3] == pytest.approx(solution[-3:])
    noise = residual[0] / (len(y) - rank)
    assert found.se[:3] == pytest.approx(np.sqrt(noise * np.diag(np.linalg.inv(design.T @ design)))[-3:])


class TestOrdinalSeverity:
    def ratings(self):
        rng = np.random.default_rng(0)
        item, rater = np.repeat(np.arange(25), 3), np.tile(np.arange(3), 25)
        logits = rng.normal(0, 1.2, 25)[item] + np.array([-0.8, 0.1, 0.7])[rater] + rng.logistic(size=75)
        return np.digitize(logits, [-1, 0.5]), item, rater

    def test_its_likelihood_is_the_integral_and_has_its_maximum_there(self):
        steps, item, rater = self.ratings()
        found = ordinal_severity(steps, item, rater)

        def log_likelihood(thresholds, shifts, sd):
            edges = np.concatenate([[-np.inf], thresholds, [np.inf]])

            def of_item(which):
                rows = np.flatnonzero(item == which)

                def density(u):
                    centre = sd * u + shifts[rater[rows]]
                    chance = special.expit(edges[steps[rows] + 1] - centre) - special.expit(edges[steps[rows]] - centre)
                    return chance.prod() * stats.norm.pdf(u)

                return math.log(integrate.quad(density, -9, 9)[0])

            return sum(of_item(which) for which in range(25))

        best = log_likelihood(found.thresholds, found.shifts, found.item_sd)
        assert found.log_likelihood == pytest.approx(best, abs=1e-4)
        for move in ([0.1, 0, -0.1], [0, 0.1, -0.1]):
            for sign in (1, -1):
                moved = found.shifts + sign * np.array(move)
                assert log_likelihood(found.thresholds, moved, found.item_sd) < best
        for factor in (0.9, 1.1):
            assert log_likelihood(found.thresholds, found.shifts, factor * found.item_sd) < best

    def test_without_differences_of_items_it_is_statsmodels_ordered_model(self):
        # Every item has the same ratings from the same raters, so the item spread goes to 0.
        pattern = np.array([[0, 0, 1, 2], [0, 1, 1, 2], [1, 2, 2, 2], [0, 1, 2, 0]])
        rng = np.random.default_rng(1)
        steps = np.concatenate([np.array([rng.permutation(row) for row in pattern]).T.ravel() for _ in range(30)])
        rater, item = np.tile(np.arange(4), 120), np.repeat(np.arange(120), 4)
        found = ordinal_severity(steps, item, rater)
        assert found.item_sd < 0.35
        dummies = np.vstack([np.eye(3), -np.ones(3)])[rater]
        peer = OrderedModel(steps, dummies, distr="logit").fit(method="bfgs", disp=False)
        assert found.shifts[:3] == pytest.approx(peer.params[:3], abs=0.03)
        assert found.se[:3] == pytest.approx(peer.bse[:3], rel=0.1)  # a little spread of items is left


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["pearson", "spearman", "kendall"])
def test_correlations_equal_scipy(kind, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, (2, 40)).astype(float)
    peer = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}[kind]
    assert item_correlation(x, y, kind, resamples=50).estimate == pytest.approx(peer(x, y).statistic)
    metric, human = x.reshape(4, 10), y.reshape(4, 10)
    expected = peer(metric.mean(axis=1), human.mean(axis=1)).statistic
    assert system_correlation(metric, human, kind, resamples=50).estimate == pytest.approx(expected)
    varied = [i for i in range(10) if np.ptp(metric[:, i]) > 0 and np.ptp(human[:, i]) > 0]
    expected = np.mean([peer(metric[:, i], human[:, i]).statistic for i in varied])
    assert within_item_correlation(metric, human, kind, resamples=50).estimate == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("alignment", ["accuracy", "rmse"])
def test_the_alternative_annotator_test_written_out_item_by_item(seed, alignment):
    # The procedure of the paper (Calderon, Reichart & Dror 2025, section 3) in plain loops.
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, 5, 50)
    humans = np.where(rng.random((4, 50)) < 0.3, rng.integers(1, 5, (4, 50)), truth).astype(float)
    humans[rng.random((4, 50)) < 0.15] = np.nan
    judge = np.where(rng.random(50) < 0.25, rng.integers(1, 5, 50), truth).astype(float)

    def score(answer, others):
        if alignment == "accuracy":
            return np.mean([answer == other for other in others])
        return -math.sqrt(np.mean([(answer - other) ** 2 for other in others]))

    p_values, advantages = [], []
    for left_out in range(4):
        differences, wins = [], []
        for i in range(50):
            others = [humans[h, i] for h in range(4) if h != left_out and not math.isnan(humans[h, i])]
            if math.isnan(humans[left_out, i]) or not others:
                continue
            of_judge, of_human = score(judge[i], others), score(humans[left_out, i], others)
            wins.append(of_judge >= of_human)
            differences.append(int(of_human >= of_judge) - int(of_judge >= of_human))
        p_values.append(stats.ttest_1samp(differences, 0.2, alternative="less").pvalue)
        advantages.append(np.mean(wins))
    found = alternative_annotator_test(judge, humans, alignment)
    assert found.p_values == pytest.approx(p_values)
    assert found.advantages == pytest.approx(advantages)
    rejected = stats.false_discovery_control(p_values, method="by") <= 0.05
    assert found.winning_rate == rejected.mean()


class TestCalibration:
    @pytest.mark.parametrize("seed", range(4))
    def test_reliability_equals_scikit_learns_curve(self, seed):
        rng = np.random.default_rng(seed)
        sure = np.round(rng.random(80), 3) + 0.0005  # off the edges, where scikit-learn's rounding decides
        hit = rng.random(80) < sure
        sure = np.minimum(sure, 1.0)
        result = compute("expected_calibration_error", np.where(hit, "a", "b"), ["a"] * 80, confidences=sure, bins=8)
        table = [row for row in result.details["reliability"] if row["n"]]
        accuracy, confidence = calibration_curve(hit, sure, n_bins=8)
        assert [row["accuracy"] for row in table] == pytest.approx(accuracy)
        assert [row["confidence"] for row in table] == pytest.approx(confidence)

    def test_brier_is_twice_scikit_learns_binary_form(self):
        rng = np.random.default_rng(0)
        share = rng.random(40)
        truth = rng.random(40) < share
        ours = compute("brier_score", np.column_stack([1 - share, share]), truth.tolist(), labels=[False, True])
        assert ours.value == pytest.approx(2 * brier_score_loss(truth, share))
