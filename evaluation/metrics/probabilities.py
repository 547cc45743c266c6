"""Checked input of the metrics over predicted probabilities.

A model either says how sure it is of the label it chose (one number per example), or gives each class its share (one
row per example, or a mapping from class to share). Both kinds are proper input; a row must add up to 1.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.metrics import inputs
from evaluation.metrics.errors import MetricInputError
from evaluation.metrics.result import Floats

_FLOAT32 = 1e-5  # a softmax in single precision gives 1.0000001
ROUNDING = 1e-3  # a row of probabilities printed with few digits misses 1 by so much


@dataclass(frozen=True)
class Forecasts:
    """n forecasts over k classes: `shares` (n, k), `true` (n,) the place of the true class, `labels` (k,)."""

    labels: list[Hashable]
    shares: Floats
    true: npt.NDArray[np.intp]


def forecasts(predictions: Any, references: Any, labels: Sequence[Hashable] | None) -> Forecasts:
    """Rows of class probabilities against true labels.

    predictions  n mappings {class: share}, or n rows of shares in the order of `labels`; a class that a mapping does
                 not name has share 0
    labels       the task's classes; None takes, for mappings, every class that occurs

    Raises MetricInputError with the row for a share outside 0–1, a row that does not add up to 1, a class or reference
    outside `labels`.
    """
    rows, true = inputs.paired(predictions, references)
    if labels is None:
        if not all(isinstance(row, Mapping) for row in rows):
            raise MetricInputError("rows of numbers need labels=[…], the class of each column; or give {class: share}")
        labels = list(dict.fromkeys([*(label for row in rows for label in row), *true]))
    known = list(labels)
    place = {label: column for column, label in enumerate(known)}
    if len(place) != len(known):
        raise MetricInputError(f"labels={known!r} names a class twice")
    shares = np.array([_row(row, place, number) for number, row in enumerate(rows)])
    for number, label in enumerate(true):
        if label not in place:
            raise MetricInputError(f"row {number}: the reference {label!r} is none of the labels {known!r}")
    return Forecasts(known, shares, np.array([place[label] for label in true], dtype=np.intp))


def confidences(values: Any, n: int) -> Floats:
    """One probability (0–1) for each of `n` examples, shape (n,)."""
    given = inputs.listed(values, "confidences")
    if len(given) != n:
        raise MetricInputError(f"{len(given)} confidences but {n} predictions; give one per prediction")
    return np.array([_share(value, row) for row, value in enumerate(given)])


def _row(row: Any, place: Mapping[Hashable, int], number: int) -> Floats:
    shares = np.zeros(len(place))
    if isinstance(row, Mapping):
        for label, share in row.items():
            if label not in place:
                raise MetricInputError(f"row {number}: the class {label!r} is none of the labels {list(place)!r}")
            shares[place[label]] = _share(share, number)
    else:
        given = inputs.listed(row, f"row {number}")
        if len(given) != len(place):
            raise MetricInputError(f"row {number}: {len(given)} probabilities for {len(place)} labels")
        shares[:] = [_share(share, number) for share in given]
    if abs(shares.sum() - 1) > ROUNDING:
        raise MetricInputError(f"row {number}: the probabilities add up to {shares.sum():.4g}, not to 1")
    return shares


def _share(value: Any, row: int) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError) as error:
        raise MetricInputError(f"row {row}: {value!r} is not a probability") from error
    if not -_FLOAT32 <= share <= 1.0 + _FLOAT32:
        raise MetricInputError(f"row {row}: {value!r} is not a probability; it must lie between 0 and 1")
    return min(max(share, 0.0), 1.0)
