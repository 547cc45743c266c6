"""Macro recall."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from evaluation.metrics import inputs
from evaluation.metrics.confusion import AbsentClasses, macro_scores, recall
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores


def recall_macro(
    predictions: Any,
    references: Any,
    *,
    labels: Sequence[Hashable] | None = None,
    absent: AbsentClasses = "skip",
) -> Scores:
    """Mean over classes of the share of a class's examples that are found.

    labels: the task's own list; a prediction outside it is a miss of its true class. None: the labels that occur.
    absent: a listed class that is neither true nor predicted is left out ("skip") or counted 0 ("zero", as
            scikit-learn does). A class that is predicted but never true has recall 0 either way.
    """
    return macro_scores(inputs.labels(predictions, references, labels), recall, absent)


METRIC = Metric(
    name="recall_macro",
    title="Recall (macro)",
    function=recall_macro,
    takes="labels",
    direction="higher",
    range=(0.0, 1.0),
    source="Sokolova & Lapalme 2009, A systematic analysis of performance measures for classification tasks",
    blind_spot="False alarms: a class that swallows its neighbours' examples keeps its own recall. "
    "A class with three examples weighs as much as one with three thousand.",
)
