"""The studentised bootstrap (bootstrap-t) interval of a mean, over examples or whole clusters.

Each resample's distance from the mean is divided by that resample's own standard error, so that skewed values get the
skewed interval that they deserve: second-order accurate, where the percentile interval of few values is too short (Efron &
Tibshirani 1993, chapter 12; Hall 1988). With few clusters it can be very wide; that is what they know.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from evaluation.stats.figure import BoolArray, FloatArray, Interval, as_values, check_confidence, no_interval
from evaluation.stats.grouping import encode, one_each
from evaluation.stats.proportions import of_constant
from evaluation.stats.resampling import TOLERATED_UNDEFINED, bootstrap_counts
from evaluation.stats.statistic import statistic


@statistic(
    title="Studentised bootstrap interval of a mean",
    design="items nested in groups",
    source="Efron & Tibshirani 1993, chapter 12; Hall 1988",
    trap="With few clusters it can be very wide: that is what they know.",
)
def studentised(
    values: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    limits: tuple[float, float] | None = None,
) -> Interval:
    """Interval of the mean of ``values`` (n,), NaN left out; ``clusters`` (n,) labels of what values share.

    ``limits``: lowest and highest possible mean; the interval is cut to them, and a sample without variance has the rule of
    three's (`proportions.of_constant`).
    """
    check_confidence(confidence)
    sample = as_values(values, "values")
    groups = one_each(len(sample)) if clusters is None else encode(clusters, len(sample))
    kept: BoolArray = ~np.isnan(sample)
    sample, groups = sample[kept], groups.take(kept)
    n, units = len(sample), groups.count
    name = (
        f"studentised bootstrap over {units} {'example' if clusters is None else 'cluster'}{'' if units == 1 else 's'}"
    )
    if n == 0:
        return no_interval(math.nan, confidence, 0, name, "no values")
    mean = float(sample.mean())
    if units < 2:
        return no_interval(mean, confidence, n, name, "one value or cluster shows no variation to resample")
    sums, sizes = groups.sums(sample - mean), groups.sizes()
    # A cluster's part in the mean's variance is its squared sum of residuals: Σ (s - m·size)² = Σs² - 2mΣs·size + m²Σsize².
    moments = np.column_stack([sums, sizes, sums**2, sums * sizes, sizes**2])
    own = math.sqrt(float(_variance(moments.sum(axis=0), units)))
    if own <= 1e-12 * max(1.0, abs(mean)):
        if limits is not None:
            return of_constant(mean, n, units, limits, confidence)
        return no_interval(mean, confidence, n, name, "the sample does not vary, and no limits of its values are known")
    ratios = []
    for counts in bootstrap_counts(np.random.default_rng(seed), units, resamples):
        drawn = counts @ moments
        error = np.sqrt(_variance(drawn, units))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios.append(np.where(error > 1e-9 * own, drawn[:, 0] / drawn[:, 1] / error, np.nan))
    t = np.concatenate(ratios)
    defined = t[~np.isnan(t)]
    if len(defined) < (1 - TOLERATED_UNDEFINED) * len(t):
        lost = 1 - len(defined) / len(t)
        return no_interval(mean, confidence, n, name, f"{lost:.0%} of the resamples do not vary: too few values")
    tail = (1 - confidence) / 2
    high_t, low_t = np.quantile(defined, [1 - tail, tail])
    low, high = mean - float(high_t) * own, mean - float(low_t) * own
    if limits is not None:
        low, high = max(low, limits[0]), min(high, limits[1])
    return Interval(mean, low, high, confidence, n, name)


def _variance(moments: FloatArray, units: int) -> FloatArray:
    """Cluster-robust variance of the mean from summed moments (…, 5) of ``units`` clusters."""
    total, number, squares, mixed, sizes = np.moveaxis(moments, -1, 0)
    mean = total / number
    residual = squares - 2 * mean * mixed + mean**2 * sizes
    return np.asarray(np.maximum(residual, 0.0) * units / (units - 1) / number**2, dtype=np.float64)
