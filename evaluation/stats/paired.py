"""Two systems on the same examples: the difference, its interval and its p-value.

The unit that is flipped, swapped or resampled is the example, or the whole cluster where examples share a source of
noise. Two identical systems have p = 1 by every test here (sacrebleu's strict ``>`` gives them p = 0.0001).

Sources: Riezler & Maxwell 2005 (approximate randomisation, shifted bootstrap); Koehn 2004 (paired bootstrap); Dror et
al. 2018 (which test for which metric); Phipson & Smyth 2010 (why (1+hits)/(1+R)); Bonett & Price 2012 (interval of a
difference of paired proportions); Miller 2024 (clustered evaluations).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evaluation.stats.figure import (
    BoolArray,
    Figure,
    FloatArray,
    Interval,
    as_pairs,
    as_values,
    check_confidence,
    undefined,
)
from evaluation.stats.grouping import encode, one_each
from evaluation.stats.intervals import Reduce, as_rows, interval_of_replicates
from evaluation.stats.multiplicity import benjamini_hochberg, holm
from evaluation.stats.paired_tests import TESTS, TIE, Pairs, TestName, mcnemar, permutation_name, permutation_p
from evaluation.stats.resampling import EXACT_UNITS, all_swaps, bootstrap_counts, random_swaps
from evaluation.stats.statistic import statistic

__all__ = [
    "Comparison",
    "benjamini_hochberg",
    "compare",
    "compare_pairs",
    "compare_statistics",
    "compare_systems",
    "holm",
    "mcnemar",
]


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


@statistic(
    title="Difference of two systems with interval and p-value",
    design="two systems, same items",
    source="Riezler & Maxwell 2005; Dror et al. 2018; Phipson & Smyth 2010",
    trap="Significance over items says nothing of another training run, nor of how large the difference is.",
)
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

    ``a``, ``b``: (n,), same examples in the same order; a pair with a NaN is dropped and counted, with an infinite value there is no
    mean difference, and ``reason`` says so. ``clusters``: (n,)
    labels of documents or prompt families, for ``permutation``, ``bootstrap`` and ``t``.

    - ``permutation``: sign-flip test of the mean, exact up to 16 units that differ, else drawn; bootstrap interval
    - ``bootstrap``: p from the bootstrap distribution shifted to no difference, widened as the interval is; bootstrap interval
    - ``t``: cluster-robust with (units - 1) degrees of freedom; without clusters the paired t test
    - ``wilcoxon``, ``sign``: rank tests of the differences, ties with zero dropped; the interval is the bootstrap one
    - ``mcnemar``: exact, for pass/fail values 0 and 1; Bonett–Price interval

    The bootstrap interval is the ``expanded`` percentile interval (see `intervals.bootstrap`). ``limits``: lowest and
    highest possible *difference*; with them pairs that all differ alike have an interval with width.

    ValueError: unequal lengths, an unknown test, clusters with a test that knows none, McNemar on other than 0/1.
    """
    check_confidence(confidence)
    if test not in TESTS:
        raise ValueError(f"unknown test {test!r}; known: {', '.join(TESTS)}")
    if clusters is not None and test not in ("permutation", "bootstrap", "t"):
        raise ValueError(f"the {test} test has no form for clusters; use permutation, bootstrap or t")
    first, second = as_pairs(a, b)
    groups = one_each(len(first)) if clusters is None else encode(clusters, len(first))
    kept: BoolArray = ~(np.isnan(first) | np.isnan(second))
    pairs = Pairs(first[kept], second[kept], groups.take(kept), clusters is not None, limits)
    n, dropped = len(pairs.a), int((~kept).sum())
    if n == 0:
        return _nothing("no example has a value of both systems", n, 0, dropped, test, confidence)
    if endless := _without_difference(pairs, test):
        return _nothing(_endless(endless, n), n, pairs.groups.count, dropped, test, confidence)
    p_value, interval, method = TESTS[test](pairs, confidence, resamples, seed)
    return _comparison(interval, p_value, n, pairs.groups.count, dropped, test, method)


@statistic(
    title="Difference of two systems by a corpus figure, their sufficient statistics swapped",
    design="two systems, same items",
    source="Riezler & Maxwell 2005; Koehn 2004",
    trap="The mean of sentence BLEU is another figure: swap what BLEU is computed from.",
)
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
        return _nothing("no example has a value of both systems", n, 0, dropped, test, confidence)
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
        p_value, how = permutation_p(delta, move[differing], swapped, scale, resamples, seed)
    return _comparison(interval, p_value, n, units, dropped, test, f"{how}; {interval.method}")


@statistic(
    title="Many systems against one baseline on the same resamples",
    design="two systems, same items",
    source="Riezler & Maxwell 2005; Koehn 2004",
    trap="The p-values are not adjusted for their number: see `multiplicity.holm`.",
)
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
    rows, base = as_rows(systems, "systems"), as_values(baseline, "baseline")
    if rows.shape[1] != len(base):
        raise ValueError(f"systems and baseline must hold the same examples: {rows.shape[1]} against {len(base)}")
    lacking = np.asarray(np.isnan(rows).any(axis=0) | np.isnan(base))
    return _together(_less(rows, base), lacking, np.eye(len(rows)), confidence, clusters, seed, resamples)


@statistic(
    title="Every pair of many systems on the same resamples",
    design="two systems, same items",
    source="Riezler & Maxwell 2005; Koehn 2004",
    trap="Twenty systems are 190 pairs: some differ by chance. Adjust by `multiplicity.holm`.",
)
def compare_pairs(
    systems: npt.ArrayLike,
    confidence: float = 0.95,
    clusters: npt.ArrayLike | None = None,
    seed: int = 0,
    *,
    resamples: int = 10_000,
) -> dict[tuple[int, int], Comparison]:
    """Compare each of ``systems`` (systems, n) with each other by the permutation test: (i, j) → i - j, for i < j.

    As `compare_systems`, and for a little more than its time, since all differences come from the same draws.
    """
    rows = as_rows(systems, "systems")
    one, other = np.triu_indices(len(rows), 1)
    if len(one) == 0:
        return {}
    contrasts = np.zeros((len(one), len(rows)))
    contrasts[np.arange(len(one)), one], contrasts[np.arange(len(one)), other] = 1.0, -1.0
    lacking = np.asarray(np.isnan(rows).any(axis=0))
    # Against one system whose values are finite, so that what all have in common costs no digits.
    one_of_all = rows[int(np.isfinite(rows[:, ~lacking]).all(axis=1).argmax())]
    results = _together(_less(rows, one_of_all), lacking, contrasts, confidence, clusters, seed, resamples)
    return dict(zip(zip(one.tolist(), other.tolist(), strict=True), results, strict=True))


def _together(
    values: FloatArray,
    lacking: BoolArray,
    contrasts: FloatArray,
    confidence: float,
    clusters: npt.ArrayLike | None,
    seed: int,
    resamples: int,
) -> list[Comparison]:
    """Permutation test and bootstrap interval of each of ``contrasts`` (c, s) of ``values`` (s, n), but examples that are ``lacking``
    (n,): both are linear in sums, so one matrix product of the draws with the s columns serves all."""
    check_confidence(confidence)
    examples = values.shape[1]
    groups = one_each(examples) if clusters is None else encode(clusters, examples)
    kept: BoolArray = ~lacking
    groups, values = groups.take(kept), values[:, kept]
    n, units, dropped = int(kept.sum()), groups.count, int(lacking.sum())
    if n == 0:
        nothing = compare([], [], confidence=confidence)
        return [replace(nothing, dropped=dropped) for _ in contrasts]
    endless = ~np.isfinite(values)
    values = np.where(endless, 0.0, values)  # what hangs on them is told as absent below
    sums, sizes = groups.sums(values.T), groups.sizes()
    totals = contrasts @ sums.sum(axis=0)
    scale = np.abs(contrasts) @ np.abs(sums).sum(axis=0)
    means = np.concatenate(
        [(c @ sums) / (c @ sizes)[:, None] for c in bootstrap_counts(np.random.default_rng(seed), units, resamples)]
    )
    exact = units <= EXACT_UNITS
    hits, drawn = np.zeros(len(contrasts)), 0
    for swaps in all_swaps(units) if exact else random_swaps(np.random.default_rng(seed), units, resamples):
        flipped = np.abs(totals - 2 * (swaps @ sums) @ contrasts.T)
        hits += (flipped >= np.abs(totals) - TIE * scale).sum(axis=0)
        drawn += len(swaps)
    p_values = hits / drawn if exact else (1 + hits) / (1 + drawn)
    how = permutation_name(exact, drawn)
    results = []
    for contrast, total, p_value in zip(contrasts, totals, p_values, strict=True):
        if without := int(endless[contrast != 0].any(axis=0).sum()):
            results.append(_nothing(_endless(without, n), n, units, dropped, "permutation", confidence))
            continue
        interval = interval_of_replicates(float(total) / n, means @ contrast, None, n, units, "expanded", confidence)
        method = f"{how}; {interval.method}"
        results.append(_comparison(interval, Figure(float(p_value)), n, units, dropped, "permutation", method))
    return results


def _less(values: FloatArray, base: FloatArray) -> FloatArray:
    """The difference; infinite less infinite is NaN."""
    with np.errstate(invalid="ignore"):
        return values - base


def _without_difference(pairs: Pairs, test: TestName) -> int:
    """How many pairs have no difference that the test could use: ranks and signs take an infinite one, means do not."""
    if test == "mcnemar":  # refuses all but 0 and 1 itself
        return 0
    difference = _less(pairs.a, pairs.b)
    usable = ~np.isnan(difference) if test in ("wilcoxon", "sign") else np.isfinite(difference)
    return int((~usable).sum())


def _endless(count: int, n: int) -> str:
    return f"{count} of {n} examples have an infinite value, so that the systems' difference has no mean"


def _nothing(reason: str, n: int, units: int, dropped: int, test: str, confidence: float) -> Comparison:
    """No figure, and why."""
    return Comparison(math.nan, math.nan, math.nan, math.nan, n, units, dropped, test, confidence, test, reason)


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
