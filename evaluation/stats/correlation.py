"""Does a metric order answers as people do? Correlation with human scores, by item and by system, with intervals.

A metric can rank systems well and single answers badly, and the other way round, so both are told. Sources: Kendall 1945 (tau-b);
Deutsch, Dror & Roth 2021 (resampling items for intervals of correlations of metrics); Kocmi et al. 2021 (pairwise accuracy of
systems). Intervals of a handful of systems are wide because a handful is little evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.stats.figure import BoolArray, FloatArray, Interval, as_values, check_confidence, no_interval
from evaluation.stats.grouping import Groups, encode, one_each
from evaluation.stats.intervals import interval_of_replicates
from evaluation.stats.resampling import bootstrap_indices
from evaluation.stats.statistic import statistic

Kind = Literal["pearson", "spearman", "kendall"]

FEW_SYSTEMS = 3  # with two, every correlation is ±1


@statistic(
    title="Correlation of a metric with people over answers",
    design="metric and people",
    source="Kendall 1945; Deutsch, Dror & Roth 2021",
    trap="Mixed systems inflate it: see `within_item_correlation`.",
)
def item_correlation(
    metric: npt.ArrayLike,
    human: npt.ArrayLike,
    kind: Kind = "spearman",
    clusters: npt.ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Correlation of ``metric`` (n,) with ``human`` (n,) over single answers; a pair with a NaN is left out.

    ``kind``: ``pearson``; ``spearman``; ``kendall`` (tau-b, which counts ties). ``clusters``: (n,) labels of what answers share, the
    ticket where several systems answered it; the percentile bootstrap resamples whole clusters.
    Mixed systems inflate it: a metric that only tells good systems from bad correlates too. See `within_item_correlation`.
    """
    check_confidence(confidence)
    correlate = _correlation(kind)
    x, y = _both(metric, human)
    groups = one_each(len(x)) if clusters is None else encode(clusters, len(x))
    kept: BoolArray = ~(np.isnan(x) | np.isnan(y))
    x, y, groups = x[kept], y[kept], groups.take(kept)
    reason = _why_undefined(x, y)
    if reason:
        return no_interval(math.nan, confidence, len(x), f"{kind}, bootstrap", reason)
    members = _members(groups)
    replicates = np.array(
        [
            correlate(x[rows], y[rows])
            for draws in bootstrap_indices(np.random.default_rng(seed), groups.count, resamples)
            for rows in (np.concatenate([members[unit] for unit in draw]) for draw in draws)
        ]
    )
    return interval_of_replicates(
        correlate(x, y), replicates, None, len(x), groups.count, "percentile", confidence, (-1.0, 1.0)
    )


@statistic(
    title="Does the metric know the better of several answers to one item?",
    design="metric and people",
    source="Deutsch, Dror & Roth 2021",
    trap="Items on which people or metric tie say nothing and are left out.",
)
def within_item_correlation(
    metric: npt.ArrayLike,
    human: npt.ArrayLike,
    kind: Kind = "kendall",
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Mean over items of the correlation across systems: does the metric know the better answer to one ticket?

    ``metric``, ``human``: systems × items, NaN for missing. Items with fewer than two systems, or on which either side is constant,
    have no correlation and are left out (``n`` counts the others). The interval resamples items.
    """
    check_confidence(confidence)
    correlate = _correlation(kind)
    x, y = _matrices(metric, human)
    kept = ~(np.isnan(x) | np.isnan(y))
    values = np.array(
        [correlate(x[rows, item], y[rows, item]) if rows.sum() >= 2 else math.nan for item, rows in enumerate(kept.T)]
    )
    values = values[~np.isnan(values)]
    method = f"{kind} within items, bootstrap"
    if len(values) == 0:
        return no_interval(math.nan, confidence, 0, method, "no item has two systems that differ on both sides")
    replicates = np.concatenate(
        [values[rows].mean(axis=1) for rows in bootstrap_indices(np.random.default_rng(seed), len(values), resamples)]
    )
    n = len(values)
    return interval_of_replicates(float(values.mean()), replicates, None, n, n, "percentile", confidence, (-1.0, 1.0))


@statistic(
    title="Correlation of mean metric and mean human score over systems",
    design="metric and people",
    source="Deutsch, Dror & Roth 2021",
    trap="A handful of systems is little evidence.",
)
def system_correlation(
    metric: npt.ArrayLike,
    human: npt.ArrayLike,
    kind: Kind = "pearson",
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Correlation of the systems' mean metric with their mean human score.

    ``metric``, ``human``: systems × items, NaN for missing; people may have rated only some items, and each side takes all it has.
    The interval resamples items, the systems are fixed: it speaks of these systems and further items. Three systems are needed.
    """
    return _of_systems(
        metric, human, _correlation(kind), FEW_SYSTEMS, f"{kind} of systems", (-1.0, 1.0), confidence, resamples, seed
    )


@statistic(
    title="Share of pairs of systems that the metric orders as people do",
    design="metric and people",
    source="Kocmi et al. 2021",
    trap="Turn a lower-is-better metric round first.",
)
def pairwise_accuracy(
    metric: npt.ArrayLike,
    human: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Share of pairs of systems that the metric orders as people do, pairs that people rate equal left out.

    Arguments as in `system_correlation`; lower-is-better metrics must be turned round first. A metric tie is half right.
    """
    return _of_systems(metric, human, _ordered_alike, 2, "pairwise accuracy", (0.0, 1.0), confidence, resamples, seed)


def _of_systems(
    metric: npt.ArrayLike,
    human: npt.ArrayLike,
    figure: Callable[[FloatArray, FloatArray], float],
    fewest: int,
    name: str,
    limits: tuple[float, float],
    confidence: float,
    resamples: int,
    seed: int,
) -> Interval:
    check_confidence(confidence)
    x, y = _matrices(metric, human)
    rated = (~np.isnan(x)).any(axis=1) & (~np.isnan(y)).any(axis=1)
    x, y = x[rated], y[rated]
    systems, items = x.shape
    method = f"{name}, bootstrap over items"
    if systems < fewest:
        reason = f"{systems} system{'' if systems == 1 else 's'} with both scores; {fewest} are needed"
        return no_interval(math.nan, confidence, systems, method, reason)
    estimate = figure(_means(x, np.ones(items)), _means(y, np.ones(items)))
    if math.isnan(estimate):
        reason = "all systems have the same score on one side"
        return no_interval(math.nan, confidence, systems, method, reason)
    replicates = []
    for draws in bootstrap_indices(np.random.default_rng(seed), items, resamples):
        for draw in draws:
            times = np.bincount(draw, minlength=items).astype(np.float64)
            first, second = _means(x, times), _means(y, times)
            seen = ~(np.isnan(first) | np.isnan(second))  # a system may have no rated item among those drawn
            replicates.append(figure(first[seen], second[seen]) if seen.sum() >= fewest else math.nan)
    found = interval_of_replicates(estimate, np.array(replicates), None, items, items, "percentile", confidence, limits)
    return Interval(found.estimate, found.ci_low, found.ci_high, confidence, systems, method, found.reason)


def _correlation(kind: Kind) -> Callable[[FloatArray, FloatArray], float]:
    if kind not in get_args(Kind):
        raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}; got {kind!r}")
    return {"pearson": _pearson, "spearman": _spearman, "kendall": _kendall}[kind]


def _pearson(x: FloatArray, y: FloatArray) -> float:
    if len(x) < 2 or _constant(x) or _constant(y):
        return math.nan
    first, second = x - x.mean(), y - y.mean()
    value = float(first @ second) / math.sqrt(float(first @ first) * float(second @ second))
    return min(max(value, -1.0), 1.0)


def _spearman(x: FloatArray, y: FloatArray) -> float:
    return _pearson(stats.rankdata(x), stats.rankdata(y))


def _kendall(x: FloatArray, y: FloatArray) -> float:
    if len(x) < 2 or _constant(x) or _constant(y):
        return math.nan
    return float(stats.kendalltau(x, y).statistic)


def _constant(values: FloatArray) -> bool:
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))


def _ordered_alike(x: FloatArray, y: FloatArray) -> float:
    above, below = np.triu_indices(len(x), 1)
    metric, human = np.sign(x[above] - x[below]), np.sign(y[above] - y[below])
    decided = human != 0
    if not decided.any():
        return math.nan
    return float(np.mean((1 + metric[decided] * human[decided]) / 2))


def _means(matrix: FloatArray, times: FloatArray) -> FloatArray:
    """Each system's mean (systems,) over items drawn ``times`` (items,), NaN where none of its items was."""
    present = ~np.isnan(matrix)
    total, number = np.where(present, matrix, 0.0) @ times, present @ times
    return np.asarray(np.divide(total, number, out=np.full(len(matrix), np.nan), where=number > 0), dtype=np.float64)


def _both(metric: npt.ArrayLike, human: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = as_values(metric, "metric"), as_values(human, "human")
    if x.shape != y.shape:
        raise ValueError(f"metric and human must score the same answers: {len(x)} against {len(y)} values")
    return x, y


def _matrices(metric: npt.ArrayLike, human: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = np.asarray(metric, dtype=np.float64), np.asarray(human, dtype=np.float64)
    if x.ndim != 2 or x.shape != y.shape:
        raise ValueError(f"metric and human must both be systems × items; got shapes {x.shape} and {y.shape}")
    return x, y


def _members(groups: Groups) -> list[npt.NDArray[np.intp]]:
    order = np.argsort(groups.codes, kind="stable")
    return list(np.split(order, np.cumsum(groups.sizes().astype(int))[:-1]))


def _why_undefined(x: FloatArray, y: FloatArray) -> str:
    if len(x) < 3:
        return f"{len(x)} answers have both scores; three are needed"
    if _constant(x) or _constant(y):
        return f"{'the metric' if _constant(x) else 'the human score'} is the same for all answers"
    return ""
