"""What every statistic here answers with: a figure, or NaN and the reason why there is none.

A figure that cannot be had is never 0, never 1 and never an exception: it is NaN, and ``reason`` says in words a
reader of a scorecard understands what is missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]


class Figure(float):
    """A float that can say why it is NaN.

    >>> undefined("one rater: nothing to agree with").reason
    'one rater: nothing to agree with'
    """

    reason: str

    def __new__(cls, value: float, reason: str = "") -> Figure:
        figure = super().__new__(cls, value)
        figure.reason = reason
        return figure


def undefined(reason: str) -> Figure:
    """The figure that cannot be had, with the reason."""
    return Figure(math.nan, reason)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate between two limits. ``low, high = interval`` unpacks the limits.

    ``n`` counts what the estimate rests on (values, items or trials); ``method`` names the interval for the small
    print; ``reason`` says why a limit or the estimate is NaN, or why the interval deserves caution.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence: float
    n: int
    method: str
    reason: str = ""

    def __iter__(self) -> Iterator[float]:
        yield self.ci_low
        yield self.ci_high


def no_interval(estimate: float, confidence: float, n: int, method: str, reason: str) -> Interval:
    """An interval without limits, and the reason."""
    return Interval(float(estimate), math.nan, math.nan, confidence, n, method, reason)


def check_confidence(confidence: float) -> float:
    """``confidence`` itself, if it lies strictly between 0 and 1; ValueError otherwise (95 is a common slip for 0.95)."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, as 0.95 does; got {confidence!r}")
    return confidence


def as_pairs(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Values of two systems on the same examples, (n,) each. ValueError: unequal lengths."""
    first, second = as_values(a, "a"), as_values(b, "b")
    if first.shape != second.shape:
        raise ValueError(f"a and b must hold the same examples: {len(first)} against {len(second)} values")
    return first, second


def as_values(values: npt.ArrayLike, name: str) -> FloatArray:
    """One-dimensional floats; None and masked become NaN. ValueError names the argument that has another shape."""
    array: npt.NDArray[Any] = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, one value per example; got shape {array.shape}")
    return array
