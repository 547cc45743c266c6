"""Quadratic weighted kappa."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Floats, Scores, from_statistics, ratio


def quadratic_kappa(predictions: Any, references: Any, *, labels: Sequence[Hashable] | None = None) -> Scores:
    """Agreement beyond chance of ordered labels, a miss by k steps weighing k²: 1 perfect, 0 as by chance.

    labels: the scale in its order; a step is one place in it. None: the labels that occur, sorted, which is only right
            if none of the scale is missing.
    A prediction outside the scale, or None, counts as the label farthest from the true one.
    Absent where all labels on both sides are the same: there is nothing to agree on beyond chance.
    details["statistics"] (n, 6): 1, x, y, x², y², xy with x the predicted and y the true place in the scale.
    """
    pairs = inputs.labels(predictions, references, labels)
    y = np.array(pairs.true, dtype=np.float64)
    x = np.array(pairs.predicted, dtype=np.float64)
    last = len(pairs.labels) - 1
    x = np.where(x < 0, np.where(y > last / 2, 0, last), x)
    statistics = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    scores = from_statistics(
        statistics,
        reduce,
        f"weights:quadratic|classes:{len(pairs.labels)}|version:1",
        labels=pairs.labels,
        outside_labels=sum(label < 0 for label in pairs.predicted),
    )
    if np.isnan(scores.value):
        scores.details["reason"] = "all labels on both sides are the same: agreement beyond chance is undefined"
    return scores


def reduce(sums: Floats) -> Floats:
    """Summed statistics (..., 6) -> kappa (...): 1 − observed / expected squared distance; NaN where that is 0."""
    n, x, y, xx, yy, xy = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    observed = n * (xx + yy - 2 * xy)  # n² times the mean; whole numbers, so 0 is exactly 0
    expected = n * (xx + yy) - 2 * x * y
    return 1 - ratio(observed, expected)


METRIC = Metric(
    name="quadratic_kappa",
    title="Kappa (quadratic)",
    function=quadratic_kappa,
    takes="labels",
    direction="higher",
    range=(-1.0, 1.0),
    source="Cohen 1968, Weighted kappa: nominal scale agreement with provision for scaled disagreement",
    blind_spot="How often the very label is right, and whether the model rates too high throughout. It depends on the "
    "shares of the labels: with nearly all ratings alike it is low though agreement is high.",
)
