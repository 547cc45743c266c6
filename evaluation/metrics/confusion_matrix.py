"""Which classes are taken for which: the confusion matrix as a value of its own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from evaluation.metrics import inputs
from evaluation.metrics.errors import Absent, MetricInputError
from evaluation.metrics.inputs import LabelPairs
from evaluation.metrics.result import Floats, ratio

Counts = npt.NDArray[np.int64]
Of = Literal["true", "predicted", "all"]


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """Counts of examples: true class by row, predicted class by column, in the order of `labels`.

    labels  (k,)
    counts  (k, k + 1): the last column is predictions that are none of the classes
    """

    labels: list[Hashable]
    counts: Counts

    @property
    def n(self) -> int:
        """Examples in all."""
        return int(self.counts.sum())

    def shares(self, of: Of = "true") -> Floats:
        """Counts over their total, shape (k, k + 1): of each true class (the diagonal is recall), of each predicted class
        (precision), or of all examples. NaN where nothing is divided by."""
        if of not in ("true", "predicted", "all"):
            raise MetricInputError(f"of={of!r}; it is 'true', 'predicted' or 'all'")
        counts = self.counts.astype(np.float64)
        if of == "all":
            return ratio(counts, np.asarray(counts.sum()))
        return ratio(counts, counts.sum(axis=1 if of == "true" else 0, keepdims=True))

    def confusions(self) -> list[tuple[Hashable, Hashable | None, int]]:
        """(true class, predicted class, how often), the most frequent first; None: none of the classes."""
        predicted = [*self.labels, None]
        wrong = [
            (label, predicted[column], int(self.counts[row, column]))
            for row, label in enumerate(self.labels)
            for column in np.flatnonzero(self.counts[row])
            if column != row
        ]
        return sorted(wrong, key=lambda each: -each[2])


def confusion_matrix(predictions: Any, references: Any, labels: Sequence[Hashable] | None = None) -> ConfusionMatrix:
    """Count which class was predicted for which.

    predictions, references  n labels each; a prediction outside `labels`, or None, counts in the last column
    labels                   the task's own list; None takes the labels that occur, sorted if they can be

    Without examples all counts are 0: so many there were. Raises MetricInputError for lists of unequal length or a
    reference outside `labels`.
    Source: Stehman 1997, Selecting and interpreting measures of thematic classification accuracy. On labels of the list equal
    to scikit-learn's `confusion_matrix`, which drops predictions outside it.
    """
    try:
        pairs = inputs.labels(predictions, references, labels)
    except Absent:
        known = inputs.classes(labels) if labels is not None else []
        return ConfusionMatrix(known, np.zeros((len(known), len(known) + 1), dtype=np.int64))
    return ConfusionMatrix(pairs.labels, counts_of(pairs))


def counts_of(pairs: LabelPairs) -> Counts:
    """Shape (k, k + 1); see `ConfusionMatrix`."""
    matrix: Counts = np.zeros((len(pairs.labels), len(pairs.labels) + 1), dtype=np.int64)
    np.add.at(matrix, (pairs.true, pairs.predicted), 1)  # -1, none of the classes, is the last column
    return matrix
