"""Which metrics a table field of a task is scored by, and which one of them is primary unless the project chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from evaluation.metrics.errors import MetricInputError

FieldKind = Literal["choice", "multi", "text", "number", "spans", "rating"]


@dataclass(frozen=True)
class FieldMetrics:
    """Metric names in the order a scorecard shows them; `primary` is one of them."""

    metrics: tuple[str, ...]
    primary: str


FIELD_METRICS: Mapping[FieldKind, FieldMetrics] = MappingProxyType(
    {
        "choice": FieldMetrics(("accuracy", "f1_macro"), primary="accuracy"),
        "multi": FieldMetrics(("set_f1",), primary="set_f1"),
        "text": FieldMetrics(("rougeL", "rouge1", "rouge2", "bleu", "token_f1", "exact_match"), primary="rougeL"),
        "number": FieldMetrics(("numeric_match", "mean_absolute_error"), primary="numeric_match"),
        "spans": FieldMetrics(("span_f1",), primary="span_f1"),
        # A rating is an ordinal label: kappa sees how far off a wrong one is, accuracy only that it is wrong.
        "rating": FieldMetrics(("quadratic_kappa", "accuracy"), primary="quadratic_kappa"),
    }
)


def metrics_of(kind: str) -> FieldMetrics:
    """Default metrics of a field kind. Raises MetricInputError for a kind that does not exist."""
    for known, metrics in FIELD_METRICS.items():
        if known == kind:
            return metrics
    raise MetricInputError(f"there is no field kind {kind!r}; there are {', '.join(get_args(FieldKind))}")
