"""Adjusted p-values for several tests in one family: Holm 1979; Benjamini & Hochberg 1995.

A NaN stands for a test that was not made: it stays NaN and does not count in the size of the family.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evaluation.stats.figure import FloatArray, as_values


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """Holm's step-down adjusted p-values, in the order given: reject where ≤ alpha, family-wise error ≤ alpha."""
    return _adjust(p_values, lambda p: np.maximum.accumulate(p * np.arange(len(p), 0, -1)))


def benjamini_hochberg(p_values: npt.ArrayLike) -> FloatArray:
    """Benjamini–Hochberg step-up adjusted p-values, in the order given: false discovery rate ≤ alpha."""
    return _adjust(p_values, lambda p: np.minimum.accumulate((p * (len(p) / np.arange(1, len(p) + 1)))[::-1])[::-1])


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
