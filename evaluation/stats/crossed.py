"""The bootstrap over items and raters at once: for ratings in which both are drawn from many.

The pigeonhole bootstrap (Owen 2007) draws items and raters independently, each with replacement, and counts a cell by the
product of both. For means it is exact in the two main sources and counts the noise of a cell up to three times; so the
replicates give the shape of the interval, and `clustered.crossed_variance` its size (Owen and Eckles 2012 weigh this).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats

from evaluation.stats.clustered import RANDOM_RATERS, VarianceComponents, crossed_variance
from evaluation.stats.figure import BoolArray, FloatArray, Interval, as_values, check_confidence, no_interval
from evaluation.stats.grouping import Groups, crossed, encode
from evaluation.stats.intervals import Reduce, as_rows, bootstrap_statistics
from evaluation.stats.proportions import of_constant
from evaluation.stats.resampling import TOLERATED_UNDEFINED, bootstrap_counts, chunk_rows
from evaluation.stats.statistic import statistic


@statistic(
    title="Bootstrap interval of a mean over items and raters at once",
    design="items crossed with raters",
    source="Owen 2007, The pigeonhole bootstrap; Cameron, Gelbach & Miller 2011",
    trap="Below five raters it speaks of these raters only, and `method` says so.",
)
def bootstrap_crossed(
    values: npt.ArrayLike,
    items: npt.ArrayLike,
    raters: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    limits: tuple[float, float] | None = None,
) -> Interval:
    """Interval of the mean of ``values`` (n,), NaN left out, of ``items`` (n,) by ``raters`` (n,), labels of any kind.

    ``limits``: lowest and highest possible value; the interval keeps within them, and values that are all equal have the
    rule of three's. Items and raters need not be fully crossed.
    """
    sample = as_values(values, "values")

    def mean(sums: FloatArray) -> FloatArray:
        return np.asarray(sums[..., 0] / sums[..., 1])

    return bootstrap_crossed_statistics(
        np.column_stack([sample, np.ones(len(sample))]),
        mean,
        items,
        raters,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
        limits=limits,
    )


@statistic(
    title="Bootstrap interval of a corpus figure over items and raters at once",
    design="items crossed with raters",
    source="Owen 2007, The pigeonhole bootstrap; Cameron, Gelbach & Miller 2011",
    trap="The figure must be smooth in its sums: its variance comes from leaving out one item, or one rater, at a time.",
)
def bootstrap_crossed_statistics(
    statistics: npt.ArrayLike,
    reduce: Reduce,
    items: npt.ArrayLike,
    raters: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    limits: tuple[float, float] | None = None,
) -> Interval:
    """Interval of a figure of sums: ``statistics`` (n, k), a row a rating, rows with NaN left out; ``reduce`` maps their sums
    (…, k) to the figure (…).

    Below five raters whole items are resampled and the raters stay as they are.
    """
    check_confidence(confidence)
    rows = as_rows(statistics, "statistics")
    by_item, by_rater = encode(items, len(rows), "items"), encode(raters, len(rows), "raters")
    kept: BoolArray = np.asarray(~np.isnan(rows).any(axis=1))
    rows, by_item, by_rater = rows[kept], by_item.take(kept), by_rater.take(kept)
    if by_rater.count < RANDOM_RATERS or by_item.count < 2:
        found = bootstrap_statistics(
            rows, reduce, by_item.codes, method="expanded", confidence=confidence, resamples=resamples, seed=seed, limits=limits
        )  # fmt: skip
        people = "1 rater" if by_rater.count == 1 else f"{by_rater.count} raters"
        method = f"{found.method}, the {people} fixed: it speaks of these raters only"
        return Interval(found.estimate, found.ci_low, found.ci_high, confidence, found.n, method, found.reason)

    n = len(rows)
    method = f"pigeonhole bootstrap over {by_item.count} items × {by_rater.count} raters"
    total = rows.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = float(reduce(total))
        variances = [
            _jackknife(rows, total, groups, reduce) for groups in (by_item, by_rater, crossed(by_item, by_rater))
        ]
        replicates = np.concatenate(list(_replicates(rows, by_item, by_rater, reduce, resamples, seed)))
    if math.isnan(estimate) or any(map(math.isnan, variances)):
        return no_interval(
            estimate, confidence, n, method, "the figure is undefined without one of the items or raters"
        )
    defined = replicates[~np.isnan(replicates)]
    if len(defined) < (1 - TOLERATED_UNDEFINED) * len(replicates):
        lost = 1 - len(defined) / len(replicates)
        return no_interval(estimate, confidence, n, method, f"the figure is undefined in {lost:.0%} of the resamples")
    spread = float(defined.std())
    if spread <= 1e-12 * max(1.0, abs(estimate)):
        if limits is not None:
            return of_constant(estimate, n, by_item.count, limits, confidence)
        return no_interval(
            estimate, confidence, n, method, "the sample does not vary, and no limits of its values are known"
        )
    variance, df = crossed_variance(VarianceComponents(*variances), by_item, by_rater)
    # The levels at which a normal sample's quantiles lie as far out as those of t (Hesterberg 2015, "expanded").
    level = float(stats.norm.cdf(stats.t.ppf((1 - confidence) / 2, df)))
    scale = math.sqrt(variance) / spread
    low, high = (estimate + scale * float(gap) for gap in np.quantile(defined - estimate, [level, 1 - level]))
    if limits is not None:
        low, high = max(low, limits[0]), min(high, limits[1])
    return Interval(estimate, low, high, confidence, n, f"{method}, {df:.1f} df")


def _jackknife(rows: FloatArray, total: FloatArray, groups: Groups, reduce: Reduce) -> float:
    """Variance of the figure by leaving out each group in turn; for a mean, the cluster-robust one."""
    without = np.asarray(reduce(total - groups.sums(rows)), dtype=np.float64)
    return float(np.sum((without - without.mean()) ** 2)) * (groups.count - 1) / groups.count


def _replicates(
    rows: FloatArray, items: Groups, raters: Groups, reduce: Reduce, resamples: int, seed: int
) -> Iterator[FloatArray]:
    """The figure of each resample, in chunks: a rating counts as often as its item times as often as its rater was drawn."""
    rng = np.random.default_rng(seed)
    shape = (raters.count, items.count)
    tables = [sparse.csr_array((column, (raters.codes, items.codes)), shape=shape) for column in rows.T]
    step = chunk_rows(max(shape))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        of_item, of_rater = (next(bootstrap_counts(rng, groups.count, size)) for groups in (items, raters))
        sums = [np.sum(of_rater * np.asarray(table @ of_item.T).T, axis=1) for table in tables]
        yield np.asarray(reduce(np.stack(sums, axis=-1)), dtype=np.float64)
