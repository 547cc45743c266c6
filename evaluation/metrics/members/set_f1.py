"""F1 of label sets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.errors import MetricInputError
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores, mean_of


def set_f1(predictions: Any, references: Any) -> Scores:
    """Mean over examples of 2·shared / (predicted + true labels), for fields that take several labels.

    predictions, references: a list or set of labels each; a prediction of None or NaN (nothing could be parsed) scores 0.
    Two empty sets agree (1). A label that the task does not have is a wrong label: it lowers the score of its example.
    details["exact"]: share of examples whose sets are equal.
    """
    predicted, expected = inputs.paired(predictions, references)
    true = [_labels(labels, row, "reference") for row, labels in enumerate(expected)]
    guessed = [
        None if inputs.missing(labels) else _labels(labels, row, "prediction") for row, labels in enumerate(predicted)
    ]
    pairs = list(zip(guessed, true, strict=True))
    values = np.array([0.0 if guess is None else _f1(guess, labels) for guess, labels in pairs])
    exact = float(np.mean([guess == labels for guess, labels in pairs]))
    return mean_of(values, "average:examples|version:1", exact=exact, unparsed=guessed.count(None))


def _f1(predicted: frozenset[Hashable], true: frozenset[Hashable]) -> float:
    total = len(predicted) + len(true)
    return 2 * len(predicted & true) / total if total else 1.0


def _labels(labels: Any, row: int, what: str) -> frozenset[Hashable]:
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise MetricInputError(f"row {row}: the {what} {labels!r} is not a list or set of labels")
    try:
        return frozenset(labels)
    except TypeError as error:
        raise MetricInputError(f"row {row}: the {what} {labels!r} holds what is no label ({error})") from error


METRIC = Metric(
    name="set_f1",
    title="Set F1",
    function=set_f1,
    takes="label sets",
    direction="higher",
    range=(0.0, 1.0),
    source="Godbole & Sarawagi 2004; Sorower 2010, A literature survey on algorithms for multi-label learning",
    blind_spot="Which labels are missed: a frequent label decides it. Examples with one label swing between 0 and 1, "
    "those with many move slowly.",
)
