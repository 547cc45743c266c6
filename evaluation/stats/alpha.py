"""Krippendorff's alpha for any number of raters, missing ratings and four levels of measurement, with an interval.

alpha = 1 - D_o/D_e over the *pairable* ratings, those of units with at least two. Krippendorff 2011, *Computing
Krippendorff's Alpha-Reliability*. The ordinal distance of two values is the squared difference of their mid-ranks
among all pairable ratings, so ordinal alpha is interval alpha on mid-ranks: linear in the ratings, not quadratic in
the values.

Alpha is computed for many weightings of the units at once; the figure itself is the weighting by ones, a bootstrap
resample is one by how often each unit was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import sparse

from evaluation.stats.figure import BoolArray, Figure, FloatArray, IntArray, Interval, no_interval, undefined
from evaluation.stats.grouping import Groups, as_matrix, encode, is_missing, one_each
from evaluation.stats.intervals import interval_of_replicates
from evaluation.stats.resampling import bootstrap_counts, chunk_rows, kind_counts
from evaluation.stats.statistic import statistic

Level = Literal["nominal", "ordinal", "interval", "ratio"]

MOST_VALUES = 64  # distinct ratings beyond which hardly two units are alike
MOST_CELLS = 1 << 25  # of the table in which like units are looked for: 64 MB


@dataclass(frozen=True, slots=True)
class Pairable:
    """The ratings of units with two or more, in the order of their units.

    ``values`` (v,) distinct and ascending; ``codes`` (n,) into them; ``sizes`` (u,) ratings per unit; ``counts`` (u, v).
    """

    values: FloatArray
    codes: IntArray
    sizes: FloatArray
    counts: sparse.csr_array

    @property
    def starts(self) -> IntArray:
        """Where each unit's ratings begin in ``codes``, (u,)."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.intp)

    def take(self, units: IntArray) -> Pairable:
        """These units only, with the same ``values``."""
        sizes = self.sizes[units].astype(np.intp)
        ends = np.cumsum(sizes)
        ratings = np.arange(ends[-1]) + np.repeat(self.starts[units] - ends + sizes, sizes)
        return Pairable(self.values, self.codes[ratings], self.sizes[units], self.counts[units])

    def kinds(self) -> tuple[Pairable, Groups] | None:
        """One unit of each kind, and which kind each unit is; None where that would spare little.

        Units in which the same values occur equally often add the same to alpha. A hundred thousand ratings on five steps by
        three raters are at most 35 kinds of unit.
        """
        units = len(self.sizes)
        if len(self.values) > MOST_VALUES or units * len(self.values) > MOST_CELLS:
            return None
        table = self.counts.astype(np.uint16).toarray()
        as_one = np.ascontiguousarray(table).view(np.dtype((np.void, table.dtype.itemsize * table.shape[1]))).ravel()
        _, first, kind = np.unique(as_one, return_index=True, return_inverse=True)
        if 4 * len(first) > units:
            return None
        return self.take(first.astype(np.intp)), Groups(kind.ravel().astype(np.intp), len(first))


def as_ratings(matrix: npt.ArrayLike, labels: bool = False) -> FloatArray:
    """Raters × units as floats, NaN where a rating is missing.

    ``labels``: whether ratings may be labels that are no numbers, such as "spam"; they become codes, whose order means
    nothing.

    ValueError: not two-dimensional, or labels where the figure needs numbers.
    """
    array = as_matrix(matrix)
    if array.dtype.kind in "biuf":
        return array.astype(np.float64)
    present = ~is_missing(array)
    ratings = np.full(array.shape, np.nan)
    try:
        ratings[present] = array[present].astype(np.float64)
    except (TypeError, ValueError) as error:
        if not labels:
            raise ValueError("this figure needs numeric ratings, whose order or distance means something") from error
        ratings[present] = encode(array[present], int(present.sum()), "ratings").codes
    return ratings


def pairable(ratings: FloatArray) -> Pairable:
    """The pairable part of ``ratings`` (raters × units)."""
    present = ~np.isnan(ratings)
    usable = present.sum(axis=0) >= 2
    chosen: BoolArray = present[:, usable].T
    by_unit = ratings[:, usable].T[chosen]
    values, codes = np.unique(by_unit, return_inverse=True)
    sizes = chosen.sum(axis=1)
    units = np.repeat(np.arange(len(sizes)), sizes)
    counts = sparse.csr_array((np.ones(len(codes)), (units, codes)), shape=(len(sizes), len(values)))
    counts.sum_duplicates()
    return Pairable(values, codes.astype(np.intp), sizes.astype(np.float64), counts)


@statistic(
    title="Krippendorff's alpha",
    design="raters × items",
    source="Krippendorff 2011, Computing Krippendorff's alpha-reliability",
    trap="With a rare category it falls to 0 however well people agree: read Gwet's AC1 beside it.",
    door="agreement",
)
def krippendorff_alpha(matrix: npt.ArrayLike, level: Level = "nominal") -> Figure:
    """Krippendorff's alpha of ``matrix`` (raters × units, NaN for missing).

    NaN with the reason when nobody's ratings can be paired or all pairable ratings are the same value: with no
    variation there is nothing to agree on beyond chance, and 1 would be a claim.

    ValueError: an unknown level, or a matrix that is not two-dimensional.
    """
    data = pairable(as_ratings(matrix, labels=level == "nominal"))
    reason = _why_undefined(data, level)
    if reason:
        return undefined(reason)
    return Figure(float(_alphas(data, np.ones((1, len(data.sizes))), level)[0]))


@statistic(
    title="Krippendorff's alpha with a bootstrap interval over items",
    design="raters × items",
    source="Krippendorff 2011; Efron & Tibshirani 1993",
    trap="It speaks of these raters and other items.",
    door="agreement",
)
def alpha_interval(
    matrix: npt.ArrayLike,
    level: Level = "nominal",
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    *,
    clusters: npt.ArrayLike | None = None,
) -> Interval:
    """Alpha with a bootstrap interval (`intervals.bootstrap`, expanded) over units (items), never over single ratings.

    ``clusters``: (units,) labels of what units share, such as the ticket that two answers belong to; whole clusters are
    resampled then. ``n`` is the number of units with two ratings or more. A resample in which all ratings are equal has no alpha;
    with more than one in twenty of those there is no interval (a rare flag: report Gwet's AC1 beside it). Units that
    all agree have the rule of three's interval: six of them do not show perfect agreement.
    """
    ratings = as_ratings(matrix, labels=level == "nominal")
    data = pairable(ratings)
    units = len(data.sizes)
    groups = one_each(units)
    if clusters is not None:
        groups = encode(clusters, ratings.shape[1]).take((~np.isnan(ratings)).sum(axis=0) >= 2)
    reason = _why_undefined(data, level)
    if reason:
        return no_interval(float("nan"), confidence, units, "alpha", reason)
    estimate = float(_alphas(data, np.ones((1, units)), level)[0])
    replicates = _replicates(data, groups, level, resamples, seed)
    return interval_of_replicates(estimate, replicates, None, units, groups.count, "expanded", confidence, (-1.0, 1.0))


def _replicates(data: Pairable, groups: Groups, level: Level, resamples: int, seed: int) -> FloatArray:
    """Alpha of each resample of whole ``groups`` of units, (resamples,)."""
    rng = np.random.default_rng(seed)
    alike = data.kinds() if groups.count == len(data.sizes) else None
    if alike is not None:
        kinds, kind = alike
        rows = chunk_rows(len(kinds.codes))
        draws = kind_counts(rng, kind.sizes(), resamples)
        return np.concatenate(
            [_alphas(kinds, counts[at : at + rows], level) for counts in draws for at in range(0, len(counts), rows)]
        )
    rows = chunk_rows(len(data.codes))
    return np.concatenate(
        [
            _alphas(data, counts[at : at + rows][:, groups.codes], level)
            for counts in bootstrap_counts(rng, groups.count, resamples)
            for at in range(0, len(counts), rows)
        ]
    )


def _why_undefined(data: Pairable, level: Level) -> str:
    """Why these ratings have no alpha; empty if they have one."""
    if level not in get_args(Level):
        raise ValueError(f"level must be one of {', '.join(get_args(Level))}; got {level!r}")
    if len(data.codes) == 0:
        return "no unit has two ratings"
    if len(data.values) == 1:
        return "all pairable ratings are the same value: agreement beyond chance is undefined"
    if level == "ratio" and data.values[0] < 0:
        return "the ratio level needs ratings of 0 or more"
    return ""


def _alphas(data: Pairable, weights: FloatArray, level: Level) -> FloatArray:
    """Alpha for each row of unit weights (r, u): (r,), NaN where a resample holds a single value."""
    totals = np.asarray((data.counts.T @ weights.T).T)  # (r, v): how often each value occurs
    n = totals.sum(axis=1)
    observed: FloatArray
    if level == "nominal":
        squares = np.asarray(data.counts.power(2).sum(axis=1)).ravel()
        observed = weights @ ((data.sizes**2 - squares) / (data.sizes - 1))
        expected = n**2 - np.sum(totals**2, axis=1)
    elif level == "interval":
        values = data.values - data.values.mean()  # against cancellation
        observed = weights @ _squared_gaps(values[data.codes], data)
        expected = 2 * (n * (totals @ values**2) - (totals @ values) ** 2)
    elif level == "ordinal":
        ranks = np.cumsum(totals, axis=1) - (totals + n[:, None]) / 2  # mid-ranks about their middle
        observed = np.sum(weights * _squared_gaps(ranks[:, data.codes], data), axis=1)
        expected = 2 * (n * np.sum(totals * ranks**2, axis=1) - np.sum(totals * ranks, axis=1) ** 2)
    else:
        observed = weights @ _ratio_gaps(data)
        expected = _expected_ratio(data.values, totals)
    several = (totals > 0).sum(axis=1) > 1
    return np.where(several, 1 - (n - 1) * observed / np.where(several, expected, 1.0), np.nan)


def _squared_gaps(ratings: FloatArray, data: Pairable) -> FloatArray:
    """Squared differences of all ordered pairs within each unit over (size - 1): (…, n) gives (…, u)."""
    means = np.add.reduceat(ratings, data.starts, axis=-1) / data.sizes
    residuals = ratings - np.repeat(means, data.sizes.astype(int), axis=-1)
    return np.asarray(2 * data.sizes / (data.sizes - 1) * np.add.reduceat(residuals**2, data.starts, axis=-1))


def _ratio_distance(a: FloatArray, b: FloatArray) -> FloatArray:
    total = a + b
    return np.asarray(((a - b) / np.where(total == 0, 1.0, total)) ** 2)


def _ratio_gaps(data: Pairable) -> FloatArray:
    """Ratio distances of all ordered pairs within each unit over (size - 1), (u,)."""
    gaps = np.zeros(len(data.sizes))
    ratings, sizes = data.values[data.codes], data.sizes.astype(int)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    ends = np.repeat(data.starts + sizes, sizes)
    for step in range(1, int(sizes.max())):  # pairs of ratings that stand `step` apart in their unit
        first = np.flatnonzero(np.arange(len(ratings)) + step < ends)
        distances = _ratio_distance(ratings[first], ratings[first + step])
        gaps += 2 * np.bincount(owners[first], weights=distances, minlength=len(gaps))
    return gaps / (data.sizes - 1)


def _expected_ratio(values: FloatArray, totals: FloatArray) -> FloatArray:
    """Ratio distances of all ordered pairs of ratings, whatever their unit: (r, v) gives (r,)."""
    expected = np.zeros(len(totals))
    rows = chunk_rows(len(values))
    for start in range(0, len(values), rows):  # the matrix of distances in slabs
        slab = _ratio_distance(values[start : start + rows, None], values[None, :])
        expected += np.sum(totals[:, start : start + rows] * (totals @ slab.T), axis=1)
    return expected
