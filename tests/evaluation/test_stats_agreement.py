"""Agreement coefficients: invariances, missing ratings, and figures that cannot be had."""

import math

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluation.stats.agreement import (
    ac1_interval,
    alpha_interval,
    category_agreement,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    icc,
    krippendorff_alpha,
    percent_agreement,
)
from evaluation.stats.agreement_detail import by_category, fleiss_interval, icc_interval
from evaluation.stats.alpha import pairable

LEVELS = ("nominal", "ordinal", "interval", "ratio")
COEFFICIENTS = (*(lambda m, level=level: krippendorff_alpha(m, level) for level in LEVELS), gwet_ac1, icc)

cells = st.one_of(st.just(math.nan), st.integers(1, 5).map(float))
matrices = st.integers(1, 12).flatmap(
    lambda units: st.lists(st.lists(cells, min_size=units, max_size=units), min_size=1, max_size=4)
)


def equal(a, b):
    return (math.isnan(a) and math.isnan(b)) or a == pytest.approx(b, abs=1e-9)


def noisy(raters, units, noise, seed=0):
    """Ratings 1–5 of a true quality, each rater with some noise of his own."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(3, 1.2, units)
    return np.clip(np.round(truth + rng.normal(0, noise, (raters, units))), 1, 5)


@given(matrices, st.randoms())
@settings(max_examples=150, deadline=None)
def test_figures_are_at_most_one_and_know_no_order_of_raters_and_units(matrix, random):
    matrix = np.array(matrix)
    raters, units = list(range(matrix.shape[0])), list(range(matrix.shape[1]))
    random.shuffle(raters)
    random.shuffle(units)
    for coefficient in COEFFICIENTS:
        value = coefficient(matrix)
        assert math.isnan(value) == bool(value.reason)
        assert math.isnan(value) or value <= 1 + 1e-9
        assert equal(value, coefficient(matrix[raters][:, units]))


@given(matrices)
@settings(max_examples=100, deadline=None)
def test_a_unit_with_one_rating_tells_alpha_nothing(matrix):
    matrix = np.array(matrix)
    lone = np.full((matrix.shape[0], 1), np.nan)
    lone[0] = 4
    for level in LEVELS:
        assert equal(krippendorff_alpha(matrix, level), krippendorff_alpha(np.hstack([matrix, lone]), level))


@given(matrices)
@settings(max_examples=100, deadline=None)
def test_each_level_ignores_what_it_should(matrix):
    matrix = np.array(matrix)
    assert equal(krippendorff_alpha(matrix, "interval"), krippendorff_alpha(7 - 3 * matrix, "interval"))
    assert equal(krippendorff_alpha(matrix, "ratio"), krippendorff_alpha(10 * matrix, "ratio"))
    assert equal(krippendorff_alpha(matrix, "ordinal"), krippendorff_alpha(np.exp(matrix), "ordinal"))
    renamed = np.where(matrix == 1, 9, np.where(matrix == 5, 0, matrix))
    assert equal(krippendorff_alpha(matrix, "nominal"), krippendorff_alpha(renamed, "nominal"))


@pytest.mark.parametrize("level", LEVELS)
def test_full_agreement_is_one_and_coin_tosses_are_nought(level):
    same = np.tile(np.arange(1.0, 6), (3, 4))
    assert krippendorff_alpha(same, level) == pytest.approx(1)
    tossed = np.random.default_rng(0).integers(1, 6, (3, 4000)).astype(float)
    assert krippendorff_alpha(tossed, level) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    "matrix",
    [np.zeros((0, 0)), np.full((2, 3), np.nan), [[1, 2, 3]], [[1], [math.nan]], [[1, math.nan], [math.nan, 2]]],
    ids=["empty", "all missing", "one rater", "one rating", "no overlap"],
)
def test_without_two_ratings_of_a_unit_nothing_agrees(matrix):
    for level in LEVELS:
        assert math.isnan(krippendorff_alpha(matrix, level)) and krippendorff_alpha(matrix, level).reason
        interval = alpha_interval(matrix, level)
        assert math.isnan(interval.estimate) and math.isnan(interval.ci_low) and interval.reason
    for coefficient in (percent_agreement, gwet_ac1, icc, lambda m: icc(m, "1,1")):
        assert math.isnan(coefficient(matrix)) and coefficient(matrix).reason
    assert math.isnan(ac1_interval(matrix).estimate)


def test_ratings_that_are_all_the_same_leave_chance_undefined():
    same = np.full((3, 6), 4.0)
    for figure in (*(krippendorff_alpha(same, level) for level in LEVELS), icc(same), icc(same, "1,k")):
        assert math.isnan(figure) and ("equal" in figure.reason or "same" in figure.reason)
    assert "same value" in cohen_kappa(same[0], same[1]).reason
    assert "same category" in fleiss_kappa([[3, 0], [3, 0]]).reason
    # With the scale named, AC1 can say that raters agreed on a flag that nobody raised.
    assert "name the scale" in gwet_ac1(same).reason
    assert gwet_ac1(same, categories=[1, 2, 3, 4, 5]) == 1
    assert percent_agreement(same) == 1


def test_one_item_has_a_figure_or_the_reason_but_no_interval():
    one = np.array([[1.0], [2.0]])
    assert krippendorff_alpha(one, "nominal") == 0
    interval = alpha_interval(one, "nominal")
    assert interval.estimate == 0 and math.isnan(interval.ci_low) and interval.reason
    assert "two are needed" in icc(one).reason


def expanded(units):
    """The levels at which the percentile interval is as wide as a t interval over so many units (Hesterberg 2015)."""
    low = stats.norm.cdf(math.sqrt(units / (units - 1)) * stats.t.ppf(0.025, units - 1))
    return [low, 1 - low]


@pytest.mark.parametrize("level", LEVELS)
def test_the_interval_is_the_bootstrap_of_units_done_by_hand(level):
    matrix = noisy(3, 15, 0.8)
    matrix[0, ::4] = np.nan
    interval = alpha_interval(matrix, level, resamples=200, seed=5)
    indices = np.random.default_rng(5).integers(0, 15, (200, 15))
    by_hand = [krippendorff_alpha(matrix[:, drawn], level) for drawn in indices]
    assert tuple(interval) == pytest.approx(tuple(np.quantile(by_hand, expanded(15))), abs=1e-9)
    assert interval.estimate == krippendorff_alpha(matrix, level)
    assert interval.n == 15


@pytest.mark.parametrize("level", LEVELS)
def test_units_of_a_kind_are_drawn_together_and_the_interval_is_the_same(level):
    matrix = noisy(3, 400, 0.8)
    matrix[0, ::4] = np.nan
    data = pairable(matrix)
    kinds, kind = data.kinds()
    assert kind.count < 100 and kind.sizes().sum() == 400
    assert [sorted(unit) for unit in np.split(kinds.codes, kinds.starts[1:])] == [
        sorted(np.split(data.codes, data.starts[1:])[first]) for first in np.unique(kind.codes, return_index=True)[1]
    ]
    by_kind = alpha_interval(matrix, level, resamples=4000)
    assert by_kind.estimate == krippendorff_alpha(matrix, level)
    width = by_kind.ci_high - by_kind.ci_low
    indices = np.random.default_rng(1).integers(0, 400, (400, 400))
    by_hand = [krippendorff_alpha(matrix[:, drawn], level) for drawn in indices]
    assert tuple(by_kind) == pytest.approx(tuple(np.quantile(by_hand, expanded(400))), abs=0.15 * width)


def test_ratings_that_hardly_repeat_have_no_kinds():
    assert pairable(np.random.default_rng(0).normal(size=(3, 50))).kinds() is None
    assert pairable(np.random.default_rng(0).normal(size=(3, 10))).kinds() is None


def test_a_flag_too_rare_for_an_interval_says_so():
    flags = np.zeros((2, 40))
    flags[0, 0] = 1
    interval = alpha_interval(flags)
    assert not math.isnan(interval.estimate) and math.isnan(interval.ci_low) and "resamples" in interval.reason


def test_more_noise_means_less_agreement():
    for coefficient in COEFFICIENTS:
        values = [coefficient(noisy(4, 300, noise)) for noise in (0.2, 0.7, 2.0)]
        assert values == sorted(values, reverse=True)


def test_labels_may_be_words():
    words = [["spam", "ham", "spam", None], ["spam", "ham", "ham", "spam"]]
    codes = [[1, 0, 1, math.nan], [1, 0, 0, 1]]
    assert krippendorff_alpha(words) == krippendorff_alpha(codes)
    assert percent_agreement(words) == pytest.approx(2 / 3)
    assert gwet_ac1(words, categories=["spam", "ham"]) == gwet_ac1(codes, categories=[0, 1])
    assert cohen_kappa(*words) == cohen_kappa(*codes)
    assert krippendorff_alpha([["a", math.nan], ["a", "b"]]).reason  # NaN among words is missing, not the word "nan"
    with pytest.raises(ValueError, match="numeric"):
        krippendorff_alpha(words, "ordinal")
    with pytest.raises(ValueError, match="numeric"):
        cohen_kappa(*words, weights="linear")
    with pytest.raises(ValueError, match="numeric"):
        gwet_ac1(words, weights="linear")


def test_specific_agreement_on_a_rare_flag():
    flags = np.zeros((2, 50))
    flags[0, :3] = flags[1, 1:4] = 1
    assert percent_agreement(flags) == pytest.approx(0.96)
    assert category_agreement(flags, 1) == pytest.approx(2 / 3)
    assert "category 7" in category_agreement(flags, 7).reason


def test_unused_categories_of_the_scale_lower_chance_agreement():
    matrix = np.array([[1, 2, 1, 2], [1, 2, 2, 2.0]])
    assert gwet_ac1(matrix, categories=[1, 2, 3, 4, 5]) > gwet_ac1(matrix)
    with pytest.raises(ValueError, match="outside the categories given: 2"):
        gwet_ac1(matrix, categories=[1])


def test_weights_count_a_near_miss_as_half_agreement():
    near, far = np.array([[1, 2, 3, 4], [2, 3, 4, 5.0]]), np.array([[1, 2, 3, 4], [5, 5, 1, 1.0]])
    for weights in ("linear", "quadratic"):
        assert cohen_kappa(*near, weights) > cohen_kappa(*far, weights)
        assert gwet_ac1(near, [1, 2, 3, 4, 5], weights) > gwet_ac1(far, [1, 2, 3, 4, 5], weights)


def test_the_interval_of_ac1_holds_it():
    matrix = noisy(2, 80, 0.5)
    interval = ac1_interval(matrix, categories=[1, 2, 3, 4, 5])
    assert interval.ci_low < gwet_ac1(matrix, categories=[1, 2, 3, 4, 5]) < interval.ci_high
    assert interval.estimate == pytest.approx(gwet_ac1(matrix, categories=[1, 2, 3, 4, 5]))


class TestTwoAnswersOfATicket:
    """Raters disagree ticket by ticket, on both answers of it alike: whole tickets are drawn, as a plain loop draws them."""

    tickets = np.random.default_rng(2).permutation(np.repeat(np.arange(25), 2))

    @property
    def matrix(self):
        rng = np.random.default_rng(3)
        truth = rng.integers(2, 5, 50)
        apart = rng.choice([-1, 0, 0, 1], 25)[self.tickets]
        ratings = np.array([truth, truth + apart], float)
        ratings[1, :3] = math.nan
        return ratings

    def replicates(self, figure, seed):
        draws = np.random.default_rng(seed).integers(0, 25, (400, 25))
        return [
            figure(np.concatenate([self.matrix[:, self.tickets == ticket] for ticket in row], axis=1)) for row in draws
        ]

    def test_alpha(self):
        found = alpha_interval(self.matrix, "ordinal", resamples=400, seed=4, clusters=self.tickets)
        loop = self.replicates(lambda ratings: krippendorff.alpha(ratings, level_of_measurement="ordinal"), 4)
        assert tuple(found) == pytest.approx(np.quantile(loop, expanded(25)))
        alone = alpha_interval(self.matrix, "ordinal")
        assert alone.estimate == found.estimate
        assert alone.ci_high - alone.ci_low < found.ci_high - found.ci_low

    def test_ac2(self):
        scale = [1, 2, 3, 4, 5]
        found = ac1_interval(self.matrix, scale, "quadratic", resamples=400, seed=4, clusters=self.tickets)
        loop = self.replicates(lambda ratings: gwet_ac1(ratings, scale, "quadratic"), 4)
        assert tuple(found) == pytest.approx(np.quantile(loop, expanded(25)))


class TestIcc:
    def test_severity_counts_in_kind_2_and_not_in_3(self):
        matrix = noisy(3, 60, 0.3)
        severe = matrix + np.array([[0], [0], [-2]])
        assert icc(severe, "3,1") == pytest.approx(icc(matrix, "3,1"))
        assert icc(severe, "2,1") < icc(matrix, "2,1") - 0.1

    def test_names_may_be_written_as_people_write_them(self):
        matrix = noisy(3, 20, 0.5)
        assert icc(matrix, "2,k") == icc(matrix, "ICC(2,k)") == icc(matrix, "ICC2k")
        assert icc(matrix, "1,1") == icc(matrix, "icc1") == icc(matrix, "ICC(1,1)")
        for wrong in ("4,1", "two", "2,7"):
            with pytest.raises(ValueError, match="kind must be"):
                icc(matrix, wrong)

    def test_kind_2_uses_the_units_that_all_rated(self):
        matrix = noisy(3, 30, 0.5)
        holed = matrix.copy()
        holed[1, 20:] = np.nan
        assert icc(holed) == icc(matrix[:, :20])
        holed[1] = np.nan  # a rater who rated nothing is none
        assert icc(holed) == icc(matrix[[0, 2]])
        scattered = np.where(np.eye(3, 30) + np.eye(3, 30, 15) + 1 > 1, matrix, np.nan)
        assert "rated by all" in icc(scattered).reason

    def test_kind_1_takes_missing_ratings(self):
        matrix = noisy(4, 200, 0.6)
        holed = matrix.copy()
        holed[np.random.default_rng(0).random(matrix.shape) < 0.3] = np.nan
        assert icc(holed, "1,1") == pytest.approx(icc(matrix, "1,1"), abs=0.06)


@given(st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=1, max_size=10))
@settings(deadline=None)
def test_fleiss_knows_no_order_and_takes_unequal_numbers_of_raters(counts):
    value = fleiss_kappa(counts)
    assert equal(value, fleiss_kappa(np.array(counts)[::-1, ::-1]))
    assert math.isnan(value) == bool(value.reason)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=30))
@settings(deadline=None)
def test_cohen_is_symmetric_and_shift_free(pairs):
    a, b = np.array(pairs).T
    for weights in (None, "linear", "quadratic"):
        assert equal(cohen_kappa(a, b, weights), cohen_kappa(b, a, weights))
        assert equal(cohen_kappa(a, b, weights), cohen_kappa(a + 3, b + 3, weights))
    assert math.isnan(cohen_kappa(a, a)) if len(set(a)) == 1 else cohen_kappa(a, a) == 1


def test_wrong_input_is_refused_by_name():
    with pytest.raises(ValueError, match="level must be one of"):
        krippendorff_alpha([[1], [1]], "metric")
    with pytest.raises(ValueError, match="raters × units"):
        krippendorff_alpha([1, 2, 3])
    with pytest.raises(ValueError, match="same units"):
        cohen_kappa([1], [1, 2])
    with pytest.raises(ValueError, match="weights must be"):
        cohen_kappa([1], [1], "cubic")
    with pytest.raises(ValueError, match="negative"):
        fleiss_kappa([[-1, 3]])
    assert "0 or more" in krippendorff_alpha([[-1, 1], [1, 1]], "ratio").reason


def test_pairable_ratings_stand_unit_by_unit():
    data = pairable(np.array([[3.0, np.nan, 1], [2, 5, 1]]))
    assert data.values.tolist() == [1, 2, 3]
    assert data.values[data.codes].tolist() == [3, 2, 1, 1]
    assert data.sizes.tolist() == [2, 2]


def test_a_handful_of_units_does_not_show_perfect_agreement():
    matrix = np.array([[1, 2, 3, 4, 5, 1], [1, 2, 3, 4, 5, 1]], float)
    few, many = alpha_interval(matrix, "ordinal"), alpha_interval(np.tile(matrix, 10), "ordinal")
    assert few.estimate == many.estimate == 1
    assert few.ci_low < 0.2 < 0.85 < many.ci_low < 1


@pytest.mark.parametrize(
    "figure",
    [
        krippendorff_alpha, gwet_ac1, icc, lambda none: icc(none, "1,k"), fleiss_kappa, percent_agreement,
        lambda none: category_agreement(none, 1), lambda none: alpha_interval(none), lambda none: ac1_interval(none),
        fleiss_interval, icc_interval,
    ],
)  # fmt: skip
def test_no_ratings_at_all_have_no_figure_and_say_so(figure):
    found = figure([])
    assert math.isnan(getattr(found, "estimate", found)) and found.reason
    assert by_category([]) == []


def test_ac1_of_perfect_agreement_has_the_width_that_alpha_has():
    matrix = [[0] * 20 + [1] * 5] * 2
    ours, alpha = ac1_interval(matrix), alpha_interval(matrix)
    assert (ours.estimate, ours.ci_low, ours.ci_high) == (1.0, pytest.approx(1 - 2 * (1 - 0.025 ** (1 / 25))), 1.0)
    assert (ours.ci_low, ours.reason) == (pytest.approx(alpha.ci_low), alpha.reason)
