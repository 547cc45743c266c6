"""Agreement between raters, every coefficient as a function of one call.

Sources: Krippendorff 2011 (in `alpha`); Cohen 1960 and 1968; Fleiss 1971; Gwet 2008 (AC1) and 2014 (AC2); Shrout &
Fleiss 1979 (ICC). With a rare flag kappa and alpha fall to 0 however well people agree (118 clean, 7 disputed of 125
items: 94 % agreement, kappa -0.02): read them beside `percent_agreement` and `gwet_ac1`.

``matrix`` is always raters × units (items), NaN for missing. What cannot be had is NaN with a reason. Intervals of kappa and
ICC, and agreement category by category, are in `agreement_detail`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from evaluation.stats.alpha import alpha_interval, as_ratings, krippendorff_alpha
from evaluation.stats.figure import Figure, FloatArray, Interval, undefined
from evaluation.stats.grouping import as_labels, as_matrix, is_missing
from evaluation.stats.intervals import as_rows, bootstrap_statistics
from evaluation.stats.statistic import statistic

__all__ = [
    "ac1_interval",
    "alpha_interval",
    "category_agreement",
    "cohen_kappa",
    "fleiss_kappa",
    "gwet_ac1",
    "icc",
    "krippendorff_alpha",
    "percent_agreement",
]

Weights = Literal["linear", "quadratic"]


@statistic(
    title="Cohen's kappa, plain or weighted",
    design="raters × items",
    source="Cohen 1960; Cohen 1968 (weights)",
    trap="It depends on how frequent the categories are, so kappas of two sets do not compare.",
)
def cohen_kappa(a: npt.ArrayLike, b: npt.ArrayLike, weights: Weights | None = None) -> Figure:
    """Cohen's kappa of two raters on the same units: ``a``, ``b`` (n,) labels of any kind, pairs with a missing one
    left out.

    ``weights``: ``linear`` or ``quadratic`` in the *distance of the values*, so that a category of the scale that
    nobody used changes nothing; needs numbers.

    ValueError: unequal lengths, unknown weights, weights over labels that are no numbers.
    """
    first, second = as_labels(a), as_labels(b)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"a and b must rate the same units: shapes {first.shape} and {second.shape}")
    _check_weights(weights)
    kept = ~(is_missing(first) | is_missing(second))
    first, second = first[kept], second[kept]
    if len(first) == 0:
        return undefined("no unit was rated by both")
    values, table = _confusion(first, second)
    if len(values) == 1:
        return undefined("both raters gave one and the same value throughout: agreement beyond chance is undefined")
    cost = 1.0 - np.eye(len(values)) if weights is None else _distances(values) ** (1 if weights == "linear" else 2)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return Figure(1 - float(np.sum(cost * table)) / float(np.sum(cost * expected)))


def _check_weights(weights: str | None) -> None:
    if weights not in (None, "linear", "quadratic"):
        raise ValueError(f"weights must be None, linear or quadratic; got {weights!r}")


def _confusion(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> tuple[list[Any], FloatArray]:
    """The distinct values of both raters and how often they meet, (v, v)."""
    values = list(dict.fromkeys([*a.tolist(), *b.tolist()]))
    place = {value: code for code, value in enumerate(values)}
    table = np.zeros((len(values), len(values)))
    np.add.at(table, ([place[v] for v in a.tolist()], [place[v] for v in b.tolist()]), 1)
    return values, table


@statistic(
    title="Fleiss' kappa of counts",
    design="raters × items",
    source="Fleiss 1971",
    trap="It takes counts, items × categories, not ratings.",
)
def fleiss_kappa(counts: npt.ArrayLike) -> Figure:
    """Fleiss' kappa. ``counts`` (units × categories): how many raters put each unit in each category.

    Units with fewer than two ratings are left out. Units may differ in their number of raters; with equal numbers
    it is Fleiss' own formula.

    ValueError: not two-dimensional, or negative counts.
    """
    table: FloatArray = np.nan_to_num(as_rows(counts, "counts", "units × categories"), nan=0.0)
    if (table < 0).any():
        raise ValueError(
            "counts cannot be negative; fleiss_kappa takes how often each category was chosen, not ratings"
        )
    table = table[table.sum(axis=1) >= 2]
    if len(table) == 0:
        return undefined("no unit has two ratings")
    raters = table.sum(axis=1)
    observed = float(np.mean((np.sum(table**2, axis=1) - raters) / (raters * (raters - 1))))
    shares = table.sum(axis=0) / table.sum()
    expected = float(np.sum(shares**2))
    if np.count_nonzero(shares) == 1:
        return undefined("all ratings are the same category: agreement beyond chance is undefined")
    return Figure((observed - expected) / (1 - expected))


def _count_table(matrix: npt.ArrayLike, categories: Sequence[Any] | None) -> tuple[list[Any], FloatArray]:
    """The scale (q) and counts (units, q) of the units with at least one rating. Without ``categories`` the scale is
    the values seen."""
    ratings = as_matrix(matrix)
    raters, units = np.nonzero(~is_missing(ratings))
    given = ratings[raters, units].tolist()
    scale = list(dict.fromkeys(given if categories is None else categories))
    place = {value: code for code, value in enumerate(scale)}
    strange = [value for value in dict.fromkeys(given) if value not in place]
    if strange:
        raise ValueError(f"ratings outside the categories given: {', '.join(map(str, strange))}")
    counts = np.zeros((ratings.shape[1], len(scale)))
    np.add.at(counts, (units, np.array([place[value] for value in given], dtype=np.intp)), 1)
    return scale, counts[counts.sum(axis=1) > 0]


@statistic(
    title="Share of equal ratings among pairs of raters",
    design="raters × items",
    source="Fleiss 1971",
    trap="Chance alone gives much of it where one category is common.",
)
def percent_agreement(matrix: npt.ArrayLike) -> Figure:
    """Share (0–1) of equal ratings among the pairs of raters of a unit, averaged over units with two or more."""
    _, counts = _count_table(matrix, None)
    counts = counts[counts.sum(axis=1) >= 2]
    if len(counts) == 0:
        return undefined("no unit has two ratings")
    raters = counts.sum(axis=1)
    return Figure(float(np.mean(np.sum(counts * (counts - 1), axis=1) / (raters * (raters - 1)))))


@statistic(
    title="Specific agreement on one category",
    design="raters × items",
    source="Cicchetti & Feinstein 1990",
    trap="A rare category rests on few ratings: look at their number.",
)
def category_agreement(matrix: npt.ArrayLike, category: Any) -> Figure:
    """Specific agreement on one category (positive agreement for a flag): given that one rater chose it, the chance
    that another rater of the same unit did too."""
    scale, counts = _count_table(matrix, None)
    counts = counts[counts.sum(axis=1) >= 2]
    chosen = counts[:, [value == category for value in scale]].sum(axis=1)
    possible = float(np.sum(chosen * (counts.sum(axis=1) - 1)))
    if possible == 0:
        return undefined(f"no unit with two ratings has one of category {category}")
    return Figure(float(np.sum(chosen * (chosen - 1))) / possible)


@statistic(
    title="Gwet's AC1, or AC2 with weights",
    design="raters × items",
    source="Gwet 2008; Gwet 2014",
    trap="Name all categories of the scale: those seen alone overstate chance.",
)
def gwet_ac1(
    matrix: npt.ArrayLike,
    categories: Sequence[Any] | None = None,
    weights: Weights | None = None,
) -> Figure:
    """Gwet's AC1, or AC2 with ``weights`` in the distance of the values, of ``matrix`` (raters × units).

    ``categories``: all values of the *scale*. Without it the scale is taken to be the values seen, which overstates
    chance agreement when a category went unused.

    ValueError: a rating outside ``categories``.
    """
    scale, counts = _count_table(matrix, categories)
    if not (counts.sum(axis=1) >= 2).any():
        return undefined("no unit has two ratings")
    if len(scale) < 2:
        return undefined("one category only: name the scale's categories, or agreement beyond chance is undefined")
    statistics, gains = _ac1_statistics(scale, counts, weights)
    return Figure(float(_reduce_ac1(statistics.sum(axis=0), gains)))


@statistic(
    title="AC1 or AC2 with a bootstrap interval over items",
    design="raters × items",
    source="Gwet 2008; Efron & Tibshirani 1993",
    trap="It speaks of these raters and other items.",
)
def ac1_interval(
    matrix: npt.ArrayLike,
    categories: Sequence[Any] | None = None,
    weights: Weights | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    *,
    clusters: npt.ArrayLike | None = None,
) -> Interval:
    """AC1 or AC2 with a bootstrap interval over units, or over whole ``clusters`` of them (as in
    `alpha_interval`); ``n`` counts units with at least one rating."""
    scale, counts = _count_table(matrix, categories)
    statistics, gains = _ac1_statistics(scale, counts, weights)
    rated = (~is_missing(as_matrix(matrix))).any(axis=0)
    return bootstrap_statistics(
        statistics,
        lambda sums: _reduce_ac1(sums, gains),
        None if clusters is None else as_labels(clusters)[rated],
        confidence=confidence,
        resamples=resamples,
        seed=seed,
        limits=(-1.0, 1.0),
    )


def _distances(scale: Sequence[Any]) -> FloatArray:
    """Absolute differences of the values of a scale, (q, q)."""
    try:
        numbers = np.asarray(scale, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError("weights need numeric ratings, whose distance means something") from error
    return np.asarray(np.abs(numbers[:, None] - numbers))


def _ac1_statistics(scale: list[Any], counts: FloatArray, weights: Weights | None) -> tuple[FloatArray, FloatArray]:
    """Per unit: weighted agreement, whether it is pairable, shares of the categories (units, 2 + q); and the credit
    that a pair of categories earns, (q, q)."""
    _check_weights(weights)
    gains = np.eye(len(scale))
    if weights is not None and len(scale) > 1:
        gaps = _distances(scale)
        gains = 1 - (gaps / gaps.max()) ** (1 if weights == "linear" else 2)
    raters = counts.sum(axis=1)
    several = raters >= 2
    pairs = np.where(several, raters * (raters - 1), 1.0)
    agreed = np.where(several, np.sum(counts * (counts @ gains - 1), axis=1) / pairs, 0.0)
    return np.column_stack([agreed, several, counts / raters[:, None]]), gains


def _reduce_ac1(sums: FloatArray, gains: FloatArray) -> FloatArray:
    """AC1 from sums (…, 2 + q); shares of categories are over all rated units, agreement over the pairable ones."""
    categories = len(gains)
    if categories < 2:
        return np.full(sums.shape[:-1], np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = sums[..., 0] / sums[..., 1]
        shares = sums[..., 2:] / sums[..., 2:].sum(axis=-1, keepdims=True)
        chance = gains.sum() / (categories * (categories - 1)) * np.sum(shares * (1 - shares), axis=-1)
        return np.asarray((observed - chance) / (1 - chance))


@statistic(
    title="Intraclass correlation, six kinds",
    design="raters × items",
    source="Shrout & Fleiss 1979",
    trap="Kinds 2 and 3 use only items that every rater rated; kind 3 forgives severity.",
)
def icc(matrix: npt.ArrayLike, kind: str = "2,1") -> Figure:
    """Intraclass correlation of ``matrix`` (raters × units), by Shrout & Fleiss' names.

    ``kind``: ``1,1`` ``2,1`` ``3,1`` for one rater's score, ``1,k`` ``2,k`` ``3,k`` for the mean of all raters; also
    written ``ICC(2,1)`` or ``ICC2k``. 1: raters differ from unit to unit; 2: the same raters, drawn from a
    population, severity counts; 3: these raters, severity does not count.

    Kind 1 takes missing ratings (unbalanced one-way analysis); kinds 2 and 3 use the units that every rater rated.
    """
    match = re.fullmatch(r"(?:icc)?\W*([123])\W*([1k])?\W*", kind.strip().lower())
    if match is None:
        raise ValueError(f"kind must be 1,1 2,1 3,1 1,k 2,k or 3,k; got {kind!r}")
    model, average = match[1], match[2] == "k"
    ratings = as_ratings(matrix).T  # units × raters, as the analysis of variance is written
    return _one_way_icc(ratings, average) if model == "1" else _two_way_icc(ratings, model, average)


def _one_way_icc(ratings: FloatArray, average: bool) -> Figure:
    sizes = (~np.isnan(ratings)).sum(axis=1)
    ratings, sizes = ratings[sizes > 0], sizes[sizes > 0]
    units, n = len(sizes), int(sizes.sum())
    if units < 2 or n == units:
        return undefined("an ICC needs two units and a unit with two ratings")
    means = np.nansum(ratings, axis=1) / sizes
    within = float(np.nansum((ratings - means[:, None]) ** 2)) / (n - units)
    between = float(np.sum(sizes * (means - np.nansum(ratings) / n) ** 2)) / (units - 1)
    raters = (n - float(np.sum(sizes**2)) / n) / (units - 1)  # per unit, weighted; their number when balanced
    spread = between if average else between + (raters - 1) * within
    return _share(between - within, spread, between + within, np.nanmax(np.abs(ratings)))


def _two_way_icc(ratings: FloatArray, model: str, average: bool) -> Figure:
    everyone = ratings[:, (~np.isnan(ratings)).any(axis=0)]  # a rater without a single rating is none
    complete = everyone[~np.isnan(everyone).any(axis=1)]
    units, raters = complete.shape
    if raters < 2:
        return undefined("an ICC needs two raters")
    if units < 2:
        return undefined(f"{units} of {len(ratings)} units were rated by all {raters} raters; two are needed")
    grand = complete.mean()
    by_unit, by_rater = complete.mean(axis=1), complete.mean(axis=0)
    residuals = complete - by_unit[:, None] - by_rater + grand
    between = raters * float(np.sum((by_unit - grand) ** 2)) / (units - 1)
    severity = units * float(np.sum((by_rater - grand) ** 2)) / (raters - 1)
    error = float(np.sum(residuals**2)) / ((units - 1) * (raters - 1))
    bias = (severity - error) / units if model == "2" else 0.0
    spread = between + bias if average else between + (raters - 1) * error + raters * bias
    return _share(between - error, spread, between + severity + error, np.max(np.abs(complete)))


def _share(signal: float, spread: float, variation: float, size: float) -> Figure:
    """signal/spread, undefined when all ratings are equal (``variation`` is rounding at ratings of this ``size``)."""
    if variation <= (1e-12 * max(1.0, float(size))) ** 2:
        return undefined("all ratings are equal: there is no variance to divide between units and raters")
    if spread <= 0:
        return undefined("the units do not differ: the mean squares leave nothing to divide by")
    return Figure(signal / spread)
