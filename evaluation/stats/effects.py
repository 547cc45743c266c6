"""How large a difference is, in units that compare across scales; every effect with its interval.

Sources: Hedges 1981 (g and its small-sample correction); Cumming & Finch 2001 (intervals through the noncentral t);
Cliff 1993 and Feng & Cliff 2004 (delta and its asymmetric interval); Newcombe 1998 (difference of proportions, method 10);
Agresti 1999 (odds ratio with half a count added); Cohen 1988 (h).

A p-value says whether, an effect size how much: neither stands for the other.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from evaluation.stats.figure import (
    BoolArray,
    Figure,
    FloatArray,
    Interval,
    as_pairs,
    as_values,
    check_confidence,
    no_interval,
    undefined,
)
from evaluation.stats.intervals import wilson
from evaluation.stats.statistic import statistic


@statistic(
    title="Cohen's d of paired differences",
    design="two systems, same items",
    source="Cohen 1988; Cumming & Finch 2001",
    trap="It grows with the correlation of the pairs, so it does not compare with Hedges' g.",
)
def paired_effect(a: npt.ArrayLike, b: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Cohen's d_z of paired values: mean of the differences a - b over their standard deviation; exact interval for
    normal differences. It grows with the correlation of a and b, so it does not compare with `hedges_g`.

    ``a``, ``b``: (n,), same examples; a pair with a NaN is left out. ValueError: unequal lengths.
    """
    check_confidence(confidence)
    first, second = as_pairs(a, b)
    difference = first - second
    difference = difference[~np.isnan(difference)]
    n, method = len(difference), "Cohen's d_z, noncentral t"
    if n < 2:
        return no_interval(math.nan, confidence, n, method, "two pairs are needed")
    sd = float(difference.std(ddof=1))
    if _negligible(sd, difference):
        return no_interval(
            math.nan, confidence, n, method, "the differences do not vary: no standard deviation to divide by"
        )
    d = float(difference.mean()) / sd
    low, high = _noncentrality(d * math.sqrt(n), n - 1, confidence)
    return Interval(d, low / math.sqrt(n), high / math.sqrt(n), confidence, n, method)


@statistic(
    title="Standardised difference of two groups",
    design="two independent groups",
    source="Hedges 1981; Cumming & Finch 2001",
    trap="For independent groups: the same items under two systems are pairs.",
)
def hedges_g(a: npt.ArrayLike, b: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Difference of means of two independent groups over their pooled standard deviation, corrected for small samples.

    ``a`` (n,), ``b`` (m,): different examples; NaN left out. The interval is exact for normal values of equal spread.
    """
    check_confidence(confidence)
    first, second = _present(a, "a"), _present(b, "b")
    n, m, method = len(first), len(second), "Hedges' g, noncentral t"
    if min(n, m) < 2:
        return no_interval(math.nan, confidence, n + m, method, "each group needs two values")
    df = n + m - 2
    sd = math.sqrt((float(np.sum((first - first.mean()) ** 2)) + float(np.sum((second - second.mean()) ** 2))) / df)
    if _negligible(sd, np.concatenate([first, second])):
        reason = "the values of neither group vary: no standard deviation to divide by"
        return no_interval(math.nan, confidence, n + m, method, reason)
    correction = math.exp(float(special.gammaln(df / 2) - special.gammaln((df - 1) / 2))) / math.sqrt(df / 2)
    scale = math.sqrt(1 / n + 1 / m)
    d = float(first.mean() - second.mean()) / sd
    low, high = _noncentrality(d / scale, df, confidence)
    return Interval(correction * d, correction * low * scale, correction * high * scale, confidence, n + m, method)


@statistic(
    title="How much more often a value of one group beats one of the other",
    design="two independent groups",
    source="Cliff 1993; Feng & Cliff 2004",
    trap="It sees order only: how far apart the values lie does not count.",
)
def cliffs_delta(a: npt.ArrayLike, b: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """P(a > b) - P(a < b) for one value of each of two independent groups: -1 to 1, right for ordinal ratings.

    ``a`` (n,), ``b`` (m,): NaN left out. (delta + 1)/2 is the probability of superiority, ties counted half. The interval
    is Feng & Cliff's; where one group lies wholly above the other their variance is 0, and there is none.
    """
    check_confidence(confidence)
    first, second = _present(a, "a"), _present(b, "b")
    n, m, method = len(first), len(second), "Cliff's delta, Feng & Cliff"
    if min(n, m) < 2:
        return no_interval(math.nan, confidence, n + m, method, "each group needs two values")
    rows, columns = _dominance(first, second), -_dominance(second, first)
    delta = float(rows.mean())
    if abs(delta) == 1:
        reason = "one group lies wholly above the other: its spread cannot be estimated"
        return no_interval(delta, confidence, n + m, method, reason)
    # Feng & Cliff 2004: unbiased variance from the spread of row means, of column means and of single comparisons.
    differing = _pairs_that_differ(first, second)
    by_row, by_column = float(np.sum((rows - delta) ** 2)), float(np.sum((columns - delta) ** 2))
    single = differing - n * m * delta**2
    variance = (m**2 * by_row + n**2 * by_column - single) / (n * m * (n - 1) * (m - 1))
    variance = max(variance, (1 - delta**2) / (n * m - 1))
    z = float(stats.t.ppf((1 + confidence) / 2, n + m - 2))
    half = z * math.sqrt(variance) * math.sqrt((1 - delta**2) ** 2 + z**2 * variance)
    scale = 1 - delta**2 + z**2 * variance
    centre = delta - delta**3
    return Interval(
        delta, max(-1.0, (centre - half) / scale), min(1.0, (centre + half) / scale), confidence, n + m, method
    )


@statistic(
    title="Difference of two independent proportions",
    design="two independent groups",
    source="Newcombe 1998, method 10",
    trap="For the same items under two systems use McNemar's test.",
)
def risk_difference(k_a: int, n_a: int, k_b: int, n_b: int, confidence: float = 0.95) -> Interval:
    """k_a/n_a - k_b/n_b of two independent samples, with Newcombe's interval, which keeps within -1 and 1 and has width
    at 0 and 1. For the same items under two systems use `paired.compare(test="mcnemar")`."""
    first, second = wilson(k_a, n_a, confidence), wilson(k_b, n_b, confidence)
    method = "difference of proportions, Newcombe"
    if not (n_a > 0 and n_b > 0):
        return no_interval(math.nan, confidence, n_a + n_b, method, "each sample needs a trial")
    p, q = first.estimate, second.estimate
    low = p - q - math.hypot(p - first.ci_low, second.ci_high - q)
    high = p - q + math.hypot(first.ci_high - p, q - second.ci_low)
    return Interval(p - q, low, high, confidence, n_a + n_b, method)


@statistic(
    title="Ratio of the odds of two independent proportions",
    design="two independent groups",
    source="Agresti 1999",
    trap="No ratio of rates: for common events it lies far from it.",
)
def odds_ratio(k_a: int, n_a: int, k_b: int, n_b: int, confidence: float = 0.95) -> Interval:
    """Odds of a over odds of b, two independent samples. The estimate is the sample's own, NaN when it is 0/0 and infinite
    when b has no success; the interval adds half a count to each cell (Agresti 1999) and is always finite."""
    check_confidence(confidence)
    method = "odds ratio, logit with half a count added"
    for k, n in ((k_a, n_a), (k_b, n_b)):
        if not 0 <= k <= n:
            raise ValueError(f"a proportion needs 0 ≤ k ≤ n; got k={k}, n={n}")
    if min(n_a, n_b) < 1:
        return no_interval(math.nan, confidence, n_a + n_b, method, "each sample needs a trial")
    above, below = k_a * (n_b - k_b), (n_a - k_a) * k_b
    estimate = above / below if below else math.inf if above else math.nan
    cells = np.array([k_a, n_a - k_a, k_b, n_b - k_b]) + 0.5
    centre = float(np.log(cells) @ [1, -1, -1, 1])
    half = float(stats.norm.ppf((1 + confidence) / 2)) * math.sqrt(float(np.sum(1 / cells)))
    reason = "both samples are all successes or all failures: the odds have no ratio" if math.isnan(estimate) else ""
    return Interval(estimate, math.exp(centre - half), math.exp(centre + half), confidence, n_a + n_b, method, reason)


@statistic(
    title="Difference of two proportions on the scale of equal power",
    design="two independent groups",
    source="Cohen 1988",
    trap="A unit for planning; tell readers the rates.",
)
def cohens_h(p: float, q: float) -> Figure:
    """2·asin√p - 2·asin√q: the difference of two proportions on the scale on which power is equal everywhere."""
    if math.isnan(p) or math.isnan(q):
        return undefined("a proportion is missing")
    if not (0 <= p <= 1 and 0 <= q <= 1):
        raise ValueError(f"proportions lie between 0 and 1; got {p!r} and {q!r}")
    return Figure(2 * (math.asin(math.sqrt(p)) - math.asin(math.sqrt(q))))


def _present(values: npt.ArrayLike, name: str) -> FloatArray:
    sample = as_values(values, name)
    kept: BoolArray = ~np.isnan(sample)
    return sample[kept]


def _negligible(sd: float, values: FloatArray) -> bool:
    """Whether a standard deviation is only rounding."""
    return sd <= 1e-12 * max(1.0, float(np.abs(values).max()))


def _noncentrality(t: float, df: int, confidence: float) -> tuple[float, float]:
    """The noncentralities under which ``t`` is just at the upper and at the lower tail of its distribution."""
    tail = (1 - confidence) / 2

    def limit(level: float) -> float:
        def gap(noncentrality: float) -> float:
            chance = float(special.nctdtr(df, noncentrality, t))
            if math.isnan(chance):  # scipy's answer where the chance is next to 0 or 1
                chance = float(noncentrality < t)
            return chance - level

        reach = 10.0 + abs(t)
        return float(optimize.brentq(gap, t - reach, t + reach))

    return limit(1 - tail), limit(tail)


def _dominance(values: FloatArray, others: FloatArray) -> FloatArray:
    """For each value the share of ``others`` below it minus the share above it."""
    order = np.sort(others)
    below = np.searchsorted(order, values, side="left")
    above = len(order) - np.searchsorted(order, values, side="right")
    return np.asarray((below - above) / len(order), dtype=np.float64)


def _pairs_that_differ(values: FloatArray, others: FloatArray) -> float:
    """How many of the n·m pairs are no ties."""
    order = np.sort(others)
    ties = np.searchsorted(order, values, side="right") - np.searchsorted(order, values, side="left")
    return float(len(values) * len(others) - ties.sum())
