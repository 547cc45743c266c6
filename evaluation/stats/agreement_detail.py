"""Agreement in detail: intervals of kappa and ICC, and which category of the scale people disagree about.

Sources: Fleiss 1971 and Fleiss, Levin & Paik 2003, chapter 18 (kappa of a category); Krippendorff 2019, chapter 12 (alpha of one
value against the rest); Shrout & Fleiss 1979 and McGraw & Wong 1996 (intervals of ICC by the F distribution).
Krippendorff's alpha and Gwet's AC1 have their intervals in `agreement`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.stats.agreement import (
    Weights,
    category_agreement,
    cohen_kappa,
    fleiss_kappa,
    icc,
    krippendorff_alpha,
)
from evaluation.stats.alpha import as_ratings
from evaluation.stats.figure import Figure, FloatArray, Interval, check_confidence, no_interval
from evaluation.stats.grouping import as_labels, as_matrix, encode, is_missing
from evaluation.stats.intervals import as_rows, bootstrap_statistics
from evaluation.stats.statistic import statistic


@statistic(
    title="Cohen's kappa with a bootstrap interval over items",
    design="raters × items",
    source="Cohen 1960; Efron & Tibshirani 1993",
    trap="As Cohen's kappa; and a rare category is missing from many resamples.",
)
def cohen_interval(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    weights: Weights | None = None,
    *,
    clusters: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Cohen's kappa of ``a`` and ``b`` (n,) with a bootstrap interval over units, or over whole ``clusters`` (n,)."""
    check_confidence(confidence)
    estimate = cohen_kappa(a, b, weights)
    first, second = as_labels(a), as_labels(b)
    kept = ~(is_missing(first) | is_missing(second))
    n = int(kept.sum())
    if math.isnan(estimate):
        return no_interval(math.nan, confidence, n, "Cohen's kappa", estimate.reason)
    together = np.concatenate([first[kept].astype(object), second[kept].astype(object)])
    codes = encode(together, len(together), "labels")
    values = together[np.unique(codes.codes, return_index=True)[1]]
    size = len(values)
    # Per unit: which cell of the confusion table it falls in, laid out flat.
    cells = np.eye(size * size)[codes.codes[:n] * size + codes.codes[n:]]
    if weights is None:
        cost = 1 - np.eye(size)
    else:
        numbers = values.astype(np.float64)
        cost = np.abs(numbers[:, None] - numbers[None]) ** (1 if weights == "linear" else 2)

    def reduce(sums: FloatArray) -> FloatArray:
        table = sums.reshape(*sums.shape[:-1], size, size)
        chance = np.einsum("...i,...j->...ij", table.sum(axis=-1), table.sum(axis=-2))
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = np.sum(cost * chance, axis=(-1, -2)) / table.sum(axis=(-1, -2))
            return np.asarray(1 - np.sum(cost * table, axis=(-1, -2)) / expected)

    whole = None if clusters is None else as_labels(clusters)[kept]
    return bootstrap_statistics(
        cells, reduce, whole, confidence=confidence, resamples=resamples, seed=seed, limits=(-1.0, 1.0)
    )


@statistic(
    title="Fleiss' kappa with a bootstrap interval over items",
    design="raters × items",
    source="Fleiss 1971; Efron & Tibshirani 1993",
    trap="As Fleiss' kappa; and a rare category is missing from many resamples.",
)
def fleiss_interval(
    counts: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Fleiss' kappa of ``counts`` (units × categories) with a bootstrap interval over units or ``clusters`` (units,)."""
    check_confidence(confidence)
    estimate = fleiss_kappa(counts)
    table = np.nan_to_num(as_rows(counts, "counts", "units × categories"))
    kept = table.sum(axis=1) >= 2
    table = table[kept]
    if math.isnan(estimate):
        return no_interval(math.nan, confidence, len(table), "Fleiss' kappa", estimate.reason)
    raters = table.sum(axis=1)
    observed = (np.sum(table**2, axis=1) - raters) / (raters * (raters - 1))
    statistics = np.column_stack([np.ones(len(table)), observed, table])

    def reduce(sums: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = sums[..., 2:] / sums[..., 2:].sum(axis=-1, keepdims=True)
            chance = np.sum(shares**2, axis=-1)
            return np.asarray((sums[..., 1] / sums[..., 0] - chance) / (1 - chance))

    whole = None if clusters is None else as_labels(clusters)[kept]
    return bootstrap_statistics(
        statistics, reduce, whole, confidence=confidence, resamples=resamples, seed=seed, limits=(-1.0, 1.0)
    )


@statistic(
    title="Intraclass correlation with its interval by F",
    design="raters × items",
    source="Shrout & Fleiss 1979; McGraw & Wong 1996",
    trap="Made for normal ratings; on a five-step scale it is an approximation.",
)
def icc_interval(matrix: npt.ArrayLike, kind: str = "2,1", confidence: float = 0.95) -> Interval:
    """ICC of ``matrix`` (raters × units) with its interval by the F distribution, for units that every rater rated.

    ``kind`` as in `agreement.icc`. Exact for kinds 1 and 3, Satterthwaite's approximation for 2, all for normal ratings. It may lie
    below 0. With missing ratings kind 1 has an estimate and no interval: its form needs the same number of ratings per unit.
    """
    check_confidence(confidence)
    estimate = icc(matrix, kind)
    match = re.fullmatch(r"(?:icc)?\W*([123])\W*([1k])?\W*", kind.strip().lower())
    assert match is not None  # `icc` has refused any other
    model, average = match[1], match[2] == "k"
    everyone = as_ratings(matrix).T
    everyone = everyone[:, (~np.isnan(everyone)).any(axis=0)]
    rated = everyone[(~np.isnan(everyone)).any(axis=1)]
    ratings = everyone[~np.isnan(everyone).any(axis=1)]
    method = f"ICC({model},{'k' if average else 1}), F"
    if math.isnan(estimate):
        return no_interval(math.nan, confidence, len(ratings), method, estimate.reason)
    if model == "1" and len(rated) != len(ratings):
        reason = "ratings are missing: the F interval needs as many ratings on each unit"
        return no_interval(estimate, confidence, len(rated), method, reason)
    low, high = _f_limits(ratings, model, confidence)
    k = ratings.shape[1]
    if average:  # Spearman–Brown carries the limits of one rater over to the mean of k
        low, high = (limit * k / (1 + (k - 1) * limit) for limit in (low, high))
    return Interval(float(estimate), low, high, confidence, len(ratings), method)


def _f_limits(ratings: FloatArray, model: str, confidence: float) -> tuple[float, float]:
    """Limits of one rater's ICC from complete ``ratings`` (units × raters)."""
    n, k = ratings.shape
    upper = (1 + confidence) / 2
    grand, units, raters = ratings.mean(), ratings.mean(axis=1), ratings.mean(axis=0)
    between = k * float(np.sum((units - grand) ** 2)) / (n - 1)
    if model == "1":
        within = float(np.sum((ratings - units[:, None]) ** 2)) / (n * (k - 1))
        return _from_f(between, within, n - 1, n * (k - 1), k, upper)
    error = float(np.sum((ratings - units[:, None] - raters + grand) ** 2)) / ((n - 1) * (k - 1))
    if model == "3":
        return _from_f(between, error, n - 1, (n - 1) * (k - 1), k, upper)
    severity = n * float(np.sum((raters - grand) ** 2)) / (k - 1)
    single = (between - error) / (between + (k - 1) * error + k * (severity - error) / n)
    # Satterthwaite's degrees of freedom of the denominator, Shrout & Fleiss 1979, p. 424.
    ratio = severity / error if error > 0 else math.inf
    if math.isinf(ratio):
        freedom = float(k - 1)
    else:
        weight = n * (1 + (k - 1) * single) - k * single
        top = (k - 1) * (n - 1) * (k * single * ratio + weight) ** 2
        freedom = top / ((n - 1) * k**2 * single**2 * ratio**2 + weight**2)
    f_up, f_down = float(stats.f.ppf(upper, n - 1, freedom)), float(stats.f.ppf(upper, freedom, n - 1))
    rest = k * severity + (k * n - k - n) * error
    return (
        n * (between - f_up * error) / (f_up * rest + n * between),
        n * (f_down * between - error) / (rest + n * f_down * between),
    )


def _from_f(between: float, within: float, df1: int, df2: int, k: int, upper: float) -> tuple[float, float]:
    if within <= 0:
        return 1.0, 1.0
    ratio = between / within
    low, high = ratio / float(stats.f.ppf(upper, df1, df2)), ratio * float(stats.f.ppf(upper, df2, df1))
    return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


@dataclass(frozen=True, slots=True)
class CategoryAgreement:
    """One category against all others: ``share`` of the ratings, Fleiss' ``kappa``, Krippendorff's nominal ``alpha``, and
    ``specific`` agreement (if one rater chose it, the chance that another did too)."""

    category: Any
    share: float
    kappa: Figure
    alpha: Figure
    specific: Figure


@statistic(
    title="Kappa, alpha and specific agreement, category by category",
    design="raters × items",
    source="Fleiss, Levin & Paik 2003; Krippendorff 2019",
    trap="The coefficient of all categories is no plain mean of these.",
)
def by_category(matrix: npt.ArrayLike, categories: Sequence[Any] | None = None) -> list[CategoryAgreement]:
    """Agreement on each category of ``matrix`` (raters × units, NaN or None for missing), in the order of ``categories`` or
    of their first appearance. A category that nobody chose has NaN figures with the reason."""
    ratings = as_matrix(matrix)
    given = ~is_missing(ratings)
    several = given.sum(axis=0) >= 2
    seen = ratings[given].tolist()
    paired = int(given[:, several].sum())
    rows = []
    for category in dict.fromkeys(seen if categories is None else categories):
        chosen = np.zeros(ratings.shape, dtype=np.bool_)
        chosen[given] = [value == category for value in seen]
        flags = np.where(given, chosen.astype(np.float64), np.nan)
        counts = np.column_stack([chosen.sum(axis=0), (given & ~chosen).sum(axis=0)])
        share = float(chosen[:, several].sum()) / paired if paired else math.nan
        rows.append(
            CategoryAgreement(
                category, share, fleiss_kappa(counts), krippendorff_alpha(flags), category_agreement(ratings, category)
            )
        )
    return rows
