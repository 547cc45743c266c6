"""Which metrics a field is scored by."""

from __future__ import annotations

from typing import get_args

import pytest

from evaluation.metrics import MetricInputError, names
from evaluation.metrics.fields import FIELD_METRICS, FieldKind, metrics_of


def test_every_kind_of_field_has_metrics_that_exist_and_a_primary_one_among_them() -> None:
    assert set(FIELD_METRICS) == set(get_args(FieldKind))
    for kind, chosen in FIELD_METRICS.items():
        assert set(chosen.metrics) <= set(names()), kind
        assert chosen.primary in chosen.metrics


def test_a_choice_is_judged_by_accuracy_and_a_text_by_rouge_l() -> None:
    assert metrics_of("choice").primary == "accuracy"
    assert metrics_of("text").primary == "rougeL"


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(MetricInputError, match="no field kind 'image'; there are choice, multi, text"):
        metrics_of("image")
