"""Calibration, Brier score and the two warnings: distinct n-grams and length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics import MetricInputError, compute, describe
from evaluation.taskrules import fitting


class TestExpectedCalibrationError:
    def test_the_table_says_per_bin_how_sure_and_how_right(self) -> None:
        result = compute(
            "expected_calibration_error", list("aaaa"), list("aabb"), confidences=[0.9, 0.85, 0.81, 0.3], bins=10
        )
        table = result.details["reliability"]
        assert [row["n"] for row in table] == [0, 0, 1, 0, 0, 0, 0, 0, 3, 0]
        assert table[8] == {
            "low": 0.8,
            "high": 0.9,
            "n": 3,
            "confidence": pytest.approx(2.56 / 3),
            "accuracy": pytest.approx(2 / 3),
            "gap": pytest.approx(0.56 / 3),
        }
        assert table[0]["accuracy"] is None
        assert result.value == pytest.approx((0.56 + 0.3) / 4)
        assert result.details["maximum"] == pytest.approx(0.3)
        assert result.details["overconfidence"] == pytest.approx(2.86 / 4 - 0.5)

    def test_a_confidence_on_an_edge_belongs_to_the_bin_below(self) -> None:
        for edge in range(1, 11):
            table = compute("expected_calibration_error", ["a"], ["a"], confidences=[edge / 10]).details["reliability"]
            assert table[edge - 1]["n"] == 1
        assert (
            compute("expected_calibration_error", ["a"], ["a"], confidences=[0.0]).details["reliability"][0]["n"] == 1
        )

    @given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40), st.integers(1, 20))
    def test_it_is_never_below_the_overconfidence_nor_outside_0_to_1(
        self, rows: list[tuple[bool, float]], bins: int
    ) -> None:
        result = compute(
            "expected_calibration_error",
            ["a" if hit else "b" for hit, _ in rows],
            ["a"] * len(rows),
            confidences=[sure for _, sure in rows],
            bins=bins,
        )
        assert result.value is not None
        assert abs(result.details["overconfidence"]) - 1e-12 <= result.value <= 1 + 1e-12
        one_bin = result.details["statistics"].sum(axis=0)
        assert one_bin[:bins].sum() == len(rows)
        assert result.details["reduce"](2 * one_bin) == pytest.approx(result.value)  # units doubled

    def test_what_was_not_parsed_is_wrong_and_nothing_measured_is_absent(self) -> None:
        assert compute("expected_calibration_error", [None], ["a"], confidences=[1.0]).value == 1.0
        assert compute("expected_calibration_error", [], [], confidences=[]).reason == "there are no examples"

    @pytest.mark.parametrize(
        ("confidences", "words"),
        [([0.5], "1 confidences but 2"), ([0.5, 1.2], "row 1"), ([0.5, float("nan")], "row 1")],
    )
    def test_wrong_confidences_are_refused(self, confidences: list[float], words: str) -> None:
        with pytest.raises(MetricInputError, match=words):
            compute("expected_calibration_error", ["a", "b"], ["a", "b"], confidences=confidences)

    def test_wrong_bins_are_refused(self) -> None:
        for bins in (0, True, 2.5):
            with pytest.raises(MetricInputError, match="whole number"):
                compute("expected_calibration_error", ["a"], ["a"], confidences=[0.5], bins=bins)


class TestBrierScore:
    def test_sure_and_right_is_0_and_sure_and_wrong_is_2(self) -> None:
        right = compute("brier_score", [{"a": 1.0}], ["a"], labels=["a", "b"])
        wrong = compute("brier_score", [{"a": 1.0}], ["b"], labels=["a", "b"])
        assert (right.value, wrong.value) == (0.0, 2.0)

    def test_rows_and_mappings_say_the_same(self) -> None:
        rows = compute("brier_score", [[0.7, 0.3, 0], [0.1, 0.2, 0.7]], ["a", "b"], labels=["a", "b", "c"])
        mappings = compute("brier_score", [{"a": 0.7, "b": 0.3}, {"c": 0.7, "b": 0.2, "a": 0.1}], ["a", "b"])
        assert rows.value == pytest.approx(mappings.value)
        assert rows.per_example == pytest.approx([0.18, 0.01 + 0.64 + 0.49])

    def test_the_uninformed_forecast_is_told(self) -> None:
        references = ["a"] * 3 + ["b"]
        shares = compute("brier_score", [{"a": 0.75, "b": 0.25}] * 4, references)
        assert shares.value == pytest.approx(shares.details["uninformed"])

    @pytest.mark.parametrize(
        ("rows", "references", "words"),
        [
            ([{"a": 0.5}], ["a"], "add up to 0.5"),
            ([[0.5, 0.5]], ["a"], "need labels"),
            ([{"a": -0.1, "b": 1.1}], ["a"], "between 0 and 1"),
            ([{"a": "sure"}], ["a"], "is not a probability"),
        ],
    )
    def test_what_is_no_forecast_is_refused(self, rows: list[object], references: list[str], words: str) -> None:
        with pytest.raises(MetricInputError, match=words):
            compute("brier_score", rows, references)

    def test_classes_outside_the_labels_are_refused(self) -> None:
        with pytest.raises(MetricInputError, match="the class 'c'"):
            compute("brier_score", [{"c": 1.0}], ["a"], labels=["a", "b"])
        with pytest.raises(MetricInputError, match="the reference 'c'"):
            compute("brier_score", [{"a": 1.0}], ["c"], labels=["a", "b"])
        assert compute("brier_score", [], [], labels=["a"]).reason == "there are no examples"


class TestWarnings:
    def test_distinct_counts_over_all_answers_together(self) -> None:
        result = compute("distinct_n", ["we are sorry", "We are sorry!"], ["we regret this", "no"])
        assert result.value == 0.5
        assert result.details == {"distinct": 2, "total": 4, "of_references": 1.0}

    def test_distinct_reads_scripts_without_spaces(self) -> None:
        assert compute("distinct_n", ["你好你好"], n=1).value == 0.5

    def test_too_short_for_an_n_gram_is_absent(self) -> None:
        assert compute("distinct_n", ["a", "", None]).reason == "no prediction has 2 words"
        assert compute("distinct_n", []).reason

    def test_length_is_compared_with_the_nearest_reference(self) -> None:
        result = compute("length_ratio", ["a b c", ""], [["a", "a b c d e"], "a b"])
        assert result.value == pytest.approx(3 / 3)  # of 1 and 5 words, equally near to 3, the shorter counts
        assert list(result.details["per_text"]) == [3.0, 0.0]
        assert compute("length_ratio", ["a"], [""]).reason == "the references have no words"

    def test_a_warning_says_so_and_is_never_a_fields_primary_metric(self) -> None:
        assert {name for name, one in describe().items() if one.warning} == {"distinct_n", "length_ratio"}

        class Field:
            kind = "text"

        offered = fitting(Field())  # type: ignore[arg-type]
        assert "rougeL" in offered
        assert not {"distinct_n", "length_ratio"} & set(offered)


def test_statistics_of_calibration_can_be_resampled() -> None:
    rng = np.random.default_rng(0)
    sure = rng.random(50)
    result = compute(
        "expected_calibration_error", ["a"] * 50, np.where(rng.random(50) < sure, "a", "b"), confidences=sure
    )
    weights = rng.integers(0, 3, (7, 50)).astype(float)
    values = result.details["reduce"](weights @ result.details["statistics"])
    assert values.shape == (7,)
    assert np.isfinite(values).all()
