"""Macro precision."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from evaluation.metrics import inputs
from evaluation.metrics.confusion import AbsentClasses, macro_scores, precision
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores


def precision_macro(
    predictions: Any,
    references: Any,
    *,
    labels: Sequence[Hashable] | None = None,
    absent: AbsentClasses = "skip",
) -> Scores:
    """Mean over classes of the share of a class's predictions that are right.

    labels: the task's own list; a prediction outside it is a false alarm of no class, so it does not lower precision
            (it lowers recall). None: the labels that occur.
    absent: a listed class that is neither true nor predicted is left out ("skip") or counted 0 ("zero", as
            scikit-learn does). A class that occurs but is never predicted has precision 0 either way.
    """
    return macro_scores(inputs.labels(predictions, references, labels), precision, absent)


METRIC = Metric(
    name="precision_macro",
    title="Precision (macro)",
    function=precision_macro,
    takes="labels",
    direction="higher",
    range=(0.0, 1.0),
    source="Sokolova & Lapalme 2009, A systematic analysis of performance measures for classification tasks",
    blind_spot="What is missed: a model that names a rare class once, rightly, has precision 1 for it. "
    "Answers that name no class of the list do not lower it. Read it with recall.",
)
