"""F1 of labelled spans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.errors import MetricInputError
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Floats, Scores, from_statistics, ratio

Span = tuple[int, int, str]


def span_f1(predictions: Any, references: Any) -> Scores:
    """F1 over all spans of all examples; a span is found if start, end and label are exactly those of the reference.

    predictions, references: per example a list of spans, each (start, end, label) or {"start", "end", "label"} in code
    points; None or NaN as a prediction (nothing could be parsed) is the empty list. A span given twice counts once.
    Absent where neither side has a span.
    details: precision, recall (None where undefined), statistics (n, 3): found, predicted, true.
    """
    predicted, expected = inputs.paired(predictions, references)
    statistics = np.array(
        [
            _counts(_spans([] if inputs.missing(guess) else guess, row, "prediction"), _spans(spans, row, "reference"))
            for row, (guess, spans) in enumerate(zip(predicted, expected, strict=True))
        ],
        dtype=np.float64,
    )
    found, given, true = statistics.sum(axis=0)
    scores = from_statistics(
        statistics,
        reduce,
        "match:exact|average:micro|version:1",
        precision=float(found / given) if given else None,
        recall=float(found / true) if true else None,
    )
    if np.isnan(scores.value):
        scores.details["reason"] = "there is no span in references or predictions"
    return scores


def reduce(sums: Floats) -> Floats:
    """Summed (found, predicted, true), shape (..., 3) -> F1 (...); NaN where there is no span."""
    sums = np.asarray(sums, dtype=np.float64)
    return ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def _counts(predicted: set[Span], true: set[Span]) -> tuple[int, int, int]:
    return len(predicted & true), len(predicted), len(true)


def _spans(spans: Any, row: int, what: str) -> set[Span]:
    if isinstance(spans, str | Mapping) or not isinstance(spans, Iterable):
        raise MetricInputError(f"row {row}: the {what} {spans!r} is not a list of spans")
    return {_span(span, row, what) for span in spans}


def _span(span: Any, row: int, what: str) -> Span:
    try:
        start, end, label = (span["start"], span["end"], span["label"]) if isinstance(span, Mapping) else span
        return int(start), int(end), str(label)
    except (TypeError, ValueError, KeyError) as error:
        raise MetricInputError(f"row {row}: the {what} holds {span!r}, not (start, end, label)") from error


METRIC = Metric(
    name="span_f1",
    title="Span F1",
    function=span_f1,
    takes="spans",
    direction="higher",
    range=(0.0, 1.0),
    source="Tjong Kim Sang & De Meulder 2003, Introduction to the CoNLL-2003 shared task",
    blind_spot="Near misses: a span one character too long is wrong twice, as a false alarm and as a miss.",
)
