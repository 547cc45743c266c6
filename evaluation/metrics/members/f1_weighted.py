"""F1 weighted by support."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from evaluation.metrics import inputs
from evaluation.metrics.confusion import ClassCounts, f1, scores_of
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Floats, Scores, ratio


def f1_weighted(predictions: Any, references: Any, *, labels: Sequence[Hashable] | None = None) -> Scores:
    """Mean over classes of F1, each weighted by the number of its examples.

    labels: the task's own list; a prediction outside it is a miss of its true class. A class without examples has
            weight 0. None: the labels that occur.
    """
    return scores_of(inputs.labels(predictions, references, labels), reduce)


def reduce(sums: Floats) -> Floats:
    """Summed class statistics (..., 3 * classes) -> weighted F1 (...)."""
    counts = ClassCounts.unpack(sums)
    return ratio((f1(counts) * counts.true).sum(axis=-1), counts.true.sum(axis=-1))


METRIC = Metric(
    name="f1_weighted",
    title="F1 (weighted)",
    function=f1_weighted,
    takes="labels",
    direction="higher",
    range=(0.0, 1.0),
    source="scikit-learn, f1_score(average='weighted')",
    blind_spot="Rare classes: their weight is their share. It can lie outside the range between weighted precision "
    "and weighted recall, so it is not their harmonic mean.",
)
