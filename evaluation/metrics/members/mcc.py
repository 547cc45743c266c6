"""Matthews' correlation coefficient for several classes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.confusion import ClassCounts, scores_of
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Floats, Scores, ratio


def mcc(predictions: Any, references: Any, *, labels: Sequence[Hashable] | None = None) -> Scores:
    """Correlation between true and predicted classes as one-hot vectors (Gorodkin's R_K); 1 perfect, 0 as by chance.

    labels: the task's own list; a prediction outside it is the zero vector. None: the labels that occur.
    Absent where all examples, or all predictions, are of one class: a constant has no correlation (scikit-learn
    says 0 there).
    """
    scores = scores_of(inputs.labels(predictions, references, labels), reduce)
    if np.isnan(scores.value):
        scores.details["reason"] = "all examples, or all predictions, are of one class: correlation is undefined"
    return scores


def reduce(sums: Floats) -> Floats:
    """Summed class statistics (..., 3 * classes) -> Matthews' coefficient (...); NaN where one side is constant."""
    counts = ClassCounts.unpack(sums)
    n = counts.true.sum(axis=-1)
    hits, answered = counts.hit.sum(axis=-1), counts.predicted.sum(axis=-1)
    # n² times the covariances of the one-hot vectors, summed over classes. Whole numbers, so 0 is exactly 0.
    together = n * hits - (counts.true * counts.predicted).sum(axis=-1)
    of_predicted = n * answered - (counts.predicted**2).sum(axis=-1)
    of_true = n * n - (counts.true**2).sum(axis=-1)
    # One root of the product: the root of a square is exact, so a perfect prediction has 1 and not the float below.
    return ratio(together, np.sqrt(of_predicted * of_true))


METRIC = Metric(
    name="mcc",
    title="Matthews correlation",
    function=mcc,
    takes="labels",
    direction="higher",
    range=(-1.0, 1.0),
    source="Matthews 1975; for several classes Gorodkin 2004, Comparing two K-category assignments by a K-category "
    "correlation coefficient",
    blind_spot="Which classes are confused, and how costly that is. Its value depends on the class shares of this "
    "set, so it does not carry over to one with other shares.",
)
