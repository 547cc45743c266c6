"""Drift of a series about its target: the tabular cumulative sum of Page 1954.

For a rater: the differences of score and key on gold items in the order they were rated, target 0. A slow shift of one
standard deviation, that single values hide, is found after about ten (slack ½, threshold 4 standard deviations).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.stats.figure import FloatArray, as_values
from evaluation.stats.statistic import statistic


@dataclass(frozen=True, slots=True, eq=False)
class Cusum:
    """``upper``, ``lower`` (n,): sums of what exceeds target ± slack, NaN at missing values. ``alarm``: the place (from
    0) of the first value at which one of them passes ``threshold``; None if none does. ``direction``: "up" or "down" there.
    ``since``: the place at which that sum last left 0, where the drift began most likely."""

    upper: FloatArray
    lower: FloatArray
    threshold: float
    alarm: int | None
    direction: str | None
    since: int | None


@statistic(
    title="Drift about a target: tabular cumulative sum",
    design="one rater's work",
    source="Page 1954",
    trap="The values must come in the order in which they were rated.",
)
def cusum(values: npt.ArrayLike, target: float, slack: float, threshold: float) -> Cusum:
    """Two-sided cumulative sums of ``values`` (n,), in the order they came; NaN leaves the sums as they were.

    ``slack``, ``threshold``: in the unit of the values; half a standard deviation and four to five are usual.
    ValueError: a slack below 0 or a threshold that is not above 0.
    """
    sample = as_values(values, "values")
    if not slack >= 0 or not threshold > 0:
        raise ValueError(f"slack must be 0 or more and threshold above 0; got {slack!r} and {threshold!r}")
    present = np.flatnonzero(~np.isnan(sample))
    sides = {"up": sample[present] - target - slack, "down": target - sample[present] - slack}
    sums = {name: _reflected(steps) for name, steps in sides.items()}
    full = {name: np.full(len(sample), np.nan) for name in sides}
    first: tuple[int, str] | None = None
    for name, line in sums.items():
        full[name][present] = line
        beyond = np.flatnonzero(line > threshold)
        if len(beyond) and (first is None or beyond[0] < first[0]):
            first = int(beyond[0]), name
    if first is None:
        return Cusum(full["up"], full["down"], threshold, None, None, None)
    at, direction = first
    before = np.flatnonzero(sums[direction][:at] == 0)
    began = int(before[-1]) + 1 if len(before) else 0
    return Cusum(full["up"], full["down"], threshold, int(present[at]), direction, int(present[began]))


def _reflected(steps: FloatArray) -> FloatArray:
    """S_t = max(0, S_{t-1} + step_t) without a loop: the walk minus its lowest point so far."""
    walk = np.cumsum(steps)
    return np.asarray(walk - np.minimum(np.minimum.accumulate(walk), 0.0), dtype=np.float64)
