"""Checked input of the metrics over numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.metrics.errors import MetricInputError
from evaluation.metrics.inputs import missing
from evaluation.metrics.result import Floats


def arrays(predictions: list[Any], references: list[Any]) -> tuple[Floats, Floats]:
    """Float arrays of shape (n,); a prediction of None becomes NaN, a reference must be a finite number."""
    predicted = np.array([_number(value, row, "prediction") for row, value in enumerate(predictions)])
    true = np.array([_number(value, row, "reference") for row, value in enumerate(references)])
    if not np.isfinite(true).all():
        row = int(np.argmin(np.isfinite(true)))
        raise MetricInputError(f"row {row}: the reference {references[row]!r} is not a finite number")
    return predicted, true


def distances(predicted: Floats, true: Floats) -> Floats:
    """|predicted - true|, shape (n,): NaN where nothing was predicted, infinite where it exceeds every float."""
    with np.errstate(over="ignore"):
        return np.asarray(np.abs(predicted - true))


def _number(value: Any, row: int, what: str) -> float:
    if missing(value):
        return np.nan
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise MetricInputError(f"row {row}: the {what} {value!r} is not a number; parse it first, None if that fails")
    try:
        return float(value)
    except OverflowError:  # a whole number beyond any float: as wrong as can be, yet a number
        return np.inf if value > 0 else -np.inf
