"""Watching an experiment as it runs: intervals and evidence that stay valid however often one looks.

A fixed-sample interval looked at after every vote excludes the truth in the end; these do so with probability at most
1 - confidence over *all* looks together. The unit is one independent value (an item, a user), never several votes of
the same rater: those break the martingale.

Sources: Robbins 1970 and Howard et al. 2021 (mixture martingales); Johari, Pekelis & Walsh 2015 (mixture SPRT);
Waudby-Smith & Ramdas 2024 (predictable plug-in empirical Bernstein); Lindon & Malek 2022 (sequential multinomial test).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from evaluation.stats.figure import Figure, FloatArray, Interval, as_values, check_confidence, no_interval, undefined
from evaluation.stats.statistic import statistic

_ENOUGH = 700.0  # e^700 is evidence enough, and e^710 is no float
_LEAST_RATE = 1e-300


@statistic(
    title="E-value against “both are preferred equally often”",
    design="watched as it runs",
    source="Robbins 1970; Howard et al. 2021",
    trap="Ties are left out.",
)
def preference_evidence(wins: float, losses: float) -> Figure:
    """E-value against "both are preferred equally often": beta-binomial mixture over a uniform prior, ties left out.

    Stop when it reaches 1/alpha; `always_valid_p` of all values so far is a p-value at every look.
    """
    if wins < 0 or losses < 0:
        raise ValueError(f"wins and losses cannot be negative; got {wins} and {losses}")
    log_ratio = float(special.betaln(wins + 1, losses + 1)) + (wins + losses) * math.log(2)
    return Figure(math.exp(min(log_ratio, _ENOUGH)))


@statistic(
    title="Mixture SPRT against “no difference of two arms”",
    design="watched as it runs",
    source="Johari, Pekelis & Walsh 2015",
    trap="The standard deviation is taken as known.",
)
def mean_evidence(difference: float, n: float, sigma: float, tau: float) -> Figure:
    """Mixture SPRT ratio against "no difference between two arms" of ``n`` values each.

    ``difference`` of the arms' means; ``sigma``: standard deviation of one value; ``tau``: scale of the effects one
    hopes for, fixed before the data.
    """
    _check_scales(sigma, tau)
    if not n > 0:
        return Figure(1.0)
    variance = 2 * sigma**2
    spread = variance + n * tau**2
    exponent = n**2 * tau**2 * difference**2 / (2 * variance * spread)
    return Figure(math.sqrt(variance / spread) * math.exp(min(exponent, _ENOUGH)))


@statistic(
    title="p-value that holds at every look",
    design="watched as it runs",
    source="Johari, Pekelis & Walsh 2015",
    trap="Give it all e-values so far, not the last one.",
)
def always_valid_p(evidence: npt.ArrayLike) -> Figure:
    """1 over the largest of the e-values (n,) seen so far, at most 1: a p-value however often one looks. NaN are left out."""
    seen = as_values(np.atleast_1d(np.asarray(evidence, dtype=np.float64)), "evidence")
    seen = seen[~np.isnan(seen)]
    if len(seen) == 0:
        return undefined("no evidence yet")
    return Figure(min(1.0, 1.0 / max(1.0, float(seen.max()))))


@statistic(
    title="Always-valid interval of a proportion",
    design="watched as it runs",
    source="Robbins 1970; Howard et al. 2021",
    trap="One value per item: several votes of a rater are not independent.",
)
def proportion(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """Always-valid interval of a proportion: the rates that a beta mixture over a uniform prior has not yet rejected.

    Without any trial it is 0 to 1, with the estimate NaN: no observation is the first look.
    """
    check_confidence(confidence)
    if not 0 <= successes <= n:
        raise ValueError(f"a proportion needs 0 ≤ successes ≤ n; got {successes} of {n}")
    method = "always-valid, beta mixture"
    if n == 0:
        return Interval(math.nan, 0.0, 1.0, confidence, 0, method, "no trials")
    losses = n - successes
    # The upper limit is 1 less the lower limit of the failures: next to 1 there are far fewer floats than next to 0.
    low, high = _lowest_rate(successes, losses, confidence), 1 - _lowest_rate(losses, successes, confidence)
    return Interval(successes / n, low, high, confidence, int(n), method)


def _lowest_rate(successes: float, losses: float, confidence: float) -> float:
    """The lower limit of the share of successes."""
    mixture = float(special.betaln(successes + 1, losses + 1))
    bar = -math.log1p(-confidence)

    def beyond(log_rate: float) -> float:
        likelihood = successes * log_rate + float(special.xlog1py(losses, -math.exp(log_rate)))
        return mixture - likelihood - bar

    # The log ratio is least at the observed rate and grows towards 0, unless a fraction of one success is all there was.
    least = math.log(_LEAST_RATE)
    if successes == 0 or beyond(least) <= 0:
        return 0.0
    return math.exp(float(optimize.brentq(beyond, least, math.log(successes / (successes + losses)))))


@statistic(
    title="Always-valid interval of a mean",
    design="watched as it runs",
    source="Robbins 1970; Howard et al. 2021",
    trap="The variance is estimated: it holds for dozens of values, not for the first few.",
)
def mean(values: npt.ArrayLike, tau: float, confidence: float = 0.95) -> Interval:
    """Always-valid interval of the mean of ``values`` (n,), say of paired differences, by a normal mixture.

    ``tau``: scale of the means one hopes for, fixed before the data. The variance is estimated from the data, so the
    promise holds for dozens of values, not for the first few; for ratings on a bounded scale `bounded_mean` promises
    the same from the first value on.
    """
    check_confidence(confidence)
    sample = as_values(values, "values")
    sample = sample[~np.isnan(sample)]
    n, method = len(sample), "always-valid, normal mixture"
    if n < 2:
        return no_interval(float(sample.mean()) if n else math.nan, confidence, n, method, "two values are needed")
    variance = float(sample.var(ddof=1))
    if variance <= (1e-12 * max(1.0, float(np.abs(sample).max()))) ** 2:
        return no_interval(float(sample[0]), confidence, n, method, "the values do not vary yet")
    return _normal_mixture(float(sample.mean()), n, variance, tau, confidence, method)


@statistic(
    title="Always-valid interval of the difference of two arms",
    design="watched as it runs",
    source="Johari, Pekelis & Walsh 2015",
    trap="`tau` must be fixed before the data.",
)
def mean_difference(treatment: npt.ArrayLike, control: npt.ArrayLike, tau: float, confidence: float = 0.95) -> Interval:
    """Always-valid interval of mean(treatment) - mean(control) of two arms that need not be of one size.

    ``n`` is the harmonic number of values per arm, which is the common number when they are equal.
    """
    check_confidence(confidence)
    first, second = as_values(treatment, "treatment"), as_values(control, "control")
    first, second = first[~np.isnan(first)], second[~np.isnan(second)]
    method = "always-valid, normal mixture of two arms"
    if min(len(first), len(second)) < 2:
        return no_interval(math.nan, confidence, min(len(first), len(second)), method, "each arm needs two values")
    difference = float(first.mean() - second.mean())
    n = 2 / (1 / len(first) + 1 / len(second))
    variance = n * (float(first.var(ddof=1)) / len(first) + float(second.var(ddof=1)) / len(second))
    if not variance > 0:
        return no_interval(difference, confidence, int(n), method, "the values do not vary yet")
    return _normal_mixture(difference, n, variance, tau, confidence, method)


def half_width(n: float, variance: float, tau: float, confidence: float = 0.95) -> float:
    """Half the width of the normal-mixture interval after ``n`` values whose sum has variance n × ``variance``
    (2 sigma² for the difference of two arms)."""
    check_confidence(confidence)
    _check_scales(variance, tau)
    spread = variance + n * tau**2
    inner = -2 * math.log1p(-confidence) + math.log(spread / variance)
    return math.sqrt(variance * spread / (n**2 * tau**2) * inner)


def _normal_mixture(estimate: float, n: float, variance: float, tau: float, confidence: float, method: str) -> Interval:
    half = half_width(n, variance, tau, confidence)
    return Interval(estimate, estimate - half, estimate + half, confidence, int(n), method)


def _check_scales(spread: float, tau: float) -> None:
    if not spread > 0 or not tau > 0:
        raise ValueError(f"the spread of the values and tau must be positive; got {spread!r} and {tau!r}")


@statistic(
    title="Always-valid interval of a mean on a bounded scale",
    design="watched as it runs",
    source="Waudby-Smith & Ramdas 2024",
    trap="Wider than the normal mixture, for it takes nothing for granted.",
)
def bounded_mean(values: npt.ArrayLike, low: float, high: float, confidence: float = 0.95) -> Interval:
    """Always-valid interval of the mean of values between ``low`` and ``high`` (ratings: 1 and 5), whatever their
    distribution: predictable plug-in empirical Bernstein, intersected over all looks.

    ``values`` (n,) in the order they came. The estimate is their mean.
    """
    check_confidence(confidence)
    sample = as_values(values, "values")
    sample = sample[~np.isnan(sample)]
    method = "always-valid, empirical Bernstein"
    if not low < high:
        raise ValueError(f"low must lie below high; got {low!r} and {high!r}")
    if ((sample < low) | (sample > high)).any():
        raise ValueError(f"values must lie between {low:g} and {high:g}")
    if len(sample) == 0:
        return Interval(math.nan, low, high, confidence, 0, method, "no values")
    scaled = (sample - low) / (high - low)
    centre, radius = _empirical_bernstein(scaled, 1 - confidence)
    floor, ceiling = float(np.max(centre - radius)), float(np.min(centre + radius))
    if floor > ceiling:  # the looks contradict each other: with probability alpha at most, or the mean is moving
        reason = "earlier and later values exclude each other: the mean is drifting"
        return no_interval(float(sample.mean()), confidence, len(sample), method, reason)
    ci_low = low + (high - low) * max(floor, 0.0)
    ci_high = low + (high - low) * min(ceiling, 1.0)
    return Interval(float(sample.mean()), ci_low, ci_high, confidence, len(sample), method)


def _empirical_bernstein(scaled: FloatArray, alpha: float) -> tuple[FloatArray, FloatArray]:
    """Centres and radii after each value in 0–1 (Waudby-Smith & Ramdas 2024, theorem 2), (n,) each."""
    t = np.arange(1, len(scaled) + 1)
    running_mean = (0.5 + np.cumsum(scaled)) / (t + 1)
    running_variance = (0.25 + np.cumsum((scaled - running_mean) ** 2)) / (t + 1)
    mean_before = np.concatenate([[0.5], running_mean[:-1]])
    variance_before = np.concatenate([[0.25], running_variance[:-1]])
    bet = np.minimum(np.sqrt(2 * math.log(2 / alpha) / (variance_before * t * np.log(1 + t))), 0.5)
    cost = (-np.log1p(-bet) - bet) * (scaled - mean_before) ** 2
    total = np.cumsum(bet)
    return np.cumsum(bet * scaled) / total, (math.log(2 / alpha) + np.cumsum(cost)) / total


@statistic(
    title="Sample-ratio mismatch by chi-square",
    design="watched as it runs",
    source="Fabijan et al. 2019; Pearson 1900",
    trap="For one look; and of those assigned, not of those who finished.",
)
def srm(observed: Sequence[float], expected: Sequence[float]) -> Figure:
    """Sample-ratio mismatch: p-value of the chi-square test of exposure counts against the planned split.

    ``expected``: shares or weights of the arms. Alarm below 0.001. For one look; `srm_evidence` for many.
    """
    counts, shares = _split(observed, expected)
    if counts.sum() == 0:
        return undefined("nobody has been assigned yet")
    return Figure(float(stats.chisquare(counts, shares * counts.sum()).pvalue))


@statistic(
    title="Sample-ratio mismatch, valid at every look",
    design="watched as it runs",
    source="Lindon & Malek 2022",
    trap="Small mismatches need a large `concentration`.",
)
def srm_evidence(observed: Sequence[float], expected: Sequence[float], concentration: float = 100.0) -> Figure:
    """E-value against the planned split, valid at every look: Dirichlet-multinomial mixture centred on the plan.

    ``concentration``: how near to the plan the alternatives lie; larger finds small mismatches sooner.
    """
    counts, shares = _split(observed, expected)
    prior = concentration * shares
    log_ratio = float(
        special.gammaln(concentration)
        - special.gammaln(concentration + counts.sum())
        + np.sum(special.gammaln(prior + counts) - special.gammaln(prior) - special.xlogy(counts, shares))
    )
    return Figure(math.exp(min(log_ratio, _ENOUGH)))


def _split(observed: Sequence[float], expected: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    counts, weights = as_values(observed, "observed"), as_values(expected, "expected")
    if len(counts) != len(weights) or len(counts) < 2:
        raise ValueError(
            f"a split has two arms or more, as many counts as shares; got {len(counts)} and {len(weights)}"
        )
    if not (counts >= 0).all() or not (weights > 0).all():
        raise ValueError("counts cannot be negative and every arm needs a positive share")
    return counts, weights / weights.sum()
