"""Checked input: lists of texts with one or several references each, lists of labels.

Each function refuses what it cannot score with a `MetricInputError` that names the row, and raises `Absent` for
empty lists: nothing was measured, which is not 0.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.metrics.errors import Absent, MetricInputError

_PACKAGES_MISSING = {"NAType", "NaTType"}  # pandas' own; known by name, so that pandas need not be installed


@dataclass(frozen=True)
class TextPairs:
    """n predicted texts and, for each, its references (at least one)."""

    predictions: list[str]
    references: list[tuple[str, ...]]

    @property
    def nrefs(self) -> str:
        """References per example as sacrebleu's signature has it: a number, or "var" where it varies."""
        counts = {len(group) for group in self.references}
        return str(counts.pop()) if len(counts) == 1 else "var"

    def combinations(self) -> tuple[list[str], list[str]]:
        """Each prediction beside each of its references, one after another: two lists of one length."""
        predicted = [
            text for text, group in zip(self.predictions, self.references, strict=True) for _ in range(len(group))
        ]
        return predicted, [reference for group in self.references for reference in group]

    def best(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
        """Which of the `combinations` has the greatest of `scores` for each example, the first of equals: shape (n,)."""
        sizes = [len(group) for group in self.references]
        starts = np.cumsum([0, *sizes[:-1]])
        if len(scores) == len(sizes):
            return starts.astype(np.intp)
        greatest = [int(np.argmax(scores[at : at + size])) for at, size in zip(starts, sizes, strict=True)]
        return (starts + greatest).astype(np.intp)

    @property
    def counts(self) -> dict[str, int]:
        """Texts that hold nothing: a metric scores them (mostly 0), a reader should know how many they are."""
        return {
            "empty_predictions": sum(not text.strip() for text in self.predictions),
            "empty_references": sum(not any(text.strip() for text in group) for group in self.references),
        }


def texts(predictions: Any, references: Any) -> TextPairs:
    """Pair texts with references (one string, or a non-empty list of strings, each).

    A prediction of None or NaN (nothing was generated) counts as the empty text; a missing reference is an error.
    """
    predicted, expected = paired(predictions, references)
    return TextPairs(
        [_prediction(text, row) for row, text in enumerate(predicted)],
        [_references(group, row) for row, group in enumerate(expected)],
    )


@dataclass(frozen=True)
class LabelPairs:
    """n true classes and predicted classes as indices into `labels`; -1: the prediction is none of them."""

    labels: list[Hashable]
    predicted: list[int]
    true: list[int]


def labels(predictions: Any, references: Any, names: Sequence[Hashable] | None) -> LabelPairs:
    """Number the classes. `names` is the task's own list; None takes every label that occurs, sorted if it can be.

    A prediction outside `names`, or None or NaN (nothing could be parsed), becomes -1. A reference outside is an error.
    """
    predicted, true = paired(predictions, references)
    for row, label in enumerate(true):
        if missing(label):
            raise MetricInputError(f"row {row}: the reference is {label}; leave examples without a label out")
        _hashable(label, row, "reference")
    predicted = [None if missing(label) else label for label in predicted]
    for row, label in enumerate(predicted):
        _hashable(label, row, "prediction")
    known = classes(names) if names is not None else _seen(true, predicted)
    index = {label: position for position, label in enumerate(known)}
    for row, label in enumerate(true):
        if label not in index:
            raise MetricInputError(
                f"row {row}: the reference {label!r} is none of the labels {known!r}; correct it or add it to labels=[…]"
            )
    return LabelPairs(known, [index.get(label, -1) for label in predicted], [index[label] for label in true])


def listed(values: Any, what: str) -> list[Any]:
    """A list of any iterable but a lone string; numpy arrays become Python values."""
    if isinstance(values, str | bytes):
        raise MetricInputError(f"{what} is one string; give a list with one entry per example")
    if values is None:
        raise MetricInputError(f"{what} is missing; give a list with one entry per example")
    if hasattr(values, "tolist"):
        values = values.tolist()
    if not isinstance(values, Iterable):
        raise MetricInputError(f"{what} is a {type(values).__name__}; give a list with one entry per example")
    return list(values)


def paired(predictions: Any, references: Any) -> tuple[list[Any], list[Any]]:
    """Two lists of one length, not empty."""
    predicted, expected = listed(predictions, "predictions"), listed(references, "references")
    if len(predicted) != len(expected):
        raise MetricInputError(
            f"{len(predicted)} predictions but {len(expected)} references; "
            "give one reference (or one list of references) per prediction"
        )
    if not predicted:
        raise Absent("there are no examples")
    return predicted, expected


def classes(names: Sequence[Hashable]) -> list[Hashable]:
    """A task's own list of labels, checked: not empty, none twice."""
    known = listed(names, "labels")
    if len(set(known)) != len(known):
        raise MetricInputError(f"labels={known!r} names a class twice")
    if not known:
        raise MetricInputError("labels=[] names no class; leave it out to take the labels that occur")
    return known


def missing(value: Any) -> bool:
    """Whether a value is None, NaN or pandas' NA or NaT, which is how tables say that there is none."""
    if value is None or type(value).__name__ in _PACKAGES_MISSING:
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def _prediction(text: Any, row: int) -> str:
    if missing(text):
        return ""
    if not isinstance(text, str):
        raise MetricInputError(f"row {row}: the prediction is a {type(text).__name__}, not a text")
    return text


def _references(group: Any, row: int) -> tuple[str, ...]:
    if isinstance(group, str):
        return (group,)
    if not isinstance(group, list | tuple) or not group:
        raise MetricInputError(f"row {row}: the reference must be a text or a non-empty list of texts, not {group!r}")
    for text in group:
        if not isinstance(text, str):
            raise MetricInputError(f"row {row}: a reference is a {type(text).__name__}, not a text")
    return tuple(group)


def _hashable(label: Any, row: int, what: str) -> None:
    if isinstance(label, list | set | dict):
        raise MetricInputError(
            f"row {row}: the {what} is a {type(label).__name__}, not one label; "
            "several accepted answers are for text metrics such as exact_match"
        )


def _seen(true: list[Any], predicted: list[Any]) -> list[Hashable]:
    seen = dict.fromkeys(label for label in (*true, *predicted) if label is not None)
    try:
        if all(isinstance(label, str) for label in seen):
            with contextlib.suppress(ValueError):  # a word among them, or "nan": all are words
                if all(math.isfinite(float(label)) for label in seen):
                    return sorted(seen, key=lambda label: (float(label), label))  # "10" is a higher rating than "9"
        return sorted(seen)
    except TypeError:  # labels of several types have no order: keep that of their first appearance
        return list(seen)
