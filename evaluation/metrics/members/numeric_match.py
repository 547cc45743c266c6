"""Share of numbers that are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.metrics import inputs, numbers
from evaluation.metrics.errors import MetricInputError
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores, mean_of


def numeric_match(predictions: Any, references: Any, *, absolute: float = 0.0, relative: float = 1e-9) -> Scores:
    """Share of examples whose predicted number lies within max(absolute, relative·|reference|) of the reference.

    absolute: tolerance in the unit of the field; relative: as a share of the reference (1e-9: rounding of floats)
    A prediction of None or NaN (nothing could be parsed) is wrong.
    """
    if absolute < 0 or relative < 0:
        raise MetricInputError(f"tolerances are not negative: absolute={absolute}, relative={relative}")
    predicted, true = numbers.arrays(*inputs.paired(predictions, references))
    with np.errstate(invalid="ignore"):
        right = numbers.distances(predicted, true) <= np.maximum(absolute, relative * np.abs(true))
    signature = f"absolute:{absolute}|relative:{relative}|version:1"
    return mean_of(right.astype(np.float64), signature, unparsed=int(np.isnan(predicted).sum()))


METRIC = Metric(
    name="numeric_match",
    title="Numbers right",
    function=numeric_match,
    takes="numbers",
    direction="higher",
    range=(0.0, 1.0),
    source="the share of answers within a tolerance; no paper is needed",
    blind_spot="How far off a wrong number is. Read the mean absolute error beside it.",
)
