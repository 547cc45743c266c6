"""Macro F1."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from evaluation.metrics import inputs
from evaluation.metrics.confusion import AbsentClasses, f1, macro_scores
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores


def f1_macro(
    predictions: Any,
    references: Any,
    *,
    labels: Sequence[Hashable] | None = None,
    absent: AbsentClasses = "skip",
) -> Scores:
    """Mean over classes of F1, the harmonic mean of a class's precision and recall.

    The mean of F1s, as scikit-learn has it, not the F1 of mean precision and recall (Opitz & Burst 2019 show how far
    the two can lie apart).

    labels: the task's own list; a prediction outside it is a miss of its true class. None: the labels that occur.
    absent: a listed class that is neither true nor predicted is left out ("skip": nothing was measured) or counted 0
            ("zero", as scikit-learn does).
    """
    return macro_scores(inputs.labels(predictions, references, labels), f1, absent)


METRIC = Metric(
    name="f1_macro",
    title="F1 (macro)",
    function=f1_macro,
    takes="labels",
    direction="higher",
    range=(0.0, 1.0),
    source="Opitz & Burst 2019, Macro F1 and macro F1, arXiv:1911.03347",
    blind_spot="How many answers are right: a class with three examples weighs as much as one with three thousand, so "
    "one rare example can move it by points. Which classes are confused stands in the confusion matrix.",
)
