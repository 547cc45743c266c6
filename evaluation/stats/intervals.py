"""Intervals for one sample: bootstrap over examples or whole clusters; the closed forms of `proportions` are here too.

Sources: Efron & Tibshirani 1993 (percentile, BCa); Hesterberg 2015, *What Teachers Should Know About the Bootstrap*
(expanded percentile); the studentised one is in `studentised`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, Literal, Protocol, cast

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from evaluation.stats.figure import (
    BoolArray,
    FloatArray,
    Interval,
    as_values,
    check_confidence,
    no_interval,
)
from evaluation.stats.grouping import Groups, encode, one_each
from evaluation.stats.proportions import clopper_pearson, of_constant, rule_of_three, sign_flip_of_constant, wilson
from evaluation.stats.resampling import TOLERATED_UNDEFINED, bootstrap_counts, bootstrap_indices, chunk_rows
from evaluation.stats.statistic import statistic
from evaluation.stats.studentised import studentised

__all__ = [
    "Method",
    "Reduce",
    "Statistic",
    "as_rows",
    "bootstrap",
    "bootstrap_statistics",
    "clopper_pearson",
    "interval_of_replicates",
    "of_constant",
    "rule_of_three",
    "sign_flip_of_constant",
    "wilson",
]

Method = Literal["percentile", "bca", "expanded", "studentised"]
Reduce = Callable[[FloatArray], Any]  # summed sufficient statistics (…, k) -> values (…)


class Statistic(Protocol):
    """A numpy reduction: takes (…, n) and the axis to reduce, gives (…)."""

    def __call__(self, values: FloatArray, /, *, axis: int) -> Any: ...


Plain = Callable[[FloatArray], Any]  # (n,) -> one number, as `statistics.mean` or a lambda


@statistic(
    title="Bootstrap interval of a mean, median or any reduction",
    design="items nested in groups",
    source="Efron & Tibshirani 1993; Hesterberg 2015 (expanded percentile)",
    trap="Items that share a document are not independent: without `clusters` the interval is too narrow.",
)
def bootstrap(
    values: npt.ArrayLike,
    statistic: Statistic | Plain = np.mean,
    clusters: npt.ArrayLike | None = None,
    *,
    method: Method = "expanded",
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    limits: tuple[float, float] | None = None,
    crossed: npt.ArrayLike | None = None,
) -> Interval:
    """Bootstrap interval of ``statistic`` over examples, or over whole ``clusters`` of them.

    ``values``: (n,), NaN left out. ``clusters``: (n,) labels of the highest shared source of noise (document, prompt
    family). ``statistic`` reduces along ``axis``, as ``np.mean``, ``np.median`` and ``np.std`` do, or takes one sample (n,)
    and gives a number, which is slower.
    With clusters a resample holds as many *clusters* as there are, so its number of values varies.
    ``method``: ``expanded``, the percentile interval at the wider level at which it has the length of a t interval, which
    holds what it says for the few dozen items or documents that people can rate; ``percentile``, which of twenty documents
    covers 92 % and calls it 95; ``bca`` (bias-corrected, accelerated); ``studentised`` (bootstrap-t), for the mean only.
    ``limits``: lowest and highest possible value; with them a sample without variance has an interval with width
    (`of_constant`) instead of one without.
    ``crossed``: (n,) labels of a second factor that crosses ``clusters``, the raters beside the items; both are resampled then
    (`crossed.bootstrap_crossed`; means only).

    ValueError: labels of another length, an unknown method, ``crossed`` without ``clusters`` or of another statistic.
    """
    if crossed is not None:
        if clusters is None or statistic is not np.mean:
            raise ValueError("crossed needs clusters to cross, and takes means: for other figures see crossed.py")
        from evaluation.stats.crossed import bootstrap_crossed  # which builds on this module

        return bootstrap_crossed(
            values, clusters, crossed, confidence=confidence, resamples=resamples, seed=seed, limits=limits
        )
    if method == "studentised":
        if statistic is not np.mean:
            raise ValueError("the studentised interval is for the mean: other statistics have no standard error here")
        return studentised(values, clusters, confidence=confidence, resamples=resamples, seed=seed, limits=limits)
    sample = as_values(values, "values")
    groups = None if clusters is None else encode(clusters, len(sample))
    kept: BoolArray = ~np.isnan(sample)
    sample = sample[kept]
    if statistic is np.mean:
        groups = one_each(len(sample)) if groups is None else groups.take(kept)
        counted = np.column_stack([sample, np.ones(len(sample))])
        return _bootstrap_sums(groups.sums(counted), _ratio, len(sample), method, confidence, resamples, seed, limits)
    reduction = _reduction(statistic)
    if groups is not None:
        return _bootstrap_lists(sample, groups.take(kept), reduction, method, confidence, resamples, seed, limits)
    return _bootstrap_rows(sample, reduction, method, confidence, resamples, seed, limits)


def _reduction(statistic: Statistic | Plain) -> Statistic:
    """The statistic itself where it takes an axis, else one that asks it row by row."""
    try:
        parameters = list(inspect.signature(statistic).parameters.values())
    except ValueError:  # a function of C that does not tell
        parameters = []
    if any(one.name == "axis" or one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters):
        return cast(Statistic, statistic)
    plain = cast(Plain, statistic)

    def by_row(values: FloatArray, /, *, axis: int) -> Any:
        return np.apply_along_axis(lambda sample: float(plain(sample)), axis, values)

    return by_row


@statistic(
    title="Bootstrap interval of a corpus figure",
    design="items nested in groups",
    source="Efron & Tibshirani 1993; Koehn 2004",
    trap="It knows the chance of the test set only, not that of another training seed.",
)
def bootstrap_statistics(
    statistics: npt.ArrayLike,
    reduce: Reduce,
    clusters: npt.ArrayLike | None = None,
    *,
    method: Method = "expanded",
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    limits: tuple[float, float] | None = None,
) -> Interval:
    """Bootstrap interval of a corpus figure (BLEU, macro F1) from per-example sufficient statistics.

    ``statistics``: (n, k), one row per example; a row with NaN is left out. ``reduce`` maps sums (…, k) to figures (…).
    ``limits``: of the figure, as in `bootstrap`.
    """
    rows = as_rows(statistics, "statistics")
    groups = one_each(len(rows)) if clusters is None else encode(clusters, len(rows))
    kept: BoolArray = np.asarray(~np.isnan(rows).any(axis=1))
    groups = groups.take(kept)
    return _bootstrap_sums(
        groups.sums(rows[kept]), reduce, int(kept.sum()), method, confidence, resamples, seed, limits
    )


def as_rows(statistics: npt.ArrayLike, name: str, shape: str = "examples × sufficient statistics (n, k)") -> FloatArray:
    """Two-dimensional floats, of an empty list (0, 0); ValueError names the argument that has not the shape, given in words."""
    rows: FloatArray = np.asarray(statistics, dtype=np.float64)
    if rows.shape == (0,):
        return rows.reshape(0, 0)
    if rows.ndim != 2:
        raise ValueError(f"{name} must be {shape}; got shape {rows.shape}")
    return rows


def _ratio(sums: FloatArray) -> FloatArray:
    """Mean from sums (…, 2) of values and their number."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def _bootstrap_sums(
    units: FloatArray,
    reduce: Reduce,
    n: int,
    method: Method,
    confidence: float,
    resamples: int,
    seed: int,
    limits: tuple[float, float] | None,
) -> Interval:
    """Bootstrap of a figure of sums: ``units`` (units, k) hold what each example or cluster adds."""
    if n == 0:
        return no_interval(math.nan, confidence, 0, method, "no values")
    total = units.sum(axis=0)
    estimate = float(reduce(total))
    rng = np.random.default_rng(seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = np.concatenate(
            [np.asarray(reduce(counts @ units), np.float64) for counts in bootstrap_counts(rng, len(units), resamples)]
        )
        jackknife = np.asarray(reduce(total - units), np.float64) if method == "bca" else None
    return interval_of_replicates(estimate, replicates, jackknife, n, len(units), method, confidence, limits)


def _bootstrap_rows(
    sample: FloatArray,
    statistic: Statistic,
    method: Method,
    confidence: float,
    resamples: int,
    seed: int,
    limits: tuple[float, float] | None,
) -> Interval:
    """Bootstrap of any reduction over unclustered values."""
    n = len(sample)
    if n == 0:
        return no_interval(math.nan, confidence, 0, method, "no values")
    rng = np.random.default_rng(seed)
    replicates = np.concatenate(
        [
            np.asarray(statistic(sample[indices], axis=-1), np.float64)
            for indices in bootstrap_indices(rng, n, resamples)
        ]
    )
    jackknife = _leave_one_out(sample, statistic) if method == "bca" and n > 1 else None
    estimate = float(statistic(sample, axis=-1))
    return interval_of_replicates(estimate, replicates, jackknife, n, n, method, confidence, limits)


def _leave_one_out(sample: FloatArray, statistic: Statistic) -> FloatArray:
    """The statistic without each value in turn, (n,)."""
    n = len(sample)
    places = np.arange(n - 1)
    parts = []
    rows = chunk_rows(n)
    for start in range(0, n, rows):
        left_out = np.arange(start, min(start + rows, n))[:, None]
        parts.append(np.asarray(statistic(sample[places + (places >= left_out)], axis=-1), np.float64))
    return np.concatenate(parts)


def _bootstrap_lists(
    sample: FloatArray,
    groups: Groups,
    statistic: Statistic,
    method: Method,
    confidence: float,
    resamples: int,
    seed: int,
    limits: tuple[float, float] | None,
) -> Interval:
    """Any reduction over clusters: resamples have different lengths, so this one goes resample by resample."""
    if len(sample) == 0:
        return no_interval(math.nan, confidence, 0, method, "no values")
    order = np.argsort(groups.codes, kind="stable")
    members = np.split(sample[order], np.cumsum(groups.sizes().astype(int))[:-1])
    rng = np.random.default_rng(seed)
    replicates = np.array(
        [
            float(statistic(np.concatenate([members[unit] for unit in row]), axis=-1))
            for indices in bootstrap_indices(rng, groups.count, resamples)
            for row in indices
        ]
    )
    jackknife = None
    if method == "bca" and groups.count > 1:
        jackknife = np.array([float(statistic(sample[groups.codes != g], axis=-1)) for g in range(groups.count)])
    estimate = float(statistic(sample, axis=-1))
    return interval_of_replicates(
        estimate, replicates, jackknife, len(sample), groups.count, method, confidence, limits
    )


def interval_of_replicates(
    estimate: float,
    replicates: FloatArray,
    jackknife: FloatArray | None,
    n: int,
    units: int,
    method: Method,
    confidence: float,
    limits: tuple[float, float] | None = None,
) -> Interval:
    """The limits that bootstrap ``replicates`` give, with every reason for which there may be none.

    ``units``: resampled units, at most ``n``. ``jackknife``: (units,), for ``bca`` only.
    ``limits``: lowest and highest possible figure, for replicates that are all alike.
    """
    check_confidence(confidence)
    if method not in ("percentile", "bca", "expanded"):
        raise ValueError(f"method must be percentile, bca or expanded (studentised: of a mean only); got {method!r}")
    unit = "example" if units == n else "cluster"
    name = f"{method} bootstrap over {units} {unit}{'' if units == 1 else 's'}"
    if math.isnan(estimate):
        return no_interval(estimate, confidence, n, name, "the statistic is undefined on these values")
    if units < 2:
        return no_interval(estimate, confidence, n, name, "one value or cluster shows no variation to resample")
    defined = replicates[~np.isnan(replicates)]
    undefined_share = 1 - len(defined) / len(replicates)
    if undefined_share > TOLERATED_UNDEFINED:
        reason = f"the statistic is undefined in {undefined_share:.0%} of the resamples: too few values"
        return no_interval(estimate, confidence, n, name, reason)
    tail = (1 - confidence) / 2
    if method == "percentile":
        levels = np.array([tail, 1 - tail])
    elif method == "expanded":
        wider = stats.norm.cdf(math.sqrt(units / (units - 1)) * stats.t.ppf(tail, units - 1))
        levels = np.array([wider, 1 - wider])
    else:
        levels = _bca_levels(estimate, defined, jackknife, tail)
    if np.isnan(levels).any():
        reason = "bca needs values that vary: neither bias nor skew can be estimated"
        return no_interval(estimate, confidence, n, name, reason)
    low, high = (float(limit) for limit in np.quantile(defined, levels))
    flat = high - low <= 1e-12 * max(1.0, abs(estimate))
    if flat and limits is not None:
        return of_constant(estimate, n, units, limits, confidence)
    caution = "the sample does not vary, so no resample does: an interval without width is not certainty"
    return Interval(estimate, low, high, confidence, n, name, caution if flat else "")


def _bca_levels(estimate: float, replicates: FloatArray, jackknife: FloatArray | None, tail: float) -> FloatArray:
    """Quantile levels of the BCa interval (Efron & Tibshirani 1993, eq. 14.10), as scipy computes them."""
    nothing = np.full(2, np.nan)
    if jackknife is None or np.isnan(jackknife).any():
        return nothing
    below = (np.mean(replicates < estimate) + np.mean(replicates <= estimate)) / 2
    bias = special.ndtri(below)
    skew = jackknife.mean() - jackknife
    spread = np.sum(skew**2)
    # Rounding leaves the jackknife of a constant sample a little apart: compare with the size of the estimate.
    if spread <= len(skew) * (1e-12 * max(1.0, abs(estimate))) ** 2 or not np.isfinite(bias):
        return nothing
    acceleration = np.sum(skew**3) / (6 * spread**1.5)
    shifted = bias + special.ndtri(np.array([tail, 1 - tail]))
    return np.asarray(special.ndtr(bias + shifted / (1 - acceleration * shifted)), np.float64)
