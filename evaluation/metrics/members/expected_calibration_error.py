"""Expected calibration error and its reliability table."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.errors import MetricInputError
from evaluation.metrics.metric import Metric
from evaluation.metrics.probabilities import confidences as checked
from evaluation.metrics.result import Floats, Scores, from_statistics, ratio


def expected_calibration_error(
    predictions: Any,
    references: Any,
    *,
    confidences: Any,
    labels: Sequence[Hashable] | None = None,
    bins: int = 10,
) -> Scores:
    """Mean gap between how sure the model is and how often it is right, over bins of confidence weighted by size.

    predictions, references: n labels each; a prediction outside `labels`, or None, is wrong.
    confidences: n probabilities (0–1), the model's own for the label it chose.
    bins:        bins of equal width; bin k holds confidences in (k/bins, (k+1)/bins], 0 lies in the first.

    details: reliability, a row for each bin: low, high, n, confidence, accuracy, gap (None in an empty bin);
             overconfidence, mean confidence − accuracy (> 0: surer than right); maximum, the largest gap of a bin;
             statistics (n, 3·bins): count, confidence and hit of each example in its bin.
    """
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise MetricInputError(f"bins={bins!r}; it is a whole number from 1 on")
    pairs = inputs.labels(predictions, references, labels)
    hits = np.equal(pairs.predicted, pairs.true).astype(np.float64)
    sure = checked(confidences, len(hits))
    # The upper edge belongs to the bin. k / bins is the nearest float to what a reader writes (0.3), unlike k · 0.1.
    edges = np.arange(bins + 1) / bins
    membership = np.eye(bins)[np.maximum(np.searchsorted(edges, sure, side="left") - 1, 0)]
    statistics = np.concatenate([membership, membership * sure[:, None], membership * hits[:, None]], axis=1)
    table = _reliability(statistics.sum(axis=0), edges)
    return from_statistics(
        statistics,
        reduce,
        f"bins:{bins}|width:equal|version:1",
        reliability=table,
        overconfidence=float(sure.mean() - hits.mean()),
        maximum=max(abs(row["gap"]) for row in table if row["gap"] is not None),
    )


def reduce(sums: Floats) -> Floats:
    """Summed statistics (..., 3·bins) -> calibration error (...); NaN without examples."""
    counts, sure, hits = np.split(np.asarray(sums, dtype=np.float64), 3, axis=-1)
    return ratio(np.abs(sure - hits).sum(axis=-1), counts.sum(axis=-1))


def _reliability(sums: Floats, edges: Floats) -> list[dict[str, Any]]:
    rows = []
    for k, (n, sure, hits) in enumerate(np.reshape(sums, (3, -1)).T):
        rows.append(
            {
                "low": float(edges[k]),
                "high": float(edges[k + 1]),
                "n": int(n),
                "confidence": float(sure / n) if n else None,
                "accuracy": float(hits / n) if n else None,
                "gap": float((sure - hits) / n) if n else None,
            }
        )
    return rows


METRIC = Metric(
    name="expected_calibration_error",
    title="Expected calibration error",
    function=expected_calibration_error,
    takes="probabilities",
    direction="lower",
    range=(0.0, 1.0),
    source="Naeini, Cooper & Hauskrecht 2015; Guo et al. 2017, On calibration of modern neural networks",
    blind_spot="Whether the model knows anything: always naming the commonest class with its share as confidence scores "
    "0. It is biased upwards with few examples, and depends on the number of bins.",
)
