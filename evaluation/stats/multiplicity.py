"""Adjusted p-values for several tests in one family: Holm 1979; Benjamini & Hochberg 1995; Benjamini & Yekutieli 2001.

A NaN stands for a test that was not made: it stays NaN and does not count in the size of the family.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evaluation.stats.figure import FloatArray, as_values
from evaluation.stats.statistic import statistic


@statistic(
    title="Adjusted p-values, family-wise error",
    design="several tests",
    source="Holm 1979",
    trap="The family is what was looked at, not what was written down.",
    door="paired",
)
def holm(p_values: npt.ArrayLike) -> FloatArray:
    """Holm's step-down adjusted p-values, in the order given: reject where ≤ alpha, family-wise error ≤ alpha."""
    return _adjust(p_values, lambda p: np.maximum.accumulate(p * np.arange(len(p), 0, -1)))


@statistic(
    title="Adjusted p-values, false discovery rate",
    design="several tests",
    source="Benjamini & Hochberg 1995",
    trap="A share of what it finds is false by design: no gate for harm.",
    door="paired",
)
def benjamini_hochberg(p_values: npt.ArrayLike) -> FloatArray:
    """Benjamini–Hochberg step-up adjusted p-values, in the order given: false discovery rate ≤ alpha."""
    return _adjust(p_values, lambda p: np.minimum.accumulate((p * (len(p) / np.arange(1, len(p) + 1)))[::-1])[::-1])


@statistic(
    title="Adjusted p-values, false discovery rate whatever the dependence",
    design="several tests",
    source="Benjamini & Yekutieli 2001",
    trap="It pays for its generality with power, a factor of about ln n.",
)
def benjamini_yekutieli(p_values: npt.ArrayLike) -> FloatArray:
    """Benjamini–Yekutieli adjusted p-values, in the order given: false discovery rate ≤ alpha whatever the tests' dependence."""

    def rule(p: FloatArray) -> FloatArray:
        ranks = np.arange(1, len(p) + 1)
        steps = p * (np.sum(1 / ranks) * len(p) / ranks)
        return np.asarray(np.minimum.accumulate(steps[::-1])[::-1], dtype=np.float64)

    return _adjust(p_values, rule)


def _adjust(p_values: npt.ArrayLike, rule: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """``rule`` applied to the defined p-values in ascending order, put back in place and capped at 1."""
    given = as_values(p_values, "p_values")
    made = np.flatnonzero(~np.isnan(given))
    if ((given[made] < 0) | (given[made] > 1)).any():
        raise ValueError("p_values must lie between 0 and 1")
    ascending = made[np.argsort(given[made], kind="stable")]
    adjusted = np.full(len(given), np.nan)
    adjusted[ascending] = np.minimum(rule(given[ascending]), 1.0)
    return adjusted
