"""Sufficient statistics of the metrics over class labels, and the ratios that they share.

Per example and class three numbers: hit (predicted and true), predicted, true. Their sums over examples give
precision, recall, F1 and Matthews' coefficient, so a resample of examples is a sum of rows.

A prediction outside the labels (also None) is the zero vector: it raises `true` of its class only. So it is missed by
that class (recall falls), is a false alarm of none, and never becomes a class. scikit-learn does the same when it is
given `labels=`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from evaluation.metrics.confusion_matrix import counts_of
from evaluation.metrics.errors import MetricInputError
from evaluation.metrics.inputs import LabelPairs
from evaluation.metrics.result import Floats, Reduce, Scores, from_statistics, ratio

AbsentClasses = Literal["skip", "zero"]


@dataclass(frozen=True)
class ClassCounts:
    """Each of shape (..., classes): examples that are hit, predicted, true per class."""

    hit: Floats
    predicted: Floats
    true: Floats

    @classmethod
    def unpack(cls, sums: Floats) -> ClassCounts:
        """From summed statistics of shape (..., 3 * classes)."""
        hit, predicted, true = np.split(np.asarray(sums, dtype=np.float64), 3, axis=-1)
        return cls(hit, predicted, true)

    @property
    def occurs(self) -> Floats:
        """1 for a class that is true or predicted somewhere, else 0: nothing is known of it."""
        return (self.predicted + self.true > 0).astype(np.float64)


def class_statistics(pairs: LabelPairs) -> Floats:
    """Shape (n, 3 * classes): one-hot hit, predicted and true side by side."""
    classes = len(pairs.labels)
    # One column more takes the predictions outside the labels (-1 is the last), and is cut off.
    one_hot = np.eye(classes + 1)
    predicted = one_hot[pairs.predicted][:, :classes]
    true = one_hot[pairs.true][:, :classes]
    return np.concatenate([predicted * true, predicted, true], axis=1)


def precision(counts: ClassCounts) -> Floats:
    """Per class; 0 for a class that occurs but is never predicted."""
    return ratio(counts.hit, counts.predicted, undefined=0.0)


def recall(counts: ClassCounts) -> Floats:
    """Per class; 0 for a class that is predicted but never true."""
    return ratio(counts.hit, counts.true, undefined=0.0)


def f1(counts: ClassCounts) -> Floats:
    """Per class: 2·hit / (predicted + true), the harmonic mean of precision and recall."""
    return ratio(2 * counts.hit, counts.predicted + counts.true, undefined=0.0)


def macro(sums: Floats, value: Callable[[ClassCounts], Floats], absent: AbsentClasses) -> Floats:
    """Summed statistics (..., 3 * classes) -> unweighted mean over classes (...) of a per-class value.

    absent: what becomes of a listed class that is neither true nor predicted: "skip" leaves it out, for nothing was
            measured; "zero" counts it 0, as scikit-learn does.
    """
    counts = ClassCounts.unpack(sums)
    values = value(counts)
    if absent == "zero":
        return np.asarray(values.mean(axis=-1))
    return ratio((values * counts.occurs).sum(axis=-1), counts.occurs.sum(axis=-1))


def macro_scores(pairs: LabelPairs, value: Callable[[ClassCounts], Floats], absent: AbsentClasses) -> Scores:
    """Scores of a macro mean, see `macro`."""
    if absent not in ("skip", "zero"):
        raise MetricInputError(f"absent={absent!r}; it is 'skip' or 'zero'")
    return scores_of(pairs, partial(macro, value=value, absent=absent), f"absent:{absent}|")


def scores_of(pairs: LabelPairs, reduce: Reduce, settings: str = "") -> Scores:
    """Scores by `reduce`, with what a reader wants beside them in details:

    labels          the classes in order
    per_class       a row each: support, predicted, precision, recall, f1 (None for a class that does not occur)
    confusion       (classes, classes + 1) counts: true by row, predicted by column, the last column "none of them"
    outside_labels  how many predictions are none of the classes
    """
    statistics = class_statistics(pairs)
    return from_statistics(
        statistics,
        reduce,
        f"classes:{len(pairs.labels)}|{settings}version:1",
        labels=list(pairs.labels),
        per_class=_per_class(pairs, ClassCounts.unpack(statistics.sum(axis=0))),
        confusion=counts_of(pairs),
        outside_labels=sum(label < 0 for label in pairs.predicted),
    )


def _per_class(pairs: LabelPairs, counts: ClassCounts) -> list[dict[str, Any]]:
    """A row per class; values of a class that does not occur are None."""
    precisions, recalls, f1s = precision(counts), recall(counts), f1(counts)
    return [
        {
            "label": label,
            "support": int(counts.true[k]),
            "predicted": int(counts.predicted[k]),
            "precision": float(precisions[k]) if counts.occurs[k] else None,
            "recall": float(recalls[k]) if counts.occurs[k] else None,
            "f1": float(f1s[k]) if counts.occurs[k] else None,
        }
        for k, label in enumerate(pairs.labels)
    ]
