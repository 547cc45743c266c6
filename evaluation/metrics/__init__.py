"""Metrics of model outputs against references: plain Python, one file per metric, one interface.

    from evaluation.metrics import compute
    compute("rougeL", ["the cat sat"], ["the cat is sitting"]).value

Values lie in 0–1 but for bleu, chrf and ter (sacrebleu's 0–100), mcc and cosines (−1–1), perplexity (≥ 1), the
Brier score (0–2), the length ratio (about 1) and errors in the unit of the field. A figure that cannot be had is None with `details["reason"]`, never 0.
"""

from evaluation.metrics.confusion_matrix import ConfusionMatrix, confusion_matrix
from evaluation.metrics.errors import MetricInputError, UnknownMetricError
from evaluation.metrics.metric import Metric
from evaluation.metrics.registry import Description, compute, describe, names
from evaluation.metrics.result import MetricResult

__all__ = [
    "ConfusionMatrix",
    "Description",
    "Metric",
    "MetricInputError",
    "MetricResult",
    "UnknownMetricError",
    "compute",
    "confusion_matrix",
    "describe",
    "names",
]
