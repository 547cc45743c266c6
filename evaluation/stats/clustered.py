"""Ratings crossed by two sources of noise, item and rater: the variance of a mean that respects both.

Cameron, Gelbach & Miller 2011 (two-way cluster-robust variance); Satterthwaite 1946 (its degrees of freedom). Five raters
on a hundred items are not five hundred independent ratings: ignoring the rater inflates the type I error up to eight-fold
(Steen & Markert 2021). Where nothing varies there is no such variance; what may still be said is in
`intervals.of_constant`. The same for figures that are no means, by resampling, is in `crossed`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.stats.figure import BoolArray, FloatArray, as_values, check_confidence
from evaluation.stats.grouping import Groups, crossed, encode
from evaluation.stats.intervals import of_constant, sign_flip_of_constant
from evaluation.stats.statistic import statistic

RANDOM_RATERS = 5  # from here on raters count as drawn from a population; fewer cannot tell its variance


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Cluster variances of a mean: by item, by rater, and by cell (item × rater), which the other two both hold."""

    item: float
    rater: float
    cell: float

    @property
    def two_way(self) -> float:
        """Cameron–Gelbach–Miller: item + rater - cell. It can fall below either part, even below 0."""
        return self.item + self.rater - self.cell

    @property
    def total(self) -> float:
        """The two-way variance, but at least that of items alone and of raters alone."""
        return max(self.two_way, self.item, self.rater)


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A mean of paired differences with its standard error and t interval.

    ``n`` ratings on ``items`` items by ``raters`` raters; ``method`` is for the small print; ``reason`` says why a
    figure is NaN.
    """

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    p_value: float
    df: float
    n: int
    items: int
    raters: int
    confidence: float
    method: str
    reason: str = ""


def cluster_variance(values: FloatArray, groups: Groups, correction: bool = False) -> float:
    """One-way cluster-robust variance of the mean of ``values``: the squared sums of residuals by group over n².

    ``correction`` multiplies by G/(G-1); with one value per group that is the usual s²/n.
    """
    residuals = groups.sums(values - values.mean())
    variance = float(np.sum(residuals**2)) / len(values) ** 2
    return variance * groups.count / (groups.count - 1) if correction and groups.count > 1 else variance


@statistic(
    title="Cluster variances of a mean by item, rater and cell",
    design="items crossed with raters",
    source="Cameron, Gelbach & Miller 2011",
    trap="The two-way sum can fall below either part; `total` is at least the larger.",
)
def two_way_variance(
    values: npt.ArrayLike, items: npt.ArrayLike, raters: npt.ArrayLike, correction: bool = False
) -> VarianceComponents:
    """The cluster variances of the mean of ``values`` (n,) under two crossed groupings."""
    sample = as_values(values, "values")
    return _components(sample, encode(items, len(sample), "items"), encode(raters, len(sample), "raters"), correction)


def _components(values: FloatArray, items: Groups, raters: Groups, correction: bool) -> VarianceComponents:
    return VarianceComponents(
        item=cluster_variance(values, items, correction),
        rater=cluster_variance(values, raters, correction),
        cell=cluster_variance(values, crossed(items, raters), correction),
    )


def crossed_variance(parts: VarianceComponents, items: Groups, raters: Groups) -> tuple[float, float]:
    """Variance of a figure over crossed items and raters, and its degrees of freedom, from the three cluster variances.

    Item and rater variance both hold the noise of the cell, so one share of it is taken out again. In a sparse design that
    is the cell variance, as Cameron, Gelbach and Miller have it. Where every rater rated every item the cell variance holds
    the items' and the raters' spread as well, which have cancelled out of the other two (each is about the same grand
    mean): then only the noise may be taken out. Between the two extremes the share of filled cells decides. Simulated, the
    intervals cover 93 to 97 % from five raters on; with the cell variance alone they fall below where all rated all.

    Satterthwaite's degrees of freedom: near (raters - 1) where raters differ most, near (items - 1) where they don't.
    """
    n = float(len(items.codes))
    effective = [n**2 / float(np.sum(groups.sizes() ** 2)) for groups in (items, raters, crossed(items, raters))]
    by_item, by_rater, by_cell = effective
    filled = by_cell / (items.count * raters.count)
    room = by_cell - by_item - by_rater
    noise = (by_cell * parts.cell - by_item * parts.item - by_rater * parts.rater) / room if room > 0 else 0.0
    shared = (1 - filled) * parts.cell + filled * min(max(noise, 0.0), parts.item, parts.rater)
    variance = max(parts.item + parts.rater - shared, parts.item, parts.rater)
    spread = parts.item**2 / (items.count - 1) + parts.rater**2 / (raters.count - 1)
    return variance, variance**2 / spread if spread > 0 else math.nan


@statistic(
    title="Mean difference with an interval that respects item and rater",
    design="items crossed with raters",
    source="Cameron, Gelbach & Miller 2011; Satterthwaite 1946",
    trap="Below five raters it speaks of these raters only, and `method` says so.",
)
def paired_mean(
    differences: npt.ArrayLike,
    items: npt.ArrayLike,
    raters: npt.ArrayLike,
    confidence: float = 0.95,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> ClusteredMean:
    """Mean difference between two answers as the raters saw it, with an interval that respects item and rater.

    ``differences``: (n,) one rating of answer A minus the same rater's of answer B on the same item; NaN ("cannot
    judge") is left out. ``items``, ``raters``: (n,) labels. ``limits``: lowest and highest possible difference.

    Items are always the random unit. Below five raters the raters are *fixed*: the interval speaks of these raters'
    judgement, clustered by item, with (items - 1) degrees of freedom, and ``method`` says so. From five on both are
    random: `crossed_variance` with Satterthwaite's degrees of freedom.

    Where all items give the same mean there is no variance to work with: the interval is the rule of three's within
    ``limits``, and p is the exact sign-flip's over the items.
    """
    check_confidence(confidence)
    sample = as_values(differences, "differences")
    by_item, by_rater = encode(items, len(sample), "items"), encode(raters, len(sample), "raters")
    kept: BoolArray = ~np.isnan(sample)
    sample, by_item, by_rater = sample[kept], by_item.take(kept), by_rater.take(kept)
    random_raters = by_rater.count >= RANDOM_RATERS
    if random_raters:
        method = (
            f"items and raters random: two-way cluster variance over {by_item.count} items × {by_rater.count} raters"
        )
    else:
        people = "1 rater" if by_rater.count == 1 else f"{by_rater.count} raters"
        method = f"items random, the {people} fixed: clustered by item, it speaks of these raters only"

    def result(se: float, low: float, high: float, p_value: float, df: float, reason: str = "") -> ClusteredMean:
        return ClusteredMean(
            estimate=float(sample.mean()) if len(sample) else math.nan,
            se=se,
            ci_low=low,
            ci_high=high,
            p_value=p_value,
            df=df,
            n=len(sample),
            items=by_item.count,
            raters=by_rater.count,
            confidence=confidence,
            method=method,
            reason=reason,
        )

    nan = math.nan
    if len(sample) == 0:
        return result(nan, nan, nan, nan, nan, "no ratings")
    if by_item.count < 2:
        return result(nan, nan, nan, nan, nan, "one item: its ratings say nothing of other items")
    if random_raters:
        parts = _components(sample, by_item, by_rater, correction=True)
        variance, df = crossed_variance(parts, by_item, by_rater)
    else:
        variance, df = cluster_variance(sample, by_item, correction=True), by_item.count - 1.0
    mean, se = float(sample.mean()), math.sqrt(variance)
    if se <= 1e-12 * max(1.0, abs(mean)):
        mean = 0.0 if abs(mean) < 1e-12 else mean
        equal = of_constant(mean, len(sample), by_item.count, limits, confidence)
        said = "all ratings are ties" if mean == 0 else "the ratings do not vary between items"
        reason = f"{said}: {equal.reason.partition(': ')[2] or equal.reason}"
        return result(0.0, equal.ci_low, equal.ci_high, sign_flip_of_constant(mean, by_item.count), df, reason)
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * se
    return result(se, mean - half, mean + half, 2 * float(stats.t.sf(abs(mean) / se, df)), df)
