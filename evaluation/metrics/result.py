"""What a metric returns, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Direction = Literal["higher", "lower"]
Floats = NDArray[np.float64]
# SUMMED sufficient statistics of shape (..., k) -> values of shape (...); NaN where the sums allow no value.
Reduce = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class MetricResult:
    """The figure of one metric over one list of examples.

    value        the figure, or None where it cannot be had; then `details["reason"]` says why
    per_example  shape (n,), one value per example whose plain mean is `value`; None where no such values exist
                 (BLEU, macro F1, …): those give `details["statistics"]` and `details["reduce"]` instead
    direction    "higher" or "lower": which way is better
    range        lowest and highest possible value; may be infinite
    signature    settings and versions, in sacrebleu's form `key:value|…`: two values compare only if it is equal
    details      what else the metric knows; see each metric. Where present,
                 "statistics"  float array (n, k) of sufficient statistics per example, and
                 "reduce"      callable: summed statistics (..., k) -> values (...), vectorised, so that
                               `reduce(statistics.sum(0)) == value` and a bootstrap is one matrix product
    """

    name: str
    value: float | None
    per_example: Floats | None
    direction: Direction
    range: tuple[float, float]
    signature: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reason(self) -> str | None:
        """Why there is no value; None where there is one."""
        return self.details.get("reason")


@dataclass(frozen=True, eq=False)
class Scores:
    """What a member computes; the registry adds name, direction and range. A NaN value means "cannot be had"."""

    value: float
    signature: str
    per_example: Floats | None = None
    details: dict[str, Any] = field(default_factory=dict)


def mean_of(per_example: Floats, signature: str, **details: Any) -> Scores:
    """Scores of a metric whose value is the mean of its per-example values, shape (n,), n > 0."""
    return Scores(float(per_example.mean()), signature, per_example, details)


def from_statistics(statistics: Floats, reduce: Reduce, signature: str, **details: Any) -> Scores:
    """Scores of a metric whose value is `reduce` of the summed statistics, shape (n, k), n > 0."""
    value = float(reduce(statistics.sum(axis=0)))
    return Scores(value, signature, None, {"statistics": statistics, "reduce": reduce, **details})


def ratio(numerator: Floats, denominator: Floats, undefined: float = np.nan) -> Floats:
    """numerator / denominator elementwise, `undefined` where the denominator is 0; shapes broadcast."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    out = np.full(shape, undefined, dtype=np.float64)
    np.divide(numerator, denominator, out=out, where=np.broadcast_to(np.asarray(denominator) != 0, shape))
    return out
