"""Two systems on the same examples: the difference, its interval and its p-value.

The unit that is flipped, swapped or resampled is the example, or the whole cluster where examples share a source of
noise. Two identical systems have p = 1 by every test here (sacrebleu's strict ``>`` gives them p = 0.0001).

Sources: Riezler & Maxwell 2005 (approximate randomisation, shifted bootstrap); Koehn 2004 (paired bootstrap); Dror et
al. 2018 (which test for which metric); Phipson & Smyth 2010 (why (1+hits)/(1+R)); Bonett & Price 2012 (interval of a
difference of paired proportions); Miller 2024 (clustered evaluations).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.stats.figure import (
    BoolArray,
    Figure,
    FloatArray,
    Interval,
    as_values,
    check_confidence,
    no_interval,
    undefined,
)
from evaluation.stats.grouping import Groups, encode, one_each
from evaluation.stats.intervals import Reduce, as_rows, bootstrap, interval_of_replicates
from evaluation.stats.multiplicity import benjamini_hochberg, holm
from evaluation.stats.resampling import EXACT_UNITS, all_swaps, bootstrap_counts, random_swaps

__all__ = ["Comparison", "benjamini_hochberg", "compare", "compare_statistics", "compare_systems", "holm", "mcnemar"]

TestName = Literal["permutation", "bootstrap", "wilcoxon", "t", "mcnemar", "sign"]

TIE = 1e-10  # resampled differences this close (relative to the figures) to the observed one count as equal to it


@dataclass(frozen=True, slots=True)
class Comparison:
    """``delta`` = a - b with its interval and two-sided p-value, over ``n`` pairs in ``units`` independent units.

    ``dropped`` pairs lacked one of the two values. ``method`` is for the small print; ``reason`` says why a figure is
    NaN, or why the interval deserves caution.
    """

    delta: float
    ci_low: float
    ci_high: float
    p_value: float
    n: int
    units: int
    dropped: int
    test: str
    confidence: float
    method: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The complete pairs: values of both systems (n,), and the groups that are resampled as wholes."""

    a: FloatArray
    b: FloatArray
    groups: Groups
    clustered: bool
    limits: tuple[float, float] | None

    @property
    def difference(self) -> FloatArray:
        return self.a - self.b


def compare(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    test: TestName = "permutation",
    confidence: float = 0.95,
    clusters: npt.ArrayLike | None = None,
    seed: int = 0,
    *,
    resamples: int = 10_000,
    limits: tuple[float, float] | None = None,
) -> Comparison:
    """Compare the per-example values of two systems: is mean(a) - mean(b) more than chance?

    ``a``, ``b``: (n,), same examples in the same order; a pair with a NaN is dropped and counted. ``clusters``: (n,)
    labels of documents or prompt families, for ``permutation``, ``bootstrap`` and ``t``.

    - ``permutation``: sign-flip test of the mean, exact up to 16 units that differ, else drawn; bootstrap interval
    - ``bootstrap``: p from the bootstrap distribution shifted to no difference; bootstrap interval
    - ``t``: cluster-robust with (units - 1) degrees of freedom; without clusters the paired t test
    - ``wilcoxon``, ``sign``: rank tests of the differences, ties with zero dropped; the interval is the bootstrap one
    - ``mcnemar``: exact, for pass/fail values 0 and 1; Bonett–Price interval

    The bootstrap interval is the ``expanded`` percentile interval (see `intervals.bootstrap`). ``limits``: lowest and
    highest possible *difference*; with them pairs that all differ alike have an interval with width.

    ValueError: unequal lengths, an unknown test, clusters with a test that knows none, McNemar on other than 0/1.
    """
    check_confidence(confidence)
    if test not in _TESTS:
        raise ValueError(f"unknown test {test!r}; known: {', '.join(_TESTS)}")
    if clusters is not None and test not in ("permutation", "bootstrap", "t"):
        raise ValueError(f"the {test} test has no form for clusters; use permutation, bootstrap or t")
    first, second = as_values(a, "a"), as_values(b, "b")
    if first.shape != second.shape:
        raise ValueError(f"a and b must hold the same examples: {len(first)} against {len(second)} values")
    groups = one_each(len(first)) if clusters is None else encode(clusters, len(first))
    kept: BoolArray = ~(np.isnan(first) | np.isnan(second))
    pairs = _Pairs(first[kept], second[kept], groups.take(kept), clusters is not None, limits)
    n, dropped = len(pairs.a), int((~kept).sum())
    if n == 0:
        reason = "no example has a value of both systems"
        return Comparison(math.nan, math.nan, math.nan, math.nan, 0, 0, dropped, test, confidence, test, reason)
    p_value, interval, method = _TESTS[test](pairs, confidence, resamples, seed)
    return _comparison(interval, p_value, n, pairs.groups.count, dropped, test, method)


def compare_statistics(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    reduce: Reduce,
    confidence: float = 0.95,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 10_000,
    seed: int = 0,
    limits: tuple[float, float] | None = None,
) -> Comparison:
    """Compare two systems by a corpus figure (BLEU, macro F1) that is no mean over examples.

    ``a``, ``b``: (n, k) sufficient statistics; ``reduce`` maps their sums (…, k) to the figure (…). The permutation
    test lets the systems change places example by example (cluster by cluster) and recomputes both figures; the
    interval is the paired bootstrap's. An undefined figure in a permutation counts against significance. ``limits``: as in `compare`.
    """
    check_confidence(confidence)
    first, second = as_rows(a, "a"), as_rows(b, "b")
    if first.shape != second.shape:
        raise ValueError(f"a and b must hold the same examples and statistics: {first.shape} against {second.shape}")
    groups = one_each(len(first)) if clusters is None else encode(clusters, len(first))
    kept: BoolArray = np.asarray(~(np.isnan(first) | np.isnan(second)).any(axis=1))
    groups = groups.take(kept)
    n, units, dropped = int(kept.sum()), groups.count, int((~kept).sum())
    test = "permutation"
    if n == 0:
        reason = "no example has a value of both systems"
        return Comparison(math.nan, math.nan, math.nan, math.nan, 0, 0, dropped, test, confidence, test, reason)
    sums_a, sums_b = groups.sums(first[kept]), groups.sums(second[kept])
    total_a, total_b = sums_a.sum(axis=0), sums_b.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        figure_a, figure_b = float(reduce(total_a)), float(reduce(total_b))
        delta = figure_a - figure_b
        replicates = np.concatenate(
            [
                np.asarray(reduce(counts @ sums_a) - reduce(counts @ sums_b), np.float64)
                for counts in bootstrap_counts(np.random.default_rng(seed), units, resamples)
            ]
        )
    interval = interval_of_replicates(delta, replicates, None, n, units, "expanded", confidence, limits)
    if math.isnan(delta):
        p_value, how = undefined("the figure is undefined for one of the systems"), "permutation"
    else:
        move = sums_b - sums_a  # what a gains and b loses when a unit's two sides change places

        def swapped(swaps: FloatArray, moves: FloatArray) -> FloatArray:
            gained = swaps @ moves
            return np.asarray(reduce(total_a + gained) - reduce(total_b - gained), np.float64)

        differing = np.abs(move).any(axis=1)
        scale = max(abs(figure_a), abs(figure_b))
        p_value, how = _permutation_p(delta, move[differing], swapped, scale, resamples, seed)
    return _comparison(interval, p_value, n, units, dropped, test, f"{how}; {interval.method}")


def compare_systems(
    systems: npt.ArrayLike,
    baseline: npt.ArrayLike,
    confidence: float = 0.95,
    clusters: npt.ArrayLike | None = None,
    seed: int = 0,
    *,
    resamples: int = 10_000,
) -> list[Comparison]:
    """Compare many systems with one baseline by the permutation test, all on the same swaps and resamples.

    ``systems``: (systems, n); ``baseline``: (n,). An example that lacks any value is dropped for all, so that every
    comparison is over the same examples. The p-values are not adjusted: see `holm`.
    """
    check_confidence(confidence)
    rows, base = as_rows(systems, "systems"), as_values(baseline, "baseline")
    if rows.shape[1] != len(base):
        raise ValueError(f"systems and baseline must hold the same examples: {rows.shape[1]} against {len(base)}")
    groups = one_each(len(base)) if clusters is None else encode(clusters, len(base))
    kept: BoolArray = ~(np.isnan(rows).any(axis=0) | np.isnan(base))
    groups = groups.take(kept)
    differences = (rows - base)[:, kept].T
    n, units, dropped = len(differences), groups.count, int((~kept).sum())
    if n == 0:
        return [compare([], [], confidence=confidence) for _ in rows]
    sums, sizes = groups.sums(differences), groups.sizes()
    replicates = np.concatenate(
        [(c @ sums) / (c @ sizes)[:, None] for c in bootstrap_counts(np.random.default_rng(seed), units, resamples)]
    )
    exact = units <= EXACT_UNITS
    observed, scale = np.abs(sums.sum(axis=0)), np.abs(sums).sum(axis=0)
    hits, drawn = np.zeros(len(rows)), 0
    for swaps in all_swaps(units) if exact else random_swaps(np.random.default_rng(seed), units, resamples):
        flipped = np.abs(sums.sum(axis=0) - 2 * (swaps @ sums))
        hits += (flipped >= observed - TIE * scale).sum(axis=0)
        drawn += len(swaps)
    p_values = hits / drawn if exact else (1 + hits) / (1 + drawn)
    how = _permutation_name(exact, drawn)
    results = []
    for column in range(len(rows)):
        mean = float(differences[:, column].mean())
        interval = interval_of_replicates(mean, replicates[:, column], None, n, units, "expanded", confidence)
        p_value = Figure(float(p_values[column]))
        method = f"{how}; {interval.method}"
        results.append(_comparison(interval, p_value, n, units, dropped, "permutation", method))
    return results


def mcnemar(only_a: int, only_b: int, kind: Literal["exact", "mid-p", "chi2", "chi2-corrected"] = "exact") -> Figure:
    """Two-sided p-value from the discordant pairs: ``only_a`` passed by a alone, ``only_b`` by b alone."""
    low, n = min(only_a, only_b), only_a + only_b
    if low < 0:
        raise ValueError(f"counts of discordant pairs cannot be negative; got {only_a} and {only_b}")
    if n == 0:
        return Figure(1.0)
    exact = min(1.0, 2 * float(stats.binom.cdf(low, n, 0.5)))
    if kind == "exact":
        return Figure(exact)
    if kind == "mid-p":
        # Half the probability of the observed outcome counts; in a tie the exact doubling has already reached 1.
        at = float(stats.binom.pmf(low, n, 0.5))
        return Figure(1.0 if only_a == only_b else 2 * float(stats.binom.cdf(low, n, 0.5)) - at)
    if kind not in ("chi2", "chi2-corrected"):
        raise ValueError(f"kind must be exact, mid-p, chi2 or chi2-corrected; got {kind!r}")
    gap = abs(only_a - only_b) - (1 if kind == "chi2-corrected" and only_a != only_b else 0)
    return Figure(float(stats.chi2.sf(gap**2 / n, 1)))


def _comparison(
    interval: Interval, p_value: Figure, n: int, units: int, dropped: int, test: str, method: str
) -> Comparison:
    reasons = dict.fromkeys(reason for reason in (interval.reason, p_value.reason) if reason)
    return Comparison(
        delta=interval.estimate,
        ci_low=interval.ci_low,
        ci_high=interval.ci_high,
        p_value=float(p_value),
        n=n,
        units=units,
        dropped=dropped,
        test=test,
        confidence=interval.confidence,
        method=method,
        reason="; ".join(reasons),
    )


def _permutation_name(exact: bool, drawn: int) -> str:
    return f"exact permutation test over {drawn} swaps" if exact else f"permutation test, {drawn} random swaps"


def _permutation_p(
    observed: float,
    moves: FloatArray,
    swapped: Callable[[FloatArray, FloatArray], FloatArray],
    scale: float,
    resamples: int,
    seed: int,
) -> tuple[Figure, str]:
    """Share of swaps whose difference is at least the observed one. ``moves`` (units, …): only units that differ, since
    swapping equals changes nothing; ``swapped(swaps, moves)`` gives the difference after each row of swaps."""
    units = len(moves)
    if units == 0:
        return Figure(1.0), "permutation test: no pair differs"
    exact = units <= EXACT_UNITS
    least = abs(observed) - TIE * max(scale, abs(observed))
    hits, drawn = 0, 0
    with np.errstate(invalid="ignore", divide="ignore"):
        for swaps in all_swaps(units) if exact else random_swaps(np.random.default_rng(seed), units, resamples):
            difference = swapped(swaps, moves)
            hits += int(np.sum(~(np.abs(difference) < least)))
            drawn += len(swaps)
    p_value = hits / drawn if exact else (1 + hits) / (1 + drawn)
    return Figure(p_value), _permutation_name(exact, drawn)


# One comparison's p-value, interval and the words for both.
_Outcome = tuple[Figure, Interval, str]


def _bootstrap_interval(pairs: _Pairs, confidence: float, resamples: int, seed: int) -> Interval:
    return bootstrap(
        pairs.difference,
        clusters=pairs.groups.codes,
        method="expanded",
        confidence=confidence,
        resamples=resamples,
        seed=seed,
        limits=pairs.limits,
    )


def _permutation(pairs: _Pairs, confidence: float, resamples: int, seed: int) -> _Outcome:
    sums = pairs.groups.sums(pairs.difference)
    total = float(sums.sum())
    p_value, how = _permutation_p(
        total,
        sums[sums != 0],
        lambda swaps, moves: total - 2 * (swaps @ moves),
        float(np.abs(sums).sum()),
        resamples,
        seed,
    )
    interval = _bootstrap_interval(pairs, confidence, resamples, seed)
    return p_value, interval, f"{how}; {interval.method}"


def _bootstrap(pairs: _Pairs, confidence: float, resamples: int, seed: int) -> _Outcome:
    sums, sizes = pairs.groups.sums(pairs.difference), pairs.groups.sizes()
    observed = float(pairs.difference.mean())
    interval = _bootstrap_interval(pairs, confidence, resamples, seed)
    method = f"shifted bootstrap, {resamples} resamples; {interval.method}"
    if not sums.any():
        return Figure(1.0), interval, method
    if len(sums) < 2:
        return undefined("one value or cluster shows no variation to resample"), interval, method
    least = abs(observed) * (1 - TIE)
    hits = sum(
        int(np.sum(np.abs((counts @ sums) / (counts @ sizes) - observed) >= least))
        for counts in bootstrap_counts(np.random.default_rng(seed), len(sums), resamples)
    )
    return Figure((1 + hits) / (1 + resamples)), interval, method


def _t(pairs: _Pairs, confidence: float, resamples: int, seed: int) -> _Outcome:
    d, units = pairs.difference, pairs.groups.count
    mean, n = float(d.mean()), len(d)
    method = f"cluster-robust t test, {units - 1} df" if pairs.clustered else f"paired t test, {units - 1} df"
    if not d.any():
        return Figure(1.0), Interval(0.0, 0.0, 0.0, confidence, n, method, "all pairs are equal"), method
    if units < 2:
        reason = "a t test needs two values or clusters"
        return undefined(reason), no_interval(mean, confidence, n, method, reason), method
    # Sums of residuals by cluster, with the small-sample factor; single values give the usual s²/n.
    se = math.sqrt(units / (units - 1) * float(np.sum(pairs.groups.sums(d - mean) ** 2))) / n
    if se <= 1e-12 * abs(mean):
        reason = "all differences are equal, so t has no variance to work with"
        return undefined(reason), no_interval(mean, confidence, n, method, reason), method
    half = float(stats.t.ppf((1 + confidence) / 2, units - 1)) * se
    p_value = Figure(2 * float(stats.t.sf(abs(mean) / se, units - 1)))
    return p_value, Interval(mean, mean - half, mean + half, confidence, n, method), method


def _wilcoxon(pairs: _Pairs, confidence: float, resamples: int, seed: int) -> _Outcome:
    interval = _bootstrap_interval(pairs, confidence, resamples, seed)
    method = f"Wilcoxon signed-rank test; {interval.method} of the mean"
    nonzero = pairs.difference[pairs.difference != 0]
    p_value = float(stats.wilcoxon(nonzero).pvalue) if len(nonzero) else 1.0
    return Figure(p_value), interval, method


def _sign(pairs: _Pairs, confidence: float, resamples: int, seed: int) -> _Outcome:
    interval = _bootstrap_interval(pairs, confidence, resamples, seed)
    p_value = mcnemar(int(np.sum(pairs.difference > 0)), int(np.sum(pairs.difference < 0)))
    return p_value, interval, f"exact sign test; {interval.method} of the mean"


def _mcnemar(pairs: _Pairs, confidence: float, resamples: int, seed: int) -> _Outcome:
    values = np.concatenate([pairs.a, pairs.b])
    if not np.isin(values, (0.0, 1.0)).all():
        raise ValueError("McNemar's test compares pass/fail values: give 0 and 1 only, or use the permutation test")
    only_a, only_b, n = int(np.sum(pairs.difference > 0)), int(np.sum(pairs.difference < 0)), len(pairs.a)
    # Bonett & Price 2012: Wald after adding one to each discordant cell, so that it never has zero width.
    share_a, share_b = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    z = float(stats.norm.ppf((1 + confidence) / 2))
    half = z * math.sqrt((share_a + share_b - (share_a - share_b) ** 2) / (n + 2))
    centre = share_a - share_b
    low, high = max(-1.0, centre - half), min(1.0, centre + half)
    method = "exact McNemar test; Bonett–Price interval"
    return mcnemar(only_a, only_b), Interval((only_a - only_b) / n, low, high, confidence, n, method), method


_TESTS: dict[str, Callable[[_Pairs, float, int, int], _Outcome]] = {
    "permutation": _permutation,
    "bootstrap": _bootstrap,
    "wilcoxon": _wilcoxon,
    "t": _t,
    "mcnemar": _mcnemar,
    "sign": _sign,
}
