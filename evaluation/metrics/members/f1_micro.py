"""Micro F1."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from evaluation.metrics import inputs
from evaluation.metrics.confusion import ClassCounts, scores_of
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Floats, Scores, ratio


def f1_micro(predictions: Any, references: Any, *, labels: Sequence[Hashable] | None = None) -> Scores:
    """F1 of the hits, predictions and examples of all classes pooled: 2·hits / (predictions + examples).

    labels: the task's own list; a prediction outside it is a miss and no prediction of any class, so the denominator
            counts it once, not twice. Where every prediction is in the list, micro F1 equals accuracy; where some are
            not, it lies above it (as scikit-learn with `labels=`). None: the labels that occur.
    """
    return scores_of(inputs.labels(predictions, references, labels), reduce)


def reduce(sums: Floats) -> Floats:
    """Summed class statistics (..., 3 * classes) -> micro F1 (...)."""
    counts = ClassCounts.unpack(sums)
    return ratio(2 * counts.hit.sum(axis=-1), counts.predicted.sum(axis=-1) + counts.true.sum(axis=-1))


METRIC = Metric(
    name="f1_micro",
    title="F1 (micro)",
    function=f1_micro,
    takes="labels",
    direction="higher",
    range=(0.0, 1.0),
    source="Sokolova & Lapalme 2009, A systematic analysis of performance measures for classification tasks",
    blind_spot="Rare classes, as accuracy. For one label per example it says nothing that accuracy does not, but that "
    "it is milder on answers that name no class of the list.",
)
