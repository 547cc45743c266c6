"""Mean absolute error."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.metrics import inputs, numbers
from evaluation.metrics.errors import Absent, MetricInputError
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores, mean_of


def mean_absolute_error(predictions: Any, references: Any, *, unparsed_error: float | None = None) -> Scores:
    """Mean distance between predicted number and reference, in the unit of the field.

    unparsed_error: the error that a prediction of None or NaN counts as. Without it the figure is absent as soon as
                    one prediction is no number: to leave such rows out would reward a model for failing on hard ones.
    """
    if unparsed_error is not None and unparsed_error < 0:
        raise MetricInputError(f"unparsed_error={unparsed_error} is below 0")
    predicted, true = numbers.arrays(*inputs.paired(predictions, references))
    errors = numbers.distances(predicted, true)
    unparsed = np.isnan(predicted)
    if unparsed.any() and unparsed_error is None:
        raise Absent(
            f"{unparsed.sum()} of {len(errors)} predictions are no numbers; unparsed_error=… says what each counts as"
        )
    if unparsed_error is not None:
        errors[unparsed] = unparsed_error
    return mean_of(errors, f"unparsed:{unparsed_error}|version:1", unparsed=int(unparsed.sum()))


METRIC = Metric(
    name="mean_absolute_error",
    title="Mean absolute error",
    function=mean_absolute_error,
    takes="numbers",
    direction="lower",
    range=(0.0, float("inf")),
    source="Willmott & Matsuura 2005, Advantages of the mean absolute error over the root mean square error",
    blind_spot="Direction of the errors, and one great error among many small ones. It has the unit of the field, so it "
    "compares with nothing else.",
)
