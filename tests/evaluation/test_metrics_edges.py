"""Every metric of the list with edge input: a value in its range, or none with the reason; never a crash."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from evaluation.metrics import MetricInputError, compute, confusion_matrix, describe
from evaluation.metrics.tokens import words

nan = math.nan
TEXTS: dict[str, tuple[list[Any], list[Any]]] = {
    "one example": (["a b"], ["a b"]),
    "empty output": ([""], ["a b"]),
    "empty reference": (["a"], [""]),
    "both empty": ([""], [""]),
    "nothing generated": ([None, nan], ["a", "b"]),
    "white space": ([" \n\t\u3000"], ["a"]),
    "punctuation": (["..."], ["!?"]),
    "no overlap": (["a b c d e"], ["v w x y z"]),
    "Chinese": (["建築許可申請"], ["建築許可"]),
    "Arabic": (["رخصة بناء جديدة"], ["رخصة بناء"]),
    "Hindi": (["विवाह प्रमाण पत्र"], ["विवाह प्रमाण"]),
    "emoji": (["👩‍👩‍👧 🎉 ❤️"], ["🎉 ❤"]),
    "lone surrogate": (["\ud800"], ["a"]),
    "NUL": (["a\0b"], ["a\0b"]),
    "several references": (["a b"], [["x", "", "a b"]]),
    "another number of references each": (["a b", "c"], [["x", "a b"], "c"]),
    "a long word": (["a" * 2000], ["a" * 2000]),
}
LABELS: dict[str, tuple[list[Any], list[Any]]] = {
    "one example": (["a"], ["a"]),
    "one class": (["a"] * 3, ["a"] * 3),
    "never right": (["b", "a"], ["a", "b"]),
    "nothing parsed": ([None, nan], ["a", "b"]),
    "classes of several types": ([1, "a", (2, 3)], ["a", 1, (2, 3)]),
    "booleans": ([True, False], [True, True]),
    "any script": (["道路", "🎉"], ["道路", "مياه"]),
}
SETS = {
    "one example": ([["a"]], [["a"]]),
    "both empty": ([[]], [[]]),
    "nothing parsed": ([None, nan], [["a"], []]),
    "no overlap": ([["b"]], [["a"]]),
}
SPANS = {
    "one example": ([[(0, 1, "a")]], [[(0, 1, "a")]]),
    "both empty": ([[]], [[]]),
    "nothing parsed": ([None, nan], [[(0, 1, "a")], []]),
    "no overlap": ([[(0, 1, "a")]], [[(5, 6, "a")]]),
}
NUMBERS = {
    "one example": ([1.0], [1.0]),
    "nothing parsed": ([None, nan], [1.0, 2.0]),
    "infinite": ([math.inf], [1.0]),
    "beyond floats": ([10**400, -(10**400)], [1, 2]),
    "large": ([1e308], [-1e308]),
}
CASES = {"texts": TEXTS, "labels": LABELS, "label sets": SETS, "spans": SPANS, "numbers": NUMBERS}
FORECASTS = {
    "brier_score": [
        (([{"a": 1.0}], ["a"]), {}),
        (([[0.0, 1.0]], ["a"]), {"labels": ["a", "b"]}),
        (([], []), {}),
        (([], []), {"labels": ["a", "b"]}),
    ],
    "expected_calibration_error": [
        ((["a"], ["a"]), {"confidences": [1.0]}),
        ((["a", None], ["b", "b"]), {"confidences": [0.0, 0.5]}),
        (([], []), {"confidences": []}),
    ],
    "perplexity": [
        ((), {"logprobs": [], "tokens": []}),
        ((), {"logprobs": [0.0], "tokens": [0]}),
        ((), {"logprobs": [0.0], "tokens": [1]}),
        ((), {"logprobs": [-math.inf], "tokens": [1]}),
        ((), {"logprobs": [-1e6], "tokens": [1]}),
        ((None, [""]), {"logprobs": [-1.0], "tokens": [1]}),
        ((None, ["雨"]), {"logprobs": [-1.0], "tokens": [1]}),
        ((None, ["\ud800"]), {"logprobs": [-1.0], "tokens": [1]}),
    ],
}


def calls() -> Iterator[Any]:
    for name, metric in describe().items():
        if name in FORECASTS:
            for number, (arguments, options) in enumerate(FORECASTS[name]):
                yield pytest.param(name, arguments, options, id=f"{name}-{number}")
            continue
        for what, arguments in {"no examples": ([], []), **CASES[metric.takes]}.items():
            yield pytest.param(name, arguments, {}, id=f"{name}-{what}")


@pytest.mark.parametrize(("name", "arguments", "options"), list(calls()))
@pytest.mark.filterwarnings("error")
def test_a_value_in_its_range_or_none_with_the_reason(name: str, arguments: Any, options: dict[str, Any]) -> None:
    result = compute(name, *arguments, **options)
    low, high = result.range
    if result.value is None:
        assert result.reason and result.per_example is None
        return
    assert not result.reason
    assert low - 1e-9 <= result.value <= high + 1e-9
    if result.per_example is not None:
        assert result.per_example.shape == (len(arguments[0]),)
        assert result.value == pytest.approx(result.per_example.mean())
    elif "statistics" in result.details:
        reduced = float(result.details["reduce"](result.details["statistics"].sum(axis=0)))
        assert reduced == pytest.approx(result.value)


def test_a_perfect_answer_is_perfect_in_any_script() -> None:
    for text in ("建築許可申請", "رخصة بناء جديدة", "विवाह प्रमाण पत्र", "🎉 ❤️ 👍🏽 🚗"):
        for name in ("exact_match", "token_f1", "rouge1", "rougeL", "rougeLsum"):
            assert compute(name, [text], [text]).value == 1.0, (name, text)
        assert compute("chrf", [text], [text]).value == pytest.approx(100)
        assert compute("ter", [text], [text]).value == 0
        assert compute("bleu", [text], [text], tokenize="char").value == pytest.approx(100)


def test_an_emoji_is_a_word_whatever_its_tone_and_variant() -> None:
    assert words("❤️ok 👍🏽👍") == ["❤", "ok", "👍", "👍"] == words("❤ ok 👍 👍🏿")
    assert words("20 °C ©") == ["20", "c"], "other signs are no words, as for rouge-score"


def test_missing_predictions_are_wrong_and_missing_references_refused() -> None:
    assert compute("accuracy", ["a", nan], ["a", "b"]).value == 0.5
    assert compute("f1_macro", ["a", nan], ["a", "b"]).details["labels"] == ["a", "b"], "NaN is no class"
    for reference in (None, nan):
        with pytest.raises(MetricInputError, match="row 1: the reference is"):
            compute("accuracy", ["a", "b"], ["a", reference])
    with pytest.raises(MetricInputError, match=r"row 0: the prediction .* holds what is no label"):
        compute("set_f1", [[["a"]]], [["a"]])


class TestConfusionMatrix:
    def test_true_by_row_predicted_by_column_and_none_of_them_last(self) -> None:
        matrix = confusion_matrix(["a", "b", "x", None, "a"], ["a", "a", "b", "b", "b"], ["a", "b", "c"])
        assert matrix.labels == ["a", "b", "c"] and matrix.n == 5
        assert matrix.counts.tolist() == [[1, 1, 0, 0], [1, 0, 0, 2], [0, 0, 0, 0]]
        assert matrix.confusions() == [("b", None, 2), ("a", "b", 1), ("b", "a", 1)]

    def test_shares_of_a_class_that_does_not_occur_are_nan(self) -> None:
        matrix = confusion_matrix(["a", "b"], ["a", "a"], ["a", "b"])
        assert matrix.shares("true")[0].tolist() == [0.5, 0.5, 0]
        assert np.isnan(matrix.shares("true")[1]).all()
        assert np.isnan(matrix.shares("predicted")[:, 2]).all()
        assert matrix.shares("all").sum() == 1
        with pytest.raises(MetricInputError, match="of='row'"):
            matrix.shares("row")  # type: ignore[arg-type]

    def test_it_is_the_one_in_the_details_of_f1(self) -> None:
        predictions, references = ["a", "b", "b", "z"], ["a", "a", "b", "b"]
        details = compute("f1_macro", predictions, references, labels=["a", "b"]).details
        assert details["confusion"].tolist() == confusion_matrix(predictions, references, ["a", "b"]).counts.tolist()

    def test_without_examples_there_are_none(self) -> None:
        assert confusion_matrix([], [], ["a", "b"]).counts.tolist() == [[0, 0, 0], [0, 0, 0]]
        assert confusion_matrix([], []).counts.shape == (0, 1)
        assert np.isnan(confusion_matrix([], [], ["a"]).shares("all")).all()

    def test_wrong_input_is_refused(self) -> None:
        with pytest.raises(MetricInputError, match="1 predictions but 2 references"):
            confusion_matrix(["a"], ["a", "b"])
        with pytest.raises(MetricInputError, match="is none of the labels"):
            confusion_matrix(["a"], ["q"], ["a"])


@pytest.mark.parametrize("sizes", [(3, 4), (1, 2, 4), (7, 11, 13), (1000, 1, 333)])
def test_a_perfect_correlation_is_one_to_the_last_digit(sizes: tuple[int, ...]) -> None:
    labels = [name for name, size in zip("abc", sizes, strict=False) for _ in range(size)]
    assert compute("mcc", labels, labels).value == 1.0


def test_what_pandas_calls_missing_is_no_answer() -> None:
    pandas = pytest.importorskip("pandas")
    for none in (pandas.NA, pandas.NaT, np.float32("nan")):
        for metric in ("accuracy", "precision_macro", "f1_macro"):
            given = compute(metric, ["a", none, "b"], ["a", "b", "b"])
            assert given.value == compute(metric, ["a", None, "b"], ["a", "b", "b"]).value
        assert compute("exact_match", ["a", none], ["a", "b"]).value == 0.5
        with pytest.raises(MetricInputError, match="row 1: the reference"):
            compute("accuracy", ["a", "b"], ["a", none])
    assert (
        compute("mean_absolute_error", [1.0, pandas.NA], [1.0, 2.0]).value
        == compute("mean_absolute_error", [1.0, None], [1.0, 2.0]).value
    )


def test_single_precision_is_rounded_and_not_refused() -> None:
    over, under = 1.0000001, -1e-7
    assert compute("brier_score", [[over, under]], ["a"], labels=["a", "b"]).value == 0.0
    assert compute("expected_calibration_error", ["a"], ["a"], confidences=[over]).value == 0.0
    assert compute("perplexity", logprobs=[1e-6, -2.0], tokens=[3, 2]).value == pytest.approx(math.exp(2 / 5))
    assert compute("perplexity", logprobs=[1e-6], tokens=[3]).value == 1.0
    with pytest.raises(MetricInputError, match="between 0 and 1"):
        compute("brier_score", [[1.001, -0.001]], ["a"], labels=["a", "b"])
    with pytest.raises(MetricInputError, match=r"row 1: the log-probability 0\.01 is above 0"):
        compute("perplexity", logprobs=[-1.0, 0.01], tokens=[3, 2])


def test_ratings_given_as_text_are_ordered_as_numbers() -> None:
    predicted, true = [1, 2, 10, 9, 3, 10], [1, 2, 9, 9, 4, 8]
    of_text = compute("quadratic_kappa", [str(one) for one in predicted], [str(one) for one in true])
    assert of_text.value == compute("quadratic_kappa", predicted, true).value
    assert of_text.details["labels"] == ["1", "2", "3", "4", "8", "9", "10"]
    assert compute("accuracy", ["b", "10"], ["a", "9"]).details["labels"] == ["10", "9", "a", "b"]
