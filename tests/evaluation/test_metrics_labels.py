"""Metrics over class labels, label sets, spans, numbers and ratings."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics import MetricInputError, compute

NAMES = ["accuracy", "precision_macro", "recall_macro", "f1_macro", "f1_micro", "f1_weighted", "mcc"]
LABELS = ["roads", "water", "waste"]

pairs = st.lists(
    st.tuples(st.sampled_from([*LABELS, "no desk", None]), st.sampled_from(LABELS)), min_size=1, max_size=25
)


def values(name: str, rows: list[tuple[str | None, str]], **options: object) -> float | None:
    return compute(name, [guess for guess, _ in rows], [true for _, true in rows], labels=LABELS, **options).value


# A prediction outside the labels


@pytest.mark.parametrize("outside", ["no desk", None, ""])
def test_a_prediction_outside_the_labels_is_wrong_for_its_true_class_only(outside: str | None) -> None:
    predicted, true = ["roads", outside, "water"], ["roads", "roads", "water"]
    assert compute("accuracy", predicted, true, labels=LABELS).value == pytest.approx(2 / 3)
    result = compute("f1_macro", predicted, true, labels=LABELS)
    roads, water, waste = result.details["per_class"]
    assert (roads["precision"], roads["recall"]) == (1.0, 0.5)
    assert (water["precision"], water["recall"]) == (1.0, 1.0)
    assert waste["f1"] is None
    assert result.details["confusion"].tolist() == [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert result.details["outside_labels"] == 1


def test_an_unparsed_answer_is_no_class_without_labels_either() -> None:
    result = compute("f1_macro", ["a", None, "b"], ["a", "a", "b"])
    assert result.details["labels"] == ["a", "b"]
    assert result.value == pytest.approx((2 / 3 + 1) / 2)


def test_a_listed_class_that_occurs_nowhere_is_left_out_unless_it_shall_count_zero() -> None:
    assert compute("f1_macro", ["roads", "water"], ["roads", "water"], labels=LABELS).value == 1.0
    assert compute(
        "f1_macro", ["roads", "water"], ["roads", "water"], labels=LABELS, absent="zero"
    ).value == pytest.approx(2 / 3)
    with pytest.raises(MetricInputError, match="absent='none'"):
        compute("f1_macro", ["roads"], ["roads"], absent="none")


def test_micro_f1_is_accuracy_where_all_predictions_are_in_the_list_and_above_it_where_not() -> None:
    true = ["roads", "roads", "water", "waste"]
    inside = ["roads", "water", "water", "waste"]
    outside = ["roads", "no desk", "water", "waste"]
    assert compute("f1_micro", inside, true, labels=LABELS).value == pytest.approx(0.75)
    assert compute("f1_micro", outside, true, labels=LABELS).value == pytest.approx(6 / 7)


def test_when_every_prediction_is_outside_the_list_all_is_zero_and_mcc_is_absent() -> None:
    for name in NAMES[:-1]:
        assert compute(name, ["?", "?"], ["roads", "water"], labels=LABELS).value == 0.0
    assert compute("mcc", ["?", "?"], ["roads", "water"], labels=LABELS).value is None


# Input


def test_a_reference_outside_the_labels_is_refused() -> None:
    with pytest.raises(MetricInputError, match=r"row 1: the reference 'gas' is none of the labels"):
        compute("accuracy", ["roads", "gas"], ["roads", "gas"], labels=LABELS)


def test_a_missing_reference_is_refused() -> None:
    with pytest.raises(MetricInputError, match="row 0: the reference is None"):
        compute("f1_macro", ["roads"], [None])


def test_a_class_listed_twice_is_refused() -> None:
    with pytest.raises(MetricInputError, match="names a class twice"):
        compute("accuracy", ["a"], ["a"], labels=["a", "a"])


def test_several_references_are_refused_for_labels() -> None:
    with pytest.raises(MetricInputError, match="row 0: the reference is a list, not one label"):
        compute("accuracy", ["a"], [["a", "b"]])


def test_labels_may_be_numbers_or_arrays() -> None:
    assert compute("accuracy", np.array([1, 2, 3]), np.array([1, 2, 2])).value == pytest.approx(2 / 3)
    assert compute("f1_macro", [True, False], [True, True]).value == pytest.approx((2 / 3) / 2)


# One class


@pytest.mark.parametrize("name", NAMES[:-1])
def test_one_class_all_right_is_one(name: str) -> None:
    assert compute(name, ["a", "a"], ["a", "a"]).value == 1.0


@pytest.mark.parametrize(("predicted", "true"), [("aa", "aa"), ("aa", "ab"), ("ab", "aa")])
def test_mcc_has_no_value_where_a_side_is_constant(predicted: str, true: str) -> None:
    result = compute("mcc", list(predicted), list(true))
    assert result.value is None
    assert "one class" in str(result.reason)


# Properties


@given(pairs)
def test_values_stay_in_their_range(rows: list[tuple[str | None, str]]) -> None:
    for name in NAMES:
        value = values(name, rows)
        assert value is None or (-1.0 if name == "mcc" else 0.0) - 1e-12 <= value <= 1.0 + 1e-12


@given(pairs, st.randoms())
def test_the_order_of_examples_does_not_matter(rows: list[tuple[str | None, str]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for name in NAMES:
        assert values(name, shuffled) == pytest.approx(values(name, rows), nan_ok=True)


@given(pairs)
def test_doubling_every_example_changes_nothing(rows: list[tuple[str | None, str]]) -> None:
    for name in NAMES:
        assert values(name, rows + rows) == pytest.approx(values(name, rows))


@given(pairs)
def test_with_labels_the_macro_metrics_equal_scikit_learn(rows: list[tuple[str | None, str]]) -> None:
    predicted, true = [str(guess) for guess, _ in rows], [true for _, true in rows]
    theirs = sklearn.metrics.precision_recall_fscore_support(
        true, predicted, labels=LABELS, average="macro", zero_division=0
    )
    for name, value in zip(["precision_macro", "recall_macro", "f1_macro"], theirs, strict=False):
        assert values(name, rows, absent="zero") == pytest.approx(value)


# Label sets


def test_set_f1_is_the_mean_over_examples() -> None:
    result = compute("set_f1", [["a", "b"], [], None, ["x"]], [["a"], [], [], ["a", "b"]])
    assert result.per_example.tolist() == pytest.approx([2 / 3, 1, 0, 0])
    assert result.details["exact"] == 0.25
    assert result.details["unparsed"] == 1


@given(st.lists(st.tuples(st.sets(st.integers(0, 4)), st.sets(st.integers(0, 4))), min_size=1, max_size=10))
def test_set_f1_equals_scikit_learns_samples_average(rows: list[tuple[set[int], set[int]]]) -> None:
    predicted = np.array([[k in guess for k in range(5)] for guess, _ in rows])
    true = np.array([[k in labels for k in range(5)] for _, labels in rows])
    theirs = sklearn.metrics.f1_score(true, predicted, average="samples", zero_division=1)
    assert compute("set_f1", [guess for guess, _ in rows], [labels for _, labels in rows]).value == pytest.approx(
        theirs
    )


def test_set_f1_refuses_a_lone_string() -> None:
    with pytest.raises(MetricInputError, match="row 0: the prediction 'ab' is not a list or set"):
        compute("set_f1", ["ab"], [["a"]])


# Spans


def test_span_f1_counts_exact_spans_over_all_examples() -> None:
    result = compute(
        "span_f1",
        [[(0, 4, "street"), (9, 12, "date")], None, []],
        [[{"start": 0, "end": 4, "label": "street"}, (9, 12, "name")], [(1, 2, "date")], []],
    )
    assert result.value == pytest.approx(2 * 1 / (2 + 3))
    assert result.details["precision"] == pytest.approx(1 / 2)
    assert result.details["recall"] == pytest.approx(1 / 3)


def test_span_f1_has_no_value_without_spans() -> None:
    assert compute("span_f1", [[], None], [[], []]).reason == "there is no span in references or predictions"


def test_span_f1_refuses_what_is_no_span() -> None:
    with pytest.raises(MetricInputError, match="row 0: the prediction holds"):
        compute("span_f1", [[(0, 4)]], [[]])


# Numbers and ratings


def test_numbers_match_within_their_tolerance_and_unparsed_ones_are_wrong() -> None:
    result = compute("numeric_match", [0.1 + 0.2, 99, None, float("inf")], [0.3, 100, 1, 1])
    assert result.per_example.tolist() == [1, 0, 0, 0]
    assert compute("numeric_match", [99, 98.9], [100, 100], relative=0.01).per_example.tolist() == [1, 0]
    assert compute("numeric_match", [99.5, 101], [100, 100], absolute=0.5).per_example.tolist() == [1, 0]


def test_mean_absolute_error_is_absent_rather_than_kind_to_unparsed_answers() -> None:
    assert compute("mean_absolute_error", [1, 4], [2, 2]).value == 1.5
    assert "1 of 2 predictions are no numbers" in str(compute("mean_absolute_error", [1, None], [2, 2]).reason)
    assert compute("mean_absolute_error", [1, None], [2, 2], unparsed_error=5).value == 3.0


def test_numbers_refuse_texts_and_missing_references() -> None:
    with pytest.raises(MetricInputError, match="row 0: the prediction '3' is not a number"):
        compute("numeric_match", ["3"], [3])
    with pytest.raises(MetricInputError, match="row 1: the reference None is not a finite number"):
        compute("mean_absolute_error", [3, 3], [3, None])


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=20))
def test_quadratic_kappa_equals_scikit_learn_where_it_is_defined(rows: list[tuple[int, int]]) -> None:
    predicted, true = [guess for guess, _ in rows], [true for _, true in rows]
    ours = compute("quadratic_kappa", predicted, true, labels=range(1, 6)).value
    if len({*predicted, *true}) == 1:
        assert ours is None
    else:
        theirs = sklearn.metrics.cohen_kappa_score(true, predicted, labels=range(1, 6), weights="quadratic")
        assert ours == pytest.approx(theirs)


def test_a_rating_outside_the_scale_counts_as_the_farthest_one() -> None:
    failed = compute("quadratic_kappa", [1, None, 5], [1, 2, 5], labels=range(1, 6))
    farthest = compute("quadratic_kappa", [1, 5, 5], [1, 2, 5], labels=range(1, 6))
    assert failed.value == farthest.value
    assert failed.details["outside_labels"] == 1
