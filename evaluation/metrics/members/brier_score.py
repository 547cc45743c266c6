"""Brier score."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from evaluation.metrics.metric import Metric
from evaluation.metrics.probabilities import forecasts
from evaluation.metrics.result import Scores, mean_of


def brier_score(predictions: Any, references: Any, *, labels: Sequence[Hashable] | None = None) -> Scores:
    """Mean squared distance of the predicted class probabilities from the truth (1 for the true class, 0 for others).

    predictions: n mappings {class: probability}, or n rows in the order of `labels`; each adds up to 1.
    references:  n true labels.
    Brier's own form, summed over classes: 0 perfect, 2 sure and wrong. With two classes it is twice the form that
    looks at one class only (scikit-learn's `brier_score_loss` of binary labels, unless it is told `scale_by_half=False`).
    details: labels; uninformed, the score of always forecasting the shares of the classes in these references.
    """
    given = forecasts(predictions, references, labels)
    truth = np.eye(len(given.labels))[given.true]
    per_example = np.sum((given.shares - truth) ** 2, axis=1)
    uninformed = 1 - float(np.sum(truth.mean(axis=0) ** 2))
    settings = f"classes:{len(given.labels)}|form:sum over classes|version:1"
    return mean_of(per_example, settings, labels=given.labels, uninformed=uninformed)


METRIC = Metric(
    name="brier_score",
    title="Brier score",
    function=brier_score,
    takes="probabilities",
    direction="lower",
    range=(0.0, 2.0),
    source="Brier 1950, Verification of forecasts expressed in terms of probability",
    blind_spot="Whether a bad score comes from poor knowledge or from false certainty: look at the calibration error "
    "beside it. With a rare class, forecasting its share always looks good; compare with `uninformed`.",
)
