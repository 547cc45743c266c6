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
from evaluation.stats.resampling import bootstrap_counts, bootstrap_indices
from evaluation.stats.statistic import statistic

Kind = Literal["pearson", "spearman", "kendall"]

# Values of both sides (…, n) -> their correlation (…), NaN where one side is constant.
Correlate = Callable[[FloatArray, FloatArray], FloatArray]

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
    ticket where several systems answered it; the bootstrap resamples whole clusters.
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
    draws = bootstrap_indices(np.random.default_rng(seed), groups.count, resamples)
    if groups.count == len(x):
        replicates = np.concatenate([correlate(x[rows], y[rows]) for rows in draws])
    else:  # resamples of clusters differ in length, so they go one by one
        members = _members(groups)
        drawn = (np.concatenate([members[unit] for unit in draw]) for chunk in draws for draw in chunk)
        replicates = np.array([float(correlate(x[rows], y[rows])) for rows in drawn])
    return interval_of_replicates(
        float(correlate(x, y)), replicates, None, len(x), groups.count, "expanded", confidence, (-1.0, 1.0)
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
        [float(correlate(x[rows, item], y[rows, item])) for item, rows in enumerate(kept.T)], dtype=np.float64
    )
    values = values[~np.isnan(values)]
    method = f"{kind} within items, bootstrap"
    if len(values) == 0:
        return no_interval(math.nan, confidence, 0, method, "no item has two systems that differ on both sides")
    replicates = np.concatenate(
        [values[rows].mean(axis=1) for rows in bootstrap_indices(np.random.default_rng(seed), len(values), resamples)]
    )
    n = len(values)
    return interval_of_replicates(float(values.mean()), replicates, None, n, n, "expanded", confidence, (-1.0, 1.0))


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
    figure: Correlate,
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
    once = np.ones((1, items))
    estimate = float(figure(_means(x, once), _means(y, once))[0])
    if math.isnan(estimate):
        reason = "all systems have the same score on one side"
        return no_interval(math.nan, confidence, systems, method, reason)
    replicates = np.concatenate(
        [
            _of_seen(_means(x, times), _means(y, times), figure, fewest)
            for times in bootstrap_counts(np.random.default_rng(seed), items, resamples)
        ]
    )
    found = interval_of_replicates(estimate, replicates, None, items, items, "expanded", confidence, limits)
    return Interval(found.estimate, found.ci_low, found.ci_high, confidence, systems, method, found.reason)


def _of_seen(x: FloatArray, y: FloatArray, figure: Correlate, fewest: int) -> FloatArray:
    """The figure of each resample (r,) from means (r, systems), over the systems that have an item among those drawn."""
    seen = ~(np.isnan(x) | np.isnan(y))
    whole = seen.all(axis=1)
    values = np.full(len(x), np.nan)
    values[whole] = figure(x[whole], y[whole])
    for row in np.flatnonzero(~whole & (seen.sum(axis=1) >= fewest)):
        values[row] = float(figure(x[row, seen[row]], y[row, seen[row]]))
    return values


def _correlation(kind: Kind) -> Correlate:
    if kind not in get_args(Kind):
        raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}; got {kind!r}")
    return {"pearson": _pearson, "spearman": _spearman, "kendall": _kendall}[kind]


def _pearson(x: FloatArray, y: FloatArray) -> FloatArray:
    if x.shape[-1] < 2:
        return np.full(x.shape[:-1], np.nan)
    first, second = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    spread = np.sqrt(np.sum(first**2, axis=-1) * np.sum(second**2, axis=-1))
    undefined = _constant(x) | _constant(y)
    value = np.sum(first * second, axis=-1) / np.where(undefined, 1.0, spread)
    return np.asarray(np.where(undefined, np.nan, np.clip(value, -1.0, 1.0)), dtype=np.float64)


def _spearman(x: FloatArray, y: FloatArray) -> FloatArray:
    if x.shape[-1] < 2:
        return np.full(x.shape[:-1], np.nan)
    return _pearson(stats.rankdata(x, axis=-1), stats.rankdata(y, axis=-1))


def _kendall(x: FloatArray, y: FloatArray) -> FloatArray:
    if x.ndim > 1:
        return np.array([float(_kendall(*rows)) for rows in zip(x, y, strict=True)], dtype=np.float64)
    if len(x) < 2 or _constant(x) or _constant(y):
        return np.asarray(np.nan)
    return np.asarray(stats.kendalltau(x, y).statistic, dtype=np.float64)


def _constant(values: FloatArray) -> BoolArray:
    largest = np.abs(values).max(axis=-1)
    return np.asarray(np.ptp(values, axis=-1) <= 1e-12 * np.maximum(1.0, largest), dtype=np.bool_)


def _ordered_alike(x: FloatArray, y: FloatArray) -> FloatArray:
    above, below = np.triu_indices(x.shape[-1], 1)
    metric, human = np.sign(x[..., above] - x[..., below]), np.sign(y[..., above] - y[..., below])
    decided = (human != 0).sum(axis=-1)
    alike = np.sum((human != 0) * (1 + metric * human) / 2, axis=-1)
    return np.asarray(np.where(decided > 0, alike / np.maximum(decided, 1), np.nan), dtype=np.float64)


def _means(matrix: FloatArray, times: FloatArray) -> FloatArray:
    """Each system's mean (r, systems) over items drawn ``times`` (r, items), NaN where none of its items was."""
    present = ~np.isnan(matrix)
    total, number = times @ np.where(present, matrix, 0.0).T, times @ present.T
    return np.asarray(np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0), dtype=np.float64)


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
