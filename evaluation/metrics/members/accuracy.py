"""Accuracy."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores, mean_of


def accuracy(predictions: Any, references: Any, *, labels: Sequence[Hashable] | None = None) -> Scores:
    """Share of examples whose predicted label is the true one.

    labels: the task's own list; a prediction outside it, or None, is wrong. Per-example values are 0 or 1.
    """
    pairs = inputs.labels(predictions, references, labels)
    correct = np.equal(pairs.predicted, pairs.true).astype(np.float64)
    outside = sum(label < 0 for label in pairs.predicted)
    return mean_of(correct, f"classes:{len(pairs.labels)}|version:1", labels=pairs.labels, outside_labels=outside)


METRIC = Metric(
    name="accuracy",
    title="Accuracy",
    function=accuracy,
    takes="labels",
    direction="higher",
    range=(0.0, 1.0),
    source="Sokolova & Lapalme 2009, A systematic analysis of performance measures for classification tasks",
    blind_spot="Which classes are missed: where one class has 90 % of the examples, always naming it scores 0.9. "
    "Compare it with the majority class, and look at macro F1 beside it.",
)
